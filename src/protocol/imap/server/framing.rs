//! Finds where a command ends: lines, and the literals they announce (RFC 3501
//! section 4.3, RFC 7888). A big literal never reaches the codec; it is put aside,
//! and a small one stands in its place.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// Cuts commands off the input.
#[derive(Debug, Default)]
pub(super) struct Framer {
    command: Vec<u8>,
    literal: Option<Literal>,
    aside: Option<BytesMut>,
}

#[derive(Debug)]
struct Literal {
    left: usize,
    aside: bool,
}

/// A whole command, ready for the codec.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) command: Vec<u8>,
    /// The literal that was too big for the codec.
    pub(super) aside: Option<Bytes>,
}

impl Frame {
    /// The tag, so that even what cannot be read is answered; `*` where there is none.
    pub(super) fn tag(&self) -> String {
        let word = self.command.trim_ascii().split(|b| *b == b' ').next();
        let word = word.and_then(|word| std::str::from_utf8(word).ok());
        match word {
            Some(tag) if !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                tag.to_owned()
            }
            _ => "*".to_owned(),
        }
    }
}

/// What the input led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All is used up, the command goes on.
    More,
    /// The client waits for `+` before it sends its literal.
    Continue,
    /// A command.
    Frame(Frame),
    /// The client waits, and its literal is not wanted; the command is over.
    Refused(Frame),
    /// There is no bounded way to go on.
    Flood,
}

impl Framer {
    /// Longest command without the literal put aside, in bytes.
    const COMMAND_LENGTH_MAX: usize = 64 * 1024;
    /// Longest literal the codec gets to see, in bytes.
    const INLINE_MAX: usize = 4_096;
    /// Largest mail a client may append, in bytes.
    const APPEND_MAX: usize = 64 * 1024 * 1024;
    /// What the codec sees instead of a literal put aside.
    const PLACEHOLDER: &[u8] = b"{1+}\r\nx";

    /// Whether a command has begun and is not complete.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Step {
        loop {
            if let Some(literal) = &mut self.literal {
                let taken = input.split_to(literal.left.min(input.len()));
                literal.left -= taken.len();
                match &mut self.aside {
                    Some(aside) if literal.aside => aside.extend_from_slice(&taken),
                    _ => self.command.extend_from_slice(&taken),
                }
                if literal.left > 0 {
                    return Step::More;
                }
                self.literal = None;
            }
            let room = Self::COMMAND_LENGTH_MAX.saturating_sub(self.command.len());
            let Some(lf) = memchr(b'\n', &input[..input.len().min(room)]) else {
                return if input.len() >= room {
                    Step::Flood
                } else {
                    Step::More
                };
            };
            let line = input.split_to(lf + 1);
            self.command.extend_from_slice(&line);
            let Some((length, waits)) = announced(&line) else {
                return Step::Frame(self.take());
            };
            match self.begin(length, waits) {
                Some(step) => return step,
                None if waits => return Step::Continue,
                None => {}
            }
        }
    }

    /// Prepares for a literal; a step where it is not acceptable.
    fn begin(&mut self, length: usize, waits: bool) -> Option<Step> {
        let aside = length > Self::INLINE_MAX;
        let acceptable = !aside || self.is_append() && length <= Self::APPEND_MAX;
        if !acceptable || aside && self.aside.is_some() {
            let step = if waits {
                Step::Refused(self.take())
            } else {
                Step::Flood
            };
            return Some(step);
        }
        if aside {
            let open = self.command.iter().rposition(|b| *b == b'{');
            self.command.truncate(open.unwrap_or_default());
            self.command.extend_from_slice(Self::PLACEHOLDER);
            self.aside = Some(BytesMut::new());
        }
        self.literal = Some(Literal {
            left: length,
            aside,
        });
        None
    }

    fn is_append(&self) -> bool {
        let mut words = self.command.split(|b| *b == b' ');
        words
            .nth(1)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"APPEND"))
    }

    fn take(&mut self) -> Frame {
        Frame {
            command: std::mem::take(&mut self.command),
            aside: self.aside.take().map(BytesMut::freeze),
        }
    }
}

/// Length of the literal that `line` announces at its end, and whether the client
/// waits for `+`.
fn announced(line: &[u8]) -> Option<(usize, bool)> {
    let text = line.strip_suffix(b"\n")?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let text = text.strip_suffix(b"}")?;
    let open = text.iter().rposition(|b| *b == b'{')?;
    let digits = std::str::from_utf8(&text[open + 1..]).ok()?;
    let (digits, waits) = match digits.strip_suffix('+') {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // More digits than fit are a length beyond every bound.
    all.then(|| (digits.parse().unwrap_or(usize::MAX), waits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(input: &str) -> (Vec<Step>, String) {
        let mut framer = Framer::default();
        let mut input = BytesMut::from(input);
        let mut steps = Vec::new();
        loop {
            let step = framer.next(&mut input);
            let on = matches!(step, Step::Continue | Step::Frame(_) | Step::Refused(_));
            steps.push(step);
            if !on {
                return (steps, String::from_utf8_lossy(&input).into_owned());
            }
        }
    }

    #[test]
    fn small_literals_stay_and_big_ones_go_aside() {
        let big = "y".repeat(5_000);
        let (steps, _) = frame(&format!(
            "a APPEND {{4}}\r\nSent {{5000+}}\r\n{big}\r\nb NOOP\r\n"
        ));
        let append = Frame {
            command: b"a APPEND {4}\r\nSent {1+}\r\nx\r\n".to_vec(),
            aside: Some(Bytes::from(big)),
        };
        let noop = Frame {
            command: b"b NOOP\r\n".to_vec(),
            aside: None,
        };
        assert_eq!(
            steps,
            [
                Step::Continue,
                Step::Frame(append),
                Step::Frame(noop),
                Step::More
            ]
        );
    }

    #[test]
    fn what_has_no_bound_is_refused() {
        let (steps, _) = frame("a LOGIN {9999999999999999999999}\r\n");
        assert!(matches!(steps[..], [Step::Refused(_), Step::More]));
        let (steps, _) = frame("a LOGIN {5000+}\r\n");
        assert_eq!(steps, [Step::Flood]);
        let (steps, _) = frame(&"x".repeat(70_000));
        assert_eq!(steps, [Step::Flood]);
    }
}
