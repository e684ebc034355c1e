//! One task per IMAP mailbox: connect, catch up from the cursor, then watch; and
//! after trouble wait as its condition says and begin again.
//!
//! Invariant: every wait has an end, and one mailbox's trouble never touches another.

mod begin;
mod collect;
mod intake;
mod watch;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

use self::collect::CollectError;
use self::intake::Folder;
use super::board::Board;
use super::options::SyncOptions;
use crate::domain::condition::Failure;
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Condition, Mailbox};
use crate::net::dial::Dialer;
use crate::net::imap::{ImapError, ImapOptions, OpenError, RefusalMeaning, Session};
use crate::service::clock::Clock;
use crate::service::ingest::IngestError;
use crate::service::random::Random;
use crate::store::{Store, StoreError};

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Imap(#[from] ImapError),
    #[error("the mail could not be stored: {0}")]
    Ingest(#[from] IngestError),
    #[error("the store is in trouble: {0}")]
    Store(#[from] StoreError),
    #[error(
        "the server gives the folder no UIDVALIDITY, so mail in it cannot be told apart for good"
    )]
    NoValidity,
}

impl From<CollectError> for SyncError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Imap(error) => Self::Imap(error),
            CollectError::Storing => Self::Store(StoreError::Closed),
        }
    }
}

/// The handles a task works with.
#[derive(Clone, Debug)]
pub(super) struct Handles {
    pub(super) store: Store,
    pub(super) dialer: Dialer,
    pub(super) board: Board,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) options: SyncOptions,
}

/// Keeps a mailbox connected until `shutdown`. A change of `refresh` means: look now.
pub(super) async fn run(
    mailbox: Mailbox,
    handles: Handles,
    mut refresh: signal::Receiver<u64>,
    shutdown: CancellationToken,
) {
    let key = mailbox.key;
    let task = Task { mailbox, handles };
    loop {
        let ended = tokio::select! {
            () = shutdown.cancelled() => return,
            ended = task.connect_and_watch(&mut refresh, &shutdown) => ended,
        };
        let Err(error) = ended else { return };
        let condition = task.record_failure(&error).await;
        if wait_to_retry(&task.handles.clock, &condition, &mut refresh, &shutdown)
            .await
            .is_none()
        {
            return;
        }
        tracing::debug!(mailbox = key.0, "trying again");
    }
}

/// Waits until the condition's next attempt, a refresh, or the end (`None`).
async fn wait_to_retry(
    clock: &Clock,
    condition: &Condition,
    refresh: &mut signal::Receiver<u64>,
    shutdown: &CancellationToken,
) -> Option<()> {
    let wait = match condition {
        Condition::Interrupted { next_at, .. } | Condition::Error { next_at, .. } => {
            Some(until(clock.now(), *next_at))
        }
        Condition::Connecting | Condition::Active => Some(Duration::from_secs(1)),
        // Only a person ends these; they say so by a refresh.
        Condition::ReauthenticationNeeded { .. } | Condition::Offline => None,
    };
    let timer = async {
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => None,
        changed = refresh.changed() => changed.ok(),
        () = timer => Some(()),
    }
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}

struct Task {
    mailbox: Mailbox,
    handles: Handles,
}

impl Task {
    /// Ends with `Ok` only when the gateway stops.
    async fn connect_and_watch(
        &self,
        refresh: &mut signal::Receiver<u64>,
        shutdown: &CancellationToken,
    ) -> Result<(), SyncError> {
        let mut session = self.open().await?;
        let begun = begin::begin(&mut session, self).await?;
        let watched = watch::watch(&mut session, self, begun, refresh, shutdown).await;
        if watched.is_ok() {
            session.logout().await;
        }
        watched
    }

    async fn open(&self) -> Result<Session, SyncError> {
        let logins = self.handles.store.logins(self.mailbox.key)?;
        let mut options = ImapOptions::new(self.mailbox.settings.incoming.clone(), logins.incoming);
        options.limits.idle_renewal = self.handles.options.rescan;
        Ok(Session::open(&self.handles.dialer, &options).await?)
    }

    fn folder(&self) -> Folder {
        Folder {
            mailbox: self.mailbox.key,
            name: self.mailbox.settings.folder.clone(),
            connected_at: self.mailbox.connected_at,
            mail_size_max: self.handles.options.mail_size_max,
        }
    }

    fn key(&self) -> MailboxKey {
        self.mailbox.key
    }

    /// The server has answered: everything is well.
    async fn record_life(&self) {
        let now = self.handles.clock.now();
        if self.handles.board.alive(self.key(), now) {
            self.tell().await;
        }
    }

    async fn record_failure(&self, error: &SyncError) -> Condition {
        let now = self.handles.clock.now();
        let failure = classify(error);
        let condition = self.handles.board.receiving_failed(
            self.key(),
            failure,
            now,
            self.handles.random.jitter(),
        );
        tracing::warn!(mailbox = %self.mailbox.settings.address, %error, ?condition, "receiving is interrupted");
        self.tell().await;
        condition
    }

    /// Writes the change into the feed. The board has it already, so a store in
    /// trouble only delays pages that listen.
    async fn tell(&self) {
        let event = crate::domain::change::Event::MailboxChanged {
            mailbox: self.key(),
        };
        if let Err(error) = self
            .handles
            .store
            .note_change(self.mailbox.workspace, event, self.handles.clock.now())
            .await
        {
            tracing::warn!(%error, "a mailbox's change of condition could not be written to the feed");
        }
    }
}

/// Only a refusal of the credentials may lead to re-authentication (DESIGN: mailbox states).
fn classify(error: &SyncError) -> Failure {
    let words = error.to_string();
    match error {
        SyncError::Open(OpenError::Refused { refusal, .. }) => match refusal.meaning() {
            RefusalMeaning::Credentials => Failure::Refused(words),
            RefusalMeaning::Passing => Failure::Passing(words),
            RefusalMeaning::Unclear => Failure::RefusedPerhaps(words),
        },
        _ => Failure::Passing(words),
    }
}
