//! Cuts the server's stream into responses, before anything is parsed.
//!
//! A response costs one copy of its skeleton (the lines without mail bodies). Bodies
//! are handed on as slices of what was read; in the skeleton `{0}` CRLF stands for
//! them. Every other literal becomes a quoted string, so that what the codec sees is
//! one line. Each byte is looked at once, however the stream is cut.

use bytes::{Buf as _, Bytes, BytesMut};

use super::fetch_scan::is_fetch;
use super::literal::{Announced, announced};
use super::normalize::quote_from;
use super::options::Options;
use super::status_line::is_status_line;

/// What is kept of a response that is too long: enough for a tag and a text.
const HEAD_MAX: usize = 1024;

/// What is kept of the end of a line that is thrown away: enough for `{n+}` CRLF.
const TAIL_MAX: usize = 64;

/// A buffer that grew beyond this is given back after use, in bytes.
const KEPT_CAPACITY_MAX: usize = 4 * 1024;

/// The placeholder of a body. No other literal is left in a skeleton.
const PLACEHOLDER: &[u8] = b"{0}\r\n";

/// A piece of the server's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A response is complete; `Splitter::line` has it.
    Response {
        /// Only its beginning was kept.
        too_long: bool,
    },
    /// A mail body follows; `Splitter::line` has what came before it.
    BodyBegan {
        /// Announced size, in bytes.
        size: u64,
    },
    /// Its next bytes.
    BodyChunk(Bytes),
    /// A mail body larger than `body_max` was announced; its bytes are thrown away.
    BodyDiscarded {
        /// Announced size, in bytes.
        size: u64,
    },
    /// The stream cannot be followed any further.
    Broken(Broken),
}

/// Why the stream cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A literal no one can mean, as written.
    AbsurdLiteral(String),
    /// A response without end.
    Flood,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Line,
    Body { missing: u64 },
    Inline { missing: u64, from: usize },
    Discard { missing: u64 },
    Broken,
}

/// The cutter, and the response it is working on.
pub(super) struct Splitter {
    limits: Limits,
    state: State,
    line: BytesMut,
    /// Where the line that is being read begins within `line`.
    line_from: usize,
    /// `line` is a complete response that the next call begins afresh after.
    complete: bool,
    literals: usize,
    /// Only the beginning is kept.
    too_long: bool,
    discarded: u64,
    /// The end of the current line while `too_long`, so that a literal is still seen.
    tail: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Limits {
    response: usize,
    discard: u64,
    literals: usize,
    inline: u64,
    body: u64,
    drain: u64,
}

impl Splitter {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            limits: Limits {
                response: options.response_max,
                discard: options.discard_max,
                literals: options.literals_max,
                inline: options.inline_literal_max,
                body: options.body_max,
                drain: options.drain_max,
            },
            state: State::Line,
            line: BytesMut::new(),
            line_from: 0,
            complete: false,
            literals: 0,
            too_long: false,
            discarded: 0,
            tail: Vec::new(),
        }
    }

    /// The skeleton of the response: complete after `Piece::Response`, so far otherwise.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The complete skeleton, to be read while the machine changes; `give_back` it.
    pub(super) fn take_line(&mut self) -> BytesMut {
        std::mem::take(&mut self.line)
    }

    /// The buffer of `take_line`, for the next response.
    pub(super) fn give_back(&mut self, line: BytesMut) {
        self.line = line;
    }

    /// Whether a response has begun and is not complete.
    pub(super) fn is_inside_response(&self) -> bool {
        !self.complete && (!self.line.is_empty() || self.state != State::Line)
    }

    /// Bytes missing from the literal that is being read.
    pub(super) fn missing(&self) -> u64 {
        match self.state {
            State::Body { missing }
            | State::Inline { missing, .. }
            | State::Discard { missing } => missing,
            State::Line | State::Broken => 0,
        }
    }

    /// The next piece of `input`, which is consumed; `None` when more is needed.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Option<Piece> {
        if std::mem::take(&mut self.complete) {
            self.begin_response();
        }
        loop {
            match self.state {
                State::Broken => return None,
                State::Line => {
                    if let Some(piece) = self.read_line(input)? {
                        return Some(piece);
                    }
                }
                State::Body { missing: 0 } | State::Discard { missing: 0 } => {
                    self.state = State::Line;
                }
                State::Inline { missing: 0, from } => {
                    if !self.too_long {
                        quote_from(&mut self.line, from);
                    }
                    self.line_from = self.line.len();
                    self.tail.clear();
                    self.state = State::Line;
                }
                State::Body { missing } => {
                    let chunk = take(input, missing)?;
                    let missing = missing - chunk.len() as u64;
                    self.state = State::Body { missing };
                    return Some(Piece::BodyChunk(chunk));
                }
                State::Inline { missing, from } => {
                    let chunk = take(input, missing)?;
                    let missing = missing - chunk.len() as u64;
                    self.keep(&chunk);
                    self.state = State::Inline { missing, from };
                }
                State::Discard { missing } => {
                    let chunk = take(input, missing)?;
                    let missing = missing - chunk.len() as u64;
                    self.state = State::Discard { missing };
                }
            }
        }
    }

    fn begin_response(&mut self) {
        if self.line.capacity() > KEPT_CAPACITY_MAX {
            self.line = BytesMut::new();
        }
        self.line.clear();
        self.line_from = 0;
        self.literals = 0;
        self.too_long = false;
        self.discarded = 0;
    }

    /// Reads up to the next LF. `None`: more is needed. `Some(None)`: state has changed.
    fn read_line(&mut self, input: &mut Bytes) -> Option<Option<Piece>> {
        if input.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', input).map(|at| at + 1);
        let chunk = input.split_to(end.unwrap_or(input.len()));
        self.keep(&chunk);
        if self.discarded > self.limits.discard {
            return Some(Some(self.broken(Broken::Flood)));
        }
        end?;
        Some(self.end_of_line())
    }

    /// Appends to the skeleton, or counts what is thrown away.
    fn keep(&mut self, bytes: &[u8]) {
        let room = self.limits.response.saturating_sub(self.line.len());
        if self.too_long {
            self.discard(bytes);
        } else if let Some((fitting, rest)) = bytes.split_at_checked(room) {
            self.line.extend_from_slice(fitting);
            self.give_up_response();
            self.discard(rest);
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn discard(&mut self, bytes: &[u8]) {
        self.discarded += bytes.len() as u64;
        self.tail
            .extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL_MAX)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_MAX));
    }

    /// Keeps only the head of the response from here on, and the tail of its line.
    fn give_up_response(&mut self) {
        if !self.too_long {
            self.too_long = true;
            let current = &self.line[self.line_from.min(self.line.len())..];
            self.tail = current[current.len().saturating_sub(TAIL_MAX)..].to_vec();
            self.line.truncate(self.head_max());
        }
    }

    fn head_max(&self) -> usize {
        HEAD_MAX.min(self.limits.response)
    }

    /// A line is complete: a literal follows, or the response ends here.
    fn end_of_line(&mut self) -> Option<Piece> {
        let tail = std::mem::take(&mut self.tail);
        let (line, from) = if self.too_long {
            (&tail[..], 0)
        } else {
            (&self.line[..], self.line_from)
        };
        // Prose may end in anything; it never announces a literal.
        match announced(line, from).filter(|_| !is_status_line(&self.line)) {
            None => {
                self.complete = true;
                Some(Piece::Response {
                    too_long: self.too_long,
                })
            }
            Some(Announced::Absurd { text }) => Some(self.broken(Broken::AbsurdLiteral(text))),
            Some(Announced::Literal { at, size }) => self.begin_literal(at, size),
        }
    }

    fn begin_literal(&mut self, at: usize, size: u64) -> Option<Piece> {
        if size > self.limits.drain {
            return Some(self.broken(Broken::AbsurdLiteral(size.to_string())));
        }
        self.literals += 1;
        if self.literals > self.limits.literals {
            self.give_up_response();
        }
        if self.too_long {
            self.tail.clear();
            self.discarded += size;
            self.state = State::Discard { missing: size };
            return (self.discarded > self.limits.discard).then(|| self.broken(Broken::Flood));
        }
        self.line.truncate(at);
        if announces_body(&self.line) {
            return Some(self.begin_body(size));
        }
        if size > self.limits.inline {
            // A name or value of this length is no use to anyone; the rest may be.
            self.line.extend_from_slice(b"\"\"");
            self.line_from = self.line.len();
            self.state = State::Discard { missing: size };
        } else {
            let from = self.line.len();
            self.state = State::Inline {
                missing: size,
                from,
            };
        }
        None
    }

    fn begin_body(&mut self, size: u64) -> Piece {
        self.line.extend_from_slice(PLACEHOLDER);
        self.line_from = self.line.len();
        if size > self.limits.body {
            self.state = State::Discard { missing: size };
            Piece::BodyDiscarded { size }
        } else {
            self.state = State::Body { missing: size };
            Piece::BodyBegan { size }
        }
    }

    fn broken(&mut self, why: Broken) -> Piece {
        self.state = State::Broken;
        Piece::Broken(why)
    }
}

/// As much of the `missing` bytes as `input` has; `None` when it has nothing.
fn take(input: &mut Bytes, missing: u64) -> Option<Bytes> {
    let there = input.remaining();
    let wanted = usize::try_from(missing).map_or(there, |missing| missing.min(there));
    (wanted > 0).then(|| input.split_to(wanted))
}

/// Whether the literal that follows is the value of a body item of a FETCH:
/// `BODY[...]`, `BODY[...]<n>`, `BINARY[...]`, `RFC822`, `RFC822.HEADER`, `RFC822.TEXT`.
fn announces_body(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    is_fetch(before)
        && (before.ends_with(b"]")
            || before.ends_with(b">")
            || ["RFC822", "RFC822.HEADER", "RFC822.TEXT"]
                .iter()
                .any(|name| ends_with_word(before, name.as_bytes())))
}

fn ends_with_word(text: &[u8], word: &[u8]) -> bool {
    let Some(at) = text.len().checked_sub(word.len()) else {
        return false;
    };
    let stands_alone = at == 0 || matches!(text[at - 1], b' ' | b'(');
    stands_alone && text[at..].eq_ignore_ascii_case(word)
}
