//! What happened, for those who follow: read from a cursor, wait for more.
//!
//! Invariant: an actor sees the changes of its own workspace. Sequence numbers
//! count over the whole gateway, so a reader sees gaps where others' changes stand.

use crate::domain::change::{Change, Event};
use crate::domain::key::{ConversationKey, Sequence};
use crate::domain::user::{Actor, Role};
use crate::store::{Condition, Store, StoreError};
use crate::wire::event::Subjects;

/// Changes of other workspaces skipped in one read, in batches of the caller's limit.
const BATCHES_MAX: usize = 20;

/// A change with the ids it is about.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The change.
    pub change: Change,
    /// What it is about, by the ids shown outside.
    pub subjects: Subjects,
}

/// One reading of the feed.
#[derive(Clone, Debug)]
pub struct Reading {
    /// In order.
    pub entries: Vec<Entry>,
    /// Where to go on: everything up to here has been looked at.
    pub next: Sequence,
}

/// The service.
#[derive(Clone, Debug)]
pub struct Feed {
    store: Store,
}

impl Feed {
    /// A service over the store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The end of the feed now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn last(&self) -> Result<Sequence, StoreError> {
        self.store.last_sequence()
    }

    /// Whether the store takes writes now.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        matches!(self.store.condition(), Condition::Writable)
    }

    /// What happened after `after`, at most `limit` entries.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(
        &self,
        actor: &Actor,
        after: Sequence,
        limit: usize,
    ) -> Result<Reading, StoreError> {
        let mut reading = Reading {
            entries: Vec::new(),
            next: after,
        };
        for _ in 0..BATCHES_MAX {
            let changes = self.store.changes(reading.next, limit)?;
            let ended = changes.len() < limit;
            for change in changes {
                reading.next = change.sequence;
                if actor.may(Role::Operator, change.workspace) {
                    let subjects = self.subjects(&change.event)?;
                    reading.entries.push(Entry { change, subjects });
                }
                if reading.entries.len() == limit {
                    return Ok(reading);
                }
            }
            if ended || !reading.entries.is_empty() {
                break;
            }
        }
        Ok(reading)
    }

    /// Returns when something happened after `after`; never, once the store is closed.
    pub async fn wait(&self, after: Sequence) {
        let mut last = self.store.subscribe();
        if last.wait_for(|last| *last > after).await.is_err() {
            // The writer is gone: nothing will happen any more, and the caller has a deadline.
            std::future::pending::<()>().await;
        }
    }

    fn subjects(&self, event: &Event) -> Result<Subjects, StoreError> {
        let mut subjects = Subjects::default();
        match event {
            Event::MessageReceived {
                message,
                conversation,
            }
            | Event::MailImported {
                message,
                conversation,
            }
            | Event::ConversationRouted {
                conversation,
                message,
            } => {
                subjects.message = self.store.message(*message)?.map(|found| found.id);
                subjects.conversation = self.conversation_id(*conversation)?;
            }
            Event::ConversationChanged { conversation } => {
                subjects.conversation = self.conversation_id(*conversation)?;
            }
            Event::ConversationRegrouped {
                conversation,
                other,
                by,
                ..
            } => {
                subjects.conversation = self.conversation_id(*conversation)?;
                subjects.other_conversation = self.conversation_id(*other)?;
                let user = by.map(|key| self.store.user(key)).transpose()?.flatten();
                subjects.user = user.map(|found| found.id);
            }
            Event::OutgoingChanged {
                outgoing,
                conversation,
            } => {
                subjects.outgoing = self.store.outgoing(*outgoing)?.map(|found| found.id);
                subjects.conversation = self.conversation_id(*conversation)?;
            }
            Event::OutgoingReleased {
                outgoing,
                conversation,
                by,
            }
            | Event::OutgoingOrdered {
                outgoing,
                conversation,
                by,
                ..
            } => {
                subjects.outgoing = self.store.outgoing(*outgoing)?.map(|found| found.id);
                subjects.conversation = self.conversation_id(*conversation)?;
                let user = by.map(|key| self.store.user(key)).transpose()?.flatten();
                subjects.user = user.map(|found| found.id);
            }
            Event::MailboxChanged { mailbox }
            | Event::CanaryFailed { mailbox }
            | Event::CanaryRecovered { mailbox } => {
                subjects.mailbox = self.store.mailbox(*mailbox)?.map(|found| found.id);
            }
            Event::ScriptsChanged => {}
        }
        Ok(subjects)
    }

    fn conversation_id(
        &self,
        key: ConversationKey,
    ) -> Result<Option<crate::domain::key::PublicId>, StoreError> {
        Ok(self.store.conversation(key)?.map(|found| found.id))
    }
}
