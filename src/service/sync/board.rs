//! The board: how each mailbox is doing at this moment, for pages, API and alerts.
//!
//! It lives in memory; what matters after a restart (cursors, outbox) is in the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::attempt::{Attempt, Way};
use crate::domain::condition::{Attempts, Failure, Patience};
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Condition, MailboxHealth, Switch};
use crate::service::diary::Diary;

/// The board. A cheap clone; its lock is never held across a wait.
#[derive(Clone, Debug)]
pub struct Board {
    patience: Patience,
    diary: Diary,
    rows: Arc<Mutex<HashMap<MailboxKey, Row>>>,
}

#[derive(Debug)]
struct Row {
    health: MailboxHealth,
    receiving: Attempts,
    sending: Attempts,
}

impl Row {
    fn new(patience: Patience) -> Self {
        let attempts = Attempts::new(patience);
        Self {
            health: MailboxHealth::default(),
            receiving: attempts.clone(),
            sending: attempts,
        }
    }
}

impl Board {
    /// An empty board; `patience` says how many failures make an error, and every
    /// attempt is noted in the diary.
    #[must_use]
    pub fn new(patience: Patience, diary: Diary) -> Self {
        Self {
            patience,
            diary,
            rows: Arc::default(),
        }
    }

    /// How a mailbox is doing.
    #[must_use]
    pub fn health(&self, mailbox: MailboxKey) -> MailboxHealth {
        self.lock()
            .get(&mailbox)
            .map(|row| row.health.clone())
            .unwrap_or_default()
    }

    /// What was said and tried, for those who open connections.
    #[must_use]
    pub fn diary(&self) -> &Diary {
        &self.diary
    }

    /// A connection to the incoming server has been opened and let us in.
    pub fn opened(&self, mailbox: MailboxKey, now: Timestamp) {
        self.diary
            .note(Attempt::new(mailbox, Way::Receiving, now, None));
    }

    /// The incoming server has answered us. Tells whether the condition changed.
    pub fn alive(&self, mailbox: MailboxKey, now: Timestamp) -> bool {
        self.change(mailbox, |row| {
            row.health.last_sign_of_life = Some(now);
            row.health.receiving = row.receiving.connected(now);
        })
    }

    /// Receiving has failed; answers the new condition.
    pub fn receiving_failed(
        &self,
        mailbox: MailboxKey,
        failure: Failure,
        now: Timestamp,
        random: u64,
    ) -> Condition {
        let mut rows = self.lock();
        let row = rows
            .entry(mailbox)
            .or_insert_with(|| Row::new(self.patience));
        row.health.catching_up = None;
        row.health.receiving = row.receiving.fail(failure, now, random);
        let condition = row.health.receiving.clone();
        drop(rows);
        self.note(mailbox, Way::Receiving, &condition, now);
        condition
    }

    /// Submission has worked or failed. Tells whether the condition changed.
    pub fn submitted(
        &self,
        mailbox: MailboxKey,
        outcome: Result<(), Failure>,
        now: Timestamp,
        random: u64,
    ) -> bool {
        let mut condition = Condition::Active;
        let changed = self.change(mailbox, |row| {
            row.health.sending = match outcome {
                Ok(()) => row.sending.succeed(),
                Err(failure) => row.sending.fail(failure, now, random),
            };
            condition = row.health.sending.clone();
        });
        self.note(mailbox, Way::Sending, &condition, now);
        changed
    }

    /// Mail has come.
    pub fn mail_came(&self, mailbox: MailboxKey, now: Timestamp) {
        self.change(mailbox, |row| row.health.last_mail_at = Some(now));
    }

    /// This much mail waits on the server.
    pub fn catching_up(&self, mailbox: MailboxKey, left: Option<u32>) {
        self.change(mailbox, |row| row.health.catching_up = left);
    }

    /// A person has switched the mailbox off, or on again.
    pub fn set_switch(&self, mailbox: MailboxKey, switch: Switch) {
        let condition = match switch {
            Switch::On => Condition::Connecting,
            Switch::Offline => Condition::Offline,
            Switch::Unbound => Condition::Unbound,
        };
        self.change(mailbox, |row| {
            row.health.receiving = condition.clone();
            row.health.sending = condition.clone();
        });
    }

    /// The incoming server has refused the credentials; only a person mends that.
    #[must_use]
    pub fn receiving_needs_a_person(&self, mailbox: MailboxKey) -> bool {
        needs_a_person(&self.health(mailbox).receiving)
    }

    /// A person has given new credentials or asked to try again: earlier refusals are forgotten.
    pub fn forget_failures(&self, mailbox: MailboxKey) {
        self.change(mailbox, |row| {
            let fresh = Row::new(self.patience);
            row.receiving = fresh.receiving;
            row.sending = fresh.sending;
            if needs_a_person(&row.health.receiving) {
                row.health.receiving = Condition::Connecting;
            }
            if !matches!(row.health.sending, Condition::Offline | Condition::Unbound) {
                // Replies that were held back are tried again.
                row.health.sending = Condition::Connecting;
            }
        });
    }

    /// The mailbox is gone.
    pub fn remove(&self, mailbox: MailboxKey) {
        self.lock().remove(&mailbox);
        self.diary.forget(mailbox);
    }

    /// An attempt that has come to this condition.
    fn note(&self, mailbox: MailboxKey, way: Way, condition: &Condition, now: Timestamp) {
        let (failure, next_at) = match condition {
            Condition::Interrupted {
                reason, next_at, ..
            }
            | Condition::Error { reason, next_at } => (Some(reason.clone()), Some(*next_at)),
            Condition::ReauthenticationNeeded { reason } => (Some(reason.clone()), None),
            Condition::Connecting | Condition::Active | Condition::Offline | Condition::Unbound => {
                (None, None)
            }
        };
        self.diary.note(Attempt {
            next_at,
            ..Attempt::new(mailbox, way, now, failure)
        });
    }

    fn change(&self, mailbox: MailboxKey, change: impl FnOnce(&mut Row)) -> bool {
        let mut rows = self.lock();
        let row = rows
            .entry(mailbox)
            .or_insert_with(|| Row::new(self.patience));
        let before = (kind(&row.health.receiving), kind(&row.health.sending));
        change(row);
        before != (kind(&row.health.receiving), kind(&row.health.sending))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxKey, Row>> {
        // Rows are replaced whole, so a panic elsewhere leaves nothing half-written.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn needs_a_person(condition: &Condition) -> bool {
    matches!(condition, Condition::ReauthenticationNeeded { .. })
}

fn kind(condition: &Condition) -> std::mem::Discriminant<Condition> {
    std::mem::discriminant(condition)
}
