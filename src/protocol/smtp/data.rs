//! Finds the end of a mail in what follows DATA (RFC 5321 section 4.1.1.4), and
//! takes the doubled dots out (section 4.5.2).
//!
//! Deliberately strict: servers that also end a mail at LF `.` LF, or let a bare
//! CR or LF through to one that does, can be made to see a second mail inside the
//! first ("SMTP smuggling", CVE-2023-51764).

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// Reads one mail. Made anew for each.
#[derive(Debug)]
pub struct DataReader {
    at: At,
}

/// Where in a line the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    Middle,
    /// After a CR, which nothing but LF may follow.
    Cr,
    /// After a dot that began the line and has been taken out.
    Dot,
    /// After such a dot and a CR.
    DotCr,
}

/// How far one call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All input is used up, the mail goes on.
    More,
    /// The mail is complete; what is left in the input belongs to the next command.
    End,
}

/// A CR without LF, or an LF without CR: the mail is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of the mail ends in a bare CR or LF instead of CRLF")]
pub struct BareNewline;

impl Default for DataReader {
    fn default() -> Self {
        Self::new()
    }
}

impl DataReader {
    /// Stands where the first line of the mail begins: the CRLF of the DATA
    /// command counts as the one before a final dot (RFC 5321 section 4.1.1.4).
    #[must_use]
    pub fn new() -> Self {
        Self { at: At::LineStart }
    }

    /// Takes bytes off `input` and hands the mail's own bytes to `sink`, without
    /// copying them.
    ///
    /// # Errors
    /// At the first bare CR or LF. The reader is of no use afterwards.
    pub fn read(
        &mut self,
        input: &mut BytesMut,
        mut sink: impl FnMut(Bytes),
    ) -> Result<Progress, BareNewline> {
        while !input.is_empty() {
            let run = self.run(input)?;
            if run.keep > 0 {
                sink(input.split_to(run.keep).freeze());
            }
            let _ = input.split_to(run.skip);
            if run.end {
                return Ok(Progress::End);
            }
        }
        Ok(Progress::More)
    }

    /// The longest piece that belongs to the mail, and what to drop after it.
    fn run(&mut self, input: &[u8]) -> Result<Run, BareNewline> {
        let mut i = 0;
        while let Some(&byte) = input.get(i) {
            self.at = match (self.at, byte) {
                (At::LineStart, b'.') => {
                    self.at = At::Dot;
                    return Ok(Run::new(i, 1));
                }
                // RFC 5321 section 2.3.8: CR and LF must not appear but as CRLF.
                (At::LineStart | At::Middle | At::Dot, b'\n') => return Err(BareNewline),
                (At::LineStart | At::Middle, b'\r') => At::Cr,
                (At::Cr, b'\n') => At::LineStart,
                (At::Dot, b'\r') => {
                    self.at = At::DotCr;
                    return Ok(Run::new(i, 1));
                }
                (At::DotCr, b'\n') => {
                    return Ok(Run {
                        end: true,
                        ..Run::new(i, 1)
                    });
                }
                (At::Cr | At::DotCr, _) => return Err(BareNewline),
                (At::LineStart | At::Middle | At::Dot, _) => {
                    i += memchr2(b'\r', b'\n', &input[i..]).unwrap_or(input.len() - i);
                    self.at = At::Middle;
                    continue;
                }
            };
            i += 1;
        }
        Ok(Run::new(input.len(), 0))
    }
}

/// `keep` bytes of the mail, then `skip` bytes that are not.
struct Run {
    keep: usize,
    skip: usize,
    end: bool,
}

impl Run {
    fn new(keep: usize, skip: usize) -> Self {
        Self {
            keep,
            skip,
            end: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Reads `input` in pieces that end at `cuts`; the mail, and what is left, if it ended.
    fn read(input: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, Option<Vec<u8>>), BareNewline> {
        let mut reader = DataReader::new();
        let mut mail = Vec::new();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
        cuts.push(input.len());
        cuts.sort_unstable();
        let mut from = 0;
        for to in cuts {
            let mut piece = BytesMut::from(&input[from..to]);
            let progress = reader.read(&mut piece, |bytes| mail.extend_from_slice(&bytes))?;
            if progress == Progress::End {
                piece.extend_from_slice(&input[to..]);
                return Ok((mail, Some(piece.to_vec())));
            }
            from = to;
        }
        Ok((mail, None))
    }

    fn check(input: &str, mail: &str, left: Option<&str>) {
        let each: Vec<usize> = (0..input.len()).collect();
        for cuts in [&[][..], &each] {
            let (read, rest) = read(input.as_bytes(), cuts).expect("no bare newline");
            assert_eq!(String::from_utf8_lossy(&read), mail);
            assert_eq!(rest.as_deref(), left.map(str::as_bytes));
        }
    }

    #[test]
    fn ends_only_at_a_dot_alone() {
        check(".\r\n", "", Some(""));
        check("a\r\n.\r\nQUIT\r\n", "a\r\n", Some("QUIT\r\n"));
        check("..\r\n.b\r\n.\r\n", ".\r\nb\r\n", Some(""));
        check("a.\r\n..\r\n", "a.\r\n.\r\n", None);
        check("a\r\n.", "a\r\n", None);
    }

    #[test]
    fn bare_newlines_are_refused_wherever_they_stand() {
        for input in [
            "a\n.\r\n",
            "a\n.\n",
            "a\r\n.\n",
            "a\r.\r\n",
            "a\r\r\n.\r\n",
            ".\r.\r\n",
            "\n",
            "..\n",
            "a\r\n.\rb",
        ] {
            let each: Vec<usize> = (0..input.len()).collect();
            assert_eq!(read(input.as_bytes(), &[]), Err(BareNewline), "{input:?}");
            assert_eq!(read(input.as_bytes(), &each), Err(BareNewline), "{input:?}");
        }
    }

    fn lines() -> impl Strategy<Value = Vec<String>> {
        vec("[.a\u{0}é]{0,5}", 0..8)
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_mail_that_was_sent(lines in lines(), cuts in vec(0usize..64, 0..8)) {
            let mail: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let stuffed: String = lines
                .iter()
                .map(|line| format!("{}{line}\r\n", if line.starts_with('.') { "." } else { "" }))
                .collect();
            let wire = format!("{stuffed}.\r\nMAIL");
            let (read, left) = read(wire.as_bytes(), &cuts).expect("only CRLF inside");
            prop_assert_eq!(String::from_utf8_lossy(&read), mail);
            prop_assert_eq!(left, Some(b"MAIL".to_vec()));
        }

        #[test]
        fn hostile_bytes_read_the_same_in_any_chunking(
            bytes in vec(prop::sample::select(vec![b'\r', b'\n', b'.', b'a']), 0..24),
            cuts in vec(0usize..24, 0..8),
        ) {
            let whole = read(&bytes, &[]);
            prop_assert_eq!(&read(&bytes, &cuts), &whole);
            if let Ok((_, Some(left))) = whole {
                let used = &bytes[..bytes.len() - left.len()];
                prop_assert!(used == b".\r\n" || used.ends_with(b"\r\n.\r\n"));
            }
        }
    }
}
