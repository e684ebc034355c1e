//! How much a mailbox may send: the pause after its provider said that it was enough, and
//! the number of mails a day that the plugin knows of.
//!
//! In memory: after a restart the condition of the mailbox holds the pause, and the
//! outbox tells what was sent within the day.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::back_off::BackOff;
use crate::domain::key::MailboxKey;
use crate::domain::saying::{Saying, saying};

/// The day of a provider's limit: a window that moves.
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What is known of each mailbox. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<Mutex<HashMap<MailboxKey, Row>>>);

#[derive(Debug, Default)]
struct Row {
    pause: Option<(Timestamp, Saying)>,
    /// Quota refusals in a row.
    refusals: u32,
    /// When mails left within the last day; `None` while nobody counts.
    sent: Option<VecDeque<Timestamp>>,
}

impl Pace {
    fn with<T>(&self, mailbox: MailboxKey, change: impl FnOnce(&mut Row) -> T) -> T {
        // Rows are small and changed in one go; a panic elsewhere leaves none half-written.
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(rows.entry(mailbox).or_default())
    }

    /// Until when nothing of a mailbox is tried, and why.
    pub(super) fn paused(
        &self,
        mailbox: MailboxKey,
        now: Timestamp,
    ) -> Option<(Timestamp, Saying)> {
        self.with(mailbox, |row| {
            let pause = row.pause.clone();
            pause.filter(|(until, _)| *until > now)
        })
    }

    /// The provider takes no more for now: until when the mailbox waits.
    pub(super) fn refused(
        &self,
        mailbox: MailboxKey,
        reason: &Saying,
        now: Timestamp,
        random: u64,
    ) -> Timestamp {
        self.with(mailbox, |row| {
            row.refusals = row.refusals.saturating_add(1);
            let until = after(now, BackOff::QUOTA, row.refusals, random);
            row.pause = Some((until, reason.clone()));
            until
        })
    }

    /// A mail was taken over.
    pub(super) fn sent(&self, mailbox: MailboxKey, now: Timestamp) {
        self.with(mailbox, |row| {
            row.pause = None;
            row.refusals = 0;
            if let Some(sent) = &mut row.sent {
                sent.push_back(now);
            }
        });
    }

    /// Whether anybody counts what a mailbox sends.
    pub(super) fn counts(&self, mailbox: MailboxKey) -> bool {
        self.with(mailbox, |row| row.sent.is_some())
    }

    /// Counting begins with what left within the last day, in any order.
    pub(super) fn recall(&self, mailbox: MailboxKey, mut times: Vec<Timestamp>) {
        times.sort_unstable();
        self.with(mailbox, |row| row.sent = Some(times.into()));
    }

    /// Until when a mailbox waits that may send so many mails a day, and why.
    pub(super) fn day_full(
        &self,
        mailbox: MailboxKey,
        most: u32,
        now: Timestamp,
    ) -> Option<(Timestamp, Saying)> {
        self.with(mailbox, |row| {
            let sent = row.sent.as_mut()?;
            while sent
                .front()
                .is_some_and(|at| now.duration_since(*at) >= DAY)
            {
                sent.pop_front();
            }
            let most = most as usize;
            let full = sent.len().checked_sub(most)?;
            let until = sent.get(full)?.checked_add(DAY).unwrap_or(Timestamp::MAX);
            Some((until, saying!("outbox.day_full", most)))
        })
    }
}

/// The end of a wait.
pub(super) fn after(now: Timestamp, schedule: BackOff, attempt: u32, random: u64) -> Timestamp {
    SignedDuration::try_from(schedule.wait(attempt, random))
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILBOX: MailboxKey = MailboxKey(1);
    const OTHER: MailboxKey = MailboxKey(2);

    fn hour(n: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(n)
    }

    #[test]
    fn a_quota_pauses_its_mailbox_alone_and_grows_to_hours() {
        let pace = Pace::default();
        let mut last = SignedDuration::ZERO;
        for n in 0..6 {
            let until = pace.refused(MAILBOX, &"enough".into(), hour(n * 10), u64::MAX / 2);
            last = until.duration_since(hour(n * 10));
            assert_eq!(
                pace.paused(MAILBOX, hour(n * 10)),
                Some((until, "enough".into()))
            );
            assert_eq!(pace.paused(MAILBOX, until), None);
            assert_eq!(pace.paused(OTHER, hour(n * 10)), None);
        }
        assert!(last >= SignedDuration::from_hours(2), "{last:?}");
        pace.sent(MAILBOX, hour(70));
        assert_eq!(pace.paused(MAILBOX, hour(60)), None);
        let again = pace.refused(MAILBOX, &"enough".into(), hour(80), 0);
        assert!(again < hour(81));
    }

    #[test]
    fn the_day_is_a_window_that_moves() {
        let pace = Pace::default();
        assert!(!pace.counts(MAILBOX));
        pace.recall(MAILBOX, vec![hour(10), hour(1)]);
        pace.sent(MAILBOX, hour(12));
        let full = |most, now| pace.day_full(MAILBOX, most, now).map(|(until, _)| until);
        assert_eq!(full(4, hour(13)), None);
        assert_eq!(full(3, hour(13)), Some(hour(25)));
        assert_eq!(full(2, hour(13)), Some(hour(34)));
        assert_eq!(full(3, hour(25)), None);
        assert_eq!(full(1, hour(60)), None);
    }
}
