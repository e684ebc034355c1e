//! Which mailbox is to be looked at when: soonest first, and at once when it changes.
//!
//! It lives in memory and follows from what is stored, so it survives no restart and
//! needs none. What a look does is the affair of whoever keeps the agenda.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::change::Event;
use crate::domain::key::{MailboxKey, Sequence};
use crate::domain::mailbox::Mailbox;
use crate::store::{Store, StoreError};

/// The longest wait without looking, in case the wall clock jumps.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Changes read at a time.
const CHANGES_AT_ONCE: usize = 1_000;

/// Mailboxes, each with the time of its next look.
#[derive(Debug)]
pub(super) struct Agenda {
    queue: BTreeSet<(Timestamp, MailboxKey)>,
    at: HashMap<MailboxKey, Timestamp>,
    seen: Sequence,
}

impl Agenda {
    /// The mailboxes there are, as far as they are wanted, all due at `now`.
    pub(super) fn new(
        store: &Store,
        now: Timestamp,
        wanted: impl Fn(&Mailbox) -> bool,
    ) -> Result<Self, StoreError> {
        let mut agenda = Self {
            queue: BTreeSet::new(),
            at: HashMap::new(),
            // Read first: what changes meanwhile is looked at twice and never missed.
            seen: store.last_sequence()?,
        };
        for mailbox in store.mailboxes()? {
            if wanted(&mailbox) {
                agenda.put(mailbox.key, now);
            }
        }
        Ok(agenda)
    }

    /// Mailboxes that have changed since the last call are due at `now`.
    pub(super) fn read_changes(&mut self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let changes = store.changes(self.seen, CHANGES_AT_ONCE)?;
            let Some(last) = changes.last() else {
                return Ok(());
            };
            self.seen = last.sequence;
            for change in changes {
                if let Event::MailboxChanged { mailbox } = change.event {
                    self.put(mailbox, now);
                }
            }
        }
    }

    /// Sets the next look at a mailbox, in place of the one it had.
    pub(super) fn put(&mut self, key: MailboxKey, at: Timestamp) {
        if let Some(before) = self.at.insert(key, at) {
            self.queue.remove(&(before, key));
        }
        self.queue.insert((at, key));
    }

    /// Takes off a mailbox whose time has come.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<MailboxKey> {
        let due = self.queue.first().copied();
        let (at, key) = due.filter(|(at, _)| *at <= now)?;
        self.queue.remove(&(at, key));
        self.at.remove(&key);
        Some(key)
    }

    /// How long nothing is due, at most [`LOOK_AGAIN`].
    pub(super) fn rest(&self, now: Timestamp) -> Duration {
        let next = self.queue.first().map(|(at, _)| at.duration_since(now));
        let next = next.map(|wait| Duration::try_from(wait).unwrap_or(Duration::ZERO));
        next.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn empty() -> Agenda {
        Agenda {
            queue: BTreeSet::new(),
            at: HashMap::new(),
            seen: Sequence::default(),
        }
    }

    #[test]
    fn it_rests_until_the_next_look_and_never_for_long() {
        let mut agenda = empty();
        assert_eq!(agenda.rest(at(0)), LOOK_AGAIN);
        agenda.put(MailboxKey(1), at(7));
        assert_eq!(agenda.rest(at(0)), Duration::from_secs(7));
        // Later than due, as after a jump of the clock.
        assert_eq!(agenda.rest(at(9)), Duration::ZERO);
        agenda.put(MailboxKey(1), at(9_000));
        assert_eq!(agenda.rest(at(9)), LOOK_AGAIN);
    }

    proptest! {
        #[test]
        fn each_mailbox_comes_once_at_the_last_time_it_was_given(
            puts in proptest::collection::vec((0_u64..6, 0_i64..50), 0..40),
            now in 0_i64..60,
        ) {
            let mut agenda = empty();
            let mut last = HashMap::new();
            for (key, second) in puts {
                agenda.put(MailboxKey(key), at(second));
                last.insert(MailboxKey(key), second);
            }
            let mut times = Vec::new();
            while let Some(key) = agenda.take_due(at(now)) {
                times.push(last.remove(&key).expect("each comes once"));
            }
            prop_assert!(times.is_sorted());
            prop_assert!(times.iter().all(|second| *second <= now));
            prop_assert!(last.values().all(|second| *second > now));
        }
    }
}
