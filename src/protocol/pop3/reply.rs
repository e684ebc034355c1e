//! Status lines, and who answers where none was to be expected.

use super::event::{Code, Peer};
use crate::protocol::prose;

/// Longest response code kept, in bytes.
const CODE_MAX: usize = 100;

/// A status line (RFC 1939 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) ok: bool,
    pub(super) code: Option<Code>,
    pub(super) text: String,
}

/// Reads a status line; `None` when it is none.
pub(super) fn status(line: &[u8]) -> Option<Status> {
    let (ok, rest) = match (strip_word(line, b"+OK"), strip_word(line, b"-ERR")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return None,
    };
    let (code, rest) = code_of(rest);
    Some(Status {
        ok,
        code,
        text: prose::decode(rest),
    })
}

/// Servers write the words in any case, and some write nothing behind them.
fn strip_word<'l>(line: &'l [u8], word: &[u8]) -> Option<&'l [u8]> {
    let (head, rest) = line.split_at_checked(word.len())?;
    let ends = rest
        .first()
        .is_none_or(|byte| !byte.is_ascii_alphanumeric());
    (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_ascii_start())
}

/// What stands in brackets in front of the text (RFC 2449 section 8).
fn code_of(text: &[u8]) -> (Option<Code>, &[u8]) {
    let found = text.strip_prefix(b"[").and_then(|rest| {
        let end = memchr::memchr(b']', rest)?;
        let code = &rest[..end];
        let plain = code.iter().all(|byte| matches!(byte, b' '..=b'~'));
        (plain && !code.is_empty() && end <= CODE_MAX).then(|| (code, &rest[end + 1..]))
    });
    let Some((code, rest)) = found else {
        return (None, text);
    };
    let name = String::from_utf8_lossy(code).to_ascii_uppercase();
    let code = match name.as_str() {
        "AUTH" => Code::Auth,
        "IN-USE" => Code::InUse,
        "LOGIN-DELAY" => Code::LoginDelay,
        "SYS/TEMP" => Code::SysTemp,
        "SYS/PERM" => Code::SysPerm,
        _ => Code::Other(name),
    };
    (Some(code), rest.trim_ascii_start())
}

/// Who speaks, when `start` cannot become a POP3 greeting; `None` while it can.
pub(super) fn foreign(start: &[u8]) -> Option<Peer> {
    // RFC 8446 section 5.1: alert (21) and handshake (22) records.
    if matches!(start, [0x15 | 0x16, ..]) {
        return Some(Peer::Tls);
    }
    let known: [(&[u8], Peer); 6] = [
        (b"* ", Peer::Imap),
        (b"220", Peer::Smtp),
        (b"421", Peer::Smtp),
        (b"554", Peer::Smtp),
        (b"HTTP/", Peer::Http),
        (b"SSH-", Peer::Ssh),
    ];
    known
        .into_iter()
        .find(|(prefix, _)| start.starts_with(prefix))
        .map(|(_, peer)| peer)
}

/// Who speaks, when the first line is no greeting.
pub(super) fn foreign_line(line: &[u8]) -> Peer {
    let looks_like_html = line.trim_ascii_start().starts_with(b"<");
    foreign(line).unwrap_or(if looks_like_html {
        Peer::Http
    } else {
        Peer::Unknown
    })
}

/// A row of LIST or UIDL: the number, and the word behind it.
pub(super) fn row(line: &[u8]) -> Option<(u32, &[u8])> {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let number = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let word = words.next()?;
    (number > 0).then_some((number, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_of_all_sorts() {
        let read = |line: &str| status(line.as_bytes());
        let told = |ok, code, text: &str| {
            let text = text.to_owned();
            Some(Status { ok, code, text })
        };
        assert_eq!(read("+OK"), told(true, None, ""));
        assert_eq!(read("+ok  2 mails"), told(true, None, "2 mails"));
        assert_eq!(
            read("-ERR [in-use] busy"),
            told(false, Some(Code::InUse), "busy")
        );
        assert_eq!(
            read("-ERR [SYS/TEMP]"),
            told(false, Some(Code::SysTemp), "")
        );
        assert_eq!(
            read("-ERR [X y] no"),
            told(false, Some(Code::Other("X Y".into())), "no")
        );
        assert_eq!(read("-ERR [no"), told(false, None, "[no"));
        assert_eq!(read("+OKAY"), None);
        assert_eq!(read("+ "), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn rows_are_a_number_and_a_word() {
        assert_eq!(row(b"1 120"), Some((1, b"120".as_slice())));
        assert_eq!(row(b" 2\tabc def"), Some((2, b"abc".as_slice())));
        for wrong in [&b""[..], b"1", b"0 x", b"x y", b"99999999999 x", b"-1 x"] {
            assert_eq!(row(wrong), None);
        }
    }
}
