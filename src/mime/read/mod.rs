//! A walked mail to a [`Head`] and its text. Never fails: what is wrong becomes a defect.

mod body;
#[cfg(test)]
mod tests;

use crate::domain::address::NamedAddress;
use crate::domain::fingerprint::Fingerprint;
use crate::domain::message::{Defect, Head, Kind};
use crate::domain::message_id::MessageId;
use crate::domain::subject::base_subject;

use super::classify::classify;
use super::header::address::{AddressList, parse_addresses};
use super::header::{HeaderBlock, bounded, date::parse_date, words::decode_text};
use super::language::guess_language;
use super::list::writer;
use super::quote::quoted_from;
use super::report::{read_bounce, read_receipt};
use super::walk::{Walk, Walked};

/// Longest subject that is kept, in characters.
const SUBJECT_LENGTH_MAX: usize = 998;
/// Length of a preview, in characters.
const PREVIEW_LENGTH_MAX: usize = 200;
/// Most Authentication-Results fields that are kept (one per server on the way).
const AUTHENTICATION_RESULTS_MAX: usize = 20;
/// Fields that tell through which address a mail came, nearest first.
const DELIVERED_TO: [&str; 8] = [
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-forwarded-to",
    "x-real-to",
    "x-rcpt-to",
    "resent-to",
    "x-ms-exchange-organization-originalenveloperecipients",
];
/// Most addresses taken from those.
const DELIVERED_TO_MAX: usize = 20;

/// A mail that has been read.
#[derive(Clone, Debug)]
pub struct ReadMail {
    /// What is stored with the message.
    pub head: Head,
    /// The text to read, of HTML mail its words; lines end with LF.
    pub text: String,
    /// Where in `text` quoted history begins that may be hidden.
    pub quoted_from: Option<usize>,
    /// The subject without prefixes, case folded.
    pub base_subject: String,
    /// The Sender field: who sent it on behalf of the author.
    pub sender: Option<NamedAddress>,
    /// In-Reply-To alone; it also stands in `head.references`.
    pub in_reply_to: Vec<MessageId>,
    /// Authentication-Results as they came (RFC 8601), topmost first. Only those of the own provider may be trusted.
    pub authentication_results: Vec<String>,
    /// What makes this arrival the same as another.
    pub fingerprint: Fingerprint,
    /// Bytes of the mail.
    pub size: u64,
    /// The whole header, for scripts and for showing.
    pub header: HeaderBlock,
}

impl ReadMail {
    /// The decoded value of the first header field of that name, on one line and bounded.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<String> {
        self.header.text(name)
    }
}

/// Reads a mail whose bytes are all there.
#[must_use]
pub fn read_bytes(raw: &[u8]) -> ReadMail {
    let mut walk = Walk::default();
    walk.feed(raw);
    read(walk.finish())
}

/// Makes a mail of what a walk found.
#[must_use]
pub fn read(walked: Walked) -> ReadMail {
    let body = body::read_body(&walked);
    let mut head = read_head(&walked, body.hint.as_deref());
    head.defects.extend(body.defects);
    head.kind = classify(
        &walked,
        head.from.as_ref().map(|from| &from.address),
        &head.subject,
    );
    if head.kind == Kind::Bounce {
        head.bounce = Some(read_bounce(&walked, &head.subject, &body.text));
    }
    if head.kind == Kind::ReadReceipt {
        let read = read_receipt(&walked);
        head.references
            .extend(read.filter(|id| !head.references.contains(id)));
    }
    let quoted_from = quoted_from(&body.text);
    let visible = &body.text[..quoted_from.unwrap_or(body.text.len())];
    head.preview = preview(visible);
    head.language = guess_language(visible).to_owned();
    if head.language == "und" {
        guess_language(&head.subject).clone_into(&mut head.language);
    }
    head.text = body.text_part;
    head.html = body.html_part;
    head.attachments = body.attachments;
    head.defects.extend(walked.defects.iter().copied());
    head.defects.sort_unstable();
    head.defects.dedup();
    let header = &walked.header;
    ReadMail {
        base_subject: base_subject(&head.subject),
        sender: addresses(header, "sender", None, &mut head.defects)
            .into_iter()
            .next(),
        in_reply_to: ids(header, "in-reply-to"),
        authentication_results: header
            .all("authentication-results")
            .take(AUTHENTICATION_RESULTS_MAX)
            .map(|value| decode_text(bounded(value), None))
            .collect(),
        head,
        text: body.text,
        quoted_from,
        fingerprint: walked.fingerprint,
        size: walked.size,
        header: walked.header,
    }
}

fn read_head(walked: &Walked, hint: Option<&str>) -> Head {
    let header = &walked.header;
    let mut defects = Vec::new();
    let mut list = |name| addresses(header, name, hint, &mut defects);
    let (from, reply_to, to, cc) = (list("from"), list("reply-to"), list("to"), list("cc"));
    let from = from.into_iter().next();
    let date = header.first("date").and_then(parse_date);
    if from.is_none() {
        defects.push(Defect::NoSender);
    }
    if date.is_none() {
        defects.push(Defect::Date);
    }
    let mut references = ids(header, "references");
    for id in ids(header, "in-reply-to") {
        if !references.contains(&id) {
            references.push(id);
        }
    }
    let subject = header
        .first("subject")
        .map(|value| decode_text(bounded(value), hint));
    let reply_to_all = reply_to.clone();
    Head {
        message_id: ids(header, "message-id").into_iter().next(),
        references,
        // "When that is not `from`": many programs repeat it.
        reply_to: match &from {
            Some(from) if reply_to.iter().all(|one| one.address == from.address) => Vec::new(),
            _ => reply_to,
        },
        writer: from
            .as_ref()
            .and_then(|from| writer(header, from, &reply_to_all)),
        from,
        to,
        cc,
        delivered_to: delivered_to(header),
        subject: subject
            .unwrap_or_default()
            .chars()
            .take(SUBJECT_LENGTH_MAX)
            .collect(),
        date,
        defects,
        ..Head::default()
    }
}

/// All addresses of all fields of that name: some programs write one field per address.
fn addresses(
    header: &HeaderBlock,
    name: &str,
    hint: Option<&str>,
    defects: &mut Vec<Defect>,
) -> Vec<NamedAddress> {
    let mut all = Vec::new();
    for value in header.all(name) {
        let AddressList { addresses, cut } = parse_addresses(value, hint);
        all.extend(addresses);
        if cut || all.len() > super::header::address::ADDRESSES_MAX {
            all.truncate(super::header::address::ADDRESSES_MAX);
            defects.push(Defect::TooComplex);
            break;
        }
    }
    all
}

fn delivered_to(header: &HeaderBlock) -> Vec<NamedAddress> {
    let mut found: Vec<NamedAddress> = Vec::new();
    for value in DELIVERED_TO
        .iter()
        .flat_map(|name| header.all(name))
        .take(DELIVERED_TO_MAX)
    {
        for one in parse_addresses(value, None).addresses {
            if found.len() < DELIVERED_TO_MAX && !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

fn ids(header: &HeaderBlock, name: &str) -> Vec<MessageId> {
    let value = header
        .first(name)
        .map(|value| String::from_utf8_lossy(bounded(value)));
    value
        .map(|value| MessageId::parse_list(&value))
        .unwrap_or_default()
}

/// The first words, on one line.
fn preview(text: &str) -> String {
    let mut preview = String::new();
    let mut length = 0;
    for word in text
        .split_whitespace()
        .filter(|word| !word.chars().all(|c| matches!(c, '-' | '_' | '─' | '=')))
    {
        let word_length = word.chars().count() + 1;
        if length + word_length > PREVIEW_LENGTH_MAX {
            // A script without blanks is one long word.
            let room = PREVIEW_LENGTH_MAX.saturating_sub(length + 1);
            if !preview.is_empty() {
                preview.push(' ');
            }
            preview.extend(word.chars().take(room));
            break;
        }
        if !preview.is_empty() {
            preview.push(' ');
        }
        preview.push_str(word);
        length += word_length;
    }
    preview
}
