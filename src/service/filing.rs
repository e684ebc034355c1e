//! Stage 8 of a mail's way: the copy in the Sent folder.
//!
//! Sent is searched for the Message-ID first, so a crash between APPEND and its
//! record makes no second copy. Trouble here never touches the mail itself: it is
//! sent. For an uncertain reply the search is also evidence: a provider that files
//! what it submits shows that it has taken the mail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::domain::back_off::BackOff;
use crate::domain::condition::REFUSAL_PAUSE;
use crate::domain::folder::FolderName;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::{MailboxKey, OutgoingKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::outbox::{Filing, Outgoing, OutgoingState};
use crate::fault::{Point, reach};
use crate::net::dial::Dialer;
use crate::net::imap::{ImapError, OpenError, Session};
use crate::protocol::imap::event::SpecialUse;
use crate::protocol::imap::{Append, Flag, SearchKey, SelectMode};
use crate::service::clock::Clock;
use crate::service::composed::{bytes_of, mailbox_lane};
use crate::service::credentials::{CredentialsError, EnterError, Keyring};
use crate::service::jobs::Worker;
use crate::service::random::Random;
use crate::service::sync::board::Board;
use crate::store::{Store, StoreError};

/// Copies made at the same time; one per mailbox.
const PARALLEL_MAX: usize = 8;
/// While a mailbox is offline or waits for new credentials its copies wait.
const HELD_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// Attempts before the copy is given up and said to be missing.
const ATTEMPTS_MAX: u32 = 12;
/// Names tried where the server marks no folder as Sent (RFC 6154).
const USUAL_NAMES: &[&str] = &[
    "Sent",
    "Sent Items",
    "Sent Messages",
    "INBOX.Sent",
    "已发送",
    "[Gmail]/Sent Mail",
];

/// Why no copy was made.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Enter(#[from] EnterError),
    #[error(transparent)]
    Imap(#[from] ImapError),
    #[error(
        "no folder is marked as Sent, and none has a usual name; name one in the mailbox's settings"
    )]
    NoSentFolder,
    #[error("Sent does not show yet whether the provider has taken it")]
    NoEvidence,
    #[error("the bytes of the reply are missing here")]
    NoBytes,
    #[error("the mailbox has no folders to look into")]
    NoFolders,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The worker.
#[derive(Clone, Debug)]
pub struct FilingCopies {
    store: Store,
    dialer: Dialer,
    board: Board,
    keyring: Keyring,
    clock: Clock,
    random: Random,
    refused: Arc<Mutex<HashMap<MailboxKey, Timestamp>>>,
}

impl FilingCopies {
    /// A worker over its handles.
    #[must_use]
    pub fn new(
        store: Store,
        dialer: Dialer,
        board: Board,
        keyring: Keyring,
        clock: Clock,
        random: Random,
    ) -> Self {
        Self {
            store,
            dialer,
            board,
            keyring,
            clock,
            random,
            refused: Arc::default(),
        }
    }

    async fn file(&self, job: &Job, key: OutgoingKey) -> Result<(), StoreError> {
        let Some(outgoing) = self.store.outgoing(key)? else {
            return self.store.drop_job(job.key).await;
        };
        let Some(mailbox) = self.store.mailbox(outgoing.mailbox)? else {
            return self.store.drop_job(job.key).await;
        };
        if self.board.receiving_needs_a_person(mailbox.key) || mailbox.settings.offline() {
            let due = self.clock.now().checked_add(HELD_PAUSE);
            return self
                .store
                .hold(job.key, due.unwrap_or(Timestamp::MAX))
                .await;
        }
        let uncertain = matches!(outgoing.state, OutgoingState::Uncertain { .. });
        let nowhere = mailbox.settings.imap().is_none();
        if nowhere || (mailbox.settings.provider_files_sent && !uncertain) {
            return self
                .store
                .filed(job.key, key, Filing::NotNeeded, self.clock.now())
                .await;
        }
        if let Some(until) = self.refused_until(mailbox.key) {
            return self.store.hold(job.key, until).await;
        }
        match self.look_and_copy(&mailbox, &outgoing, uncertain).await {
            Ok(Found::Copy) => {
                self.store
                    .filed(job.key, key, Filing::Filed, self.clock.now())
                    .await
            }
            Ok(Found::Evidence) => {
                self.store
                    .resolve(key, OutgoingState::Sent, self.clock.now())
                    .await?;
                self.store
                    .filed(job.key, key, Filing::Filed, self.clock.now())
                    .await
            }
            Err(FileError::Store(error)) => Err(error),
            Err(
                error @ FileError::Enter(
                    EnterError::Open(OpenError::Refused { .. })
                    | EnterError::Credentials(CredentialsError::Ended { .. }),
                ),
            ) => {
                self.note_refusal(mailbox.key);
                self.try_later(job, key, &mailbox, &error).await
            }
            Err(error) => self.try_later(job, key, &mailbox, &error).await,
        }
    }

    /// Until when this mailbox's login is not tried again, because it was refused.
    fn refused_until(&self, mailbox: MailboxKey) -> Option<Timestamp> {
        let now = self.clock.now();
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.get(&mailbox).copied().filter(|until| *until > now)
    }

    /// A copy is not worth an account: providers lock out who is refused too often.
    fn note_refusal(&self, mailbox: MailboxKey) {
        let until = SignedDuration::try_from(REFUSAL_PAUSE)
            .ok()
            .and_then(|pause| self.clock.now().checked_add(pause).ok())
            .unwrap_or(Timestamp::MAX);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(mailbox, until);
    }

    async fn look_and_copy(
        &self,
        mailbox: &Mailbox,
        outgoing: &Outgoing,
        uncertain: bool,
    ) -> Result<Found, FileError> {
        let way = mailbox.settings.imap().ok_or(FileError::NoFolders)?;
        let tap = self.board.diary().tap(mailbox.key, "imap");
        let entered = self.keyring.enter(&self.dialer, mailbox, way, tap).await;
        let mut session = entered?;
        let found = self
            .in_session(&mut session, mailbox, outgoing, uncertain)
            .await;
        session.logout().await;
        found
    }

    async fn in_session(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
        outgoing: &Outgoing,
        uncertain: bool,
    ) -> Result<Found, FileError> {
        let folder = sent_folder(session, mailbox).await?;
        session.select(&folder, &SelectMode::ReadOnly).await?;
        let key = SearchKey::Header {
            name: "Message-ID".to_owned(),
            value: outgoing.message_id.as_str().to_owned(),
        };
        if !session.uid_search(&[key]).await?.is_empty() {
            return Ok(if uncertain {
                Found::Evidence
            } else {
                Found::Copy
            });
        }
        if uncertain {
            return Err(FileError::NoEvidence);
        }
        reach(Point::SentSearched);
        let raw = bytes_of(&self.store, outgoing)?.ok_or(FileError::NoBytes)?;
        let append = Append {
            folder,
            flags: vec![Flag::Seen],
            date: Some(self.clock.now()),
            message: Bytes::from(raw),
        };
        session.append(append).await?;
        reach(Point::CopyAppended);
        Ok(Found::Copy)
    }

    async fn try_later(
        &self,
        job: &Job,
        key: OutgoingKey,
        mailbox: &Mailbox,
        error: &FileError,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        tracing::warn!(mailbox = %mailbox.settings.address, %error, attempt = job.attempts + 1, "no copy of a reply in Sent yet");
        if job.attempts + 1 >= ATTEMPTS_MAX {
            return self
                .store
                .filed(
                    job.key,
                    key,
                    Filing::Failed {
                        reason: error.to_string(),
                    },
                    now,
                )
                .await;
        }
        let wait = BackOff::FILING.wait(job.attempts + 1, self.random.jitter());
        let due = SignedDuration::try_from(wait)
            .ok()
            .and_then(|wait| now.checked_add(wait).ok())
            .unwrap_or(Timestamp::MAX);
        self.store.postpone(job.key, due).await
    }
}

/// What was found in Sent.
enum Found {
    /// A copy is there now.
    Copy,
    /// A copy was there although the reply's fate was uncertain: it was taken.
    Evidence,
}

impl Worker for FilingCopies {
    const KIND: WorkKind = WorkKind::File;
    const PARALLEL_MAX: usize = PARALLEL_MAX;

    fn lane(&self, job: &Job) -> Result<u64, StoreError> {
        match job.work {
            Work::File(key) => mailbox_lane(&self.store, key),
            _ => Ok(0),
        }
    }

    async fn work(self, job: Job) -> Result<(), StoreError> {
        let Work::File(key) = job.work else {
            return self.store.drop_job(job.key).await;
        };
        self.file(&job, key).await
    }
}

/// The configured folder, else the one marked `\Sent`, else a usual name.
async fn sent_folder(session: &mut Session, mailbox: &Mailbox) -> Result<FolderName, FileError> {
    if let Some(folder) = &mailbox.settings.sent_folder {
        return Ok(folder.clone());
    }
    let folders = session.list().await?;
    let marked = folders
        .iter()
        .find(|folder| folder.special_use == Some(SpecialUse::Sent) && folder.selectable);
    let named = || {
        USUAL_NAMES.iter().find_map(|name| {
            folders
                .iter()
                .find(|folder| folder.name.as_str().eq_ignore_ascii_case(name))
        })
    };
    marked
        .or_else(named)
        .map(|folder| folder.name.clone())
        .ok_or(FileError::NoSentFolder)
}
