//! What people see of the outbox and say of what lies in it. What a word means stands in
//! `domain::order`; that a reply is taken at all in `replies`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::key::{OutgoingKey, PublicId, UserKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::order::Order;
use crate::domain::outbox::{Outgoing, SCHEDULED};
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::user::{Actor, Role, User};
use crate::service::clock::Clock;
use crate::store::{OutboxWanted, Page, Store, StoreError};

/// Most replies of one page.
pub const PAGE_MAX: usize = 200;

/// States by name: those that something can still come of.
const OPEN: [&str; 6] = [
    "queued",
    SCHEDULED,
    "held",
    "sending",
    "deferred",
    "uncertain",
];
/// And those at their end.
const ENDED: [&str; 4] = ["sent", "failed", "bounced", "cancelled"];
/// All of the first, as one filter.
pub const ALL_OPEN: &str = "open";

/// Why a call on the outbox failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum OutboxError {
    /// It does not exist, or the actor may not see it.
    NotFound,
    /// There is no such state.
    NoSuchState(String),
    /// There is no such mailbox, or the actor may not see it.
    NoSuchMailbox,
    /// The word does not fit where the reply stands.
    DoesNotFit(Order),
    /// Nothing holds the reply back.
    NotHeld,
    /// The store cannot be read or does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for OutboxError {
    fn saying(&self) -> Saying {
        match self {
            Self::NotFound => saying!("problem.not_found"),
            Self::NoSuchState(state) => {
                let states: Vec<&str> = [ALL_OPEN].into_iter().chain(OPEN).chain(ENDED).collect();
                let known = states.join(", ");
                saying!("cannot.outbox.state", state = Saying::quoted(state), known)
            }
            Self::NoSuchMailbox => saying!("cannot.conversation.no_mailbox"),
            Self::DoesNotFit(Order::Cancel) => saying!("problem.too_late"),
            Self::DoesNotFit(Order::Retry) => saying!("cannot.outbox.retry"),
            Self::DoesNotFit(Order::Arrived) => saying!("cannot.outbox.arrived"),
            Self::DoesNotFit(Order::Again) => saying!("cannot.outbox.again"),
            Self::NotHeld => saying!("problem.not_held"),
            Self::Store(error) => error.saying(),
        }
    }
}

/// Replies that a person wants to leave at once: no pause of their mailbox is for them.
/// In memory; after a restart they wait like the others.
#[derive(Clone, Debug, Default)]
pub struct Hurry(Arc<Mutex<HashSet<OutgoingKey>>>);

impl Hurry {
    fn with<T>(&self, change: impl FnOnce(&mut HashSet<OutgoingKey>) -> T) -> T {
        // One call changes the set whole, so a panic elsewhere leaves nothing half-done.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a person waits for it; asked once.
    #[must_use]
    pub fn take(&self, outgoing: OutgoingKey) -> bool {
        self.with(|set| set.remove(&outgoing))
    }
}

/// A reply with the names of what it refers to.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The reply.
    pub outgoing: Outgoing,
    /// Its conversation, by id and number.
    pub conversation: Option<(PublicId, u64)>,
    /// By which mailbox it leaves; absent once removed.
    pub mailbox: Option<Mailbox>,
    /// Who wrote it or said something of it.
    pub people: Vec<User>,
    /// When this was asked.
    pub now: Timestamp,
}

impl Shown {
    /// One of the people, where they are still known.
    #[must_use]
    pub fn person(&self, key: Option<UserKey>) -> Option<&User> {
        self.people.iter().find(|user| Some(user.key) == key)
    }
}

/// The service.
#[derive(Clone, Debug)]
pub struct Outbox {
    store: Store,
    clock: Clock,
    hurry: Hurry,
}

impl Outbox {
    /// A service over the store; whoever submits shares `hurry`.
    #[must_use]
    pub fn new(store: Store, clock: Clock, hurry: Hurry) -> Self {
        Self {
            store,
            clock,
            hurry,
        }
    }

    /// What time it is for the states of replies.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A reply and where it stands.
    ///
    /// # Errors
    /// When the actor may not see it, or the store cannot be read.
    pub fn get(&self, actor: &Actor, id: PublicId) -> Result<Shown, OutboxError> {
        let found = self.find(actor, id)?;
        Ok(self.shown(found)?)
    }

    /// The same of one that was read already.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn shown(&self, outgoing: Outgoing) -> Result<Shown, StoreError> {
        let conversation = self.store.conversation(outgoing.conversation)?;
        let said = outgoing.history.iter().filter_map(|known| known.by);
        let mut keys: Vec<UserKey> = outgoing.author.into_iter().chain(said).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut people = Vec::with_capacity(keys.len());
        for key in keys {
            people.extend(self.store.user(key)?);
        }
        Ok(Shown {
            conversation: conversation.map(|found| (found.id, found.number)),
            mailbox: self.store.mailbox(outgoing.mailbox)?,
            people,
            now: self.clock.now(),
            outgoing,
        })
    }

    /// A page of the outbox: what is under way first, then what waits, then what has
    /// ended. `state` is one of the names, or [`ALL_OPEN`].
    ///
    /// # Errors
    /// When the filter names what is not there, or the store cannot be read.
    pub fn list(
        &self,
        actor: &Actor,
        state: Option<&str>,
        mailbox: Option<PublicId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Shown>, OutboxError> {
        let mailbox = mailbox.map(|id| {
            let found = self.store.mailbox_by_id(id)?;
            found
                .filter(|found| actor.may(Role::Operator, found.workspace))
                .ok_or(OutboxError::NoSuchMailbox)
        });
        let known = |names: &[&str]| state.is_some_and(|state| names.contains(&state));
        let wanted = OutboxWanted {
            open: known(&OPEN) || state == Some(ALL_OPEN),
            ended: known(&ENDED),
            mailbox: mailbox.transpose()?.map(|found| found.key),
        };
        if let Some(state) = state
            && !wanted.open
            && !wanted.ended
        {
            return Err(OutboxError::NoSuchState(state.to_owned()));
        }
        let now = self.clock.now();
        let only = state.filter(|state| *state != ALL_OPEN);
        let fits = |outgoing: &Outgoing| only.is_none_or(|only| outgoing.state_name(now) == only);
        let limit = limit.clamp(1, PAGE_MAX);
        let workspace = actor.workspace();
        let page = self
            .store
            .outbox_page(workspace, wanted, fits, after, limit)?;
        let items = page.items.into_iter().map(|one| self.shown(one));
        Ok(Page {
            items: items.collect::<Result<_, _>>()?,
            next: page.next,
        })
    }

    /// Carries out what a person says of a reply.
    ///
    /// # Errors
    /// [`OutboxError::DoesNotFit`] when it is too late for that.
    pub async fn order(
        &self,
        actor: &Actor,
        id: PublicId,
        order: Order,
    ) -> Result<Shown, OutboxError> {
        let found = self.find(actor, id)?;
        if order == Order::Retry {
            // Before it is due: who submits may begin with the commit.
            self.hurry.with(|set| set.insert(found.key));
        }
        let done = self
            .store
            .order(found.key, order, actor.user(), self.clock.now());
        match done.await {
            Ok(true) => self.get(actor, id),
            refused => {
                self.hurry.with(|set| set.remove(&found.key));
                refused?;
                Err(OutboxError::DoesNotFit(order))
            }
        }
    }

    /// Sends a reply that a script held back; it is not asked again.
    ///
    /// # Errors
    /// [`OutboxError::NotHeld`] when nothing holds it back any more.
    pub async fn release(&self, actor: &Actor, id: PublicId) -> Result<Shown, OutboxError> {
        let found = self.find(actor, id)?;
        let now = self.clock.now();
        let released = self.store.release_reply(found.key, actor.user(), now);
        if !released.await? {
            return Err(OutboxError::NotHeld);
        }
        self.get(actor, id)
    }

    fn find(&self, actor: &Actor, id: PublicId) -> Result<Outgoing, OutboxError> {
        let found = self.store.outgoing_by_id(id)?;
        found
            .filter(|found| actor.may(Role::Operator, found.workspace))
            .ok_or(OutboxError::NotFound)
    }
}
