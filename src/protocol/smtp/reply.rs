//! A reply: code (RFC 5321 section 4.2), status (RFC 3463) and a sentence.

use bytes::BytesMut;

/// One reply of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    status: &'static str,
    text: String,
}

impl Reply {
    /// RFC 5321 section 4.5.3.1.5: 512 octets with code and CRLF; the text gets the rest.
    const TEXT_LENGTH_MAX: usize = 480;

    /// `status` is written as in "5.7.8"; control characters in `text` become blanks,
    /// so that a text of a stranger never makes a line of its own.
    #[must_use]
    pub fn new(code: u16, status: &'static str, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        if text.chars().any(char::is_control) {
            text = text.replace(char::is_control, " ");
        }
        text.truncate(text.floor_char_boundary(Self::TEXT_LENGTH_MAX));
        Self { code, status, text }
    }

    /// The sender or recipient is welcome.
    #[must_use]
    pub fn ok() -> Self {
        Self::new(250, "2.1.0", "OK")
    }

    /// The mail is durable: from now on it is ours to lose.
    #[must_use]
    pub fn stored() -> Self {
        Self::new(250, "2.6.0", "Stored")
    }

    /// The password is right (RFC 4954 section 6).
    #[must_use]
    pub fn authenticated() -> Self {
        Self::new(235, "2.7.0", "Welcome")
    }

    /// The password is wrong (RFC 4954 section 6).
    #[must_use]
    pub fn bad_credentials() -> Self {
        Self::new(535, "5.7.8", "User name or password is wrong")
    }

    /// The three digits.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Whether it grants what was asked (2xx).
    #[must_use]
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        let Self { code, status, text } = self;
        let line = if status.is_empty() {
            format!("{code} {text}\r\n")
        } else {
            format!("{code} {status} {text}\r\n")
        };
        out.extend_from_slice(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_never_becomes_a_second_line() {
        let mut out = BytesMut::new();
        Reply::new(550, "5.1.1", "no\r\n250 yes").write(&mut out);
        assert_eq!(&out[..], b"550 5.1.1 no  250 yes\r\n");
    }
}
