//! Stage 8 of a mail's way: the copy in the Sent folder.
//!
//! Sent is looked through for the mail first, so a crash between APPEND and its
//! record makes no second copy. Trouble here never touches the mail itself: it is
//! sent. For an uncertain reply the search is also evidence: a provider that files
//! what it submits shows that it has taken the mail.

mod error;
mod looking;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use self::error::FileError;
use self::looking::Copy;
use crate::domain::back_off::BackOff;
use crate::domain::condition::REFUSAL_PAUSE;
use crate::domain::folder::FolderName;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::{MailboxKey, OutgoingKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::message_id::MessageId;
use crate::domain::outbox::{Filing, Outgoing, OutgoingState};
use crate::domain::saying::Said;
use crate::fault::{Point, reach};
use crate::net::dial::Dialer;
use crate::net::imap::{ImapError, OpenError, Session};
use crate::protocol::imap::{Append, Flag, SelectMode};
use crate::service::clock::Clock;
use crate::service::composed::{bytes_of, mailbox_lane};
use crate::service::credentials::{CredentialsError, EnterError, Keyring};
use crate::service::jobs::Worker;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::sent_folder::{self, SentFolder};
use crate::service::sync::board::Board;
use crate::store::{Store, StoreError};

/// Copies made at the same time; one per mailbox.
const PARALLEL_MAX: usize = 8;
/// While a mailbox is offline or waits for new credentials its copies wait.
const HELD_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// Attempts before the copy is given up and said to be missing.
const ATTEMPTS_MAX: u32 = 12;
/// The worker.
#[derive(Clone, Debug)]
pub struct FilingCopies {
    store: Store,
    dialer: Dialer,
    board: Board,
    keyring: Keyring,
    clock: Clock,
    random: Random,
    presets: Presets,
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
        presets: Presets,
    ) -> Self {
        Self {
            store,
            dialer,
            board,
            keyring,
            clock,
            random,
            presets,
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
                self.store.copy_found(key, self.clock.now()).await?;
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
        let folder = self.open_sent(session, mailbox).await?;
        let message = self.store.message(outgoing.message)?;
        let head = message.map(|message| message.head).unwrap_or_default();
        let is_of_another = |id: &MessageId| {
            let known = self.store.outgoing_by_message_id(outgoing.workspace, id)?;
            Ok(known.is_some_and(|known| known.key != outgoing.key))
        };
        let found = looking::look(session, outgoing, &head, is_of_another).await?;
        if let Some(Copy::Renamed(id)) = &found {
            let (id, now) = (id.clone(), self.clock.now());
            self.store.learn_alias(outgoing.key, id, now).await?;
        }
        if found.is_some() {
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

    /// Opens the folder, and makes it where it is missing and may be made.
    async fn open_sent(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
    ) -> Result<FolderName, FileError> {
        let settings = &mailbox.settings;
        let preset_name = self.presets.sent_folder(settings);
        let (folder, missing) =
            match sent_folder::find(session, settings, preset_name.as_deref()).await? {
                SentFolder::There(folder) => {
                    match session.select(&folder, &SelectMode::ReadOnly).await {
                        Ok(_) => return Ok(folder),
                        // A person has named one that is not there (yet).
                        Err(error @ ImapError::Refused { .. }) => (folder, Some(error)),
                        Err(error) => return Err(error.into()),
                    }
                }
                SentFolder::Missing(folder) => (folder.ok_or(FileError::NoSentFolder)?, None),
            };
        if !settings.replies.create_sent {
            return Err(missing.map_or(FileError::NoSentFolder, FileError::Imap));
        }
        let created = session.create(&folder).await;
        created.map_err(|error| FileError::NotCreated(folder.clone(), Box::new(error)))?;
        session.select(&folder, &SelectMode::ReadOnly).await?;
        Ok(folder)
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
        if error.is_final() || job.attempts + 1 >= ATTEMPTS_MAX {
            return self
                .store
                .filed(
                    job.key,
                    key,
                    Filing::Failed {
                        reason: error.saying(),
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
