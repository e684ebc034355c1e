//! The last lines of a dialogue, for a person who asks why it does not work.

use std::collections::VecDeque;

use super::prose::{self, Masks};

/// Longest line kept, in bytes.
pub(super) const LINE_MAX: usize = 300;

/// Bytes of a line that are searched for secrets: one that begins within `LINE_MAX`
/// must be seen whole, or its beginning would be shown.
const SEARCHED_MAX: usize = 2 * LINE_MAX + 1_000;

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

    /// Keeps so many lines from now on; with 0 none, and those kept are dropped.
    pub(super) fn keep(&mut self, lines_max: usize) {
        self.lines_max = lines_max;
        if lines_max == 0 {
            self.lines = VecDeque::new();
        }
    }

    pub(super) fn next(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        self.lines.drain(..).collect()
    }
}

/// The beginning of a line as text.
pub(super) fn excerpt(line: &[u8]) -> String {
    prose::decode(&line[..line.len().min(LINE_MAX)])
}

/// What the server said, without secrets it repeats.
pub(super) fn masked(line: &[u8], masks: &Masks) -> String {
    let searched = prose::decode(&line[..line.len().min(SEARCHED_MAX)]);
    let mut text = masks.cover(searched);
    if let Some((end, _)) = text.char_indices().nth(LINE_MAX) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeping_can_be_switched() {
        let mut transcript = Transcript::new(0);
        transcript.add('C', "a");
        transcript.keep(2);
        for text in ["b", "c", "d"] {
            transcript.add('C', text);
        }
        assert_eq!(transcript.next().as_deref(), Some("C: c"));
        transcript.keep(0);
        assert_eq!(transcript.next(), None);
    }
}
