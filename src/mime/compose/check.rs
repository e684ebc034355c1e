//! Reads what was built and compares: a mail that says something else than was asked is never sent.

use crate::domain::message::{Attachment, Part};
use crate::mime::read_bytes;
use crate::mime::text::{decode_part, read_source};

use super::body::{Body, in_order};
use super::composition::{ComposeError, Composition};
use super::wire::Wire;

/// RFC 5322 section 2.1.1, in bytes without CRLF.
const LINE_LENGTH_MAX: usize = 998;
/// The fields that a mail of ours may have, in lower case. Anything else was injected.
const FIELDS: [&str; 14] = [
    "from",
    "to",
    "cc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "auto-submitted",
    "x-auto-response-suppress",
];

pub(super) fn check(
    bytes: &[u8],
    wire: &Wire,
    composition: &Composition<'_>,
    body: &Body,
) -> Result<(), ComposeError> {
    check_lines(bytes, wire)?;
    let mail = read_bytes(bytes);
    let head = &mail.head;
    let unknown = |(name, _): (&[u8], &[u8])| {
        !FIELDS
            .iter()
            .any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
    };
    let twice = FIELDS
        .iter()
        .any(|field| mail.header.all(field).count() > 1);
    let reply_to: Vec<_> = wire
        .reply_to
        .iter()
        .filter(|one| one.address != wire.from.address)
        .collect();
    let date = head.date.map(|date| date.as_second());
    let (shown, files) = (&head.attachments, in_order(wire, composition));
    let html = body.html.as_deref();
    for (right, field) in [
        (!mail.header.fields().any(unknown) && !twice, "the header"),
        (head.from.as_ref() == Some(&wire.from), "From"),
        (head.to == wire.to, "To"),
        (head.cc == wire.cc, "Cc"),
        (head.reply_to.iter().eq(reply_to), "Reply-To"),
        (head.subject == wire.subject, "Subject"),
        (date == Some(composition.date.as_second()), "Date"),
        (
            head.message_id.as_ref() == Some(composition.message_id),
            "Message-ID",
        ),
        (head.references == wire.references, "References"),
        (
            mail.in_reply_to.last() == wire.references.last(),
            "In-Reply-To",
        ),
        (
            says(bytes, head.text.as_ref(), Some(&body.text)),
            "the text",
        ),
        (says(bytes, head.html.as_ref(), html), "the HTML"),
        (
            shown.len() == composition.files.len(),
            "the number of files",
        ),
        (
            shown.iter().zip(files).all(|(file, (asked, name, id))| {
                file.name == name
                    && file.content_id.as_deref() == id
                    && holds(bytes, file, asked.bytes)
            }),
            "a file",
        ),
    ] {
        if !right {
            return Err(ComposeError::Differs(field));
        }
    }
    Ok(())
}

/// Whether a part of the mail is the text that was put into it.
fn says(mail: &[u8], part: Option<&Part>, asked: Option<&str>) -> bool {
    let (part, asked) = match (part, asked) {
        (Some(part), Some(asked)) => (part, asked),
        // A text without a letter is no part worth reading.
        (None, Some(asked)) => return asked.trim().is_empty(),
        (part, None) => return part.is_none(),
    };
    let Some(wrapped) = bytes_of(mail, part) else {
        return false;
    };
    let read = read_source(wrapped, part).text;
    read.trim_end().lines().eq(asked.trim_end().lines())
}

/// Whether a file of the mail has the bytes that were put into it. Never whole in memory.
fn holds(mail: &[u8], file: &Attachment, asked: &[u8]) -> bool {
    const PIECE: usize = 64 * 1024;
    let Some(wrapped) = bytes_of(mail, &file.part) else {
        return false;
    };
    let mut decoder = decode_part(&file.part);
    let mut left = asked;
    let mut decoded = Vec::with_capacity(PIECE);
    let mut fits = |decoded: &mut Vec<u8>| {
        let fits = left.strip_prefix(decoded.as_slice());
        decoded.clear();
        left = fits.unwrap_or(left);
        fits.is_some()
    };
    for piece in wrapped.chunks(PIECE) {
        decoder.feed(piece, &mut decoded);
        if !fits(&mut decoded) {
            return false;
        }
    }
    decoder.finish(&mut decoded);
    fits(&mut decoded) && left.is_empty()
}

fn bytes_of<'m>(mail: &'m [u8], part: &Part) -> Option<&'m [u8]> {
    let at = |place: u64| usize::try_from(place).ok();
    mail.get(at(part.range.start)?..at(part.range.end)?)
}

/// CRLF only, no overlong line, and ASCII but for addresses that have no such form: nothing
/// on the way has a reason to change it.
fn check_lines(bytes: &[u8], wire: &Wire) -> Result<(), ComposeError> {
    let lines = bytes
        .strip_suffix(b"\r\n")
        .ok_or(ComposeError::Differs("the last line"))?;
    for line in lines.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LINE_LENGTH_MAX || line.contains(&b'\r') {
            return Err(ComposeError::Differs("a line"));
        }
    }
    let ends = memchr::memchr_iter(b'\n', bytes).all(|at| at > 0 && bytes[at - 1] == b'\r');
    let header = memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let (header, rest) = bytes.split_at(header);
    let letters = rest.is_ascii()
        && (header.is_ascii() || wire.is_utf8() && std::str::from_utf8(header).is_ok());
    if !ends || !letters || bytes.contains(&0) {
        return Err(ComposeError::Differs("a line-ending"));
    }
    Ok(())
}
