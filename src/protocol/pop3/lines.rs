//! Cuts lines off what came in: bounded, and ended by LF, with or without a CR.
//!
//! Status lines and listings are the server's own words, so nothing a stranger wrote
//! can hide in a lenient reading; mails are read by `body`, which is strict.

use bytes::{Buf, Bytes};
use memchr::memchr;

/// No end within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    /// It ended in LF alone.
    pub(super) bare: bool,
}

/// Collects the line that is being read.
#[derive(Debug)]
pub(super) struct Lines {
    length_max: usize,
    partial: Vec<u8>,
}

impl Lines {
    pub(super) fn new(length_max: usize) -> Self {
        Self {
            length_max,
            partial: Vec::new(),
        }
    }

    /// What has come of a line that has not ended.
    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Takes one line off `input`; `None` while it is incomplete, with all of `input` taken.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Result<Option<Line>, TooLong> {
        let end = memchr(b'\n', input);
        let piece = &input[..end.unwrap_or(input.len())];
        if self.partial.len() + piece.len() > self.length_max {
            return Err(TooLong);
        }
        self.partial.extend_from_slice(piece);
        match end {
            None => {
                input.clear();
                Ok(None)
            }
            Some(end) => {
                input.advance(end + 1);
                let mut text = std::mem::take(&mut self.partial);
                let bare = text.last() != Some(&b'\r');
                if !bare {
                    text.pop();
                }
                Ok(Some(Line { text, bare }))
            }
        }
    }
}
