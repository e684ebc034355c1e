//! Builds outgoing mail (RFC 5322, RFC 2045): exact bytes, and the envelope from the same recipients.
//!
//! Invariants: ASCII and CRLF only, but for a header that names an address with other letters
//! in its local part; every address, id and name is a type that cannot hold a line break; Bcc stands
//! in the envelope alone. What was built is read again and compared before it is handed out.
//! Deliberately absent: clock and randomness (date, Message-ID are given), signatures (scripts), sending.

mod body;
mod check;
mod composition;
mod forwarded;
mod html;
mod quotation;
#[cfg(test)]
mod tests;
mod wire;
mod wrote;

use std::borrow::Cow;

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as BuilderAddress;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId as BuilderId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};

use crate::domain::address::NamedAddress;
use crate::domain::message_id::MessageId;

use body::{Body, in_order};
use wire::Wire;

pub use composition::{Answered, Automatic, ComposeError, Composed, Composition, File, LENGTH_MAX};
pub use forwarded::Forwarded;
pub use quotation::Quotation;
pub use wire::{REFERENCES_MAX, subject_as_sent};

/// Bytes of a line of base64 before it is wrapped, and after (RFC 2045 section 6.8).
const BASE64_LINE: (usize, usize) = (57, 78);

/// Bytes that a file takes in a mail.
#[must_use]
pub fn wrapped_length(bytes: u64) -> u64 {
    let (raw, wrapped) = BASE64_LINE;
    bytes.div_ceil(raw as u64).saturating_mul(wrapped as u64)
}

/// Builds a mail.
///
/// # Errors
/// When it has no or too many recipients, a domain that is none, is too large, or, as a
/// safeguard, when its bytes do not read as what was asked for.
pub fn compose(composition: &Composition<'_>) -> Result<Composed, ComposeError> {
    let wire = Wire::new(composition)?;
    let envelope = wire.envelope()?;
    let body = Body::new(composition, &wire);
    let files: usize = composition.files.iter().map(|file| file.bytes.len()).sum();
    if body.text.len() + files > LENGTH_MAX {
        return Err(ComposeError::TooLarge);
    }
    let mut bytes = Vec::new();
    builder(&wire, composition, &body).serialize(&mut bytes);
    check::check(&bytes, &wire, composition, &body)?;
    Ok(Composed { bytes, envelope })
}

fn builder<'a>(
    wire: &'a Wire,
    composition: &'a Composition<'a>,
    body: &'a Body,
) -> MessageBuilder<'a> {
    let mut mail = MessageBuilder::new()
        .from(builder_address(&wire.from))
        .date(Date::new(composition.date.as_second()))
        .message_id(composition.message_id.as_str())
        .header("Subject", subject(&wire.subject));
    for (name, list) in [("To", &wire.to), ("Cc", &wire.cc)] {
        if !list.is_empty() {
            let list = list.iter().map(builder_address).collect();
            mail = mail.header(name, BuilderAddress::new_list(list));
        }
    }
    if let Some(reply_to) = &wire.reply_to {
        mail = mail.reply_to(builder_address(reply_to));
    }
    if let Some(parent) = wire.references.last() {
        mail = mail
            .in_reply_to(parent.as_str())
            .references(BuilderId::new_list(
                wire.references.iter().map(MessageId::as_str),
            ));
    }
    if let Some(automatic) = composition.automatic {
        let value = match automatic {
            Automatic::Replied => "auto-replied",
            Automatic::Generated => "auto-generated",
        };
        mail = mail
            .header("Auto-Submitted", HeaderType::Raw(Raw::new(value)))
            .header("X-Auto-Response-Suppress", HeaderType::Raw(Raw::new("All")));
    }
    mail.body(body_part(wire, composition, body))
}

/// The subject; one that looks encoded is encoded, or readers would decode it (RFC 2047 section 7).
fn subject(text: &str) -> HeaderType<'_> {
    use base64::Engine as _;
    /// Bytes of one encoded word (RFC 2047 section 2: at most 75 letters with what is around it).
    const WORD: usize = 45;
    if !text.contains("=?") {
        return HeaderType::Text(Text::new(text));
    }
    let engine = &base64::engine::general_purpose::STANDARD;
    let (mut words, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (word, later) = rest.split_at(rest.floor_char_boundary(WORD.min(rest.len())));
        words.push(format!("=?utf-8?B?{}?=", engine.encode(word)));
        rest = later;
    }
    HeaderType::Raw(Raw::new(words.join(" ")))
}

fn builder_address(named: &NamedAddress) -> BuilderAddress<'_> {
    BuilderAddress::new_address(named.name(), named.address.as_str())
}

/// `mixed(related(alternative(text, html), pictures), files)`, of which every layer that has
/// but one part is left out.
fn body_part<'a>(wire: &'a Wire, composition: &'a Composition<'a>, body: &'a Body) -> MimePart<'a> {
    let id = composition.message_id;
    let plain = MimePart::new("text/plain", BodyPart::Text(Cow::Borrowed(&body.text)));
    let mut readable = match &body.html {
        Some(html) => {
            let html = MimePart::new("text/html", BodyPart::Text(Cow::Borrowed(html)));
            multipart("alternative", id, vec![plain, html])
        }
        None => plain,
    };
    let (shown, files): (Vec<_>, Vec<_>) =
        in_order(wire, composition).partition(|(_, _, id)| id.is_some());
    for (subtype, parts) in [("related", shown), ("mixed", files)] {
        if parts.is_empty() {
            continue;
        }
        let mut all = vec![readable];
        all.extend(
            parts
                .into_iter()
                .map(|(file, name, id)| file_part(file, name, id)),
        );
        readable = multipart(subtype, id, all);
    }
    readable
}

fn file_part<'a>(file: &File<'a>, name: &'a str, id: Option<&'a str>) -> MimePart<'a> {
    let (kind, subtype) = file.content_type.split_once('/').unwrap_or_default();
    let token = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte))
    };
    // RFC 2046 section 5.2.1: a message may not be base64, so it goes as plain bytes.
    let usable = token(kind) && token(subtype) && !matches!(kind, "message" | "multipart");
    let content_type = if usable {
        file.content_type
    } else {
        "application/octet-stream"
    };
    // A text file is sent as bytes too: its line-endings are its own.
    let part = MimePart::raw(BodyPart::Text(Cow::Owned(base64_lines(file.bytes)))).header(
        "Content-Type",
        ContentType::new(content_type).attribute("name", name),
    );
    let part = match id {
        Some(id) => part.cid(id).header(
            "Content-Disposition",
            ContentType::new("inline").attribute("filename", name),
        ),
        None => part.attachment(name),
    };
    part.transfer_encoding("base64")
}

fn base64_lines(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let engine = &base64::engine::general_purpose::STANDARD;
    let (raw, wrapped) = BASE64_LINE;
    let mut lines = String::with_capacity(bytes.len().div_ceil(raw) * wrapped);
    for line in bytes.chunks(raw) {
        engine.encode_string(line, &mut lines);
        lines.push_str("\r\n");
    }
    lines
}

/// The boundary follows from the Message-ID; `=_` can stand in no encoded body (RFC 2045 section 6.7).
fn multipart<'a>(subtype: &str, id: &MessageId, parts: Vec<MimePart<'a>>) -> MimePart<'a> {
    let hash = blake3::hash(format!("{subtype} {id}").as_bytes()).to_hex();
    let boundary = format!("=_{}", &hash[..32]);
    let content_type =
        ContentType::new(format!("multipart/{subtype}")).attribute("boundary", boundary);
    MimePart::new(content_type, parts)
}
