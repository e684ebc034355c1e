//! How often a mailbox's credentials were refused lately. Providers lock accounts whose
//! password is wrong too often, so what is stored is offered no more than that within an
//! hour, whoever asks for it. A person's try with a new password is not counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::key::MailboxKey;

/// Refusals of one mailbox, both ways together, within an hour.
pub const REFUSALS_MAX: usize = 3;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// When credentials were refused. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<HashMap<MailboxKey, Vec<Timestamp>>>>);

impl Refusals {
    /// What is stored was refused.
    pub fn note(&self, mailbox: MailboxKey, now: Timestamp) {
        let mut all = self.lock();
        let times = all.entry(mailbox).or_default();
        times.push(now);
        let surplus = times.len().saturating_sub(REFUSALS_MAX);
        times.drain(..surplus);
    }

    /// Until when what is stored is not offered again.
    #[must_use]
    pub fn rests_until(&self, mailbox: MailboxKey, now: Timestamp) -> Option<Timestamp> {
        let all = self.lock();
        let times = all
            .get(&mailbox)
            .filter(|times| times.len() >= REFUSALS_MAX)?;
        let after_hour = |at: Timestamp| at.checked_add(HOUR).unwrap_or(Timestamp::MAX);
        // A clock that was set back must not make a rest of days.
        let until = after_hour(times[0]).min(after_hour(now));
        (until > now).then_some(until)
    }

    /// A new login was proven: what was refused was another.
    pub fn forget(&self, mailbox: MailboxKey) {
        self.lock().remove(&mailbox);
    }

    /// For keeping over a restart.
    #[must_use]
    pub fn of(&self, mailbox: MailboxKey) -> Vec<Timestamp> {
        self.lock().get(&mailbox).cloned().unwrap_or_default()
    }

    /// What was kept over a restart.
    pub fn restore(&self, mailbox: MailboxKey, kept: Vec<Timestamp>) {
        if !kept.is_empty() {
            self.lock().insert(mailbox, kept);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxKey, Vec<Timestamp>>> {
        // Times are put in one by one, so a panic elsewhere leaves nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILBOX: MailboxKey = MailboxKey(1);

    fn minute(n: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(n)
    }

    #[test]
    fn three_within_an_hour_and_then_a_rest_until_the_first_is_an_hour_old() {
        let refusals = Refusals::default();
        for n in [0, 20, 40] {
            assert_eq!(refusals.rests_until(MAILBOX, minute(n)), None);
            refusals.note(MAILBOX, minute(n));
        }
        assert_eq!(refusals.rests_until(MAILBOX, minute(41)), Some(minute(60)));
        assert_eq!(refusals.rests_until(MailboxKey(2), minute(41)), None);
        assert_eq!(refusals.rests_until(MAILBOX, minute(60)), None);
        refusals.note(MAILBOX, minute(60));
        assert_eq!(refusals.rests_until(MAILBOX, minute(61)), Some(minute(80)));
        // Whatever happens, no hour holds a fourth.
        let mut offered = Vec::new();
        let refusals = Refusals::default();
        for n in 0..600 {
            if refusals.rests_until(MAILBOX, minute(n)).is_none() {
                refusals.note(MAILBOX, minute(n));
                offered.push(n);
            }
        }
        for from in &offered {
            let within = offered.iter().filter(|at| (*from..from + 60).contains(at));
            assert!(within.count() <= REFUSALS_MAX);
        }
        assert_eq!(offered.len(), 30);
    }

    #[test]
    fn a_restart_forgets_none_and_a_new_login_all() {
        let refusals = Refusals::default();
        (0..3).for_each(|n| refusals.note(MAILBOX, minute(n)));
        let after = Refusals::default();
        after.restore(MAILBOX, refusals.of(MAILBOX));
        assert_eq!(after.rests_until(MAILBOX, minute(5)), Some(minute(60)));
        // The clock was set back by a day.
        let earlier = minute(-24 * 60);
        assert_eq!(after.rests_until(MAILBOX, earlier), Some(earlier + HOUR));
        after.forget(MAILBOX);
        assert_eq!(after.rests_until(MAILBOX, minute(5)), None);
    }
}
