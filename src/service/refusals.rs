//! How often a mailbox's credentials were refused lately. Providers lock accounts whose
//! password is wrong too often, so what is stored is offered no more than that within an
//! hour, whoever asks for it. A person's try with a new password is not counted.
//!
//! Invariant: refusals and offers under way are together no more than may be refused, so
//! that many who ask at once offer no more than one after the other. A slot is given back
//! when what was taken is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::domain::attempt::Way;
use crate::domain::key::MailboxKey;
use crate::service::clock::Clock;

/// Refusals of one mailbox, both ways together, within an hour.
pub const REFUSALS_MAX: usize = 3;
/// Sessions of one mailbox beside its own: for counting, collecting, filing, looking.
pub const VISITS_MAX: usize = 2;
/// How long somebody waits until others have signed in, or have left.
pub const SLOT_WAIT_MAX: Duration = Duration::from_secs(30);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// When credentials were refused, and who offers them now. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    all: Mutex<HashMap<MailboxKey, Record>>,
    given_back: Notify,
}

#[derive(Debug, Default)]
struct Record {
    times: Vec<Timestamp>,
    receiving: usize,
    sending: usize,
    visits: usize,
}

/// What is taken for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Stored credentials are offered to a server.
    Offer(Way),
    /// A session is open.
    Visit,
}

/// What others wait for until it is dropped.
#[derive(Debug)]
struct Slot {
    refusals: Refusals,
    mailbox: MailboxKey,
    kind: Kind,
}

/// Stored credentials may be offered once; whatever came of it is noted before this is
/// dropped.
#[derive(Debug)]
pub struct Offer(Slot);

/// A session beside the mailbox's own may be open.
#[derive(Debug)]
pub struct Visit {
    _slot: Slot,
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlot {
    /// It was refused too often lately; until then.
    Rests(Timestamp),
    /// Others had theirs all the time.
    Busy,
}

impl Record {
    fn is_empty(&self) -> bool {
        self.times.is_empty() && self.receiving + self.sending + self.visits == 0
    }

    fn taken(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Offer(Way::Receiving) => &mut self.receiving,
            Kind::Offer(Way::Sending) => &mut self.sending,
            Kind::Visit => &mut self.visits,
        }
    }

    fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        let first = self.times.first();
        let first = first.filter(|_| self.times.len() >= REFUSALS_MAX)?;
        // A clock that was set back must not make a rest of days.
        let until = after_hour(*first).min(after_hour(now));
        (until > now).then_some(until)
    }

    fn take(&mut self, kind: Kind, now: Timestamp) -> Result<(), NoSlot> {
        let most = match kind {
            Kind::Visit => VISITS_MAX,
            Kind::Offer(_) => {
                if let Some(until) = self.rests_until(now) {
                    return Err(NoSlot::Rests(until));
                }
                let lately = self.times.iter().filter(|at| after_hour(**at) > now);
                if lately.count() + self.receiving + self.sending >= REFUSALS_MAX {
                    return Err(NoSlot::Busy);
                }
                1
            }
        };
        let taken = self.taken(kind);
        if *taken >= most {
            return Err(NoSlot::Busy);
        }
        *taken += 1;
        Ok(())
    }
}

fn after_hour(at: Timestamp) -> Timestamp {
    at.checked_add(HOUR).unwrap_or(Timestamp::MAX)
}

impl Offer {
    /// Whose credentials.
    #[must_use]
    pub fn mailbox(&self) -> MailboxKey {
        self.0.mailbox
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut all = self.refusals.lock();
        if let Some(record) = all.get_mut(&self.mailbox) {
            let taken = record.taken(self.kind);
            *taken = taken.saturating_sub(1);
            if record.is_empty() {
                all.remove(&self.mailbox);
            }
        }
        drop(all);
        self.refusals.0.given_back.notify_waiters();
    }
}

impl Refusals {
    /// Waits until nobody else offers the mailbox's credentials that way.
    ///
    /// # Errors
    /// When they rest, or others took too long.
    pub async fn offer(
        &self,
        mailbox: MailboxKey,
        way: Way,
        clock: &Clock,
    ) -> Result<Offer, NoSlot> {
        self.slot(mailbox, Kind::Offer(way), clock).await.map(Offer)
    }

    /// Waits until few enough sessions of the mailbox are open.
    ///
    /// # Errors
    /// When others took too long.
    pub async fn visit(&self, mailbox: MailboxKey, clock: &Clock) -> Result<Visit, NoSlot> {
        let slot = self.slot(mailbox, Kind::Visit, clock).await;
        slot.map(|slot| Visit { _slot: slot })
    }

    async fn slot(&self, mailbox: MailboxKey, kind: Kind, clock: &Clock) -> Result<Slot, NoSlot> {
        let taking = async {
            loop {
                let mut given_back = std::pin::pin!(self.0.given_back.notified());
                // Before looking: what is given back meanwhile must not be missed.
                given_back.as_mut().enable();
                match self.take(mailbox, kind, clock.now()) {
                    Err(NoSlot::Busy) => given_back.await,
                    taken => return taken,
                }
            }
        };
        timeout(SLOT_WAIT_MAX, taking)
            .await
            .unwrap_or(Err(NoSlot::Busy))
    }

    fn take(&self, mailbox: MailboxKey, kind: Kind, now: Timestamp) -> Result<Slot, NoSlot> {
        self.lock().entry(mailbox).or_default().take(kind, now)?;
        Ok(Slot {
            refusals: self.clone(),
            mailbox,
            kind,
        })
    }

    /// What is stored was refused.
    pub fn note(&self, mailbox: MailboxKey, now: Timestamp) {
        let mut all = self.lock();
        let times = &mut all.entry(mailbox).or_default().times;
        times.push(now);
        let surplus = times.len().saturating_sub(REFUSALS_MAX);
        times.drain(..surplus);
    }

    /// Until when what is stored is not offered again.
    #[must_use]
    pub fn rests_until(&self, mailbox: MailboxKey, now: Timestamp) -> Option<Timestamp> {
        self.lock().get(&mailbox)?.rests_until(now)
    }

    /// A new login was proven: what was refused was another.
    pub fn forget(&self, mailbox: MailboxKey) {
        let mut all = self.lock();
        if let Some(record) = all.get_mut(&mailbox) {
            record.times.clear();
            if record.is_empty() {
                all.remove(&mailbox);
            }
        }
        drop(all);
        self.0.given_back.notify_waiters();
    }

    /// For keeping over a restart.
    #[must_use]
    pub fn of(&self, mailbox: MailboxKey) -> Vec<Timestamp> {
        let all = self.lock();
        all.get(&mailbox)
            .map(|record| record.times.clone())
            .unwrap_or_default()
    }

    /// What was kept over a restart.
    pub fn restore(&self, mailbox: MailboxKey, kept: Vec<Timestamp>) {
        if !kept.is_empty() {
            self.lock().entry(mailbox).or_default().times = kept;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxKey, Record>> {
        // Times are put in one by one, so a panic elsewhere leaves nothing half-written.
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_are_refused_no_more_often_than_one() {
        let (refusals, clock) = (Refusals::default(), Clock::new(|| minute(0)));
        let asked = (0..24).map(|n| {
            let (refusals, clock) = (refusals.clone(), clock.clone());
            let way = if n % 2 == 0 {
                Way::Receiving
            } else {
                Way::Sending
            };
            tokio::spawn(async move {
                let offer = refusals.offer(MAILBOX, way, &clock).await?;
                tokio::time::sleep(Duration::from_secs(2)).await;
                refusals.note(MAILBOX, clock.now());
                drop(offer);
                Ok::<_, NoSlot>(())
            })
        });
        let mut refused = 0;
        for one in asked.collect::<Vec<_>>() {
            match one.await.expect("ended") {
                Ok(()) => refused += 1,
                Err(error) => assert_eq!(error, NoSlot::Rests(minute(60))),
            }
        }
        assert_eq!(refused, REFUSALS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_and_what_is_given_back_is_taken() {
        let (refusals, clock) = (Refusals::default(), Clock::new(|| minute(0)));
        let offer = refusals.offer(MAILBOX, Way::Receiving, &clock).await;
        let other = refusals.offer(MAILBOX, Way::Sending, &clock).await;
        assert!(offer.is_ok() && other.is_ok());
        let busy = refusals.offer(MAILBOX, Way::Receiving, &clock).await;
        assert_eq!(busy.err(), Some(NoSlot::Busy));
        let waits = {
            let (refusals, clock) = (refusals.clone(), clock.clone());
            tokio::spawn(async move { refusals.offer(MAILBOX, Way::Receiving, &clock).await })
        };
        tokio::task::yield_now().await;
        drop(offer);
        assert!(waits.await.expect("ended").is_ok());
        let visits = [
            refusals.visit(MAILBOX, &clock).await,
            refusals.visit(MAILBOX, &clock).await,
        ];
        assert!(visits.iter().all(Result::is_ok));
        let third = refusals.visit(MAILBOX, &clock).await;
        assert_eq!(third.err(), Some(NoSlot::Busy));
        drop((other, visits));
        assert!(refusals.lock().is_empty());
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
