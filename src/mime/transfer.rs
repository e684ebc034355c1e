//! Transfer encodings (RFC 2045 section 6): base64 and quoted-printable, in pieces of any size.
//!
//! Decoding never fails: what is no base64 is passed over, a broken `=XY` stays as written.

use memchr::memchr;

use crate::domain::message::TransferEncoding;

/// Not a base64 letter.
const NONE: u8 = 0xFF;
/// Most bytes of a line that quoted-printable may hold back: trailing blanks and `=XY`.
const HELD_MAX: usize = 1_024;

const BASE64: [u8; 256] = base64_table();

const fn base64_table() -> [u8; 256] {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NONE; 256];
    let mut at = 0;
    while at < 64 {
        #[allow(clippy::cast_possible_truncation, reason = "below 64")]
        let value = at as u8;
        table[letters[at] as usize] = value;
        at += 1;
    }
    // RFC 4648 section 5: some programs use the URL alphabet.
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
}

/// Reads the value of Content-Transfer-Encoding.
#[must_use]
pub(super) fn transfer_encoding(value: &[u8]) -> TransferEncoding {
    let value = value.trim_ascii();
    if value.eq_ignore_ascii_case(b"base64") {
        TransferEncoding::Base64
    } else if value.eq_ignore_ascii_case(b"quoted-printable") {
        TransferEncoding::QuotedPrintable
    } else {
        TransferEncoding::Identity
    }
}

/// Unwraps the bytes of one part as they come.
#[derive(Clone, Debug)]
pub struct TransferDecoder {
    encoding: TransferEncoding,
    /// Base64: bits not yet given out, and how many.
    bits: u32,
    count: u8,
    /// Quoted-printable: an unfinished end of the last piece.
    held: Vec<u8>,
}

impl TransferDecoder {
    /// Begins a part.
    #[must_use]
    pub fn new(encoding: TransferEncoding) -> Self {
        Self {
            encoding,
            bits: 0,
            count: 0,
            held: Vec::new(),
        }
    }

    /// Appends what `piece` holds to `decoded`.
    pub fn feed(&mut self, piece: &[u8], decoded: &mut Vec<u8>) {
        match self.encoding {
            TransferEncoding::Identity => decoded.extend_from_slice(piece),
            TransferEncoding::Base64 => self.feed_base64(piece, decoded),
            TransferEncoding::QuotedPrintable => self.feed_quoted(piece, decoded),
        }
    }

    /// Appends what was held back at the end.
    pub fn finish(mut self, decoded: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        quoted_line(&held, decoded);
    }

    fn feed_base64(&mut self, piece: &[u8], decoded: &mut Vec<u8>) {
        decoded.reserve(piece.len() / 4 * 3);
        let mut rest = piece;
        while !rest.is_empty() {
            if self.count == 0 {
                // Whole groups of four letters, which is nearly everything.
                while let Some((group, after)) = rest.split_first_chunk::<4>() {
                    let values = group.map(|letter| BASE64[usize::from(letter)]);
                    if values.contains(&NONE) {
                        break;
                    }
                    let bits = values
                        .iter()
                        .fold(0_u32, |bits, value| (bits << 6) | u32::from(*value));
                    decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
                    rest = after;
                }
            }
            let Some((letter, after)) = rest.split_first() else {
                return;
            };
            rest = after;
            self.feed_letter(*letter, decoded);
        }
    }

    fn feed_letter(&mut self, letter: u8, decoded: &mut Vec<u8>) {
        let value = BASE64[usize::from(letter)];
        if letter == b'=' {
            // Padding ends a group; another base64 text may follow it.
            (self.bits, self.count) = (0, 0);
        } else if value != NONE {
            self.bits = (self.bits << 6) | u32::from(value);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                decoded.push(self.bits.wrapping_shr(u32::from(self.count)).to_be_bytes()[3]);
                self.bits &= (1 << self.count) - 1;
            }
        }
    }

    fn feed_quoted(&mut self, piece: &[u8], decoded: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end + 1);
            if self.held.is_empty() {
                quoted_line(line, decoded);
            } else {
                self.held.extend_from_slice(line);
                quoted_line(&self.held, decoded);
                self.held.clear();
            }
            rest = after;
        }
        self.held.extend_from_slice(rest);
        if self.held.len() > HELD_MAX {
            // No line of mail is that long (RFC 5322 section 2.1.1); give out all but a possible `=XY`.
            let tail = self.held.len() - 2;
            let cut = memchr(b'=', &self.held[tail..]).map_or(self.held.len(), |at| tail + at);
            let kept = self.held.split_off(cut);
            quoted_run(&self.held, decoded);
            self.held = kept;
        }
    }
}

/// One line with its ending, or the last one without.
fn quoted_line(line: &[u8], decoded: &mut Vec<u8>) {
    let (text, ending) = match line {
        [text @ .., b'\r', b'\n'] => (text, &b"\r\n"[..]),
        [text @ .., b'\n'] => (text, &b"\n"[..]),
        text => (text, &b""[..]),
    };
    // RFC 2045 section 6.7 rule 3: blanks at the end of a line were added on the way.
    let text = text.trim_ascii_end();
    match text.split_last() {
        // Rule 5: a soft break.
        Some((b'=', text)) => quoted_run(text, decoded),
        _ => {
            quoted_run(text, decoded);
            decoded.extend_from_slice(ending);
        }
    }
}

fn quoted_run(text: &[u8], decoded: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr(b'=', rest) {
        decoded.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let byte = rest
            .split_first_chunk::<2>()
            .and_then(|(pair, _)| hex_pair(*pair));
        match byte {
            Some(byte) => {
                decoded.push(byte);
                rest = &rest[2..];
            }
            None => decoded.push(b'='),
        }
    }
    decoded.extend_from_slice(rest);
}

/// Two hexadecimal digits.
pub(super) fn hex_pair(pair: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()
}

/// Unwraps bytes that are all there.
#[must_use]
pub fn decode_transfer(bytes: &[u8], encoding: TransferEncoding) -> Vec<u8> {
    let mut decoder = TransferDecoder::new(encoding);
    let mut decoded = Vec::with_capacity(bytes.len());
    decoder.feed(bytes, &mut decoded);
    decoder.finish(&mut decoded);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wrapped_bytes_are_read_tolerantly() {
        use TransferEncoding::{Base64, Identity, QuotedPrintable};
        for (encoding, wrapped, bytes) in [
            (Base64, "SGVs\r\nbG8=\r\n", "Hello"),
            (Base64, "SGVsbG8", "Hello"),
            (Base64, "S G*V\u{1}sbG8=", "Hello"),
            (Base64, "SGVsbG8=SGVsbG8=", "HelloHello"),
            (QuotedPrintable, "a=20b=\r\nc \t\r\nd=3D=3d", "a bc\r\nd=="),
            (QuotedPrintable, "a=ZZ=4", "a=ZZ=4"),
            (QuotedPrintable, "a= \nb", "ab"),
            (Identity, "a=20", "a=20"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&decode_transfer(wrapped.as_bytes(), encoding)),
                bytes,
                "{wrapped:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            wrapped in "[a-zA-Z0-9=+/ \r\n]{0,120}",
            cut in 0usize..120,
            encoding in prop::sample::select(vec![TransferEncoding::Base64, TransferEncoding::QuotedPrintable]),
        ) {
            let (left, right) = wrapped.as_bytes().split_at(cut.min(wrapped.len()));
            let mut decoder = TransferDecoder::new(encoding);
            let mut decoded = Vec::new();
            decoder.feed(left, &mut decoded);
            decoder.feed(right, &mut decoded);
            decoder.finish(&mut decoded);
            prop_assert_eq!(decoded, decode_transfer(wrapped.as_bytes(), encoding));
        }
    }
}
