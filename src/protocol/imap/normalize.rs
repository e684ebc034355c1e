//! Repairs skeletons that the codec refuses, for shapes that real servers send.
//!
//! Each repair names who needs it. A skeleton is repaired only after the codec has
//! refused it as it was.

use bytes::BytesMut;

use super::fetch_scan::{Item, Items, date, is_fetch, quoted_length};
use super::status_line::split_word;

/// Items of a FETCH response that we ask for or understand; others are dropped.
const ITEMS_KEPT: [&str; 5] = ["UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ"];

/// Turns the literal that stands in `line` from `from` on into a quoted string. What a
/// quoted string cannot hold (CR, LF, NUL) becomes a blank.
pub(super) fn quote_from(line: &mut BytesMut, from: usize) {
    let literal = line.split_off(from.min(line.len()));
    line.extend_from_slice(b"\"");
    for byte in literal {
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
            b'\r' | b'\n' | 0 => line.extend_from_slice(b" "),
            _ => line.extend_from_slice(&[byte]),
        }
    }
    line.extend_from_slice(b"\"");
}

/// The skeleton as the codec may take it.
pub(super) fn repair(line: &[u8]) -> Vec<u8> {
    if is_fetch(line) {
        return repair_fetch(line);
    }
    let text = in_utf8(line);
    let mut repaired = single_blanks(&text);
    if let Some(rest) = strip_word(&repaired, b"* XLIST ") {
        // Old Gmail and some Coremail servers: XLIST, which became LIST with RFC 6154.
        repaired = [b"* LIST ", rest].concat();
    }
    if strip_word(&repaired, b"* LIST ").is_some() {
        without_list_extension(&mut repaired);
    }
    repaired.extend_from_slice(b"\r\n");
    repaired
}

/// Raw GBK in folder names (Coremail and other Chinese servers) becomes UTF-8.
fn in_utf8(line: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    match std::str::from_utf8(line) {
        Ok(_) => line.into(),
        Err(_) => encoding_rs::GB18030
            .decode_without_bom_handling(line)
            .0
            .into_owned()
            .into_bytes()
            .into(),
    }
}

/// One blank between words, none at the end nor inside of parentheses, as far as it is
/// not quoted. QQ: `STATUS "INBOX" (MESSAGES 5 )`, `SEARCH 1 2 `.
fn single_blanks(line: &[u8]) -> Vec<u8> {
    let line = line.trim_ascii_end();
    let mut repaired = Vec::with_capacity(line.len());
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        let length = if byte == b'"' {
            quoted_length(&line[at..])
        } else {
            1
        };
        match byte {
            b' ' if matches!(repaired.last(), Some(b' ' | b'(')) => {}
            b')' if repaired.last() == Some(&b' ') => {
                repaired.pop();
                repaired.push(byte);
            }
            _ => repaired.extend_from_slice(&line[at..at + length]),
        }
        at += length;
    }
    repaired
}

fn strip_word<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

/// RFC 5258: `("CHILDINFO" (...))` after the name; the codec does not know it.
fn without_list_extension(line: &mut Vec<u8>) {
    if line.ends_with(b")")
        && let Some(name_end) = list_name_end(line)
    {
        line.truncate(name_end);
    }
}

/// Where the name of `* LIST (...) delimiter name` ends.
fn list_name_end(line: &[u8]) -> Option<usize> {
    let attributes_end = memchr::memchr(b')', line)? + 1;
    let mut at = attributes_end;
    for _ in ["delimiter", "name"] {
        at += line[at..].iter().take_while(|byte| **byte == b' ').count();
        let rest = &line[at..];
        at += match rest.first()? {
            b'"' => quoted_length(rest),
            _ => split_word(rest)?.0.len(),
        };
    }
    Some(at)
}

/// Rebuilds a FETCH response from the items we understand, each of them valid.
/// QQ: `FETCH (UID 5 )`, `"4-Jan-2026"`; Exchange: sizes over 32 bits or negative;
/// Gmail: `X-GM-LABELS`; others: `EMAILID`, `SAVEDATE`.
fn repair_fetch(line: &[u8]) -> Vec<u8> {
    let start = memchr::memchr(b'(', line).unwrap_or(line.len());
    let mut repaired = single_blanks(&line[..start]);
    repaired.extend_from_slice(b" (");
    let items: Vec<Vec<u8>> = Items::of(line).filter_map(repair_item).collect();
    repaired.extend_from_slice(&items.join(&b' '));
    repaired.extend_from_slice(b")\r\n");
    repaired
}

fn repair_item(item: Item<'_>) -> Option<Vec<u8>> {
    let known = item.is_body() || ITEMS_KEPT.iter().any(|name| item.is(name));
    if !known || item.value.is_empty() {
        return None;
    }
    let value = if item.is("INTERNALDATE") {
        date(item.value)?;
        two_digit_day(item.value)
    } else if item.is("RFC822.SIZE") {
        let size: u32 = super::status_line::number(item.value)?;
        size.to_string().into_bytes()
    } else {
        item.value.to_vec()
    };
    Some([item.name, b" ", &value].concat())
}

/// `"4-Jan-2026 ...` becomes `" 4-Jan-2026 ...` (RFC 3501 section 9, date-day-fixed).
fn two_digit_day(quoted: &[u8]) -> Vec<u8> {
    match quoted {
        [b'"', b'0'..=b'9', b'-', ..] => [b"\" ", &quoted[1..]].concat(),
        _ => quoted.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repairs() {
        for (given, expected) in [
            ("* 1 FETCH (UID 5 )\r\n", "* 1 FETCH (UID 5)\r\n"),
            (
                "* 1 FETCH (INTERNALDATE \"4-Jan-2026 10:03:04 +0800\" X-GM-LABELS (\\Sent) UID 5)\r\n",
                "* 1 FETCH (INTERNALDATE \" 4-Jan-2026 10:03:04 +0800\" UID 5)\r\n",
            ),
            (
                "* 1 FETCH (RFC822.SIZE -3 UID 5)\r\n",
                "* 1 FETCH (UID 5)\r\n",
            ),
            ("*  SEARCH 1  2 \r\n", "* SEARCH 1 2\r\n"),
            (
                "* STATUS \"a  b\" ( MESSAGES 5 )\r\n",
                "* STATUS \"a  b\" (MESSAGES 5)\r\n",
            ),
            (
                "* XLIST (\\Sent) \"/\" Sent\r\n",
                "* LIST (\\Sent) \"/\" Sent\r\n",
            ),
            (
                "* LIST () \"/\" \"a b\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n",
                "* LIST () \"/\" \"a b\"\r\n",
            ),
        ] {
            assert_eq!(
                repair(given.as_bytes()).escape_ascii().to_string(),
                expected.as_bytes().escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn gbk_names_become_utf8() {
        let (gbk, _, _) = encoding_rs::GBK.encode("* LIST () \"/\" \"已发送\"\r\n");
        assert_eq!(repair(&gbk), "* LIST () \"/\" \"已发送\"\r\n".as_bytes());
    }

    #[test]
    fn literals_become_quoted() {
        let mut line = BytesMut::from(&b"* LIST () \"/\" a\"\\\r\nb"[..]);
        quote_from(&mut line, 14);
        assert_eq!(&line[..], b"* LIST () \"/\" \"a\\\"\\\\  b\"");
    }
}
