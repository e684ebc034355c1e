//! Words of the tables that are one of a few, and what is said of others.

use std::ops::Range;

use toml::Spanned;

use super::super::suggest;
use crate::domain::authentication::Verdict;
use crate::domain::conversation::{Priority, Status, Tag};
use crate::domain::message::Direction;
use crate::domain::state::MailboxState;

/// Something wrong, and where in the file.
pub(super) struct Wrong {
    pub(super) at: Range<usize>,
    pub(super) words: String,
    pub(super) help: Option<String>,
}

impl Wrong {
    pub(super) fn at<T>(place: &Spanned<T>, words: impl Into<String>) -> Self {
        Self {
            at: place.span(),
            words: words.into(),
            help: None,
        }
    }

    pub(super) fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

pub(super) fn tag(word: &Spanned<String>) -> Result<Tag, Wrong> {
    Tag::new(word.get_ref()).ok_or_else(|| Wrong::at(word, "this is no tag"))
}

pub(super) fn status(word: &Spanned<String>) -> Result<Status, Wrong> {
    let all = [
        ("open", Status::Open),
        ("pending", Status::Pending),
        ("snoozed", Status::Snoozed),
        ("closed", Status::Closed),
    ];
    one_of("status", word, &all)
}

pub(super) fn priority(word: &Spanned<String>) -> Result<Priority, Wrong> {
    let all = [
        ("low", Priority::Low),
        ("normal", Priority::Normal),
        ("high", Priority::High),
        ("urgent", Priority::Urgent),
    ];
    one_of("priority", word, &all)
}

pub(super) fn direction(word: &Spanned<String>) -> Result<Direction, Wrong> {
    let all = [("in", Direction::Inbound), ("out", Direction::Outbound)];
    one_of("direction", word, &all)
}

pub(super) fn dmarc(word: &Spanned<String>) -> Result<Verdict, Wrong> {
    let all = [
        ("pass", Verdict::Pass),
        ("fail", Verdict::Fail),
        ("none", Verdict::None),
    ];
    one_of("verdict of DMARC", word, &all)
}

pub(super) fn state(word: &Spanned<String>) -> Result<MailboxState, Wrong> {
    let all = MailboxState::ALL.map(|state| (state.word(), state));
    one_of("state", word, &all)
}

pub(super) fn one_of<T: Copy>(
    what: &str,
    word: &Spanned<String>,
    all: &[(&'static str, T)],
) -> Result<T, Wrong> {
    let found = all.iter().find(|(name, _)| name == word.get_ref());
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let words = format!("there is no such {what}; there are {}", names.join(", "));
        Wrong::at(word, words).with_help(suggest::did_you_mean(word.get_ref(), names))
    })
}
