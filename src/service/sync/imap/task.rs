//! What one mailbox's task is made of: its handles, why its connection ended, and
//! what it tells the board and the feed about that.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::collect::CollectError;
use super::intake::Folder;
use super::suspicion::Suspicion;
use crate::domain::condition::Failure;
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Condition, ImapWay, Login, Mailbox, MailboxSettings};
use crate::domain::refusal::Dialogue;
use crate::net::dial::Dialer;
use crate::net::imap::{ImapError, ImapOptions, OpenError, RefusalMeaning, Session};
use crate::service::clock::Clock;
use crate::service::credentials::{CredentialsError, Keyring};
use crate::service::ingest::IngestError;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::sync::board::Board;
use crate::service::sync::options::SyncOptions;
use crate::store::{Store, StoreError};

/// A connection that is still not open after this no longer counts among those being opened.
const PLACE_TIME_MAX: Duration = Duration::from_secs(3);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SyncError {
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
    #[error("the mailbox has no login; give it one by editing or binding it")]
    NoLogin,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
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
pub(in crate::service::sync) struct Handles {
    pub(in crate::service::sync) store: Store,
    pub(in crate::service::sync) dialer: Dialer,
    pub(in crate::service::sync) board: Board,
    pub(in crate::service::sync) clock: Clock,
    pub(in crate::service::sync) random: Random,
    pub(in crate::service::sync) options: SyncOptions,
    pub(in crate::service::sync) presets: Presets,
    pub(in crate::service::sync) keyring: Keyring,
    /// Places for connections being opened at the same time, over all mailboxes.
    pub(in crate::service::sync) opening: Arc<Semaphore>,
}

/// One mailbox's task.
pub(super) struct Task {
    pub(super) mailbox: Mailbox,
    pub(super) way: ImapWay,
    pub(super) handles: Handles,
    pub(super) suspicion: Mutex<Suspicion>,
}

impl Task {
    pub(super) async fn open(&self) -> Result<Session, SyncError> {
        let logins = self.handles.keyring.logins(&self.mailbox).await?;
        let login = logins.incoming.ok_or(SyncError::NoLogin)?;
        let refused = match self.open_as(login.clone()).await {
            Err(error @ SyncError::Open(OpenError::Refused { .. })) => error,
            other => return other,
        };
        // A token may have ended before its time.
        let renewed = self.handles.keyring.renewed(&self.mailbox, &login).await?;
        match renewed.and_then(|logins| logins.incoming) {
            Some(login) => self.open_as(login).await,
            None => Err(refused),
        }
    }

    async fn open_as(&self, login: Login) -> Result<Session, SyncError> {
        let mut options = ImapOptions::new(self.way.server.clone(), login);
        options.limits.idle_renewal = self.handles.options.rescan;
        options.limits.command_deadline = self.handles.options.answer_deadline;
        options.tap = self.handles.board.diary().tap(self.key(), "imap");
        // After an outage all mailboxes come back; they queue here instead of at the servers.
        let place = self.handles.opening.acquire().await;
        let mut opening = pin!(Session::open(&self.handles.dialer, &options));
        // A server that says nothing must not keep its place from mailboxes that work.
        if let Ok(opened) = timeout(PLACE_TIME_MAX, &mut opening).await {
            return Ok(opened?);
        }
        drop(place);
        Ok(opening.await?)
    }

    pub(super) fn folder(&self) -> Folder {
        Folder {
            mailbox: self.mailbox.key,
            name: self.way.folder.clone(),
            connected_at: self.mailbox.connected_at,
            mail_size_max: self.handles.options.mail_size_max,
        }
    }

    /// How often a server without IDLE is asked.
    pub(super) fn check_interval(&self) -> Duration {
        let own = self.mailbox.settings.check_interval;
        own.unwrap_or(self.handles.options.check_interval)
    }

    pub(super) fn key(&self) -> MailboxKey {
        self.mailbox.key
    }

    pub(super) fn suspicion(&self) -> MutexGuard<'_, Suspicion> {
        // Two plain values; a panic elsewhere leaves nothing half-written.
        self.suspicion
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The server has answered: everything is well.
    pub(super) async fn record_life(&self) {
        let now = self.handles.clock.now();
        if self.handles.board.alive(self.key(), now) {
            self.tell().await;
        }
    }

    pub(super) async fn record_failure(&self, error: &SyncError) -> Condition {
        let now = self.handles.clock.now();
        let failure = classify(error, &self.mailbox.settings, &self.handles.presets);
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

    /// Keeps the change and writes it into the feed. The board has it already, so a
    /// store in trouble only delays pages that listen.
    async fn tell(&self) {
        let Handles { store, board, .. } = &self.handles;
        let standing = board.standing(self.key());
        let now = self.handles.clock.now();
        if let Err(error) = store.note_condition(self.key(), standing, now).await {
            tracing::warn!(%error, "a mailbox's change of condition could not be written to the feed");
        }
    }
}

/// Only a refusal of the credentials may lead to re-authentication (DESIGN: mailbox states).
fn classify(error: &SyncError, settings: &MailboxSettings, presets: &Presets) -> Failure {
    let sentence = error.to_string();
    match error {
        SyncError::Open(OpenError::Refused { refusal, .. }) => {
            let clear = refusal.meaning() == RefusalMeaning::Credentials;
            let text = refusal.as_said();
            let found = presets.understand(settings, Dialogue::Imap, &text, &sentence, clear);
            match found.failure {
                Failure::Refused(reason) => Failure::Refused(format!(
                    "{}. Nothing is tried again by itself; give the mailbox its new password or \
                     authorization code (re-authenticate)",
                    reason.trim_end_matches('.')
                )),
                other => other,
            }
        }
        SyncError::Credentials(error) => error.failure(),
        _ => Failure::Passing(sentence),
    }
}
