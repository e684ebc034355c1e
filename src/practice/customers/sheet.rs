//! Writes a mail down as a mail program would, in the charset it would use.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use encoding_rs::{Encoding, GB18030, GBK, UTF_8};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::cast::{Language, Person};
use super::{Boxes, Letter, To};

/// What a mail says it is written in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charset {
    Utf8,
    /// As old Chinese programs label it; the bytes are GBK.
    Gb2312,
    Gb18030,
}

impl Charset {
    fn label(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Gb2312 => "GB2312",
            Self::Gb18030 => "GB18030",
        }
    }

    fn encode(self, text: &str) -> Vec<u8> {
        let encoding: &'static Encoding = match self {
            Self::Utf8 => UTF_8,
            Self::Gb2312 => GBK,
            Self::Gb18030 => GB18030,
        };
        encoding.encode(text).0.into_owned()
    }

    /// Encoded words (RFC 2047 section 2), where the text needs one.
    fn word(self, text: &str) -> String {
        if text.is_ascii() {
            return text.to_owned();
        }
        let mut words = vec![Vec::new()];
        for char in text.chars() {
            let char = self.encode(char.encode_utf8(&mut [0; 4]));
            match words.last_mut() {
                Some(word) if word.len() + char.len() <= Self::WORD_BYTES_MAX => word.extend(char),
                _ => words.push(char),
            }
        }
        let words = words
            .iter()
            .map(|word| format!("=?{}?B?{}?=", self.label(), STANDARD.encode(word)));
        words.collect::<Vec<_>>().join("\r\n ")
    }

    /// Most bytes of one encoded word; in base64 with its frame they stay below the
    /// 75 characters it may have.
    const WORD_BYTES_MAX: usize = 42;
}

/// A mail before it is written down.
#[derive(Clone, Debug)]
pub(super) struct Sheet<'a> {
    pub(super) from: Person<'a>,
    pub(super) to: To,
    pub(super) subject: &'a str,
    pub(super) at: Timestamp,
    /// The part of the Message-ID before the `@`.
    pub(super) id: String,
    pub(super) charset: Charset,
    /// Further fields, as they stand in the header.
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) content: Content<'a>,
}

/// What is in it.
#[derive(Clone, Debug)]
pub(super) enum Content<'a> {
    Text(&'a str),
    Html(&'a str),
    /// A text and a file.
    With(&'a str, File<'a>),
    /// A content type and the body below it, ready made.
    Raw(&'a str, String),
}

/// An attachment.
#[derive(Clone, Debug)]
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) media_type: &'a str,
    pub(super) bytes: Vec<u8>,
}

/// Stands between the parts of a mail; no text of ours holds it.
const BOUNDARY: &str = "=_lamp_4f1c09";

impl Sheet<'_> {
    pub(super) fn message_id(&self) -> String {
        let domain = self.from.address.rsplit('@').next().unwrap_or_default();
        format!("<{}@{domain}>", self.id)
    }

    pub(super) fn letter(&self, boxes: &Boxes) -> Letter {
        let to = boxes.address(self.to).clone();
        let mut mail = String::new();
        let mut field = |name: &str, value: &str| mail += &format!("{name}: {value}\r\n");
        let name = self.charset.word(self.from.name);
        field("From", &format!("{name} <{}>", self.from.address));
        field("To", to.as_str());
        field("Subject", &self.charset.word(self.subject));
        field("Date", &self.date());
        field("Message-ID", &self.message_id());
        for (name, value) in &self.fields {
            field(name, value);
        }
        field("MIME-Version", "1.0");
        mail += &self.body();
        Letter {
            to,
            at: self.at,
            raw: Bytes::from(mail),
        }
    }

    fn date(&self) -> String {
        let hours = match self.from.language {
            Language::English => 1,
            Language::Chinese => 8,
        };
        let zone = TimeZone::fixed(Offset::constant(hours));
        let zoned = self.at.to_zoned(zone);
        zoned.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
    }

    /// The rest of the header, and the body.
    fn body(&self) -> String {
        match &self.content {
            Content::Text(text) => self.text("plain", text),
            Content::Html(html) => self.text("html", html),
            Content::Raw(media_type, body) => {
                format!("Content-Type: {media_type}\r\n\r\n{}", crlf(body))
            }
            Content::With(text, file) => {
                let File {
                    name,
                    media_type,
                    bytes,
                } = file;
                let text = self.text("plain", text);
                let encoded = lines(&STANDARD.encode(bytes));
                format!(
                    "Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\n\r\n\
                     --{BOUNDARY}\r\n{text}\r\n--{BOUNDARY}\r\n\
                     Content-Type: {media_type}; name=\"{name}\"\r\n\
                     Content-Disposition: attachment; filename=\"{name}\"\r\n\
                     Content-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--{BOUNDARY}--\r\n"
                )
            }
        }
    }

    fn text(&self, subtype: &str, text: &str) -> String {
        let text = crlf(text);
        let label = self.charset.label();
        let (encoding, text) = if text.is_ascii() {
            ("7bit", text)
        } else {
            (
                "base64",
                lines(&STANDARD.encode(self.charset.encode(&text))),
            )
        };
        format!(
            "Content-Type: text/{subtype}; charset={label}\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n{text}\r\n"
        )
    }
}

fn crlf(text: &str) -> String {
    text.lines().map(|line| format!("{line}\r\n")).collect()
}

/// RFC 2045 section 6.8: lines of at most 76 characters.
fn lines(encoded: &str) -> String {
    let pieces = encoded.as_bytes().chunks(76);
    let lines: Vec<_> = pieces.map(String::from_utf8_lossy).collect();
    lines.join("\r\n")
}
