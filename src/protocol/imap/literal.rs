//! The announcement of a literal at the end of a line: `{n}`, `{n+}`, `~{n}`.
//!
//! ```abnf
//! literal = "{" number64 ["+"] "}" CRLF *CHAR8
//! ```

/// Most digits that are looked at; a 64-bit number has 20.
const DIGITS_MAX: usize = 40;

/// What the end of a line announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// A literal of `size` bytes follows; the announcement begins at `at`.
    Literal { at: usize, size: u64 },
    /// Written like one, but no number that can be meant (negative, over 64 bits).
    Absurd { text: String },
}

/// Looks at the end of `line`, which ends with LF. Never looks before `from`.
pub(super) fn announced(line: &[u8], from: usize) -> Option<Announced> {
    let own = line.get(from..)?;
    let own = own.strip_suffix(b"\n")?;
    let own = own.strip_suffix(b"\r").unwrap_or(own);
    let own = own.strip_suffix(b"}")?;
    let own = own.strip_suffix(b"+").unwrap_or(own);
    let start = own.len().saturating_sub(DIGITS_MAX + 1);
    let brace = start + memchr::memrchr(b'{', &own[start..])?;
    let number = std::str::from_utf8(&own[brace + 1..]).ok()?;
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // RFC 3516 section 4.1: `~{n}` is a literal8.
    let tilde = usize::from(own[..brace].ends_with(b"~"));
    Some(number.parse().map_or_else(
        |_| Announced::Absurd {
            text: number.to_owned(),
        },
        |size| Announced::Literal {
            at: from + brace - tilde,
            size,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements() {
        let size = |line: &[u8]| match announced(line, 0) {
            Some(Announced::Literal { at, size }) => Some((at, size)),
            _ => None,
        };
        assert_eq!(size(b"* 1 FETCH (BODY[] {12}\r\n"), Some((18, 12)));
        assert_eq!(size(b"x {12+}\n"), Some((2, 12)));
        assert_eq!(size(b"x ~{0}\r\n"), Some((2, 0)));
        assert_eq!(size(b"x {18446744073709551615}\r\n"), Some((2, u64::MAX)));
        for plain in [
            &b"x {}\r\n"[..],
            b"x {a}\r\n",
            b"x 12}\r\n",
            b"x {12} \r\n",
            b"\r\n",
            b"",
        ] {
            assert_eq!(announced(plain, 0), None, "{plain:?}");
        }
    }

    #[test]
    fn numbers_nobody_can_mean() {
        for number in ["-5", "18446744073709551616", "99999999999999999999"] {
            let line = format!("* 1 FETCH (BODY[] {{{number}}}\r\n");
            let text = number.to_owned();
            assert_eq!(
                announced(line.as_bytes(), 0),
                Some(Announced::Absurd { text })
            );
        }
    }

    #[test]
    fn an_earlier_part_of_the_response_is_not_looked_at() {
        assert_eq!(announced(b"{5}\r\n", 1), None);
        assert_eq!(announced(b"\r\n", 2), None);
    }
}
