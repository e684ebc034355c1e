//! The storing half of collecting: turns what a session hands over into deliveries.
//!
//! It runs beside the session, so that parsing and committing go on while the next
//! bytes travel. One commit is under way at a time and the next batch gathers
//! meanwhile: a later cursor can never overtake an earlier one that failed.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::domain::fetching::{ListedMail, Window};
use crate::domain::fingerprint::Fingerprint;
use crate::domain::folder::{Cursor, FolderName, PendingReason, Uid};
use crate::domain::key::MailboxKey;
use crate::domain::ledger::Source;
use crate::protocol::imap::{Body, Fetched};
use crate::service::clock::Clock;
use crate::service::ingest::{Circumstances, IngestError, Intake};
use crate::service::random::Random;
use crate::service::sync::pending::{ANYWAY_BYTES_MAX, too_large, try_again};
use crate::store::{Arrival, ArrivalRaw, Delivered, Delivery, Passed, Store, StoreError, Why};

/// Pieces on their way from the session; each pins at most one read buffer.
pub(super) const PIECES_MAX: usize = 32;
/// Mails in one commit.
const BATCH_MAILS_MAX: usize = 512;
/// A mail may be so much larger than it was listed, by what servers count differently.
const SIZE_SLACK: u64 = 1024 * 1024;
/// Compressed bytes in one commit.
const BATCH_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// What the session hands over, in the order it came.
#[derive(Debug)]
pub(super) enum Piece {
    /// These mails are asked for; those of an earlier window may still be on their way.
    Window(Listed),
    /// A body of so many bytes begins.
    Began(u64),
    /// Its next bytes.
    Chunk(Bytes),
    /// A FETCH response is complete.
    Fetched(Fetched),
    /// The server has answered the fetch of the oldest window: what did not come is not
    /// coming now.
    End,
}

/// What the server said of the mails of a window.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Those it listed.
    pub(super) mails: Vec<ListedMail>,
    /// Those it was asked for and did not list. It had them a moment ago, so they are
    /// gone or their answer could not be read; the next look tells which.
    pub(super) untold: Vec<Uid>,
}

/// How far the folder is read.
#[derive(Debug)]
pub(super) struct Stored {
    /// All up to here is durable or remembered.
    pub(super) cursor: Cursor,
    /// The first mail that was asked for and neither came nor was refused.
    pub(super) unfinished: Option<Uid>,
}

/// What both halves know of the mailbox.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) mailbox: MailboxKey,
    pub(super) name: FolderName,
    /// What is in it the provider suspects of being spam.
    pub(super) is_junk: bool,
    /// What is in it went out.
    pub(super) is_sent: bool,
    /// Older mail was there before the mailbox was connected.
    pub(super) connected_at: Timestamp,
    /// Mail above this many bytes waits for a person.
    pub(super) mail_size_max: u64,
}

/// What was asked of a mail, and what came.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Only its beginning was asked for; it has so many bytes.
    whole_size: Option<u64>,
    /// It has come already, and was this.
    shown: Option<Fingerprint>,
}

/// The storing half.
#[derive(Debug)]
pub(super) struct Storing {
    folder: Folder,
    store: Store,
    clock: Clock,
    random: Random,
    cursor: Cursor,
    window: Option<Window>,
    /// What was asked for together and has not ended, oldest first.
    asked: VecDeque<Vec<Uid>>,
    body: Option<Intake>,
    arrivals: Vec<Arrival>,
    /// Mails above the limit, of which the beginning is on its way, and their sizes.
    large: BTreeMap<Uid, u64>,
    /// Mails of open windows that have come.
    shown: BTreeMap<Uid, Asked>,
    passed: Vec<Passed>,
    batch_bytes: u64,
    commit: Option<JoinHandle<Result<Vec<Delivered>, StoreError>>>,
}

impl Storing {
    pub(super) fn new(
        folder: Folder,
        store: Store,
        clock: Clock,
        random: Random,
        cursor: Cursor,
    ) -> Self {
        Self {
            folder,
            store,
            clock,
            random,
            cursor,
            window: None,
            asked: VecDeque::new(),
            body: None,
            arrivals: Vec::new(),
            large: BTreeMap::new(),
            shown: BTreeMap::new(),
            passed: Vec::new(),
            batch_bytes: 0,
            commit: None,
        }
    }

    /// Stores what comes until the session closes its end; answers how far the folder is read.
    ///
    /// Half a mail is never stored: what has not ended when the session ends is dropped.
    pub(super) async fn run(
        mut self,
        mut pieces: mpsc::Receiver<Piece>,
    ) -> Result<Stored, IngestError> {
        while let Some(piece) = pieces.recv().await {
            self.take(piece).await?;
        }
        self.body = None;
        self.commit().await?;
        self.settle_commit().await?;
        let unfinished = self
            .window
            .and_then(|window| window.wanted().next())
            .map(|mail| mail.uid);
        Ok(Stored {
            cursor: self.cursor,
            unfinished,
        })
    }

    async fn take(&mut self, piece: Piece) -> Result<(), IngestError> {
        match piece {
            Piece::Window(listed) => self.begin_window(listed),
            Piece::Began(size) => {
                if let Some(before) = self.body.take() {
                    before.discard().await?;
                }
                self.body = match self.admits(size) {
                    true => Some(Intake::begin(&self.store, size).await),
                    // The server had listed it as far smaller.
                    false => None,
                }
            }
            Piece::Chunk(chunk) => {
                if let Some(body) = &mut self.body {
                    body.take(chunk).await?;
                }
            }
            Piece::Fetched(fetched) => self.end_mail(&fetched).await?,
            Piece::End => self.end_window().await?,
        }
        Ok(())
    }

    /// Whether so many bytes can be one of the mails that were asked for. Which of them is
    /// not always known when they begin.
    fn admits(&self, size: u64) -> bool {
        let mut pending = self.cursor.pending.values();
        let anyway = pending.any(|pending| pending.reason == PendingReason::Anyway);
        let most = if anyway {
            ANYWAY_BYTES_MAX
        } else {
            self.folder.mail_size_max + SIZE_SLACK
        };
        size <= most
    }

    fn begin_window(&mut self, listed: Listed) {
        let Listed { mut mails, untold } = listed;
        // Wanted like the others, so that the cursor does not pass them unseen.
        mails.extend(untold.into_iter().map(|uid| ListedMail { uid, size: 0 }));
        let high = mails.iter().map(|mail| mail.uid.get()).max().unwrap_or(0);
        let window = match self.window.take() {
            Some(mut open) => {
                open.extend(high, &mails);
                open
            }
            None => Window::new(self.cursor.clone(), high, &mails),
        };
        let large = mails
            .iter()
            .filter(|mail| window.expects(mail.uid) && self.folder.passes(&self.cursor, mail));
        self.large.extend(large.map(|mail| (mail.uid, mail.size)));
        self.window = Some(window);
        self.asked
            .push_back(mails.iter().map(|mail| mail.uid).collect());
    }

    async fn end_mail(&mut self, fetched: &Fetched) -> Result<(), IngestError> {
        let Some(intake) = self.body.take() else {
            return Ok(());
        };
        let uid = fetched
            .uid
            .and_then(|uid| Some((uid, self.asked_for(uid)?)));
        let Some((uid, asked)) = uid else {
            return intake.discard().await;
        };
        let whole_size = asked.whole_size;
        if !is_whole(&intake, fetched, whole_size) {
            // NIL, an empty body, several, or fewer bytes than announced: tried again later.
            return intake.discard().await;
        }
        let received_at = fetched.internal_date;
        let circumstances = Circumstances {
            source: self.source(uid),
            received_at,
            arrived_at: self.clock.now(),
            imported: self.is_imported(uid, received_at),
            whole_size,
        };
        let arrival = intake.finish(circumstances, self.random).await?;
        if let Some(before) = asked.shown {
            if before == arrival.fingerprint && matches!(arrival.raw, ArrivalRaw::Whole(_)) {
                return Ok(());
            }
            tracing::warn!(
                mailbox = self.folder.mailbox.0, folder = %self.folder.name, uid = uid.get(),
                "the server gave two mails under one UID; both are kept"
            );
        } else if let Some(window) = &mut self.window {
            if whole_size.is_some() {
                self.large.remove(&uid);
                window.defer(uid, too_large());
            } else {
                window.settle(uid);
            }
        }
        let asked = Asked {
            whole_size,
            shown: Some(arrival.fingerprint),
        };
        self.shown.insert(uid, asked);
        self.batch_bytes += stored_size(&arrival);
        self.arrivals.push(arrival);
        if self.arrivals.len() >= BATCH_MAILS_MAX || self.batch_bytes >= BATCH_BYTES_MAX {
            self.commit().await?;
        }
        Ok(())
    }

    /// What was asked of a mail; `None` when it was not asked for.
    fn asked_for(&self, uid: Uid) -> Option<Asked> {
        if self.window.as_ref()?.expects(uid) {
            return Some(Asked {
                whole_size: self.large.get(&uid).copied(),
                shown: None,
            });
        }
        self.shown.get(&uid).copied()
    }

    /// What was listed and did not come is remembered; the folder goes on.
    async fn end_window(&mut self) -> Result<(), IngestError> {
        let now = self.clock.now();
        if let Some(window) = &mut self.window {
            let asked = self.asked.pop_front().unwrap_or_default();
            self.shown.retain(|uid, _| !asked.contains(uid));
            let (large, missing): (Vec<Uid>, Vec<Uid>) = asked
                .into_iter()
                .filter(|uid| window.expects(*uid))
                .partition(|uid| self.large.contains_key(uid));
            // Not even their beginnings came.
            for uid in large {
                window.defer(uid, too_large());
                let size = self.large.remove(&uid).unwrap_or_default();
                self.passed.push(Passed {
                    source: source(&self.folder.name, &self.cursor, uid),
                    why: Why::TooLarge(size),
                    at: now,
                });
            }
            if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
                tracing::warn!(
                    mailbox = self.folder.mailbox.0, folder = %self.folder.name,
                    mails = missing.len(), first = first.get(), last = last.get(),
                    "the server listed mails and did not send them whole; they are tried again later"
                );
            }
            for uid in missing {
                let before = self.cursor.pending.get(&uid);
                window.defer(uid, try_again(before, now, self.random.jitter()));
                self.passed.push(Passed {
                    source: source(&self.folder.name, &self.cursor, uid),
                    why: Why::NotGiven,
                    at: now,
                });
            }
            if window.cursor().pending.len() > Cursor::PENDING_MAX {
                return Err(IngestError::TooManyPending);
            }
            self.cursor = window.cursor();
            *window = window.without_settled();
        }
        if !self.arrivals.is_empty() || !self.passed.is_empty() || self.store_cursor_differs()? {
            self.commit().await?;
        }
        Ok(())
    }

    fn store_cursor_differs(&self) -> Result<bool, StoreError> {
        Ok(self
            .store
            .cursor(self.folder.mailbox, &self.folder.name)?
            .as_ref()
            != Some(&self.cursor))
    }

    /// Hands the batch to the store, after the batch before it is durable.
    async fn commit(&mut self) -> Result<(), IngestError> {
        self.settle_commit().await?;
        if let Some(window) = &self.window {
            self.cursor = window.cursor();
        }
        if self.arrivals.is_empty() && self.passed.is_empty() && !self.store_cursor_differs()? {
            return Ok(());
        }
        let delivery = Delivery {
            mailbox: self.folder.mailbox,
            is_junk: self.folder.is_junk,
            is_sent: self.folder.is_sent,
            also_for: Vec::new(),
            arrivals: std::mem::take(&mut self.arrivals),
            cursor: Some((self.folder.name.clone(), self.cursor.clone())),
            maildrop: Vec::new(),
            passed: std::mem::take(&mut self.passed),
        };
        self.batch_bytes = 0;
        let store = self.store.clone();
        self.commit = Some(tokio::spawn(async move { store.deliver(delivery).await }));
        Ok(())
    }

    async fn settle_commit(&mut self) -> Result<(), IngestError> {
        let Some(commit) = self.commit.take() else {
            return Ok(());
        };
        match commit.await {
            Ok(delivered) => {
                delivered?;
                Ok(())
            }
            Err(error) => Err(StoreError::worker_lost("delivery", &error).into()),
        }
    }

    /// Whether the mail was there before the mailbox was connected. Where UIDs do not
    /// tell, the server's clock does, to the second it counts in.
    fn is_imported(&self, uid: Uid, received_at: Option<Timestamp>) -> bool {
        match self.cursor.imported_below {
            0 => {
                received_at.is_some_and(|at| at.as_second() < self.folder.connected_at.as_second())
            }
            below => uid.get() < below,
        }
    }

    fn source(&self, uid: Uid) -> Source {
        source(&self.folder.name, &self.cursor, uid)
    }
}

impl Folder {
    /// Whether a mail is too large to be taken in whole.
    fn passes(&self, cursor: &Cursor, mail: &ListedMail) -> bool {
        let pending = cursor.pending.get(&mail.uid);
        let anyway = pending.is_some_and(|pending| pending.reason == PendingReason::Anyway);
        mail.size > self.mail_size_max && !anyway
    }
}

pub(super) fn source(folder: &FolderName, cursor: &Cursor, uid: Uid) -> Source {
    Source::Imap {
        folder: folder.clone(),
        validity: cursor.validity,
        uid,
    }
}

/// Bytes the mail adds to a commit; a big one is in the store already.
fn stored_size(arrival: &Arrival) -> u64 {
    match &arrival.raw {
        ArrivalRaw::Whole(raw) => raw.compressed_size(),
        ArrivalRaw::Stored(_) => 0,
    }
}

/// A mail counts only when all announced bytes came and there were any; with its size on
/// the server given, when they are its beginning.
fn is_whole(intake: &Intake, fetched: &Fetched, whole_size: Option<u64>) -> bool {
    let Body::Complete { size, offset } = fetched.body else {
        return false;
    };
    let from = whole_size.map(|_| 0);
    offset == from && size == intake.size() && size > 0
}
