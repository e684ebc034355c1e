//! What was tried at a mailbox's servers, and how it went; kept for a month, so that a
//! person can see when trouble began.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::key::MailboxKey;

/// How long attempts are kept.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Most rows kept of one mailbox: a failure every five minutes for a month, and room.
pub const ROWS_MAX: u64 = 10_000;

/// Which way mail was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// In: a connection to the incoming server.
    Receiving,
    /// Out: a submission.
    Sending,
}

/// An attempt, or a row of successful ones with nothing between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// At which mailbox.
    pub mailbox: MailboxKey,
    /// Which way.
    pub way: Way,
    /// When; of several the first.
    pub at: Timestamp,
    /// The last of several.
    pub last_at: Timestamp,
    /// How many. Failures are never counted together: each has its own time.
    pub times: u32,
    /// What stopped it, in words; `None` when it worked.
    pub failure: Option<String>,
    /// When the next one comes by itself, where one does.
    pub next_at: Option<Timestamp>,
}

impl Attempt {
    /// One attempt.
    #[must_use]
    pub fn new(mailbox: MailboxKey, way: Way, at: Timestamp, failure: Option<String>) -> Self {
        Self {
            mailbox,
            way,
            at,
            last_at: at,
            times: 1,
            failure,
            next_at: None,
        }
    }

    /// Counts a later attempt in, when both worked and went the same way. `false` when
    /// it needs a row of its own.
    pub fn take_in(&mut self, later: &Self) -> bool {
        let alike = self.way == later.way && self.failure.is_none() && later.failure.is_none();
        // A day's looks are one row; a month's would hide when they began and ended.
        let near = later.at.duration_since(self.at) < ROW_LASTS_MAX;
        if alike && near {
            self.last_at = later.last_at;
            self.times = self.times.saturating_add(later.times);
        }
        alike && near
    }

    /// Whether it is no longer kept.
    #[must_use]
    pub fn is_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.last_at) > KEPT_FOR
    }
}

/// The time one row may stand for.
const ROW_LASTS_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Attempts written together wait at most this long.
pub const WRITTEN_WITHIN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successes_are_counted_together_and_failures_are_not() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let key = MailboxKey(1);
        let good = |minutes| Attempt::new(key, Way::Receiving, at(minutes), None);
        let mut row = good(0);
        assert!(row.take_in(&good(1)) && row.take_in(&good(2)));
        assert_eq!((row.times, row.last_at), (3, at(2)));
        let bad = Attempt::new(key, Way::Receiving, at(3), Some("refused".to_owned()));
        assert!(!row.take_in(&bad) && !bad.clone().take_in(&bad));
        assert!(!row.take_in(&Attempt::new(key, Way::Sending, at(3), None)));
        assert!(!row.take_in(&good(24 * 60)));
        assert!(!row.is_old(at(30 * 24 * 60)) && row.is_old(at(30 * 24 * 60 + 3)));
    }
}
