//! Unstructured text: folds, encoded words (RFC 2047) and raw 8-bit bytes.
//!
//! Neighbouring encoded words of one charset are joined before they are decoded:
//! many Chinese programs split a character, or a base64 group, across two of them.

use std::borrow::Cow;

use memchr::{memchr2, memmem};

use crate::domain::message::TransferEncoding;
use crate::mime::charset;
use crate::mime::transfer::{decode_transfer, hex_pair};

/// Longest charset with language in an encoded word, in bytes.
const CHARSET_LENGTH_MAX: usize = 64;
/// Longest text of one encoded word, in bytes. RFC 2047 section 2 allows 75; some programs
/// never split. The bound keeps the search for the end linear.
const WORD_LENGTH_MAX: usize = 4 * 1024;

/// A run of a header value.
enum Piece<'a> {
    /// Bytes outside encoded words.
    Plain(&'a [u8]),
    /// One or more joined encoded words.
    Word(Word<'a>),
}

struct Word<'a> {
    charset: &'a str,
    base64: bool,
    /// Still encoded, so that a group split across two words closes again.
    text: Cow<'a, [u8]>,
    /// Decoded words in front of `text`.
    bytes: Vec<u8>,
}

impl Word<'_> {
    fn unwrap_text(&mut self) {
        if self.base64 {
            let decoded = decode_transfer(&self.text, TransferEncoding::Base64);
            self.bytes.extend_from_slice(&decoded);
        } else {
            unwrap_q(&self.text, &mut self.bytes);
        }
        self.text = Cow::Borrowed(b"");
    }

    /// Whether the base64 text stops within a group.
    fn is_open(&self) -> bool {
        self.base64 && !self.text.ends_with(b"=") && !self.text.len().is_multiple_of(4)
    }
}

/// Decodes a header value into one clean line: no folds, no controls.
/// `hint` is the charset to try for raw 8-bit bytes, such as that of the body.
#[must_use]
pub fn decode_text(value: &[u8], hint: Option<&str>) -> String {
    let text = decode_words(value, hint);
    one_line(&text)
}

/// Decodes without tidying blanks: for words inside quotes and parameters.
#[must_use]
pub fn decode_words<'a>(value: &'a [u8], hint: Option<&str>) -> Cow<'a, str> {
    if memmem::find(value, b"=?").is_none() {
        return charset::decode_unlabelled(value, hint);
    }
    let mut text = String::with_capacity(value.len());
    for piece in pieces(value) {
        match piece {
            Piece::Plain(bytes) => text.push_str(&charset::decode_unlabelled(bytes, hint)),
            Piece::Word(mut word) => {
                word.unwrap_text();
                text.push_str(&charset::decode(&word.bytes, Some(word.charset)).text);
            }
        }
    }
    Cow::Owned(text)
}

/// Blanks, folds and controls become one space; none stays at the ends.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn pieces(value: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(found) = memmem::find(&value[at..], b"=?") {
        let start = at + found;
        let Some((word, length)) = encoded_word(&value[start..]) else {
            at = start + 2;
            continue;
        };
        let between = &value[plain..start];
        at = start + length;
        plain = at;
        // RFC 2047 section 6.2: blanks between two encoded words are not shown.
        let follows = matches!(pieces.last(), Some(Piece::Word(_)));
        if !(between.is_empty() || follows && between.trim_ascii().is_empty()) {
            pieces.push(Piece::Plain(between));
        }
        match pieces.last_mut() {
            Some(Piece::Word(last)) if last.charset.eq_ignore_ascii_case(word.charset) => {
                join(last, word);
            }
            _ => pieces.push(Piece::Word(word)),
        }
    }
    if plain < value.len() {
        pieces.push(Piece::Plain(&value[plain..]));
    }
    pieces
}

fn join<'a>(last: &mut Word<'a>, next: Word<'a>) {
    if last.is_open() && next.base64 {
        last.text.to_mut().extend_from_slice(&next.text);
        return;
    }
    last.unwrap_text();
    last.base64 = next.base64;
    last.text = next.text;
}

/// `=?charset?B or Q?text?=` at the beginning of `value`, and its length.
fn encoded_word(value: &[u8]) -> Option<(Word<'_>, usize)> {
    let rest = value.strip_prefix(b"=?")?;
    let charset_end = memchr2(b'?', b' ', &rest[..rest.len().min(CHARSET_LENGTH_MAX)])
        .filter(|end| rest[*end] == b'?')?;
    let label = std::str::from_utf8(&rest[..charset_end]).ok()?;
    // RFC 2231 section 5: a language may follow the charset.
    let charset = label.split('*').next().unwrap_or(label);
    let (kind, text) = rest[charset_end + 1..].split_first_chunk::<2>()?;
    let base64 = match kind {
        [b'b' | b'B', b'?'] => true,
        [b'q' | b'Q', b'?'] => false,
        _ => return None,
    };
    // A Q text may end with `=` and hold stray `?`; the word ends at `?=`.
    let end = memmem::find(&text[..text.len().min(WORD_LENGTH_MAX)], b"?=")?;
    let word = Word {
        charset,
        base64,
        text: Cow::Borrowed(&text[..end]),
        bytes: Vec::new(),
    };
    Some((word, 2 + charset_end + 1 + 2 + end + 2))
}

/// RFC 2047 section 4.2.
fn unwrap_q(text: &[u8], bytes: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let pair = after
            .split_first_chunk::<2>()
            .and_then(|(pair, _)| hex_pair(*pair));
        match (byte, pair) {
            (b'=', Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            (b'_', _) => bytes.push(b' '),
            // A fold inside a word is not part of it.
            (b'\r' | b'\n', _) => {}
            (byte, _) => bytes.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_its_writer_meant_it() {
        for (value, text) in [
            (" Hello\r\n\tworld \r\n", "Hello world"),
            ("=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= M", "Grüße aus M"),
            ("=?UTF-8?B?5oKo5aW9?=\r\n =?UTF-8?B?77yM?=x", "您好，x"),
            // One character split across two words.
            ("=?utf-8?B?5oKo5Q==?= =?utf-8?B?pb0=?=", "您好"),
            ("=?utf-8?Q?=E6=82?=\r\n =?utf-8?Q?=A8?=", "您"),
            ("=?gb2312?B?xPo=?= =?gb2312?Q?=BA=C3?=", "您好"),
            // One base64 group split across two words.
            ("=?utf-8?B?5oKo5?= =?utf-8?B?aW9?=", "您好"),
            ("=?utf-8*en?Q?a?=", "a"),
            ("a =?utf-8?Q?b?= c", "a b c"),
            ("=?utf-8?X?b?= =?broken", "=?utf-8?X?b?= =?broken"),
            ("=?no-such-charset?Q?abc?=", "abc"),
            ("=?iso-2022-jp?B?GyRCJDRDbUo4GyhC?=", "ご注文"),
            ("=?utf-8?Q?a=0D=0ABcc:_x?=", "a Bcc: x"),
            ("=?utf-8?Q?what=3F?=", "what?"),
            ("=?=?utf-8?Q?a?=", "=?a"),
        ] {
            assert_eq!(decode_text(value.as_bytes(), None), text, "{value:?}");
        }
        let raw = encoding_rs::GBK.encode("您好，订单 12").0;
        assert_eq!(decode_text(&raw, None), "您好，订单 12");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_reader(value in "(=\\?|\\?=|utf-8|gbk|\\?B\\?|\\?Q\\?|[ =?a\r\n]|é){0,30}") {
            let text = decode_text(value.as_bytes(), None);
            proptest::prop_assert!(!text.contains(['\r', '\n']));
        }
    }
}
