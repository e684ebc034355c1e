//! What a bounce is about: delivery status notifications (RFC 3464) and their older relatives.

use crate::domain::message::BounceReport;
use crate::domain::message_id::MessageId;

use super::header::{HeaderBlock, words};
use super::transfer::decode_transfer;
use super::walk::{Walked, WalkedPart};

/// Longest diagnostic text that is kept, in characters.
const TEXT_LENGTH_MAX: usize = 1_000;
/// Longest recipient that is kept, in characters.
const RECIPIENT_LENGTH_MAX: usize = 320;

/// Reads the report of a bounce; `about` is found in the returned mail or header.
#[must_use]
pub(super) fn read_bounce(walked: &Walked) -> BounceReport {
    let mut report = BounceReport {
        about: None,
        recipient: None,
        status: None,
        text: String::new(),
    };
    for part in &walked.parts {
        match part.header.content_type.as_str() {
            "message/delivery-status" | "message/global-delivery-status" => {
                read_status(&unwrapped(part), &mut report);
            }
            "text/rfc822-headers" | "message/rfc822" | "message/global" => {
                let header = HeaderBlock::new(header_of(unwrapped(part)));
                let id = header.text("message-id");
                report.about = report.about.or_else(|| MessageId::parse_list(&id?).pop());
            }
            _ => {}
        }
    }
    if report.recipient.is_none() {
        // Exim and Google tell it in the header of the bounce itself.
        report.recipient = walked.header.text("x-failed-recipients");
    }
    if report.about.is_none() {
        let answered = walked
            .header
            .text("in-reply-to")
            .or_else(|| walked.header.text("references"));
        report.about = answered.and_then(|ids| MessageId::parse_list(&ids).pop());
    }
    cut(&mut report.text, TEXT_LENGTH_MAX);
    report
}

fn unwrapped(part: &WalkedPart) -> Vec<u8> {
    decode_transfer(
        part.kept.as_deref().unwrap_or_default(),
        part.header.encoding,
    )
}

/// Up to the empty line.
fn header_of(mut mail: Vec<u8>) -> Vec<u8> {
    let end = [&b"\n\r\n"[..], b"\n\n"]
        .into_iter()
        .filter_map(|gap| memchr::memmem::find(&mail, gap))
        .min();
    mail.truncate(end.map_or(mail.len(), |end| end + 1));
    mail
}

/// Groups of fields divided by empty lines (RFC 3464 section 2.1): the first group is about the
/// mail, each further one about a recipient. The first that failed is told.
fn read_status(body: &[u8], report: &mut BounceReport) {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let mut told = false;
    for group in text.split("\n\n") {
        let group = HeaderBlock::new(group.as_bytes().to_vec());
        let value = |name| {
            group
                .first(name)
                .map(|value| typed_value(&words::decode_text(value, None)))
        };
        if report.about.is_none() {
            // RFC 3464 section 2.2.1: the envelope id is often the Message-ID.
            let envelope = value("original-envelope-id");
            report.about = envelope
                .filter(|id| id.contains('@'))
                .and_then(|id| MessageId::parse(&id));
        }
        let Some(recipient) = value("final-recipient").or_else(|| value("original-recipient"))
        else {
            continue;
        };
        let failed = value("action").is_some_and(|action| action.eq_ignore_ascii_case("failed"));
        if told && !failed {
            continue;
        }
        report.recipient = Some(recipient.chars().take(RECIPIENT_LENGTH_MAX).collect());
        report.status = value("status").and_then(|status| status_code(&status));
        report.text = value("diagnostic-code").unwrap_or_default();
        if failed {
            return;
        }
        told = true;
    }
}

/// Drops the type in front: `rfc822; anna@example.com`, `smtp; 550 no such user`.
fn typed_value(value: &str) -> String {
    let short_type = |kind: &str| kind.len() <= 16 && !kind.contains(' ');
    match value.split_once(';') {
        Some((kind, rest)) if short_type(kind) => rest.trim().to_owned(),
        _ => value.trim().to_owned(),
    }
}

/// RFC 3463 section 2: `5.1.1`, perhaps with a comment behind it.
fn status_code(value: &str) -> Option<String> {
    let code = value.split_whitespace().next()?;
    let digits = |part: &str| {
        !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    (code.split('.').count() == 3 && code.split('.').all(digits)).then(|| code.to_owned())
}

fn cut(text: &mut String, length_max: usize) {
    if let Some((at, _)) = text.char_indices().nth(length_max) {
        text.truncate(at);
    }
}
