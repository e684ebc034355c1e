//! What a rehearsal finds.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::decision::Gating;
use crate::domain::key::{MessageKey, PublicId};
use crate::script::Routed;

/// Changed decisions that are listed; further ones are counted.
pub const LISTED_MAX: usize = 500;
/// Slowest mails that are listed.
pub(super) const SLOWEST_LISTED: usize = 5;
/// A rehearsal ends after this, with what it has found.
pub const TIME_MAX: Duration = Duration::from_secs(120);

/// A mail that would be decided on otherwise.
#[derive(Clone, Debug)]
pub struct Changed {
    pub(in crate::service::rehearsal) key: MessageKey,
    /// Its id.
    pub message: PublicId,
    /// Id and number of its conversation.
    pub conversation: Option<(PublicId, u64)>,
    /// Its subject.
    pub subject: String,
    /// Its sender.
    pub from: String,
    /// When it came.
    pub arrived_at: Timestamp,
    /// What the live scripts decide.
    pub old: Answers,
    /// What those that are tried would.
    pub new: Answers,
}

/// What scripts say of a mail.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Where it goes.
    pub routed: Routed,
    /// What the assistant may do about it.
    pub gating: Gating,
}

/// A mail that took the scripts that are tried long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slow {
    /// How long.
    pub took: Duration,
    /// Its id.
    pub message: PublicId,
    /// Its subject.
    pub subject: String,
}

/// What a rehearsal found.
#[derive(Clone, Debug, Default)]
pub struct Rehearsed {
    /// Mails that were looked at.
    pub mails: usize,
    /// How many would be decided on otherwise.
    pub changed: usize,
    /// At how many the live scripts fail.
    pub errors_old: usize,
    /// At how many those fail that are tried.
    pub errors_new: usize,
    /// The latest changed ones, the latest first, at most [`LISTED_MAX`].
    pub listed: Vec<Changed>,
    /// The slowest, the slowest first.
    pub slowest: Vec<Slow>,
    /// How long it took.
    pub took: Duration,
    /// Both are the same scripts, so that nothing can differ.
    pub same: bool,
    /// It ended because of [`TIME_MAX`] or because there were too many; older mails were not looked at.
    pub cut_short: bool,
}
