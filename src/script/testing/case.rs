//! One test.

use super::super::diagnostic::Diagnostic;
use super::super::snapshot::Snapshot;
use super::super::view::{ContextView, MailView, ReplyView};
use super::expect::{Around, Expected};
use super::judged::{Difference, Judged};

/// A mail, what surrounds it, and what the scripts shall say of it.
#[derive(Debug)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// The file below the scripts folder.
    pub file: String,
    /// The line of the name in it, from 1.
    pub line: u32,
    pub(super) source_line: String,
    pub(super) mail: MailView,
    pub(super) context: ContextView,
    pub(super) reply: ReplyView,
    pub(super) by_timer: bool,
    pub(super) expected: Expected,
}

impl Case {
    /// Asks the scripts. `expired` makes the question that ends a call which takes too long.
    #[must_use]
    pub fn judge<E: Fn() -> bool + 'static>(
        &self,
        snapshot: &Snapshot,
        expired: impl Fn() -> E,
    ) -> Judged {
        let around = Around {
            mail: &self.mail,
            context: &self.context,
            reply: &self.reply,
            by_timer: self.by_timer,
        };
        self.expected.judge(snapshot, &around, expired)
    }

    /// What is to be said where scripts are refused because this test fails.
    #[must_use]
    pub fn failed(&self, judged: &Judged) -> Diagnostic {
        let words: Vec<String> = judged
            .differences
            .iter()
            .map(Difference::in_words)
            .collect();
        let message = format!("the test \"{}\" fails: {}", self.name, words.join("; "));
        let help = "`postern script test` shows every step the scripts took".to_owned();
        Diagnostic {
            line: self.line,
            column: 1,
            source_line: self.source_line.clone(),
            help: Some(help),
            ..Diagnostic::of_file(&self.file, message)
        }
    }
}
