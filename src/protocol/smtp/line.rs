//! Cuts command lines off what came in: bounded, and ended by CRLF only.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// Why what came in is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFault {
    /// A CR or LF that stands alone.
    Bare,
    /// No end within the limit.
    TooLong,
}

/// Takes one line off `input`, its CRLF included; `None` while it is incomplete.
pub(super) fn take(input: &mut BytesMut, length_max: usize) -> Result<Option<Bytes>, LineFault> {
    let seen = &input[..input.len().min(length_max)];
    let Some(lf) = memchr(b'\n', seen) else {
        return if input.len() >= length_max {
            Err(LineFault::TooLong)
        } else {
            Ok(None)
        };
    };
    // RFC 5321 section 2.3.8: a line ends in CRLF, and neither byte stands alone.
    if memchr(b'\r', seen).map(|cr| cr + 1) != Some(lf) {
        return Err(LineFault::Bare);
    }
    Ok(Some(input.split_to(lf + 1).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_crlf_and_nothing_else() {
        for (input, expected) in [
            ("NOOP\r\nQUIT", Ok(Some("NOOP\r\n"))),
            ("\r\n", Ok(Some("\r\n"))),
            ("NOOP\r", Ok(None)),
            ("NOOP\n", Err(LineFault::Bare)),
            ("\n", Err(LineFault::Bare)),
            ("NO\rOP\r\n", Err(LineFault::Bare)),
            ("NOOPNOOPNOOP", Err(LineFault::TooLong)),
        ] {
            let mut input = BytesMut::from(input);
            let line = take(&mut input, 10);
            assert_eq!(line, expected.map(|line| line.map(Bytes::from)));
        }
    }
}
