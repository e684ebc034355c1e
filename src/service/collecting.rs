//! The ledger against the server: which mails have no row, and collecting what a person
//! wants of those.
//!
//! Counting opens a connection of its own, reads only UIDs, in windows, and changes
//! nothing. Collecting marks mails as wanted in the cursor, so that it survives a
//! restart and the mailbox's own task does the fetching. Maildrops stand in `maildrop`.

mod anyway;
mod compare;
mod maildrop;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use self::compare::{CompareError, Comparison};
use crate::domain::saying::{Said, Saying, saying};

pub use self::anyway::{OnItsWay, Rest};
pub use self::compare::{Counted, Missing};

use crate::domain::alert::day_of;
use crate::domain::folder::{Cursor, FolderName, Pending, PendingReason, Uid};
use crate::domain::key::{MailboxKey, PublicId};
use crate::domain::mailbox::{ImapWay, Mailbox, WayIn};
use crate::domain::user::Actor;
use crate::net::dial::Dialer;
use crate::net::imap::{FetchStep, ImapError, Session};
use crate::protocol::imap::event::SelectedFolder;
use crate::protocol::imap::{FetchItems, SearchKey, SelectMode, UidSet};
use crate::service::clock::Clock;
use crate::service::credentials::{EnterError, Keyring, Visiting};
use crate::service::diary::Diary;
use crate::service::ledger::words::{grouped, megabytes};
use crate::service::mailboxes::{MailboxError, Mailboxes};
use crate::service::sync::maildrop::LookError as MaildropError;
use crate::service::sync::{ANYWAY_BYTES_MAX, Sync, to_the_end};
use crate::store::{Store, StoreError};

/// Mails whose sizes are asked for in one command.
const SIZES_AT_ONCE: usize = 1_000;

/// Why nothing was counted or collected.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum CollectingError {
    /// The actor may not, or there is no such mailbox.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// Nothing is read from a server.
    Forwarded(String),
    /// A maildrop cannot be read.
    #[error(transparent)]
    Maildrop(#[from] MaildropError),
    /// There is nothing to log in with, or the server does not let us in.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// The server does not answer.
    #[error(transparent)]
    Imap(#[from] ImapError),
    /// UIDs of yesterday mean nothing today.
    Renumbered(FolderName),
    /// There is no such message, or it is not the beginning of a mail.
    NoSuchMail,
    /// Nothing is missing.
    IsWhole,
    /// No setting allows it.
    LargerThanAnything,
    /// A maildrop without names for its mails.
    Unnamed,
    /// A maildrop whose server takes its time, while the mailbox is not read.
    TooSlow,
    /// Nothing has come yet since that day.
    Future(Date),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for CollectingError {
    fn saying(&self) -> Saying {
        match self {
            Self::Mailbox(error) => error.saying(),
            Self::Forwarded(address) => saying!("cannot.collect.forwarded", address),
            Self::Maildrop(error) => error.saying(),
            Self::Enter(error) => error.saying(),
            Self::Imap(error) => error.saying(),
            Self::Renumbered(folder) => saying!("cannot.collect.renumbered", folder),
            Self::NoSuchMail => saying!("cannot.collect.no_such_mail"),
            Self::IsWhole => saying!("cannot.collect.is_whole"),
            Self::LargerThanAnything => saying!(
                "cannot.collect.larger_than_anything",
                mib = ANYWAY_BYTES_MAX / 1024 / 1024
            ),
            Self::Unnamed => saying!("cannot.collect.unnamed"),
            Self::TooSlow => saying!("cannot.collect.too_slow"),
            Self::Future(day) => saying!("cannot.collect.future", day),
            Self::Store(error) => error.saying(),
        }
    }
}

impl From<CompareError> for CollectingError {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::Imap(error) => Self::Imap(error),
            CompareError::Store(error) => Self::Store(error),
        }
    }
}

/// What collecting from a date on means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Mails from that day on that have no row here.
    pub found: usize,
    /// Their bytes on the server.
    pub bytes: u64,
    /// How many are being collected now; none when it was only a look.
    pub taken: usize,
    /// Everything was looked at. Where that would have taken too long, the latest mails
    /// were, and asking again gets further.
    pub is_whole: bool,
}

/// The service.
#[derive(Clone, Debug)]
pub struct Collecting {
    store: Store,
    dialer: Dialer,
    sync: Sync,
    diary: Diary,
    keyring: Keyring,
    clock: Clock,
    mailboxes: Mailboxes,
}

impl Collecting {
    /// A service over its handles.
    #[must_use]
    pub fn new(
        store: Store,
        dialer: Dialer,
        sync: Sync,
        diary: Diary,
        keyring: Keyring,
        clock: Clock,
        mailboxes: Mailboxes,
    ) -> Self {
        Self {
            store,
            dialer,
            sync,
            diary,
            keyring,
            clock,
            mailboxes,
        }
    }

    /// Compares the watched folder or the maildrop with the ledger.
    ///
    /// # Errors
    /// See [`CollectingError`]; nothing is changed either way.
    pub async fn count(
        &self,
        actor: &Actor,
        id: PublicId,
    ) -> Result<(Mailbox, Counted), CollectingError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        let counted = match &mailbox.settings.way_in {
            WayIn::Imap(way) => {
                let mut session = self.open(&mailbox, way).await?;
                let counted = self.count_in(&mut session, &mailbox, &way.folder).await;
                session.logout().await;
                counted?
            }
            WayIn::Pop3(way) => self.count_maildrop(&mailbox, way).await?,
            WayIn::Forwarding(_) => return Err(forwarded(&mailbox)),
        };
        Ok((mailbox, counted))
    }

    async fn count_in(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
        folder: &FolderName,
    ) -> Result<Counted, CollectingError> {
        let (selected, cursor) = self.begin(session, mailbox, folder).await?;
        let comparison = Comparison::new(&self.store, mailbox, folder, &cursor);
        Ok(comparison.run(session, &selected).await?)
    }

    /// Mails from that day on which have no row here: how many, and, unless it is only a
    /// look, collects them. What was there before the mailbox was connected is imported.
    ///
    /// # Errors
    /// See [`CollectingError`]; nothing is changed then.
    pub async fn collect(
        &self,
        actor: &Actor,
        id: PublicId,
        since: Date,
        only_look: bool,
    ) -> Result<(Mailbox, Collected), CollectingError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        // It may be tomorrow already where the person is.
        if since > day_of(self.clock.now()).tomorrow().unwrap_or(Date::MAX) {
            return Err(CollectingError::Future(since));
        }
        let collected = match &mailbox.settings.way_in {
            WayIn::Imap(way) => {
                self.collect_from_folder(&mailbox, way, since, only_look)
                    .await?
            }
            WayIn::Pop3(way) => {
                self.collect_from_maildrop(&mailbox, way, since, only_look)
                    .await?
            }
            WayIn::Forwarding(_) => return Err(forwarded(&mailbox)),
        };
        Ok((mailbox, collected))
    }

    async fn collect_from_folder(
        &self,
        mailbox: &Mailbox,
        way: &ImapWay,
        since: Date,
        only_look: bool,
    ) -> Result<Collected, CollectingError> {
        let mut session = self.open(mailbox, way).await?;
        let looked = self.look(&mut session, mailbox, &way.folder, since).await;
        session.logout().await;
        let (uids, bytes) = looked?;
        let mut collected = Collected {
            found: uids.len(),
            bytes,
            taken: 0,
            is_whole: true,
        };
        if !only_look && !uids.is_empty() {
            collected.taken = self.want(mailbox, &way.folder, &uids).await?;
        }
        Ok(collected)
    }

    async fn look(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
        folder: &FolderName,
        since: Date,
    ) -> Result<(Vec<Uid>, u64), CollectingError> {
        let (_, cursor) = self.begin(session, mailbox, folder).await?;
        let mut uids = session.uid_search(&[SearchKey::Since(since)]).await?;
        // What is above comes by itself.
        uids.retain(|uid| uid.get() <= cursor.last_uid);
        let known = compare::known_among(&self.store, mailbox.key, folder, &cursor, &uids)?;
        uids.retain(|uid| !known.contains(uid) && !cursor.pending.contains_key(uid));
        let bytes = sizes(session, &uids).await?;
        Ok((uids, bytes))
    }

    /// Marks mails as wanted. The task that reads the folder holds the cursor, so it is
    /// stopped meanwhile.
    async fn want(
        &self,
        mailbox: &Mailbox,
        folder: &FolderName,
        uids: &[Uid],
    ) -> Result<usize, CollectingError> {
        let (this, key) = (self.clone(), mailbox.key);
        let (folder, uids) = (folder.clone(), uids.to_vec());
        let mark = async move { this.mark(key, &folder, &uids).await };
        self.while_stopped(key, mark).await
    }

    /// Does something while the task of the mailbox is stopped. What the store says of
    /// the mailbox afterwards decides whether it runs again.
    async fn while_stopped<T: Send + 'static>(
        &self,
        key: MailboxKey,
        work: impl Future<Output = Result<T, CollectingError>> + Send + 'static,
    ) -> Result<T, CollectingError> {
        let sync = self.sync.clone();
        to_the_end(async move {
            let _turn = sync.turn(key).await;
            sync.stop(key).await;
            let done = work.await;
            sync.start_stored(key)?;
            done
        })
        .await
    }

    async fn mark(
        &self,
        mailbox: MailboxKey,
        folder: &FolderName,
        uids: &[Uid],
    ) -> Result<usize, CollectingError> {
        let cursor = self.store.cursor(mailbox, folder)?;
        let mut cursor = cursor.ok_or_else(|| CollectingError::Renumbered(folder.clone()))?;
        let room = Cursor::PENDING_MAX.saturating_sub(cursor.pending.len());
        let wanted = Pending {
            reason: PendingReason::Wanted,
            attempts: 0,
            retry_at: self.clock.now(),
        };
        let taken = uids.len().min(room);
        for uid in &uids[..taken] {
            cursor.pending.insert(*uid, wanted.clone());
        }
        self.store
            .set_cursor(mailbox, folder.clone(), cursor)
            .await?;
        Ok(taken)
    }

    async fn begin(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
        folder: &FolderName,
    ) -> Result<(SelectedFolder, Cursor), CollectingError> {
        let selected = session.select(folder, &SelectMode::ReadOnly).await?;
        let cursor = self.store.cursor(mailbox.key, folder)?;
        let cursor = cursor.filter(|cursor| Some(cursor.validity) == selected.uid_validity);
        let cursor = cursor.ok_or_else(|| CollectingError::Renumbered(folder.clone()))?;
        Ok((selected, cursor))
    }

    async fn open(
        &self,
        mailbox: &Mailbox,
        way: &ImapWay,
    ) -> Result<Visiting<Session>, CollectingError> {
        let tap = self.diary.tap(mailbox.key, "imap");
        Ok(self.keyring.enter(&self.dialer, mailbox, way, tap).await?)
    }
}

fn forwarded(mailbox: &Mailbox) -> CollectingError {
    CollectingError::Forwarded(mailbox.settings.address.to_string())
}

/// The bytes of these mails together.
async fn sizes(session: &mut Session, uids: &[Uid]) -> Result<u64, ImapError> {
    let mut bytes = 0_u64;
    for some in uids.chunks(SIZES_AT_ONCE) {
        let Some(set) = UidSet::of(some.iter().copied()) else {
            continue;
        };
        let items = FetchItems {
            size: true,
            ..FetchItems::default()
        };
        let asked = session.begin_fetch(&set, &items);
        loop {
            match session.next_fetch_step().await? {
                FetchStep::Fetched(mail) => bytes = bytes.saturating_add(mail.size.unwrap_or(0)),
                FetchStep::Done(command) if command == asked => break,
                FetchStep::Refused { refusal, .. } => {
                    let command = "UID FETCH";
                    return Err(ImapError::Refused { command, refusal });
                }
                FetchStep::BodyBegan { .. } | FetchStep::BodyChunk(_) | FetchStep::Done(_) => {}
            }
        }
    }
    Ok(bytes)
}

impl Collected {
    /// What was found and is being done.
    #[must_use]
    pub fn words(&self, since: Date) -> String {
        let (found, size) = (grouped(self.found), megabytes(self.bytes));
        if !self.is_whole {
            return format!(
                "{found} mails since {since}, {size} in all, were found, and {} are being collected. \
                 The server is slow, so only the latest were looked at; ask again for the others.",
                grouped(self.taken)
            );
        }
        match (self.found, self.taken) {
            (0, _) => format!("Nothing that came since {since} is missing here."),
            (_, 0) => format!("{found} mails since {since} are not here, {size} in all."),
            (all, taken) if taken < all => format!(
                "{} of {found} mails since {since} are being collected; ask again for the others.",
                grouped(taken)
            ),
            _ => format!("{found} mails since {since}, {size} in all, are being collected."),
        }
    }
}

/// A day of the calendar as people write it.
///
/// # Errors
/// A sentence.
pub fn day(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no day; write it as 2026-01-31"))
}

/// When a day begins, by the clock of the world.
#[must_use]
pub fn begin_of(day: Date) -> Option<jiff::Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp())
}
