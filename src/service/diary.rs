//! What was said and tried at each mailbox's servers: dialogues in memory, where a
//! person has switched them on, and every attempt in the store.
//!
//! Invariant: nothing here holds up a connection. Attempts go through a bounded queue
//! and are written many at a time; when it is full the oldest news wins and a warning
//! says that some are missing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::attempt::{Attempt, WRITTEN_WITHIN};
use crate::domain::key::MailboxKey;
use crate::net::tap::{DialogueLog, Tap};
use crate::service::clock::Clock;
use crate::store::Store;

/// Attempts that wait to be written: all of ten thousand mailboxes that come back at once.
const WAITING_MAX: usize = 16_384;
/// Attempts written in one transaction.
const BATCH_MAX: usize = 1_024;

/// The diary. A cheap clone.
#[derive(Clone, Debug)]
pub struct Diary {
    clock: Clock,
    logs: Arc<Mutex<HashMap<MailboxKey, Arc<DialogueLog>>>>,
    attempts: mpsc::Sender<Attempt>,
}

/// The end of the queue; whoever holds it writes.
#[derive(Debug)]
pub struct Unwritten(mpsc::Receiver<Attempt>);

impl Diary {
    /// An empty diary, and what is to be given to [`run`].
    #[must_use]
    pub fn new(clock: Clock) -> (Self, Unwritten) {
        let (attempts, unwritten) = mpsc::channel(WAITING_MAX);
        let diary = Self {
            clock,
            logs: Arc::default(),
            attempts,
        };
        (diary, Unwritten(unwritten))
    }

    /// For a new connection of a mailbox on which `protocol` is spoken.
    #[must_use]
    pub fn tap(&self, mailbox: MailboxKey, protocol: &'static str) -> Tap {
        Tap::new(self.log(mailbox), protocol)
    }

    /// Keeps an attempt, if it can.
    pub fn note(&self, attempt: Attempt) {
        match self.attempts.try_send(attempt) {
            // Nobody writes beside a command that ends in a moment.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(attempt)) => {
                tracing::warn!(
                    mailbox = attempt.mailbox.0,
                    "an attempt is missing in the list"
                );
            }
        }
    }

    /// The mailbox is gone.
    pub fn forget(&self, mailbox: MailboxKey) {
        self.lock().remove(&mailbox);
    }

    pub(super) fn log(&self, mailbox: MailboxKey) -> Arc<DialogueLog> {
        let mut logs = self.lock();
        let log = logs.entry(mailbox).or_insert_with(|| {
            let clock = self.clock.clone();
            Arc::new(DialogueLog::new(move || clock.now()))
        });
        Arc::clone(log)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxKey, Arc<DialogueLog>>> {
        // Entries are inserted whole, so a panic elsewhere leaves nothing half-done.
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes attempts until `shutdown`, and what waits then.
pub async fn run(
    Unwritten(mut waiting): Unwritten,
    store: Store,
    clock: Clock,
    shutdown: CancellationToken,
) {
    loop {
        let mut batch = Vec::new();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {
                waiting.close();
                while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {}
            }
            count = waiting.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return },
        }
        if let Err(error) = store.note_attempts(batch, clock.now()).await {
            tracing::warn!(%error, "attempts could not be written; they are missing in the list");
        }
        if shutdown.is_cancelled() && waiting.is_closed() {
            return;
        }
        // The next ones gather meanwhile: a storm of connections is a few transactions.
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(WRITTEN_WITHIN) => {}
        }
    }
}
