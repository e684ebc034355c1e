//! Keeps mailboxes connected: one task each, started, stopped and woken here.

pub mod board;
pub mod history;
mod imap;
mod keeper;
pub mod maildrop;
pub mod options;
mod pending;
mod pop3;
mod retries;
pub mod standing;
mod turns;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::pending::ANYWAY_BYTES_MAX;
pub use self::retries::TooSoon;
pub(in crate::service) use self::turns::to_the_end;

use self::board::Board;
use self::keeper::Handles;
use self::options::SyncOptions;
use self::retries::Retries;
use self::turns::Turns;
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Condition, Mailbox, WayIn};
use crate::net::dial::Dialer;
use crate::service::clock::Clock;
use crate::service::credentials::Keyring;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::store::{Store, StoreError};

/// Starts, stops and wakes the tasks. A cheap clone.
#[derive(Clone, Debug)]
pub struct Sync {
    handles: Arc<Handles>,
    shutdown: CancellationToken,
    running: Arc<Mutex<HashMap<MailboxKey, Running>>>,
    turns: Turns,
    retries: Retries,
}

#[derive(Debug)]
struct Running {
    refresh: Arc<Notify>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Sync {
    /// Nothing runs yet.
    #[must_use]
    pub fn new(
        store: Store,
        dialer: Dialer,
        board: Board,
        clock: Clock,
        presets: Presets,
        keyring: Keyring,
        options: SyncOptions,
    ) -> Self {
        let handles = Handles {
            store,
            dialer,
            board,
            clock,
            random: Random,
            options,
            presets,
            keyring,
        };
        Self {
            handles: Arc::new(handles),
            shutdown: CancellationToken::new(),
            running: Arc::default(),
            turns: Turns::default(),
            retries: Retries::default(),
        }
    }

    /// The same, with its end.
    #[must_use]
    pub fn until(mut self, shutdown: CancellationToken) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Lets the board show how mailboxes stood when the gateway last ran; nothing starts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn recall_all(&self) -> Result<(), StoreError> {
        for mailbox in self.handles.store.mailboxes()? {
            let kept = self.handles.store.standing(mailbox.key)?;
            let board = &self.handles.board;
            board.restore(mailbox.key, kept.unwrap_or_default());
            let forwarded = matches!(mailbox.settings.way_in, WayIn::Forwarding(_));
            board.set_forwarded(mailbox.key, forwarded);
            board.set_switch(mailbox.key, mailbox.settings.switch);
        }
        Ok(())
    }

    /// Starts every mailbox of the store that is not switched off.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn start_all(&self) -> Result<usize, StoreError> {
        let mailboxes = self.handles.store.mailboxes()?;
        let count = mailboxes.len();
        for mailbox in mailboxes {
            // One that was connected a moment ago runs already.
            if !self.lock().contains_key(&mailbox.key) {
                let kept = self.handles.store.standing(mailbox.key)?;
                let board = &self.handles.board;
                board.restore(mailbox.key, kept.unwrap_or_default());
                self.start(mailbox);
            }
        }
        Ok(count)
    }

    /// Waits until nobody else is changing the mailbox, and keeps others waiting until
    /// what is returned is dropped.
    pub(in crate::service) async fn turn(&self, key: MailboxKey) -> OwnedMutexGuard<()> {
        self.turns.of(key).await
    }

    /// Starts a mailbox as the store has it now; nothing when it is gone.
    pub(in crate::service) fn start_stored(&self, key: MailboxKey) -> Result<(), StoreError> {
        if let Some(mailbox) = self.handles.store.mailbox(key)? {
            self.start(mailbox);
        }
        Ok(())
    }

    /// Starts a mailbox, or starts it anew with changed settings.
    pub fn start(&self, mailbox: Mailbox) {
        let key = mailbox.key;
        let before = self.take(key);
        let board = &self.handles.board;
        board.set_attempts_max(key, mailbox.settings.attempts_max);
        let forwarded = matches!(mailbox.settings.way_in, WayIn::Forwarding(_));
        board.set_forwarded(key, forwarded);
        board.set_switch(key, mailbox.settings.switch);
        let way = mailbox.settings.way_in.clone();
        if mailbox.settings.offline() || way.server().is_none() {
            if let Some(before) = before {
                before.stop.cancel();
            }
            return;
        }
        let refresh = Arc::new(Notify::new());
        let refreshed = Arc::clone(&refresh);
        let stop = self.shutdown.child_token();
        let (handles, stopped) = (Arc::clone(&self.handles), stop.clone());
        let keeps: Pin<Box<dyn Future<Output = ()> + Send>> = match way {
            WayIn::Imap(way) => Box::pin(imap::run(mailbox, way, handles, refreshed, stopped)),
            WayIn::Pop3(way) => Box::pin(pop3::run(mailbox, way, handles, refreshed, stopped)),
            // The SMTP listener takes it.
            WayIn::Forwarding(_) => return,
        };
        let task = match before {
            None => tokio::spawn(keeps),
            // The old task may hold a connection; providers count them.
            Some(before) => tokio::spawn(async move {
                before.end().await;
                keeps.await;
            }),
        };
        self.lock().insert(
            key,
            Running {
                refresh,
                stop,
                task,
            },
        );
    }

    /// A person has given new credentials, or none are left.
    pub fn forget_failures(&self, key: MailboxKey) {
        self.retries.forget(key);
        self.handles.board.refusals().forget(key);
        self.handles.board.forget_failures(key);
    }

    /// A trial with what is stored was refused.
    pub(in crate::service) async fn note_refusal(&self, key: MailboxKey) {
        self.handles.keyring.count_refusal(key).await;
    }

    /// A trial has shown that sending by a mailbox works.
    pub fn sending_works(&self, mailbox: &Mailbox, now: Timestamp) {
        let board = &self.handles.board;
        board.submitted(mailbox.key, Ok(()), now, 0);
    }

    /// Stops a mailbox and waits until its task has ended.
    pub async fn stop(&self, key: MailboxKey) {
        if let Some(running) = self.take(key) {
            running.end().await;
        }
    }

    /// Looks now, whatever the mailbox was waiting for. `false` when it does not run.
    ///
    /// # Errors
    /// When its login was refused and tried again a moment ago, or refused too often lately.
    pub fn refresh(&self, key: MailboxKey) -> Result<bool, TooSoon> {
        let (board, now) = (&self.handles.board, self.handles.clock.now());
        let health = board.health(key);
        let rests = board.refusals().rests_until(key, now);
        if let Some(again_at) = rests.filter(|_| health.receiving != Condition::Active) {
            return Err(TooSoon { again_at });
        }
        self.retries.allow(key, &health, now)?;
        self.handles.board.forget_failures(key);
        Ok(self.lock().get(&key).is_some_and(|running| {
            running.refresh.notify_one();
            true
        }))
    }

    /// Whether a mailbox has a task.
    #[cfg(test)]
    pub(in crate::service) fn runs(&self, key: MailboxKey) -> bool {
        self.lock().contains_key(&key)
    }

    /// Waits until every task has ended; called after the shutdown token.
    pub async fn join(&self) {
        let all: Vec<Running> = self.lock().drain().map(|(_, running)| running).collect();
        for running in all {
            running.end().await;
        }
    }

    fn take(&self, key: MailboxKey) -> Option<Running> {
        self.lock().remove(&key)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MailboxKey, Running>> {
        // Entries are inserted and removed whole, so a panic elsewhere leaves nothing half-done.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a mailbox task failed");
        }
    }
}
