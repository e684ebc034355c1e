//! Attempts to connect that run by themselves, so that a page can show their steps
//! live and come back to what was typed.
//!
//! An attempt lives in memory, belongs to who began it, and ends with its result or
//! after `LIFE_MAX`: passwords that were typed are not kept longer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::known::Known;
use super::trial::StepResult;
use super::wish::Wish;
use crate::domain::key::PublicId;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::user::{Actor, Role};

/// Attempts of one person that are remembered.
const OF_ONE_MAX: usize = 4;
/// Attempts of everybody that are remembered.
const ALL_MAX: usize = 256;
/// How long one is remembered.
const LIFE_MAX: Duration = Duration::from_secs(15 * 60);

/// How far an attempt is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The steps that have ended.
    pub steps: Vec<StepResult>,
    /// How it ended, when it has.
    pub end: Option<End>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every step passed, and nothing was to be saved.
    Passed,
    /// The mailbox is connected.
    Connected {
        /// Its id.
        mailbox: PublicId,
    },
    /// It is not; in words.
    Failed(Saying),
}

/// An attempt as its beginner sees it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What was typed, passwords included.
    pub wish: Wish,
    /// What was known beside it.
    pub known: Known,
    /// How far it is; changes while it runs.
    pub progress: watch::Receiver<Progress>,
}

/// Too many are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub struct TooMany;

impl Said for TooMany {
    fn saying(&self) -> Saying {
        saying!("cannot.connect.too_many")
    }
}

#[derive(Debug)]
struct Row {
    owner: Actor,
    begun: Instant,
    attempt: Attempt,
}

/// A place that a trial has which somebody waits for.
#[derive(Debug)]
pub struct Place {
    attempts: Attempts,
    id: PublicId,
    _told: watch::Sender<Progress>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.attempts.lock().remove(&self.id);
    }
}

/// The attempts of this process. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    rows: Arc<Mutex<HashMap<PublicId, Row>>>,
}

impl Attempts {
    /// Notes a new one; its progress is told through the sender.
    ///
    /// # Errors
    /// When as many run already as may.
    pub(super) fn begin(
        &self,
        id: PublicId,
        owner: &Actor,
        wish: Wish,
        known: Known,
    ) -> Result<watch::Sender<Progress>, TooMany> {
        let mut rows = self.lock();
        rows.retain(|_, row| row.begun.elapsed() < LIFE_MAX);
        forget_oldest_ended(&mut rows, owner);
        let own = rows.values().filter(|row| row.owner == *owner).count();
        if own >= OF_ONE_MAX || rows.len() >= ALL_MAX {
            return Err(TooMany);
        }
        let (told, progress) = watch::channel(Progress::default());
        let attempt = Attempt {
            wish,
            known,
            progress,
        };
        rows.insert(
            id,
            Row {
                owner: owner.clone(),
                begun: Instant::now(),
                attempt,
            },
        );
        Ok(told)
    }

    /// Keeps a place among those of the actor for a trial that somebody waits for; it is
    /// free again when what is returned is dropped.
    ///
    /// # Errors
    /// As for [`Attempts::begin`].
    pub(super) fn hold(&self, id: PublicId, owner: &Actor) -> Result<Place, TooMany> {
        let (wish, known) = (Wish::default(), Known::default());
        let told = self.begin(id, owner, wish, known)?;
        let attempts = self.clone();
        Ok(Place {
            attempts,
            id,
            _told: told,
        })
    }

    /// One that the actor began.
    #[must_use]
    pub fn get(&self, actor: &Actor, id: PublicId) -> Option<Attempt> {
        let mut rows = self.lock();
        rows.retain(|_, row| row.begun.elapsed() < LIFE_MAX);
        let row = rows.get(&id).filter(|row| row.owner == *actor)?;
        // What somebody was allowed to begin they may have lost the right to see.
        let may = actor.may(Role::Manager, actor.workspace());
        may.then(|| row.attempt.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PublicId, Row>> {
        // Rows are put and taken whole, so a panic elsewhere leaves nothing half-written.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room for another attempt of the same person.
fn forget_oldest_ended(rows: &mut HashMap<PublicId, Row>, owner: &Actor) {
    let own = || rows.iter().filter(|(_, row)| row.owner == *owner);
    if own().count() < OF_ONE_MAX {
        return;
    }
    let ended = own().filter(|(_, row)| row.attempt.progress.borrow().end.is_some());
    let oldest = ended.min_by_key(|(_, row)| row.begun).map(|(id, _)| *id);
    if let Some(oldest) = oldest {
        rows.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{UserKey, WorkspaceKey};

    fn actor(user: u64) -> Actor {
        Actor::User {
            user: UserKey(user),
            workspace: WorkspaceKey::DEFAULT,
            role: Role::Manager,
        }
    }

    fn id(number: u8) -> PublicId {
        PublicId::from_bytes([number; 16])
    }

    fn begin(attempts: &Attempts, number: u8, owner: &Actor) -> Option<watch::Sender<Progress>> {
        let (wish, known) = (Wish::default(), Known::default());
        attempts.begin(id(number), owner, wish, known).ok()
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_seen_by_its_beginner_and_for_a_while() {
        let attempts = Attempts::default();
        let _told = begin(&attempts, 1, &actor(1)).expect("room");
        assert!(attempts.get(&actor(1), id(1)).is_some());
        assert!(attempts.get(&actor(2), id(1)).is_none());
        tokio::time::advance(LIFE_MAX).await;
        assert!(attempts.get(&actor(1), id(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn running_ones_are_bounded_and_ended_ones_make_room() {
        let attempts = Attempts::default();
        let mut told = Vec::new();
        for number in 0..4 {
            told.push(begin(&attempts, number, &actor(1)).expect("room"));
        }
        assert!(begin(&attempts, 9, &actor(1)).is_none());
        assert!(begin(&attempts, 10, &actor(2)).is_some());
        assert!(attempts.hold(id(11), &actor(1)).is_err());
        told[2].send_modify(|progress| progress.end = Some(End::Failed("".into())));
        assert!(begin(&attempts, 9, &actor(1)).is_some());
        assert!(attempts.get(&actor(1), id(2)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn trials_that_are_waited_for_are_bounded_too() {
        let attempts = Attempts::default();
        let hold = |number| attempts.hold(id(number), &actor(1));
        let mut places: Vec<Place> = (0..4).map(|number| hold(number).expect("room")).collect();
        assert!(hold(4).is_err());
        assert!(begin(&attempts, 5, &actor(1)).is_none());
        places.pop();
        assert!(hold(6).is_ok(), "and free again at once");
        assert!(begin(&attempts, 7, &actor(1)).is_some());
        assert!(hold(8).is_err());
    }
}
