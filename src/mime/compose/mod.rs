//! Builds outgoing mail (RFC 5322, RFC 2045): exact bytes, and the envelope from the same recipients.
//!
//! Invariants: ASCII and CRLF only; every address, id and name is a type that cannot hold a line
//! break; Bcc stands in the envelope alone. What was built is read again and compared before it is handed out.
//! Deliberately absent: clock and randomness (date, Message-ID are given), signatures (scripts), sending.

mod check;
mod composition;
mod quotation;
#[cfg(test)]
mod tests;
mod wire;

use std::borrow::Cow;

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as BuilderAddress;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId as BuilderId;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};

use crate::domain::address::NamedAddress;
use crate::domain::message_id::MessageId;

use wire::Wire;

pub use composition::{Answered, Automatic, ComposeError, Composed, Composition, File, LENGTH_MAX};
pub use quotation::{Quotation, QuotationLanguage};
pub use wire::REFERENCES_MAX;

/// Builds a mail.
///
/// # Errors
/// When it has no or too many recipients, an address that is no ASCII, is too large, or, as a
/// safeguard, when its bytes do not read as what was asked for.
pub fn compose(composition: &Composition<'_>) -> Result<Composed, ComposeError> {
    let wire = Wire::new(composition)?;
    let envelope = wire.envelope()?;
    let text = body_text(composition);
    let files: usize = composition.files.iter().map(|file| file.bytes.len()).sum();
    if text.len() + files > LENGTH_MAX {
        return Err(ComposeError::TooLarge);
    }
    let mut bytes = Vec::new();
    builder(&wire, composition, &text).serialize(&mut bytes);
    check::check(&bytes, &wire, composition)?;
    Ok(Composed { bytes, envelope })
}

/// Text and quotation with CRLF, as it will be read.
fn body_text(composition: &Composition<'_>) -> String {
    let mut text = composition.text.trim_end().to_owned();
    if let Some(quotation) = &composition.quotation {
        text.push_str("\n\n");
        quotation.write(&mut text);
        text.truncate(text.trim_end().len());
    }
    text.push('\n');
    let mut wire = String::with_capacity(text.len() + text.len() / 32);
    for line in text.replace("\r\n", "\n").replace('\r', "\n").lines() {
        wire.extend(
            line.chars()
                .map(|c| if c.is_control() && c != '\t' { ' ' } else { c }),
        );
        wire.push_str("\r\n");
    }
    wire
}

fn builder<'a>(
    wire: &'a Wire,
    composition: &'a Composition<'a>,
    text: &'a str,
) -> MessageBuilder<'a> {
    let mut mail = MessageBuilder::new()
        .from(builder_address(&wire.from))
        .date(Date::new(composition.date.as_second()))
        .message_id(composition.message_id.as_str())
        .subject(wire.subject.as_str());
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
    mail.body(body(wire, composition, text))
}

fn builder_address(named: &NamedAddress) -> BuilderAddress<'_> {
    BuilderAddress::new_address(named.name(), named.address.as_str())
}

fn body<'a>(wire: &'a Wire, composition: &'a Composition<'a>, text: &'a str) -> MimePart<'a> {
    let plain = MimePart::new("text/plain", BodyPart::Text(Cow::Borrowed(text)));
    let readable = if composition.with_html {
        let html = MimePart::new(
            "text/html",
            BodyPart::Text(Cow::Owned(quotation::to_html(text))),
        );
        multipart("alternative", composition.message_id, vec![plain, html])
    } else {
        plain
    };
    if composition.files.is_empty() {
        return readable;
    }
    let mut parts = vec![readable];
    for (file, name) in composition.files.iter().zip(&wire.file_names) {
        parts.push(file_part(file, name));
    }
    multipart("mixed", composition.message_id, parts)
}

fn file_part<'a>(file: &File<'a>, name: &'a str) -> MimePart<'a> {
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
    MimePart::raw(BodyPart::Text(Cow::Owned(base64_lines(file.bytes))))
        .header(
            "Content-Type",
            ContentType::new(content_type).attribute("name", name),
        )
        .attachment(name)
        .transfer_encoding("base64")
}

fn base64_lines(bytes: &[u8]) -> String {
    use base64::Engine as _;
    /// Bytes of one line: 76 letters (RFC 2045 section 6.8).
    const LINE: usize = 57;
    let engine = &base64::engine::general_purpose::STANDARD;
    let mut lines = String::with_capacity(bytes.len() / LINE * 78 + 80);
    for line in bytes.chunks(LINE) {
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
