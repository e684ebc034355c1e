//! The bytes of a mail between its status line and the line with a single dot
//! (RFC 1939 section 3), without the dots that were put in front of others.
//!
//! Only `CRLF . CRLF` ends a mail. A mail may hold lone LFs, and a reader that took
//! `LF . LF` for an end would take the rest of a stranger's mail for the server's
//! answers. The exception is a server that ended its status line with a lone LF: it
//! writes all lines so, and therefore has put a dot in front of every dot behind one.

use bytes::{Buf, Bytes};
use memchr::memchr;

/// What the next bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes of the mail.
    Chunk(Bytes),
    /// It is complete.
    End,
}

/// Where in a line reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    /// Behind a dot that began the line; it has not been handed out.
    Dot,
    /// Behind that dot and a CR; neither has been handed out.
    DotCr,
    Inside {
        after_cr: bool,
    },
}

/// Reads one mail.
#[derive(Clone, Debug)]
pub(super) struct BodyReader {
    place: Place,
    /// Lines end in LF alone.
    bare: bool,
}

impl BodyReader {
    /// The status line has just been read; `bare` says how that one ended.
    pub(super) fn new(bare: bool) -> Self {
        Self {
            place: Place::Start,
            bare,
        }
    }

    /// Takes bytes off `input`; `None` when it is empty.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Option<Step> {
        loop {
            let first = *input.first()?;
            match (self.place, first) {
                (Place::Start, b'.') => {
                    self.place = Place::Dot;
                    input.advance(1);
                }
                (Place::Dot, b'\r') => {
                    self.place = Place::DotCr;
                    input.advance(1);
                }
                (Place::DotCr, b'\n') => return Some(self.end(input)),
                (Place::Dot, b'\n') if self.bare => return Some(self.end(input)),
                // The dot was put there for us.
                (Place::Dot, b'.') => self.place = Place::Inside { after_cr: false },
                // A server that forgot to: the dot is the mail's own.
                (Place::Dot, _) => return Some(self.held(b".", false)),
                (Place::DotCr, _) => return Some(self.held(b".\r", true)),
                (Place::Start, _) => self.place = Place::Inside { after_cr: false },
                (Place::Inside { after_cr }, _) => {
                    return Some(Step::Chunk(self.lines(input, after_cr)));
                }
            }
        }
    }

    fn end(&mut self, input: &mut Bytes) -> Step {
        input.advance(1);
        Step::End
    }

    fn held(&mut self, bytes: &'static [u8], after_cr: bool) -> Step {
        self.place = Place::Inside { after_cr };
        Step::Chunk(Bytes::from_static(bytes))
    }

    /// Whole lines in one piece, up to one that begins with a dot.
    fn lines(&mut self, input: &mut Bytes, after_cr: bool) -> Bytes {
        let mut at = 0;
        while let Some(lf) = memchr(b'\n', &input[at..]).map(|found| at + found) {
            let cr = match lf {
                0 => after_cr,
                lf => input[lf - 1] == b'\r',
            };
            at = lf + 1;
            if (cr || self.bare) && matches!(input.get(at), None | Some(b'.')) {
                self.place = Place::Start;
                return input.split_to(at);
            }
        }
        self.place = Place::Inside {
            after_cr: input.last() == Some(&b'\r'),
        };
        input.split_to(input.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(stream: &[u8], piece: usize, bare: bool) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut reader = BodyReader::new(bare);
        let mut mail = Vec::new();
        for (index, piece_bytes) in stream.chunks(piece).enumerate() {
            let mut input = Bytes::copy_from_slice(piece_bytes);
            while let Some(step) = reader.next(&mut input) {
                match step {
                    Step::Chunk(chunk) => mail.extend_from_slice(&chunk),
                    Step::End => {
                        let used = index * piece + piece_bytes.len() - input.len();
                        return (mail, Some(stream[used..].to_vec()));
                    }
                }
            }
        }
        (mail, None)
    }

    /// A stream, whether its lines end in LF alone, the mail, and what is left.
    type Case = (&'static [u8], bool, &'static [u8], Option<&'static [u8]>);

    #[test]
    fn dots_and_ends() {
        let cases: [Case; 10] = [
            (b".\r\n", false, b"", Some(b"")),
            (b"a\r\n.\r\n+OK", false, b"a\r\n", Some(b"+OK")),
            (b"..\r\n...\r\n.\r\n", false, b".\r\n..\r\n", Some(b"")),
            (b".a\r\n.\r\n", false, b".a\r\n", Some(b"")),
            (b".\ra\r\n.\r\n", false, b".\ra\r\n", Some(b"")),
            (b".\n\r\n.\r\n", false, b".\n\r\n", Some(b"")),
            // What a stranger writes behind a lone LF is his mail.
            (
                b"a\n.\r\n+OK\n.\n\r\n.\r\n",
                false,
                b"a\n.\r\n+OK\n.\n\r\n",
                Some(b""),
            ),
            (b"a\r\n\r\n", false, b"a\r\n\r\n", None),
            (b"a\n..\n.\nx", true, b"a\n.\n", Some(b"x")),
            (b"a\r\n..b\n.\r\nx", true, b"a\r\n.b\n", Some(b"x")),
        ];
        for (stream, bare, mail, rest) in cases {
            for piece in [usize::MAX, 1, 2, 3] {
                let expected = (mail.to_vec(), rest.map(<[u8]>::to_vec));
                assert_eq!(
                    read(stream, piece, bare),
                    expected,
                    "{}",
                    stream.escape_ascii()
                );
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_stuffed_comes_back(
            lines in prop::collection::vec("[.\\ra\\x0a]{0,5}", 0..8),
            piece in 1_usize..9,
        ) {
            let mail: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            // As a server does that knows CRLF as the only end of a line.
            let stuffed = format!("\r\n{mail}").replace("\r\n.", "\r\n..");
            let stream = [&stuffed.as_bytes()[2..], b".\r\n+OK"].concat();
            let (read, rest) = read(&stream, piece, false);
            prop_assert_eq!(read, mail.as_bytes());
            prop_assert_eq!(rest.as_deref(), Some(&b"+OK"[..]));
        }
    }
}
