//! What one mailbox's task is made of, and why its connection ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::collect::CollectError;
use super::intake::Folder;
use super::suspicion::Suspicion;
use crate::domain::attempt::Way;
use crate::domain::condition::Failure;
use crate::domain::folder::FolderName;
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Condition, ImapWay, Login, Mailbox};
use crate::domain::refusal::Dialogue;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::imap::{ImapError, ImapOptions, OpenError, Refusal, RefusalMeaning, Session};
use crate::protocol::imap::Code;
use crate::service::credentials::CredentialsError;
use crate::service::ingest::IngestError;
use crate::service::refusals::Offer;
use crate::service::sent_folder::{self, SentFolder};
use crate::service::sync::keeper::Handles;
use crate::service::sync::pending::ANYWAY_BYTES_MAX;
use crate::store::StoreError;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub(super) enum SyncError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Imap(#[from] ImapError),
    Ingest(#[from] IngestError),
    Store(#[from] StoreError),
    NoValidity,
    NoLogin,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl Said for SyncError {
    fn saying(&self) -> Saying {
        match self {
            Self::Open(error) => error.saying(),
            Self::Imap(error) => error.saying(),
            Self::Ingest(what) => saying!("sync.ingest", what = Saying::words(what)),
            Self::Store(what) => saying!("sync.store", what),
            Self::NoValidity => saying!("sync.no_validity"),
            Self::NoLogin => saying!("login.none"),
            Self::Credentials(error) => error.saying(),
        }
    }
}

impl From<CollectError> for SyncError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Imap(error) => Self::Imap(error),
            CollectError::Storing => Self::Store(StoreError::Closed),
        }
    }
}

/// Mailboxes that came back together look through their folders at different times: a wait
/// of up to an eighth less.
fn spread(wait: Duration, random: u64) -> Duration {
    let eighth = u64::try_from(wait.as_millis() / 8).unwrap_or(0);
    wait - Duration::from_millis(random % (eighth + 1))
}

fn is_clear(refusal: &Refusal) -> bool {
    refusal.meaning() == RefusalMeaning::Credentials
}

/// One mailbox's task.
pub(super) struct Task {
    pub(super) mailbox: Mailbox,
    pub(super) way: ImapWay,
    pub(super) handles: Arc<Handles>,
    pub(super) suspicion: Mutex<Suspicion>,
    /// The Sent folder, once it was found.
    pub(super) sent: Mutex<Option<FolderName>>,
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
        let handles = &self.handles;
        let mut options = ImapOptions::new(self.way.server.clone(), login);
        options.limits.idle_renewal = spread(handles.options.rescan, handles.random.jitter());
        options.limits.body_max = ANYWAY_BYTES_MAX;
        options.limits.command_deadline = handles.options.answer_deadline;
        options.tap = handles.board.diary().tap(self.key(), "imap");
        // After an outage all mailboxes come back; they queue here instead of at the servers.
        let open = async |dialer| Session::open(&dialer, &options).await;
        let opened = handles.dialer.in_turn(&self.way.server.host, open).await;
        if let Err(OpenError::Refused { refusal, .. }) = &opened {
            let (said, clear) = (refusal.as_said(), is_clear(refusal));
            let keyring = &handles.keyring;
            keyring
                .note_refusal(&self.mailbox, Dialogue::Imap, &said, clear)
                .await;
        }
        drop(offer);
        Ok(opened?)
    }

    pub(super) fn folder(&self, name: &FolderName) -> Folder {
        Folder {
            mailbox: self.mailbox.key,
            name: name.clone(),
            is_junk: self.way.junk.as_ref() == Some(name),
            is_sent: self.sent().as_ref() == Some(name),
            connected_at: self.mailbox.connected_at,
            mail_size_max: self.handles.options.mail_size_max,
        }
    }

    /// Folders that are read beside the watched one.
    pub(super) fn others(&self) -> impl Iterator<Item = &FolderName> {
        let all = self.way.more_folders.iter().chain(&self.way.junk);
        all.filter(|folder| **folder != self.way.folder)
    }

    /// Whether anything is looked at beside the watched folder.
    pub(super) fn has_others(&self) -> bool {
        self.watches_sent() || self.others().next().is_some()
    }

    pub(super) fn watches_sent(&self) -> bool {
        self.mailbox.settings.replies.watch_sent
    }

    /// The Sent folder, where it is watched and was found.
    pub(super) fn sent(&self) -> Option<FolderName> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.clone().filter(|sent| *sent != self.way.folder)
    }

    /// Looks where the Sent folder is. One that is missing may be there next time.
    pub(super) async fn find_sent(&self, session: &mut Session) -> Result<(), SyncError> {
        if !self.watches_sent() || self.sent().is_some() {
            return Ok(());
        }
        let settings = &self.mailbox.settings;
        let preset_name = self.handles.presets.sent_folder(settings);
        let found = sent_folder::find(session, settings, preset_name.as_deref()).await?;
        if let SentFolder::There(folder) = found {
            let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
            *sent = Some(folder);
        }
        Ok(())
    }

    /// How often those are asked about. A little less than the renewal of IDLE, so that
    /// each renewal is followed by a look.
    pub(super) fn others_interval(&self) -> Duration {
        self.handles.options.rescan * 3 / 4
    }

    /// How often a server without IDLE is asked.
    pub(super) fn check_interval(&self) -> Duration {
        self.handles.check_interval(&self.mailbox)
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
        self.handles.record_life(&self.mailbox).await;
    }

    pub(super) async fn record_failure(&self, error: &SyncError) -> Condition {
        let failure = self.classify(error);
        let handles = &self.handles;
        handles.record_failure(&self.mailbox, failure, error).await
    }

    /// Only a refusal of the credentials may lead to re-authentication (DESIGN: mailbox states).
    fn classify(&self, error: &SyncError) -> Failure {
        let sentence = error.saying();
        match error {
            SyncError::Open(OpenError::Refused { refusal, .. }) => {
                let clear = is_clear(refusal);
                let (said, settings) = (refusal.as_said(), &self.mailbox.settings);
                let handles = &self.handles;
                match handles.refused(settings, Dialogue::Imap, &said, sentence, clear) {
                    Failure::Passing(reason) if refusal.code == Some(Code::Unavailable) => {
                        Failure::PutOff(reason)
                    }
                    failure => failure,
                }
            }
            SyncError::Credentials(error) => error.failure(),
            _ => Failure::Passing(sentence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_look_is_later_than_it_may_be_and_none_much_sooner() {
        let wait = Duration::from_secs(300);
        for random in [0, 1, 37_500, 37_501, u64::MAX] {
            let spread = spread(wait, random);
            assert!(spread <= wait && spread >= wait * 7 / 8, "{spread:?}");
        }
        assert_eq!(
            spread(Duration::from_millis(3), 5),
            Duration::from_millis(3)
        );
    }
}
