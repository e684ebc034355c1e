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

use crate::domain::attempt::{Attempt, WRITTEN_WITHIN, Way};
use crate::domain::key::{MailboxKey, PublicId};
use crate::domain::mailbox::Mailbox;
use crate::domain::user::Actor;
use crate::net::tap::{DialogueLog, LogLine, Tap};
use crate::service::clock::Clock;
use crate::service::mailboxes::{MailboxError, Mailboxes};
use crate::store::Store;

/// Attempts that wait to be written: all of ten thousand mailboxes that come back at once.
const WAITING_MAX: usize = 16_384;
/// Attempts written in one transaction.
const BATCH_MAX: usize = 1_024;
/// Attempts of one page.
pub const PAGE_MAX: usize = 500;

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

    fn log(&self, mailbox: MailboxKey) -> Arc<DialogueLog> {
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

/// The diary for people: managers of the mailbox, since dialogues name who writes.
#[derive(Clone, Debug)]
pub struct DiaryReading {
    store: Store,
    diary: Diary,
    mailboxes: Mailboxes,
}

/// A mailbox's dialogues.
#[derive(Clone, Debug)]
pub struct Dialogues {
    /// Whose.
    pub mailbox: Mailbox,
    /// Whether they are being kept.
    pub on: bool,
    /// What was kept, oldest first.
    pub lines: Vec<LogLine>,
}

impl DiaryReading {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, diary: Diary, mailboxes: Mailboxes) -> Self {
        Self {
            store,
            diary,
            mailboxes,
        }
    }

    /// What was said, and whether it is being kept.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn dialogues(&self, actor: &Actor, id: PublicId) -> Result<Dialogues, MailboxError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        let log = self.diary.log(mailbox.key);
        Ok(Dialogues {
            mailbox,
            on: log.is_on(),
            lines: log.lines(),
        })
    }

    /// Keeps dialogues from now on, also of connections that are open; or no longer.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn switch(&self, actor: &Actor, id: PublicId, on: bool) -> Result<Mailbox, MailboxError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        self.diary.log(mailbox.key).switch(on);
        Ok(mailbox)
    }

    /// What was tried, the latest first, with numbers to go on before.
    ///
    /// # Errors
    /// When the actor may not see the mailbox, or the store cannot be read.
    pub fn attempts(
        &self,
        actor: &Actor,
        id: PublicId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Attempt)>, MailboxError> {
        let (mailbox, _) = self.mailboxes.get(actor, id)?;
        let limit = limit.clamp(1, PAGE_MAX);
        Ok(self.store.attempts(mailbox.key, before, limit)?)
    }
}

/// `receiving` or `sending`, as API and command line say it.
#[must_use]
pub fn way_name(way: Way) -> &'static str {
    match way {
        Way::Receiving => "receiving",
        Way::Sending => "sending",
    }
}
