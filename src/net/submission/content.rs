//! The bytes of a mail as they may go onto the wire: every line ends in CRLF (THREATS 37).
//!
//! A bare CR or LF would let text of a mail end DATA early at a server that reads
//! line ends more generously than we do (SMTP smuggling).
//! Deliberately absent: dot-stuffing, which the SMTP library does on what leaves here.

use std::borrow::Cow;

/// About how many bytes go out at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The mail without its last line end: the end-of-data mark brings that along
/// (RFC 5321 section 4.1.1.4), so nothing is added to a mail that has one.
pub(super) fn without_last_line_end(mail: &[u8]) -> &[u8] {
    let mail = mail.strip_suffix(b"\n").unwrap_or(mail);
    mail.strip_suffix(b"\r").unwrap_or(mail)
}

/// The mail in chunks with right line ends; a chunk is copied only where it needs mending.
pub(super) fn chunks(mail: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let mut rest = mail;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len().min(CHUNK_BYTES);
        // A CRLF stays together, so that each chunk can be judged alone.
        if rest[end - 1] == b'\r' && rest.get(end) == Some(&b'\n') {
            end += 1;
        }
        let (chunk, after) = rest.split_at(end);
        rest = after;
        Some(mended(chunk))
    })
}

/// How many bytes the whole has on the wire, without dot-stuffing (RFC 1870 section 3).
pub(super) fn wire_bytes(mail: &[u8]) -> u64 {
    let whole: usize = chunks(mail).map(|chunk| chunk.len()).sum();
    whole as u64 + 2
}

fn mended(chunk: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = next_bare(chunk, 0) else {
        return Cow::Borrowed(chunk);
    };
    let mut whole = Vec::with_capacity(chunk.len() + chunk.len() / 32 + 2);
    let (mut from, mut bare) = (0, Some(first));
    while let Some(at) = bare {
        whole.extend_from_slice(&chunk[from..at]);
        whole.extend_from_slice(b"\r\n");
        from = at + 1;
        bare = next_bare(chunk, from);
    }
    whole.extend_from_slice(&chunk[from..]);
    Cow::Owned(whole)
}

/// Where the next CR or LF stands that is no half of a CRLF.
fn next_bare(chunk: &[u8], from: usize) -> Option<usize> {
    let mut searched = from;
    while let Some(found) = memchr::memchr2(b'\r', b'\n', &chunk[searched..]) {
        let at = searched + found;
        if chunk[at] == b'\n' || chunk.get(at + 1) != Some(&b'\n') {
            return Some(at);
        }
        searched = at + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(mail: &[u8]) -> Vec<u8> {
        chunks(without_last_line_end(mail))
            .flat_map(Cow::into_owned)
            .collect()
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"a\r\nb\r\n", b"a\r\nb"),
            (b"a\n.\nb", b"a\r\n.\r\nb"),
            (b"a\r.\rb", b"a\r\n.\r\nb"),
            (b"a\r\n.\rb", b"a\r\n.\r\nb"),
            (b"a\r\r\nb\n", b"a\r\n\r\nb"),
            (b"a\n\r\nb", b"a\r\n\r\nb"),
            (b"a\n\r", b"a\r\n"),
            (b"", b""),
        ];
        for (mail, expected) in cases {
            assert_eq!(wire(mail), expected, "{mail:?}");
            let without = without_last_line_end(mail);
            assert_eq!(wire_bytes(without), expected.len() as u64 + 2);
        }
    }

    #[test]
    fn chunk_borders_change_nothing_and_clean_mail_is_not_copied() {
        for shift in 0..4 {
            let mut mail = vec![b'x'; CHUNK_BYTES - 2 + shift];
            mail.extend_from_slice(b"\r\nnext\r\n.\r\nend");
            assert_eq!(wire(&mail), mail, "{shift}");
            assert!(chunks(&mail).all(|chunk| matches!(chunk, Cow::Borrowed(_))));
        }
    }
}
