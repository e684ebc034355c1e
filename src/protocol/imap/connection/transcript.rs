//! The last lines of the dialogue, for a person who asks why it does not work.

use std::collections::VecDeque;

use crate::protocol::imap::prose;

/// Longest line kept, in bytes.
const LINE_MAX: usize = 300;

/// A bounded list of `C:` and `S:` lines.
pub(super) struct Transcript {
    lines: VecDeque<String>,
    lines_max: usize,
}

impl Transcript {
    pub(super) fn new(lines_max: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            lines_max,
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        self.lines_max > 0
    }

    pub(super) fn add(&mut self, who: char, text: &str) {
        if !self.is_kept() {
            return;
        }
        if self.lines.len() == self.lines_max {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{who}: {text}"));
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        self.lines.drain(..).collect()
    }
}

/// The beginning of a line as text.
pub(super) fn excerpt(line: &[u8]) -> String {
    prose::decode(&line[..line.len().min(LINE_MAX)])
}
