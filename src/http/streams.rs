//! Live streams: how many may be open in all and for one person, and when all of them end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::error::{Kind, Problem};
use super::options::{STREAMS_MAX, STREAMS_PER_PERSON_MAX};
use crate::domain::key::UserKey;
use crate::domain::saying::saying;
use crate::domain::user::Actor;

/// When a client that was refused may come back.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// All streams. A cheap clone.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    places: Arc<Semaphore>,
    open: Arc<Mutex<HashMap<UserKey, usize>>>,
    pub(super) shutdown: CancellationToken,
}

/// A place for one stream; given back when dropped.
#[derive(Debug)]
pub(super) struct StreamPlace {
    streams: Streams,
    person: Option<UserKey>,
    _of_all: OwnedSemaphorePermit,
}

impl Streams {
    pub(super) fn new(shutdown: CancellationToken) -> Self {
        Self {
            places: Arc::new(Semaphore::new(STREAMS_MAX)),
            open: Arc::default(),
            shutdown,
        }
    }

    /// A place for one more, whatever tokens and sessions the person uses.
    ///
    /// # Errors
    /// When too many are open, of this person or in all.
    pub(super) fn place(&self, actor: &Actor) -> Result<StreamPlace, Problem> {
        let person = actor.user();
        let mut open = self.lock();
        let share = person.and_then(|person| open.get(&person).copied());
        if share.unwrap_or_default() >= STREAMS_PER_PERSON_MAX {
            let words = saying!("problem.own_streams");
            return Err(Problem::new(Kind::TooMany, words).retry_after(RETRY_AFTER));
        }
        let of_all = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Problem::new(Kind::Unavailable, saying!("problem.streams")).retry_after(RETRY_AFTER)
        })?;
        if let Some(person) = person {
            *open.entry(person).or_default() += 1;
        }
        Ok(StreamPlace {
            streams: self.clone(),
            person,
            _of_all: of_all,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserKey, usize>> {
        // A count is changed in one step, so a panic elsewhere leaves nothing half-done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let Some(person) = self.person else { return };
        let mut open = self.streams.lock();
        if let Some(share) = open.get_mut(&person) {
            *share -= 1;
            if *share == 0 {
                open.remove(&person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::WorkspaceKey;
    use crate::domain::user::Role;

    #[test]
    fn one_person_leaves_streams_for_others() {
        let person = |key| Actor::User {
            user: UserKey(key),
            workspace: WorkspaceKey::DEFAULT,
            role: Role::Operator,
        };
        let streams = Streams::new(CancellationToken::new());
        let mut held: Vec<StreamPlace> = (0..STREAMS_PER_PERSON_MAX)
            .map(|_| streams.place(&person(1)).expect("below the bound"))
            .collect();
        let refused = streams.place(&person(1)).expect_err("above it");
        assert!(format!("{refused:?}").contains("TooMany"), "{refused:?}");
        assert!(streams.place(&person(2)).is_ok());
        held.pop();
        let again = streams.place(&person(1)).expect("one was given back");
        drop((again, held));
        assert!(streams.lock().is_empty());
    }
}
