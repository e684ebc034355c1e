//! One file for many mails: mbox, with the quoting called mboxrd.
//!
//! A line that begins with any number of `>` and `From ` gets one more `>`, so that
//! nothing in a mail looks like the beginning of the next; taking one off again gives
//! the exact bytes back. Everything else is copied as it is.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const FROM: &[u8] = b"From ";

/// Writes mails one after the other, in pieces of any size.
#[derive(Debug)]
pub(super) struct Mbox {
    /// Where in its line the next byte stands.
    place: Place,
    last: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind nothing but `>`.
    Start,
    /// So many bytes of `From ` have been held back.
    Held(usize),
    Inside,
}

impl Mbox {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Start,
            last: b'\n',
        }
    }

    /// Begins a mail.
    pub(super) fn begin(&mut self, sender: &str, at: Timestamp, out: &mut Vec<u8>) {
        let sender = if sender.is_empty() || sender.contains(char::is_whitespace) {
            "MAILER-DAEMON"
        } else {
            sender
        };
        let date = at.to_zoned(TimeZone::UTC);
        let date = date.strftime("%a %b %e %H:%M:%S %Y");
        out.extend_from_slice(format!("From {sender} {date}\n").as_bytes());
        *self = Self::new();
    }

    /// The next bytes of the mail.
    pub(super) fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            self.put(*byte, out);
        }
    }

    /// Ends the mail with an empty line.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if let Place::Held(count) = self.place {
            out.extend_from_slice(&FROM[..count]);
            self.last = FROM[count - 1];
        }
        if self.last != b'\n' {
            out.push(b'\n');
        }
        out.push(b'\n');
    }

    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        let held = match self.place {
            Place::Start if byte == b'>' => {
                out.push(byte);
                self.last = byte;
                return;
            }
            Place::Start => 0,
            Place::Held(count) => count,
            Place::Inside => {
                self.pass(byte, out);
                return;
            }
        };
        if byte != FROM[held] {
            out.extend_from_slice(&FROM[..held]);
            self.pass(byte, out);
        } else if held + 1 < FROM.len() {
            self.place = Place::Held(held + 1);
        } else {
            out.push(b'>');
            out.extend_from_slice(&FROM[..held]);
            self.pass(byte, out);
        }
    }

    fn pass(&mut self, byte: u8, out: &mut Vec<u8>) {
        out.push(byte);
        self.last = byte;
        self.place = if byte == b'\n' {
            Place::Start
        } else {
            Place::Inside
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mail: &[u8], piece: usize) -> Vec<u8> {
        let (mut mbox, mut out) = (Mbox::new(), Vec::new());
        mbox.begin("a@b.example", Timestamp::UNIX_EPOCH, &mut out);
        for piece in mail.chunks(piece) {
            mbox.write(piece, &mut out);
        }
        mbox.end(&mut out);
        out
    }

    /// What a reader of mboxrd makes of it.
    fn read(mbox: &[u8]) -> Vec<Vec<u8>> {
        let mut mails: Vec<Vec<u8>> = Vec::new();
        for line in mbox.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(FROM) {
                mails.push(Vec::new());
                continue;
            }
            let quotes = line.iter().take_while(|byte| **byte == b'>').count();
            let line = if quotes > 0 && line[quotes..].starts_with(FROM) {
                &line[1..]
            } else {
                line
            };
            mails.last_mut().expect("a From line first").extend(line);
        }
        for mail in &mut mails {
            assert_eq!(mail.pop(), Some(b'\n'), "an empty line ends a mail");
        }
        mails
    }

    #[test]
    fn exact_bytes_come_back_however_they_were_cut() {
        let mails: [&[u8]; 6] = [
            b"Subject: x\r\n\r\nFrom here\r\n>From there\r\n>>From\r\nFro\r\n",
            b"From \r\n",
            b"Fro\n",
            b">>>\nFFrom \n",
            b"\n",
            b"a\r\nFrom: b\r\n\r\nFrom \n",
        ];
        for mail in mails {
            for piece in 1..8 {
                let mbox = written(mail, piece);
                assert_eq!(read(&mbox), [mail], "{piece}");
            }
        }
    }

    #[test]
    fn the_first_line_names_sender_and_time_and_a_last_line_is_ended() {
        let mbox = written(b"no end", 4);
        let text = String::from_utf8(mbox).expect("text");
        assert_eq!(
            text,
            "From a@b.example Thu Jan  1 00:00:00 1970\nno end\n\n"
        );
        assert_eq!(written(b"x\nFro", 2).last(), Some(&b'\n'));
    }
}
