//! What is wrong in a plugin, and where.

use std::fmt;
use std::ops::Range;

/// Whether a problem keeps the plugin out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It is worth mending.
    Warning,
}

/// Something wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `qq/plugin.toml`.
    pub file: String,
    /// Line and column, from 1; `None` for the whole file.
    pub at: Option<(usize, usize)>,
    /// Whether it keeps the plugin out.
    pub severity: Severity,
    /// What is wrong and what would be right.
    pub words: String,
}

impl Problem {
    /// About a whole file.
    #[must_use]
    pub fn of_file(file: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            at: None,
            severity: Severity::Error,
            words: words.into(),
        }
    }

    /// The same as something that is only worth mending.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => {
                write!(f, "{}:{line}:{column}: {}", self.file, self.words)
            }
            None => write!(f, "{}: {}", self.file, self.words),
        }
    }
}

/// The text of a file, to find places in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
}

impl Text<'_> {
    /// A problem at a place of the text.
    pub(super) fn problem(&self, span: Range<usize>, words: impl Into<String>) -> Problem {
        Problem {
            at: Some(self.place(span.start)),
            ..Problem::of_file(self.file, words)
        }
    }

    /// Line and column of a byte, from 1.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[line_start..].chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }
}
