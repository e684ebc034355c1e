//! What the submission server answers, as a value (RFC 5321 section 4.2, RFC 2034).
//!
//! Deliberately absent: what an answer means for the mail; that depends on the phase.

use std::fmt;

use encoding_rs::GB18030;

use crate::domain::saying::{Said, Saying, saying};

/// Most bytes of one reply; a longer one is no reply.
pub(super) const REPLY_BYTES_MAX: usize = 32 * 1024;

/// A reply, all its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// `5.7.1`, where the server says so (RFC 3463).
    pub enhanced: Option<[u16; 3]>,
    /// The lines, without codes. Control characters are gone.
    pub lines: Vec<String>,
}

impl Reply {
    /// 5yz: the same again will not help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// The words, on one line.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Reads the first reply in `raw`; the count is how many bytes it took.
    ///
    /// `Ok(None)` asks for more bytes. Bare LF ends a line too, and a code may stand
    /// without text (RFC 5321 section 4.2: "clients must accept").
    pub(super) fn parse(raw: &[u8]) -> Result<Option<(Self, usize)>, NotAReply> {
        let mut lines = Vec::new();
        let mut used = 0;
        let mut first_code = None;
        while let Some(length) = memchr::memchr(b'\n', &raw[used..]) {
            let line = raw[used..used + length].trim_ascii_end();
            used += length + 1;
            let (code, last, text) = parse_line(line).ok_or_else(|| NotAReply::of(line))?;
            if *first_code.get_or_insert(code) != code {
                return Err(NotAReply::of(line));
            }
            lines.push(text);
            if last {
                return Ok(Some((Self::new(code, lines), used)));
            }
        }
        if raw.len() > REPLY_BYTES_MAX {
            return Err(NotAReply::of(&raw[used..]));
        }
        // A TLS alert, or any greeting that cannot become a reply, is not waited for.
        match raw[used..].first() {
            Some(byte) if !byte.is_ascii_digit() && raw[used..].len() > 3 => {
                Err(NotAReply::of(&raw[used..]))
            }
            _ => Ok(None),
        }
    }

    fn new(code: u16, mut lines: Vec<String>) -> Self {
        let mut enhanced = None;
        for line in &mut lines {
            // RFC 2034 section 4: the class agrees with the code; each line may repeat it.
            let Some((value, length)) = parse_enhanced(line) else {
                continue;
            };
            if value[0] == code / 100 {
                enhanced.get_or_insert(value);
                *line = line[length..].trim_start().to_owned();
            }
        }
        Self {
            code,
            enhanced,
            lines,
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some([class, subject, detail]) = self.enhanced {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        write!(f, " {}", self.text())
    }
}

impl Said for Reply {
    fn saying(&self) -> Saying {
        Saying::words(self)
    }
}

/// What came is not SMTP: TLS, or what begins like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub struct NotAReply(Option<String>);

impl Said for NotAReply {
    fn saying(&self) -> Saying {
        match &self.0 {
            None => saying!("smtp.tls_at_once"),
            Some(start) => saying!("smtp.not_smtp", start = Saying::quoted(start)),
        }
    }
}

impl NotAReply {
    fn of(bytes: &[u8]) -> Self {
        const SHOWN_MAX: usize = 80;
        if matches!(bytes, [0x15 | 0x16, 0x03, ..]) {
            return Self(None);
        }
        let start = &bytes[..bytes.len().min(SHOWN_MAX)];
        Self(Some(decode(start)))
    }
}

fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !matches!(digits, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']) {
        return None;
    }
    let code = digits
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return None,
    };
    Some((code, last, decode(text)))
}

/// Chinese providers answer in GBK as often as in UTF-8.
fn decode(text: &[u8]) -> String {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text.into(),
        Err(_) => GB18030.decode_without_bom_handling(text).0,
    };
    text.chars().filter(|c| !c.is_control()).collect()
}

fn parse_enhanced(line: &str) -> Option<([u16; 3], usize)> {
    let word = line.split(' ').next()?;
    let mut numbers = word.split('.').map(|part| match part.len() {
        1..=3 if part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse().ok(),
        _ => None,
    });
    let value = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some((value, word.len()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn replies_are_read_as_servers_write_them() {
        let gbk: &[u8] = b"550 \xD3\xCA\xBC\xFE\xB5\xD8\xD6\xB7\xB2\xBB\xB4\xE6\xD4\xDA\r\n";
        let cases: [(&[u8], &str); 7] = [
            (b"250 ok\r\n", "250 ok"),
            (b"250\r\n", "250 "),
            (b"250 ok\n", "250 ok"),
            (b"550-5.7.1 no\r\n550 5.7.1 way\r\n", "550 5.7.1 no way"),
            (b"550 4.7.1 class differs\r\n", "550 4.7.1 class differs"),
            (gbk, "550 邮件地址不存在"),
            ("535 认证失败\r\n".as_bytes(), "535 认证失败"),
        ];
        for (raw, expected) in cases {
            for cut in 0..raw.len() {
                assert_eq!(Reply::parse(&raw[..cut]), Ok(None), "{expected} at {cut}");
            }
            let (reply, used) = Reply::parse(raw).expect("a reply").expect("whole");
            assert_eq!(
                (reply.to_string().as_str(), used),
                (expected, raw.len()),
                "{reply:?}"
            );
        }
    }

    #[test]
    fn what_is_not_smtp_is_said_at_once() {
        let cases: [(&[u8], &str); 5] = [
            (b"* OK IMAP4rev1\r\n", "check the port"),
            (b"+OK POP3\r\n", "check the port"),
            (b"\x15\x03\x03\x00\x02\x02\x46", "choose TLS"),
            (b"250-a\r\n550 b\r\n", "check the port"),
            (b"999 what\r\n", "check the port"),
        ];
        for (raw, words) in cases {
            let error = Reply::parse(raw).expect_err("no reply");
            assert!(error.to_string().contains(words), "{error}");
        }
        let endless = vec![b'2'; REPLY_BYTES_MAX + 1];
        assert!(Reply::parse(&endless).is_err());
    }
}
