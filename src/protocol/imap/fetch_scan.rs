//! Reads a FETCH response item by item, without a grammar for the values.
//!
//! Used twice: to keep only the items we asked for before the codec has another look,
//! and, when it still refuses, to take what matters (UID, flags, date, size) by hand.

use jiff::Timestamp;
use jiff::fmt::strtime;

use super::event::Fetched;
use super::fetch::the_one;
use super::flag::Flag;
use super::status_line::{number, uid};
use crate::domain::folder::{ModSeq, Uid};

/// Whether `line` begins with `* <number> FETCH`.
pub(super) fn is_fetch(line: &[u8]) -> bool {
    let mut words = line
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    words.next() == Some(b"*")
        && words
            .next()
            .is_some_and(|word| word.iter().all(u8::is_ascii_digit))
        && words
            .next()
            .and_then(|word| word.get(..5))
            .is_some_and(|word| word.eq_ignore_ascii_case(b"FETCH"))
}

/// One item: its name as written, and the bytes of its value (empty when missing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Item<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The first byte named by `BODY[...]<n>`.
    pub(super) fn offset(&self) -> Option<u32> {
        let name = self.name.strip_suffix(b">")?;
        number(&name[memchr::memrchr(b'<', name)? + 1..])
    }

    /// `BODY[...]`, `BODY[...]<n>`, `BINARY[...]`, `RFC822...`: bytes of the mail.
    pub(super) fn is_body(&self) -> bool {
        let name = self.name.to_ascii_uppercase();
        name.starts_with(b"BODY[")
            || name.starts_with(b"BINARY[")
            || matches!(
                name.as_slice(),
                b"RFC822" | b"RFC822.HEADER" | b"RFC822.TEXT"
            )
    }
}

/// Walks the items of `* <n> FETCH (...)`.
pub(super) struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    pub(super) fn of(line: &'a [u8]) -> Self {
        let start = memchr::memchr(b'(', line).map_or(line.len(), |at| at + 1);
        Self(&line[start..])
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        self.0 = self.0.trim_ascii_start();
        let name = self.take(name_length(self.0));
        if name.is_empty() {
            return None;
        }
        self.0 = self.0.trim_ascii_start();
        let value = self.take(value_length(self.0));
        Some(Item { name, value })
    }
}

/// Up to a blank or parenthesis, except within `[...]`.
fn name_length(text: &[u8]) -> usize {
    let mut bracketed = false;
    text.iter()
        .position(|byte| {
            match byte {
                b'[' => bracketed = true,
                b']' => bracketed = false,
                _ => {}
            }
            !bracketed && matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')')
        })
        .unwrap_or(text.len())
}

/// A quoted string, a parenthesized list, the placeholder of a body, or an atom.
fn value_length(text: &[u8]) -> usize {
    match text.first() {
        Some(b'"') => quoted_length(text),
        Some(b'(') => list_length(text),
        // `{0}` CRLF: no other literal is left in a skeleton.
        Some(b'{') => memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1),
        _ => text
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b')'))
            .unwrap_or(text.len()),
    }
}

pub(super) fn quoted_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn list_length(text: &[u8]) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'"' => at += quoted_length(&text[at..]) - 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The UID named in a FETCH response, as far as it has been read.
pub(super) fn uid_in(line: &[u8]) -> Option<Uid> {
    Items::of(line)
        .find(|item| item.is("UID"))
        .and_then(|item| uid(item.value))
}

/// Takes from a FETCH response what can be taken; the body is the caller's to add.
pub(super) fn scan(line: &[u8]) -> Fetched {
    let uids = Items::of(line).filter(|item| item.is("UID"));
    let mut fetched = Fetched {
        uid: the_one(uids.filter_map(|item| uid(item.value))),
        ..Fetched::default()
    };
    for item in Items::of(line) {
        if item.is("FLAGS") {
            fetched.flags = Some(flags(item.value));
        } else if item.is("INTERNALDATE") {
            fetched.internal_date = date(item.value);
        } else if item.is("RFC822.SIZE") {
            fetched.size = number(item.value);
        } else if item.is("MODSEQ") {
            fetched.modseq = number(within(item.value)).map(ModSeq);
        }
    }
    fetched
}

fn flags(list: &[u8]) -> Vec<Flag> {
    within(list)
        .split(u8::is_ascii_whitespace)
        .filter(|name| !name.is_empty())
        .map(|name| Flag::named(&String::from_utf8_lossy(name)))
        .collect()
}

/// Without the parentheses or quotes around.
fn within(value: &[u8]) -> &[u8] {
    let inner = value.get(1..value.len().saturating_sub(1));
    match value.first() {
        Some(b'(' | b'"') => inner.unwrap_or_default(),
        _ => value,
    }
}

/// RFC 3501 section 9, date-time; a day of one digit is read too (QQ).
pub(super) fn date(quoted: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(within(quoted)).ok()?.trim();
    let moment = strtime::parse("%d-%b-%Y %H:%M:%S %z", text).ok()?;
    moment.to_timestamp().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_with_values_of_every_shape() {
        let line = b"* 3 FETCH (UID 5 FLAGS (\\Seen $x) X-GM-LABELS (\"a)b\\\"\" (c)) \
            BODY[HEADER.FIELDS (A B)]<0> {0}\r\n RFC822.SIZE )\r\n";
        let items: Vec<_> = Items::of(line)
            .map(|item| (item.name.escape_ascii().to_string(), item.value.len()))
            .collect();
        let expected = [
            ("UID", 1),
            ("FLAGS", 10),
            ("X-GM-LABELS", 13),
            ("BODY[HEADER.FIELDS (A B)]<0>", 5),
            ("RFC822.SIZE", 0),
        ];
        assert_eq!(
            items,
            expected.map(|(name, length)| (name.to_owned(), length))
        );
    }

    #[test]
    fn dates() {
        let expected: Timestamp = "2026-01-04T02:03:04Z".parse().expect("valid");
        for text in [
            "\" 4-Jan-2026 10:03:04 +0800\"",
            "\"4-Jan-2026 10:03:04 +0800\"",
            "\"04-Jan-2026 02:03:04 +0000\"",
        ] {
            assert_eq!(date(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(date(b"\"00-Jan-0000 00:00:00 +0000\""), None);
        assert_eq!(date(b"\""), None);
    }

    #[test]
    fn what_is_broken_ends_the_walk_without_harm() {
        for line in [
            &b"* 1 FETCH ("[..],
            b"* 1 FETCH",
            b"(((",
            b"(\"",
            b"(A (\"",
            b"(A \"\\",
            b"(BODY[ x",
        ] {
            assert!(Items::of(line).count() <= 2);
            let _ = scan(line);
        }
    }
}
