//! Reads what was built and compares: a mail that says something else than was asked is never sent.

use crate::mime::read_bytes;

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
) -> Result<(), ComposeError> {
    check_lines(bytes)?;
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
    let names = head.attachments.iter().map(|file| &file.name);
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
        (names.eq(wire.file_names.iter()), "a file name"),
    ] {
        if !right {
            return Err(ComposeError::Differs(field));
        }
    }
    Ok(())
}

/// ASCII, CRLF only, no overlong line: nothing on the way has a reason to change it.
fn check_lines(bytes: &[u8]) -> Result<(), ComposeError> {
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
    if !ends || !bytes.is_ascii() || bytes.contains(&0) {
        return Err(ComposeError::Differs("a line-ending"));
    }
    Ok(())
}
