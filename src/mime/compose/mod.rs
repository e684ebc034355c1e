//! Builds outgoing mail (RFC 5322, RFC 2045): exact bytes, and the envelope from the same recipients.
//!
//! Invariants: ASCII and CRLF only; every address, id and name is a type that cannot hold a line
//! break; Bcc stands in the envelope alone. What was built is read again and compared before it is handed out.
//! Deliberately absent: clock and randomness (date, Message-ID are given), signatures (scripts), sending.

mod check;
mod quotation;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as BuilderAddress;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId as BuilderId;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};

use crate::domain::address::{Address, NamedAddress};
use crate::domain::envelope::Envelope;
use crate::domain::message_id::MessageId;

use super::header::words::one_line;
use super::name::clean_name;

pub use quotation::{Quotation, QuotationLanguage};

/// Most ids in References; of longer threads the first and the last remain (RFC 5322 section 3.6.4).
pub const REFERENCES_MAX: usize = 30;
/// Longest id that is taken over into References: it has to fit on a line.
const REFERENCE_LENGTH_MAX: usize = 500;
/// Longest subject, in characters.
const SUBJECT_LENGTH_MAX: usize = 500;
/// Largest mail, in bytes before wrapping. Providers take 20 to 50 MB.
pub const LENGTH_MAX: usize = 50 * 1024 * 1024;

/// Everything of a mail to be built.
#[derive(Clone, Debug)]
pub struct Composition<'a> {
    /// The author; also the reverse-path.
    pub from: &'a NamedAddress,
    /// Where answers are wanted, when elsewhere.
    pub reply_to: Option<&'a NamedAddress>,
    /// The To field.
    pub to: &'a [NamedAddress],
    /// The Cc field.
    pub cc: &'a [NamedAddress],
    /// Recipients no header names.
    pub bcc: &'a [NamedAddress],
    /// The subject.
    pub subject: &'a str,
    /// The Date field.
    pub date: Timestamp,
    /// The Message-ID.
    pub message_id: &'a MessageId,
    /// The mail it answers.
    pub answered: Option<Answered<'a>>,
    /// What was written, signature included.
    pub text: &'a str,
    /// Quoted below the text.
    pub quotation: Option<Quotation<'a>>,
    /// Also as simple HTML made of the same text.
    pub with_html: bool,
    /// Written by a machine.
    pub automatic: Option<Automatic>,
    /// Files.
    pub files: &'a [File<'a>],
}

/// What is needed of the mail that is answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Its Message-ID.
    pub message_id: &'a MessageId,
    /// Its References and In-Reply-To, oldest first.
    pub references: &'a [MessageId],
}

/// RFC 3834 section 5: how a machine's mail is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Automatic {
    /// In answer to a mail.
    Replied,
    /// Of its own accord.
    Generated,
}

/// A file to be sent with the mail.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its name; cleaned before it is written.
    pub name: &'a str,
    /// `type/subtype`; what is none becomes `application/octet-stream`.
    pub content_type: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// The exact bytes and the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The mail.
    pub bytes: Vec<u8>,
    /// From and to whom it is submitted.
    pub envelope: Envelope,
}

/// Why a mail cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// Nobody to send it to.
    #[error("the mail has no recipient")]
    NoRecipient,
    /// RFC 5321 section 4.5.3.1.8.
    #[error("the mail has {0} recipients, more than the {max} that one mail may have", max = Envelope::RECIPIENTS_MAX)]
    TooManyRecipients(usize),
    /// RFC 6531 would be needed all the way.
    #[error("the address {0} cannot be written in ASCII; most mail servers would refuse it")]
    NotAscii(Address),
    /// Larger than providers take.
    #[error("the mail is larger than {max} MB", max = LENGTH_MAX / 1024 / 1024)]
    TooLarge,
    /// What was built reads differently from what was asked for.
    #[error("the mail that was built does not read as intended: {0} differs")]
    Differs(&'static str),
}

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

/// The addresses and values as they go onto the wire: ASCII, on one line, bounded.
pub(super) struct Wire {
    pub(super) from: NamedAddress,
    pub(super) reply_to: Option<NamedAddress>,
    pub(super) to: Vec<NamedAddress>,
    pub(super) cc: Vec<NamedAddress>,
    bcc: Vec<NamedAddress>,
    pub(super) subject: String,
    pub(super) references: Vec<MessageId>,
    pub(super) file_names: Vec<String>,
}

impl Wire {
    fn new(composition: &Composition<'_>) -> Result<Self, ComposeError> {
        let all = |list: &[NamedAddress]| list.iter().map(to_ascii).collect::<Result<Vec<_>, _>>();
        let subject: String = one_line(composition.subject)
            .chars()
            .take(SUBJECT_LENGTH_MAX)
            .collect();
        Ok(Self {
            from: to_ascii(composition.from)?,
            reply_to: composition.reply_to.map(to_ascii).transpose()?,
            to: all(composition.to)?,
            cc: all(composition.cc)?,
            bcc: all(composition.bcc)?,
            subject: subject.trim_end().to_owned(),
            references: composition.answered.map(references).unwrap_or_default(),
            file_names: composition
                .files
                .iter()
                .map(|file| clean_name(Some(file.name), file.content_type))
                .collect(),
        })
    }

    /// To, Cc and Bcc, each address once.
    fn envelope(&self) -> Result<Envelope, ComposeError> {
        let mut forward_paths: Vec<Address> = Vec::new();
        for one in self.to.iter().chain(&self.cc).chain(&self.bcc) {
            if !forward_paths.contains(&one.address) {
                forward_paths.push(one.address.clone());
            }
        }
        match forward_paths.len() {
            0 => Err(ComposeError::NoRecipient),
            count if count > Envelope::RECIPIENTS_MAX => {
                Err(ComposeError::TooManyRecipients(count))
            }
            _ => Ok(Envelope {
                reverse_path: Some(self.from.address.clone()),
                forward_paths,
            }),
        }
    }
}

/// RFC 5890: the domain as A-labels. A local part has no such form.
fn to_ascii(named: &NamedAddress) -> Result<NamedAddress, ComposeError> {
    let address = &named.address;
    if address.as_str().is_ascii() {
        return Ok(named.clone());
    }
    let domain = idna::domain_to_ascii(address.domain()).ok();
    let ascii = domain
        .and_then(|domain| Address::parse(&format!("{}@{domain}", address.local())).ok())
        .filter(|ascii| ascii.as_str().is_ascii())
        .ok_or_else(|| ComposeError::NotAscii(address.clone()))?;
    Ok(NamedAddress::new(named.name(), ascii))
}

/// RFC 5322 section 3.6.4: the parent's References and its Message-ID behind them.
fn references(answered: Answered<'_>) -> Vec<MessageId> {
    let fits =
        |id: &&MessageId| id.as_str().is_ascii() && id.as_str().len() <= REFERENCE_LENGTH_MAX;
    let older = answered
        .references
        .iter()
        .filter(|id| *id != answered.message_id);
    let mut all: Vec<MessageId> = older
        .chain([answered.message_id])
        .filter(fits)
        .cloned()
        .collect();
    if all.len() > REFERENCES_MAX {
        // The root stays: some programs thread by it alone.
        let surplus = all.len() - REFERENCES_MAX;
        all.drain(1..=surplus);
    }
    all
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
