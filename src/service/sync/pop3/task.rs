//! What one mailbox's task is made of, and why its session ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::attempt::Way;
use crate::domain::condition::Failure;
use crate::domain::mailbox::{Condition, Login, Mailbox, Pop3Way};
use crate::domain::maildrop::MailIdentity;
use crate::domain::refusal::Dialogue;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::pop3::{OpenError, Pop3Error, Pop3Options, RefusalMeaning, Session};
use crate::protocol::pop3::Capabilities;
use crate::service::credentials::CredentialsError;
use crate::service::ingest::IngestError;
use crate::service::refusals::Offer;
use crate::service::sync::keeper::Handles;
use crate::service::sync::maildrop::LookError;
use crate::service::sync::pending::ANYWAY_BYTES_MAX;
use crate::store::StoreError;

/// Sessions that may end at one mail before it is put aside for a while.
const LOSSES_MAX: u32 = 4;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub(super) enum SyncError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Pop3(#[from] Pop3Error),
    #[error(transparent)]
    Look(#[from] LookError),
    Ingest(#[from] IngestError),
    Store(#[from] StoreError),
    Endless {
        listed: u64,
    },
    NoLogin,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl Said for SyncError {
    fn saying(&self) -> Saying {
        match self {
            Self::Open(error) => error.saying(),
            Self::Pop3(error) => error.saying(),
            Self::Look(error) => error.saying(),
            Self::Ingest(what) => saying!("sync.ingest", what = Saying::words(what)),
            Self::Store(what) => saying!("sync.store", what),
            Self::Endless { listed, .. } => saying!("sync.endless", listed),
            Self::NoLogin => saying!("login.none"),
            Self::Credentials(error) => error.saying(),
        }
    }
}

/// One mailbox's task.
pub(super) struct Task {
    pub(super) mailbox: Mailbox,
    pub(super) way: Pop3Way,
    pub(super) handles: Arc<Handles>,
    pub(super) suspicion: Mutex<Suspicion>,
}

impl Task {
    pub(super) async fn open(&self) -> Result<Session, SyncError> {
        let keyring = &self.handles.keyring;
        let offer = keyring.offer(&self.mailbox, Way::Receiving).await?;
        let logins = keyring.logins(&self.mailbox).await?;
        let login = logins.incoming.ok_or(SyncError::NoLogin)?;
        let refused = match self.open_as(login.clone(), offer).await {
            Err(error @ SyncError::Open(OpenError::Refused { .. })) => error,
            other => return other,
        };
        // A token may have ended before its time.
        let renewed = keyring.renewed(&self.mailbox, &login).await?;
        let Some(login) = renewed.and_then(|logins| logins.incoming) else {
            return Err(refused);
        };
        let offer = keyring.offer(&self.mailbox, Way::Receiving).await?;
        self.open_as(login, offer).await
    }

    async fn open_as(&self, login: Login, offer: Offer) -> Result<Session, SyncError> {
        let mut options = Pop3Options::new(self.way.server.clone(), login);
        let answer_deadline = self.handles.options.answer_deadline;
        options.limits.command_deadline = answer_deadline;
        options.limits.stream_deadline = options.limits.stream_deadline.min(answer_deadline);
        options.limits.body_max = ANYWAY_BYTES_MAX;
        options.tap = self.handles.board.diary().tap(self.mailbox.key, "pop3");
        let open = async |dialer| Session::open(&dialer, &options).await;
        let dialer = &self.handles.dialer;
        let opened = dialer.in_turn(&self.way.server.host, open).await;
        if let Err(OpenError::Refused { refusal, .. }) = &opened
            && refusal.meaning() != RefusalMeaning::Passing
        {
            let clear = refusal.meaning() == RefusalMeaning::Credentials;
            let (keyring, said) = (&self.handles.keyring, refusal.as_said());
            keyring
                .note_refusal(&self.mailbox, Dialogue::Pop3, &said, clear)
                .await;
        }
        drop(offer);
        Ok(opened?)
    }

    /// How long to wait before the next look: as the mailbox says, and no less than the
    /// provider and its server want.
    pub(super) fn pause(&self, server: &Capabilities) -> Duration {
        let preset = self.handles.presets.get(&self.mailbox.settings.preset);
        let facts = preset.and_then(|plugin| plugin.preset.pop3.clone());
        let polite = facts.and_then(|pop3| pop3.check_every_min);
        let wanted = self.handles.check_interval(&self.mailbox);
        [polite, server.login_delay()]
            .into_iter()
            .flatten()
            .fold(wanted, Duration::max)
    }

    pub(super) fn suspicion(&self) -> MutexGuard<'_, Suspicion> {
        // Two plain values; a panic elsewhere leaves nothing half-written.
        self.suspicion
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn record_failure(&self, error: &SyncError) -> Condition {
        let failure = self.classify(error);
        let handles = &self.handles;
        handles.record_failure(&self.mailbox, failure, error).await
    }

    /// Only a refusal of the credentials may lead to re-authentication (DESIGN: mailbox
    /// states). A maildrop that another program holds open is none, whatever the words.
    fn classify(&self, error: &SyncError) -> Failure {
        let sentence = error.saying();
        match error {
            SyncError::Open(OpenError::Refused { refusal, .. })
                if refusal.meaning() != RefusalMeaning::Passing =>
            {
                let clear = refusal.meaning() == RefusalMeaning::Credentials;
                let (said, settings) = (refusal.as_said(), &self.mailbox.settings);
                let handles = &self.handles;
                handles.refused(settings, Dialogue::Pop3, &said, sentence, clear)
            }
            SyncError::Credentials(error) => error.failure(),
            _ => Failure::Passing(sentence),
        }
    }
}

/// Which mail may be the one that ends every session.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    last: Option<MailIdentity>,
    losses: u32,
}

impl Suspicion {
    /// A session ended while this mail was awaited.
    pub(super) fn lost_at(&mut self, id: MailIdentity) {
        if self.last == Some(id) {
            self.losses += 1;
        } else {
            self.last = Some(id);
            self.losses = 1;
        }
    }

    /// What was asked for has come.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The mail to put aside now; told once.
    pub(super) fn take_poison(&mut self) -> Option<MailIdentity> {
        let last = self.last.filter(|_| self.losses >= LOSSES_MAX)?;
        self.clear();
        Some(last)
    }
}
