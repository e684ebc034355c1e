//! The text of one part as people read it: unwrapped, decoded, joined (RFC 3676), and of HTML the words.
//!
//! Works on the bytes of a part alone, so that a stored mail is read again from its ranges.

mod from_html;

use std::borrow::Cow;

use crate::domain::message::{Part, TransferEncoding};

use super::charset;
use super::transfer::{TransferDecoder, decode_transfer};

pub(super) use from_html::is_sane_html;
pub use from_html::text_of_html;

/// Longest text of one part, in bytes; the rest stays in the raw mail.
pub const TEXT_LENGTH_MAX: usize = 1024 * 1024;
/// Where a `charset=` of an HTML page is looked for, in bytes.
const META_LENGTH_MAX: usize = 1_024;

/// A part that has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadText {
    /// The text, lines ended by LF.
    pub text: String,
    /// Some bytes are no text in the declared charset.
    pub damaged: bool,
    /// There is more of it in the raw mail.
    pub cut: bool,
}

/// Reads the wrapped bytes of a text part; of HTML, its words.
#[must_use]
pub fn read_text(wrapped: &[u8], part: &Part) -> ReadText {
    let source = read_source(wrapped, part);
    let text = if part.content_type == "text/html" {
        text_of_html(&source.text)
    } else if part.flowed {
        unflow(&source.text)
    } else {
        source.text
    };
    ReadText { text, ..source }
}

/// Reads the wrapped bytes of a text part as written: of HTML, the source.
#[must_use]
pub fn read_source(wrapped: &[u8], part: &Part) -> ReadText {
    let wrapped_max = 4 * TEXT_LENGTH_MAX;
    let wrapped_cut = &wrapped[..wrapped.len().min(wrapped_max)];
    let bytes = match part.encoding {
        TransferEncoding::Identity => Cow::Borrowed(wrapped_cut),
        encoding => Cow::Owned(decode_transfer(wrapped_cut, encoding)),
    };
    let label = part.charset.as_deref().map(Cow::Borrowed);
    let label =
        label.or_else(|| (part.content_type == "text/html").then(|| meta_charset(&bytes))?);
    let decoded = charset::decode(&bytes, label.as_deref());
    let mut text = with_line_feeds(&decoded.text);
    let cut = text.len() > TEXT_LENGTH_MAX || wrapped.len() > wrapped_max;
    truncate(&mut text, TEXT_LENGTH_MAX);
    ReadText {
        text,
        damaged: decoded.damaged,
        cut,
    }
}

/// Unwraps an attachment in pieces: feed it the bytes of [`Part::range`] in order.
#[must_use]
pub fn decode_part(part: &Part) -> TransferDecoder {
    TransferDecoder::new(part.encoding)
}

/// Cuts at a character boundary.
pub(super) fn truncate(text: &mut String, length_max: usize) {
    if text.len() > length_max {
        text.truncate(text.floor_char_boundary(length_max));
    }
}

fn meta_charset(bytes: &[u8]) -> Option<Cow<'static, str>> {
    let head = &bytes[..bytes.len().min(META_LENGTH_MAX)].to_ascii_lowercase();
    let at = memchr::memmem::find(head, b"charset=")? + b"charset=".len();
    let rest = &head[at..];
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    let label = rest
        .split(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')))
        .next()?;
    Some(Cow::Owned(String::from_utf8_lossy(label).into_owned()))
}

/// Line breaks become LF; NUL and other controls that no text holds become blanks.
fn with_line_feeds(text: &str) -> String {
    let strange = |byte: u8| byte < b' ' && !matches!(byte, b'\n' | b'\t');
    if !text.bytes().any(strange) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.bytes().position(strange) {
        plain.push_str(&rest[..at]);
        let control = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match control {
            b'\r' => {
                rest = rest.strip_prefix('\n').unwrap_or(rest);
                plain.push('\n');
            }
            _ => plain.push(' '),
        }
    }
    plain.push_str(rest);
    plain
}

/// Joins flowed lines (RFC 3676 section 4).
fn unflow(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut open_depth = None;
    for line in text.lines() {
        let depth = line.bytes().take_while(|byte| *byte == b'>').count();
        let content = &line[depth..];
        // Section 4.4: one blank was stuffed in front.
        let content = content.strip_prefix(' ').unwrap_or(content);
        let goes_on = open_depth == Some(depth);
        if !goes_on {
            if !joined.is_empty() {
                joined.push('\n');
            }
            joined.extend(std::iter::repeat_n('>', depth));
            if depth > 0 {
                joined.push(' ');
            }
        }
        joined.push_str(content);
        // Section 4.3: the separator of a signature is never joined.
        let flows = content.ends_with(' ') && content != "-- ";
        open_depth = flows.then_some(depth);
        if content == "-- " {
            open_depth = None;
        }
    }
    if text.ends_with('\n') {
        joined.push('\n');
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(content_type: &str, charset: Option<&str>, encoding: TransferEncoding) -> Part {
        Part {
            range: 0..0,
            content_type: content_type.to_owned(),
            charset: charset.map(str::to_owned),
            encoding,
            flowed: false,
        }
    }

    #[test]
    fn parts_are_read() {
        use TransferEncoding::{Base64, Identity, QuotedPrintable};
        for (content_type, charset, encoding, wrapped, text) in [
            (
                "text/plain",
                Some("utf-8"),
                QuotedPrintable,
                "Gr=C3=BC=\r\n=C3=9Fe\r\n",
                "Grüße\n",
            ),
            ("text/plain", Some("gb2312"), Base64, "xPq6w6Os", "您好，"),
            (
                "text/plain",
                None,
                Identity,
                "a\r\nb\rc\u{0}d\u{7}",
                "a\nb\nc d ",
            ),
            (
                "text/html",
                None,
                Identity,
                "<p>a</p><p>b &amp; c</p>",
                "a\n\nb & c\n",
            ),
            (
                "text/html",
                None,
                Base64,
                "PG1ldGEgY2hhcnNldD1nYjIzMTI+xPq6ww==",
                "您好\n",
            ),
        ] {
            let read = read_text(wrapped.as_bytes(), &part(content_type, charset, encoding));
            assert_eq!(read.text, text, "{wrapped:?}");
            assert!(!read.damaged && !read.cut);
        }
    }

    #[test]
    fn flowed_lines_are_joined() {
        for (flowed, text) in [
            ("a \nb\nc", "a b\nc"),
            ("> a \n> b\nc", "> a b\nc"),
            (">> a \n> b", ">> a \n> b"),
            (" From x\n >y", "From x\n>y"),
            ("end\n-- \nAnna \nLee\n", "end\n-- \nAnna Lee\n"),
        ] {
            assert_eq!(unflow(flowed), text, "{flowed:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let wrapped = "您".repeat(TEXT_LENGTH_MAX);
        let read = read_text(
            wrapped.as_bytes(),
            &part("text/plain", None, TransferEncoding::Identity),
        );
        assert!(read.cut && read.text.len() <= TEXT_LENGTH_MAX);
    }
}
