//! The fingerprint: what makes two arrivals one mail, whichever folder, protocol or
//! line-ending they came with. Compared within one workspace only.
//!
//! Deliberately absent: reading mail. `mime::walk` feeds the hasher on its way.

use std::fmt;

use memchr::memchr2_iter;

/// Version 1: blake3 of the version, the unfolded From, Date, Subject and Message-ID,
/// and the body with every line-ending as CRLF. A mail with none of these fields has
/// its whole header in front of the body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// First byte that is hashed; a changed recipe takes the next number.
    pub const VERSION: u8 = 1;
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The header fields that count, raw as in the mail, folds included; empty where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FingerprintFields<'a> {
    /// Value of the first `From`.
    pub from: &'a [u8],
    /// Value of the first `Date`.
    pub date: &'a [u8],
    /// Value of the first `Subject`.
    pub subject: &'a [u8],
    /// Value of the first `Message-ID`.
    pub message_id: &'a [u8],
}

/// Computes a [`Fingerprint`] while the body passes by in chunks of any size.
#[derive(Clone, Debug)]
pub struct FingerprintHasher {
    hasher: blake3::Hasher,
    /// Body bytes hashed so far, after normalising; closes the last field.
    length: u64,
    /// The last byte was a CR that has been hashed as CRLF; an LF now adds nothing.
    after_cr: bool,
}

impl FingerprintHasher {
    /// Begins with the header.
    #[must_use]
    pub fn new(fields: &FingerprintFields<'_>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[Fingerprint::VERSION]);
        let mut unfolded = Vec::new();
        for field in [fields.from, fields.date, fields.subject, fields.message_id] {
            unfold(field, &mut unfolded);
            // The length in front keeps "ab" + "c" apart from "a" + "bc".
            hasher.update(&(unfolded.len() as u64).to_le_bytes());
            hasher.update(&unfolded);
        }
        Self {
            hasher,
            length: 0,
            after_cr: false,
        }
    }

    /// Takes the next bytes of the body, everything behind the header's empty line.
    pub fn body(&mut self, chunk: &[u8]) {
        let mut chunk = chunk;
        if chunk.is_empty() {
            return;
        }
        if std::mem::take(&mut self.after_cr) {
            chunk = chunk.strip_prefix(b"\n").unwrap_or(chunk);
        }
        let mut start = 0;
        let mut resume = 0;
        for at in memchr2_iter(b'\r', b'\n', chunk) {
            if at < resume {
                continue;
            }
            if chunk[at] == b'\r' && chunk.get(at + 1) == Some(&b'\n') {
                // Already CRLF: the run goes on, so that long bodies are hashed in long pieces.
                resume = at + 2;
                continue;
            }
            self.after_cr = chunk[at] == b'\r' && at + 1 == chunk.len();
            self.update(&chunk[start..at]);
            self.update(b"\r\n");
            start = at + 1;
        }
        self.update(&chunk[start..]);
    }

    /// The fingerprint of what has been fed.
    #[must_use]
    pub fn finish(mut self) -> Fingerprint {
        self.hasher.update(&self.length.to_le_bytes());
        Fingerprint(*self.hasher.finalize().as_bytes())
    }

    fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }
}

/// Blanks and folds become one space, none at the ends: servers refold headers.
fn unfold(value: &[u8], unfolded: &mut Vec<u8>) {
    unfolded.clear();
    for word in value
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
    {
        if !unfolded.is_empty() {
            unfolded.push(b' ');
        }
        unfolded.extend_from_slice(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: FingerprintFields<'static> = FingerprintFields {
        from: b" Anna <anna@example.com>",
        date: b" Mon, 2 Mar 2026 10:00:00 +0100",
        subject: b" Your order",
        message_id: b" <1@example.com>",
    };

    fn fingerprint(fields: &FingerprintFields<'_>, chunks: &[&[u8]]) -> Fingerprint {
        let mut hasher = FingerprintHasher::new(fields);
        chunks.iter().for_each(|chunk| hasher.body(chunk));
        hasher.finish()
    }

    #[test]
    fn the_recipe_does_not_drift() {
        // Stored rows depend on it: another value here needs another version.
        let value = fingerprint(&FIELDS, &[b"Hello\r\n"]).to_string();
        assert_eq!(
            value,
            "9224a2bae4e5afbe7191205a97c371ba17f6deb934b2f0a226d8f0231762f5e7"
        );
    }

    #[test]
    fn line_endings_and_folds_make_no_difference() {
        let value = fingerprint(&FIELDS, &[b"a\r\nb\r\n\r\n"]);
        assert_eq!(value, fingerprint(&FIELDS, &[b"a\nb\n\n"]));
        assert_eq!(value, fingerprint(&FIELDS, &[b"a\rb\r\r"]));
        let folded = FingerprintFields {
            subject: b" Your\r\n\torder \r\n",
            ..FIELDS
        };
        assert_eq!(value, fingerprint(&folded, &[b"a\nb\n\n"]));
    }

    #[test]
    fn every_field_counts_and_none_runs_into_the_next() {
        let value = fingerprint(&FIELDS, &[b"x"]);
        let moved = FingerprintFields {
            subject: b" Your order <1@example.com>",
            message_id: b"",
            ..FIELDS
        };
        assert_ne!(value, fingerprint(&moved, &[b"x"]));
        assert_ne!(value, fingerprint(&FIELDS, &[b"x\n"]));
        assert_ne!(
            fingerprint(&FIELDS, &[b"x\n"]),
            fingerprint(&FIELDS, &[b"x\n\n"])
        );
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(body in prop::collection::vec(prop::sample::select(b"\r\nab".to_vec()), 0..40), cuts in prop::collection::vec(0usize..40, 0..5)) {
            let whole = fingerprint(&FIELDS, &[&body]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
            prop_assert_eq!(whole, fingerprint(&FIELDS, &chunks));
            let lf = String::from_utf8_lossy(&body).replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(whole, fingerprint(&FIELDS, &[lf.as_bytes()]));
        }
    }
}
