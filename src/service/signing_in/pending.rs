//! Sign-ins that wait for a browser to come back.
//!
//! They live in memory: a restart only means to begin again, and nothing of them is
//! worth keeping. Each belongs to who began it, in one session, and its state is
//! redeemed once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::device::DeviceProgress;
use super::error::{StateError, TooMany};
use super::subject::Pending;
use crate::domain::key::PublicId;
use crate::domain::user::Actor;

/// How long one can be finished.
pub(super) const LIFE: Duration = Duration::from_secs(15 * 60);
/// How long it is remembered, so that a late or repeated return is told apart.
const MEMORY: Duration = Duration::from_secs(30 * 60);
/// Sign-ins of one person; the oldest makes room.
const OF_ONE_MAX: usize = 8;
/// Sign-ins of one link. Links share the gateway as their owner, and only their marks tell
/// them apart: whoever holds one must not end what others have begun.
const OF_LINK_MAX: usize = 1;
/// Sign-ins of everybody.
const ALL_MAX: usize = 256;

/// The session in which a sign-in was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u8; 32]);

impl Mark {
    /// The mark of a text that only the session knows.
    #[must_use]
    pub fn of(session: &str) -> Self {
        Self(blake3::derive_key(
            "postern 2026 sign-in",
            session.as_bytes(),
        ))
    }
}

#[derive(Debug)]
struct Row {
    owner: Actor,
    mark: Mark,
    begun: Instant,
    used: bool,
    pending: Pending,
    device: Option<watch::Receiver<DeviceProgress>>,
}

/// The sign-ins of this process. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Pendings {
    rows: Arc<Mutex<HashMap<PublicId, Row>>>,
}

impl Pendings {
    pub(super) fn begin(
        &self,
        id: PublicId,
        owner: &Actor,
        mark: Mark,
        pending: Pending,
    ) -> Result<(), TooMany> {
        let mut rows = self.lock();
        let by_link = *owner == Actor::Gateway;
        let of_one_max = if by_link { OF_LINK_MAX } else { OF_ONE_MAX };
        let own = rows
            .iter()
            .filter(|(_, row)| row.owner == *owner && (!by_link || row.mark == mark));
        if own.clone().count() >= of_one_max
            && let Some(oldest) = own.min_by_key(|(_, row)| row.begun).map(|(id, _)| *id)
        {
            rows.remove(&oldest);
        }
        if rows.len() >= ALL_MAX {
            return Err(TooMany);
        }
        let row = Row {
            owner: owner.clone(),
            mark,
            begun: Instant::now(),
            used: false,
            pending,
            device: None,
        };
        rows.insert(id, row);
        Ok(())
    }

    /// One that the actor began in this session, used or not.
    pub(super) fn get(&self, owner: &Actor, mark: Mark, id: PublicId) -> Option<Pending> {
        let rows = self.lock();
        let row = rows.get(&id).filter(|row| row.is_of(owner, mark))?;
        Some(row.pending.clone())
    }

    /// How its code for another device is doing, when there is one.
    pub(super) fn device(
        &self,
        owner: &Actor,
        mark: Mark,
        id: PublicId,
    ) -> Option<watch::Receiver<DeviceProgress>> {
        let rows = self.lock();
        let row = rows.get(&id).filter(|row| row.is_of(owner, mark))?;
        row.device.clone()
    }

    pub(super) fn follow(&self, id: PublicId, device: watch::Receiver<DeviceProgress>) {
        if let Some(row) = self.lock().get_mut(&id) {
            row.device = Some(device);
        }
    }

    /// The sign-in that comes back with this state; it cannot come back again.
    pub(super) fn redeem(
        &self,
        owner: &Actor,
        mark: Mark,
        state: &str,
    ) -> Result<(PublicId, Pending), StateError> {
        // Hashes compare in constant time.
        let state = blake3::hash(state.as_bytes());
        let mut rows = self.lock();
        let found = rows
            .iter_mut()
            .find(|(_, row)| blake3::hash(row.pending.state.expose().as_bytes()) == state);
        let (id, row) = found.ok_or(StateError::Unknown)?;
        // What a stranger brings does not end what its owner has begun.
        if !row.is_of(owner, mark) {
            return Err(StateError::Foreign);
        }
        if row.used {
            return Err(StateError::Used);
        }
        row.used = true;
        if row.begun.elapsed() >= LIFE {
            return Err(StateError::Expired);
        }
        Ok((*id, row.pending.clone()))
    }

    /// Whether a sign-in that the actor began in this session may come back with this state.
    pub(super) fn awaits(&self, owner: &Actor, mark: Mark, state: &str) -> bool {
        let state = blake3::hash(state.as_bytes());
        let rows = self.lock();
        let mut own = rows.values().filter(|row| row.is_of(owner, mark));
        own.any(|row| blake3::hash(row.pending.state.expose().as_bytes()) == state)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PublicId, Row>> {
        // Rows are put and changed whole, so a panic elsewhere leaves nothing half-written.
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|_, row| row.begun.elapsed() < MEMORY);
        rows
    }
}

impl Row {
    fn is_of(&self, owner: &Actor, mark: Mark) -> bool {
        self.owner == *owner && self.mark == mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::{UserKey, WorkspaceKey};
    use crate::domain::oauth::OAuthModule;
    use crate::domain::secret::Secret;
    use crate::domain::user::Role;
    use crate::net::oauth::{OAuthClient, ProofKey};
    use crate::service::oauth_clients::Provider;
    use crate::service::signing_in::subject::Purpose;

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

    fn pending(state: &str) -> Pending {
        Pending {
            state: Secret::new(state),
            proof: ProofKey::new([7; 32]),
            purpose: Purpose::Again {
                mailbox: id(9),
                account: None,
            },
            provider: Provider {
                module: OAuthModule::default(),
                client: OAuthClient {
                    id: "us".to_owned(),
                    secret: None,
                },
            },
            address: "help@shop.example".to_owned(),
            account: "help@shop.example".to_owned(),
            select_account: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_is_redeemed_once_by_who_began_it_in_the_same_session() {
        let (pendings, mark) = (Pendings::default(), Mark::of("session"));
        let (ours, theirs) = (actor(1), actor(2));
        let begin = |number, state: &str| {
            let begun = pendings.begin(id(number), &ours, mark, pending(state));
            begun.expect("room");
        };
        let redeem = |who: &Actor, mark, state: &str| {
            let redeemed = pendings.redeem(who, mark, state);
            redeemed.map(|(id, _)| id)
        };
        begin(1, "one");
        assert_eq!(redeem(&ours, mark, "forged"), Err(StateError::Unknown));
        assert_eq!(redeem(&ours, mark, ""), Err(StateError::Unknown));
        assert_eq!(redeem(&theirs, mark, "one"), Err(StateError::Foreign));
        let other = Mark::of("another session");
        assert_eq!(redeem(&ours, other, "one"), Err(StateError::Foreign));
        assert_eq!(redeem(&ours, mark, "one"), Ok(id(1)));
        assert_eq!(redeem(&ours, mark, "one"), Err(StateError::Used));
        begin(2, "two");
        tokio::time::advance(LIFE).await;
        assert_eq!(redeem(&ours, mark, "two"), Err(StateError::Expired));
        tokio::time::advance(MEMORY).await;
        assert_eq!(redeem(&ours, mark, "two"), Err(StateError::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn sign_ins_are_bounded_and_the_oldest_of_a_person_makes_room() {
        let (pendings, mark) = (Pendings::default(), Mark::of("session"));
        for number in 0..9 {
            let begun = pendings.begin(id(number), &actor(1), mark, pending("x"));
            begun.expect("room");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(pendings.get(&actor(1), mark, id(0)).is_none());
        assert!(pendings.get(&actor(1), mark, id(8)).is_some());
        assert!(pendings.get(&actor(2), mark, id(8)).is_none());
        let mut refused = 0;
        for user in 2..60 {
            for number in 0..8 {
                let id =
                    PublicId::from_bytes([user, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                let begun = pendings.begin(id, &actor(user.into()), mark, pending("x"));
                refused += usize::from(begun.is_err());
            }
        }
        assert!(refused > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_link_ends_its_own_sign_ins_only() {
        let pendings = Pendings::default();
        let (ours, theirs) = (Mark::of("our link"), Mark::of("their link"));
        let begin = |number, mark| {
            let begun = pendings.begin(id(number), &Actor::Gateway, mark, pending("x"));
            begun.expect("room");
        };
        let there = |mark, number| pendings.get(&Actor::Gateway, mark, id(number)).is_some();
        begin(100, ours);
        for number in 0..20 {
            begin(number, theirs);
        }
        assert!(there(ours, 100));
        let left = (0..20).filter(|number| there(theirs, *number));
        assert_eq!(left.collect::<Vec<_>>(), [19]);
    }
}
