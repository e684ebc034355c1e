//! The walk through a mail (RFC 2046 section 5.1): bytes in, in chunks of any size; headers, kept
//! texts and the places of all parts out.
//!
//! Invariant: memory is bounded by [`Limits`], whatever the size of the mail; attachments are byte
//! ranges and never held. Any chunking gives the same result. Deliberately absent: what the
//! values mean (`read`), and failure: over a limit there is a defect, and the rest stays raw.

mod found;
mod part;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use memchr::{memchr, memchr2_iter, memmem};

use crate::domain::fingerprint::{FingerprintFields, FingerprintHasher};
use crate::domain::message::{Defect, TransferEncoding};
use crate::mime::header::HeaderBlock;

pub use found::{Limits, Walked, WalkedPart};
pub use part::PartHeader;

/// Longest line that can be a boundary, in bytes (RFC 2046 section 5.1.1 allows 74 and blanks).
const BOUNDARY_LINE_MAX: usize = 1_024;
/// How much of a returned mail is kept to find its Message-ID, in bytes.
const RETURNED_LENGTH_MAX: usize = 64 * 1024;

/// The walk while bytes come in.
#[derive(Debug)]
pub struct Walk {
    limits: Limits,
    state: State,
    /// Multiparts whose end has not come, outermost first.
    open: Vec<Open>,
    /// Position in the mail of the next byte to be looked at.
    offset: u64,
    /// Bytes that may become a boundary or the end of a header; never above `BOUNDARY_LINE_MAX`.
    held: Vec<u8>,
    at_line_start: bool,
    header: HeaderBlock,
    parts: Vec<WalkedPart>,
    kept_total: usize,
    /// Set once the header of the mail has ended.
    hasher: Option<FingerprintHasher>,
    defects: BTreeSet<Defect>,
}

#[derive(Debug)]
enum State {
    /// In a header.
    Header {
        raw: Vec<u8>,
        start: u64,
        parent: Option<usize>,
    },
    /// In a body that is no multipart.
    Leaf {
        part: usize,
        /// The last two bytes: a line break there belongs to a boundary that follows.
        ending: [u8; 2],
    },
    /// Before the first or behind the last boundary of a multipart.
    Between,
    /// Nothing more is looked at.
    Passed,
}

#[derive(Debug)]
struct Open {
    part: usize,
    boundary: String,
}

/// What stands at the beginning of a line.
enum Line {
    /// Cannot be told before more bytes come.
    Unknown,
    /// The empty line behind a header, and its length.
    Empty(usize),
    /// A boundary: of which open multipart, whether it closes it, the length of the line.
    Boundary(usize, bool, usize),
    /// Anything else.
    Text,
}

impl Default for Walk {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Walk {
    /// Begins a mail.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Header {
                raw: Vec::with_capacity(4 * 1024),
                start: 0,
                parent: None,
            },
            open: Vec::new(),
            offset: 0,
            held: Vec::new(),
            at_line_start: true,
            header: HeaderBlock::default(),
            parts: Vec::new(),
            kept_total: 0,
            hasher: None,
            defects: BTreeSet::new(),
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, chunk: &[u8]) {
        if let Some(hasher) = &mut self.hasher {
            hasher.body(chunk);
        }
        if self.held.is_empty() {
            let used = self.scan(chunk, false);
            self.held.extend_from_slice(&chunk[used..]);
        } else {
            let mut bytes = std::mem::take(&mut self.held);
            bytes.extend_from_slice(chunk);
            let used = self.scan(&bytes, false);
            self.held.extend_from_slice(&bytes[used..]);
        }
    }

    /// There are no more bytes.
    #[must_use]
    pub fn finish(mut self) -> Walked {
        let held = std::mem::take(&mut self.held);
        self.scan(&held, true);
        if matches!(self.state, State::Header { .. }) {
            self.end_header(&[]);
        }
        self.close_leaf(0);
        while let Some(open) = self.open.pop() {
            self.parts[open.part].body_range.end = self.offset;
            self.defects.insert(Defect::Unclosed);
        }
        let hasher = self
            .hasher
            .unwrap_or_else(|| FingerprintHasher::new(&FingerprintFields::default()));
        Walked {
            header: self.header,
            parts: self.parts,
            fingerprint: hasher.finish(),
            size: self.offset,
            defects: self.defects,
        }
    }

    /// Goes as far as can be told; returns how many bytes are done with.
    fn scan(&mut self, bytes: &[u8], last: bool) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let line = if self.at_line_start {
                self.line(rest, last)
            } else {
                Line::Text
            };
            let used = match line {
                Line::Unknown => break,
                Line::Empty(length) => {
                    self.offset += length as u64;
                    self.end_header(&rest[length..]);
                    length
                }
                Line::Boundary(open, closing, length) => {
                    self.cross(open, closing, length);
                    self.offset += length as u64;
                    length
                }
                Line::Text => self.run(rest),
            };
            at += used;
        }
        at
    }

    fn line(&self, rest: &[u8], last: bool) -> Line {
        let in_header = matches!(self.state, State::Header { .. });
        match rest {
            [b'\n', ..] if in_header => return Line::Empty(1),
            [b'\r', b'\n', ..] if in_header => return Line::Empty(2),
            [b'\r'] if in_header && !last => return Line::Unknown,
            _ if self.open.is_empty() || matches!(self.state, State::Passed) => return Line::Text,
            [b'-'] if !last => return Line::Unknown,
            [b'-', b'-', ..] => {}
            _ => return Line::Text,
        }
        let window = &rest[..rest.len().min(BOUNDARY_LINE_MAX)];
        let length = match memchr(b'\n', window) {
            Some(end) => end + 1,
            None if window.len() == BOUNDARY_LINE_MAX => return Line::Text,
            None if last => window.len(),
            None => return Line::Unknown,
        };
        self.boundary(&window[2..length])
            .map_or(Line::Text, |(open, closing)| {
                Line::Boundary(open, closing, length)
            })
    }

    /// Which open multipart a line `--` + `text` belongs to; the innermost where two use the same boundary.
    fn boundary(&self, text: &[u8]) -> Option<(usize, bool)> {
        self.open.iter().enumerate().rev().find_map(|(at, open)| {
            let rest = text.strip_prefix(open.boundary.as_bytes())?;
            let (rest, closing) = match rest.strip_prefix(b"--") {
                Some(rest) => (rest, true),
                None => (rest, false),
            };
            // RFC 2046 section 5.1.1: only blanks may follow, so that "--ab" is not "--a".
            rest.trim_ascii().is_empty().then_some((at, closing))
        })
    }

    /// Bytes of the current header or body, up to where a line has to be looked at.
    fn run(&mut self, rest: &[u8]) -> usize {
        let length = match &self.state {
            State::Passed => rest.len(),
            State::Header { .. } => memchr(b'\n', rest).map_or(rest.len(), |end| end + 1),
            State::Leaf { .. } | State::Between if self.open.is_empty() => rest.len(),
            State::Leaf { .. } | State::Between => match memmem::find(rest, b"\n--") {
                Some(end) => end + 1,
                None if rest.ends_with(b"\n-") => rest.len() - 1,
                None => rest.len(),
            },
        };
        let run = &rest[..length];
        self.at_line_start = run.ends_with(b"\n");
        if let State::Header { raw, parent, .. } = &mut self.state {
            let max = match parent {
                None => self.limits.header_max,
                Some(_) => self.limits.part_header_max,
            };
            let room = max - raw.len().min(max);
            if run.len() > room {
                raw.extend_from_slice(&run[..room]);
                return self.overflow(room, &rest[room..]);
            }
            raw.extend_from_slice(run);
        }
        self.keep(run);
        self.offset += length as u64;
        length
    }

    /// A header that is too long: what there is of it counts, the rest of the mail stays raw.
    fn overflow(&mut self, room: usize, rest: &[u8]) -> usize {
        self.offset += room as u64;
        self.too_complex();
        self.end_header(rest);
        self.close_leaf(0);
        self.state = State::Passed;
        self.open.clear();
        room
    }

    fn too_complex(&mut self) {
        self.defects.insert(Defect::TooComplex);
    }

    /// The header has ended at `offset`; `rest` are the bytes at hand behind it.
    fn end_header(&mut self, rest: &[u8]) {
        let State::Header { raw, start, parent } =
            std::mem::replace(&mut self.state, State::Between)
        else {
            return;
        };
        self.at_line_start = true;
        let block = HeaderBlock::new(raw);
        let digest = parent
            .is_some_and(|parent| self.parts[parent].header.content_type == "multipart/digest");
        let default_type = if digest {
            "message/rfc822"
        } else {
            "text/plain"
        };
        let header = PartHeader::new(&block, default_type);
        if parent.is_none() {
            self.begin_hash(&block, rest);
            self.header = block;
        }
        let part = self.parts.len();
        let opens = header.is_multipart() && self.open.len() < self.limits.depth_max;
        if header.is_multipart() && !opens {
            self.too_complex();
        }
        let boundary = header.boundary.clone().filter(|_| opens);
        let keeps = !opens && self.keeps(parent, &header);
        self.parts.push(WalkedPart {
            parent,
            header,
            header_range: start..self.offset,
            body_range: self.offset..self.offset,
            kept: keeps.then(Vec::new),
            divided: opens,
            cut: false,
            breaks: 0,
        });
        match boundary {
            Some(boundary) => self.open.push(Open { part, boundary }),
            None => {
                let ending = [0; 2];
                self.state = State::Leaf { part, ending };
            }
        }
    }

    fn begin_hash(&mut self, header: &HeaderBlock, rest: &[u8]) {
        let field = |name| header.first(name).unwrap_or_default();
        let fields = FingerprintFields {
            from: field("from"),
            date: field("date"),
            subject: field("subject"),
            message_id: field("message-id"),
        };
        let mut hasher = FingerprintHasher::new(&fields);
        if fields == FingerprintFields::default() {
            // Nothing in it tells it from others like it, so all of it has to.
            hasher.body(header.raw());
        }
        hasher.body(rest);
        self.hasher = Some(hasher);
    }

    /// Whether the body of a part is text that somebody will read.
    fn keeps(&self, parent: Option<usize>, header: &PartHeader) -> bool {
        match header.content_type.as_str() {
            "text/rfc822-headers"
            | "message/delivery-status"
            | "message/global-delivery-status"
            | "message/disposition-notification" => true,
            "message/rfc822" | "message/global" => parent.is_some_and(|parent| {
                self.parts[parent].header.content_type == "multipart/report" || self.is_returned()
            }),
            "text/calendar" => false,
            text => text.starts_with("text/") && !header.is_file(),
        }
    }

    /// Whether a machine that returns mails seems to have written it: many of them send no
    /// report, only the mail that came back.
    fn is_returned(&self) -> bool {
        let from = self.header.first("from").unwrap_or_default();
        let from = String::from_utf8_lossy(&from[..from.len().min(500)]).to_lowercase();
        ["mailer-daemon", "postmaster@", "microsoftexchange"]
            .iter()
            .any(|name| from.contains(name))
    }

    fn keep(&mut self, run: &[u8]) {
        let State::Leaf { part, ending } = &mut self.state else {
            return;
        };
        *ending = match run {
            [.., first, second] => [*first, *second],
            [only] => [ending[1], *only],
            [] => *ending,
        };
        let part = &mut self.parts[*part];
        if part.header.encoding == TransferEncoding::Base64 {
            part.breaks += memchr2_iter(b'\r', b'\n', run).count() as u64;
        }
        let Some(kept) = &mut part.kept else { return };
        let max = if part.header.content_type.starts_with("message/rfc822") {
            RETURNED_LENGTH_MAX
        } else {
            self.limits.text_max
        };
        let room = max
            .saturating_sub(kept.len())
            .min(self.limits.text_total_max.saturating_sub(self.kept_total));
        let taken = run.len().min(room);
        kept.extend_from_slice(&run[..taken]);
        self.kept_total += taken;
        part.cut |= taken < run.len();
    }

    /// A boundary line begins at `offset`.
    fn cross(&mut self, open: usize, closing: bool, length: usize) {
        if matches!(self.state, State::Header { .. }) {
            self.end_header(&[]);
        }
        let line_break = match &self.state {
            State::Leaf {
                ending: [b'\r', b'\n'],
                ..
            } => 2,
            State::Leaf {
                ending: [_, b'\n'], ..
            } => 1,
            _ => 0,
        };
        self.close_leaf(line_break);
        while self.open.len() > open + 1 {
            self.close_multipart();
            self.defects.insert(Defect::Unclosed);
        }
        let parent = self.open[open].part;
        if closing {
            self.close_multipart();
            self.state = State::Between;
        } else if self.parts.len() >= self.limits.parts_max {
            self.too_complex();
            self.open.clear();
            self.state = State::Passed;
        } else {
            self.state = State::Header {
                raw: Vec::new(),
                start: self.offset + length as u64,
                parent: Some(parent),
            };
        }
        self.at_line_start = true;
    }

    fn close_multipart(&mut self) {
        if let Some(open) = self.open.pop() {
            self.parts[open.part].body_range.end = self.offset;
        }
    }

    /// The body ends at `offset`, less the line break that belongs to the boundary.
    fn close_leaf(&mut self, line_break: u64) {
        let State::Leaf { part, .. } = std::mem::replace(&mut self.state, State::Between) else {
            return;
        };
        let part = &mut self.parts[part];
        let end = self.offset - line_break;
        // The break behind an empty part is that of its header.
        part.body_range.end = end.max(part.body_range.start);
        part.breaks = part.breaks.saturating_sub(line_break);
        if let Some(kept) = part.kept.as_mut().filter(|_| !part.cut) {
            let length = part.body_range.end - part.body_range.start;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            self.kept_total -= kept.len().saturating_sub(length);
            kept.truncate(length);
        }
        if part.cut && part.header.content_type.starts_with("text/") {
            self.defects.insert(Defect::TextCut);
        }
    }
}
