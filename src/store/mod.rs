//! The store: everything that must survive, in one redb file per data folder.
//!
//! One method per stage or question. A write is a command for the one writer
//! thread and answers when it is durable; a read is a short snapshot. Lists and
//! counts are index rows, never scans. Deliberately absent from the face: any type
//! of redb, any transaction that a caller could hold, and any clock or network.
//!
//! Invariant: feed listeners are told after the commit, never before.

mod conversation_list;
mod conversations;
mod delivery;
mod error;
mod feed;
mod jobs;
mod ledger;
mod listing;
mod lock;
mod mailboxes;
mod migrate;
mod open;
mod outbox;
mod outbox_attempts;
mod people;
mod raw;
mod record;
mod seal;
mod space;
mod table;
mod threading;
mod triage;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use redb::{Database, ReadableDatabase};
use tokio::sync::{mpsc, oneshot, watch};

use crate::domain::key::{ConversationKey, Sequence, WorkspaceKey};
use crate::domain::message_id::MessageId;
use lock::FolderLock;
use seal::Keys;
use space::Space;
use table::{Snapshot, Transaction};
use writer::{Closure, Command};

pub use conversation_list::{ConversationFilter, Counts, Page};
pub use conversations::ConversationChange;
pub use delivery::{Arrival, ArrivalRaw, Delivered, Delivery, TooLarge};
pub use error::{OpenError, StoreError};
pub use lock::LOCK_FILE;
pub use mailboxes::AddError;
pub use open::DATABASE_FILE;
pub use outbox::{AcceptError, Accepted, NewReply};
pub use outbox_attempts::{AttemptEnd, AttemptNext};
pub use raw::{CompressedRaw, RawWriter};
pub use record::RecordError;
pub use seal::{KeyError, SealError};
pub use triage::{NewDecision, Triaged};

/// What a store is told when it is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory the database may use as cache, in bytes.
    pub cache_bytes: usize,
    /// Free bytes of the disk below which no new mail is taken.
    pub free_space_floor_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * 1024 * 1024,
            free_space_floor_bytes: 256 * 1024 * 1024,
        }
    }
}

/// Whether the store takes new mail at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It does.
    Writable,
    /// It does not.
    ReadOnly {
        /// Why, and what to do.
        reason: String,
    },
}

/// What readers and the writer share.
struct Shared {
    folder: PathBuf,
    options: Options,
    database: RwLock<Option<Database>>,
    stopped: Mutex<Option<String>>,
    space: Space,
    keys: Keys,
    feed: watch::Sender<Sequence>,
    _lock: FolderLock,
}

impl Shared {
    fn stopped(&self) -> Option<String> {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn stop(&self, reason: String) {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
    }
}

/// The writer thread and the way to it; ends with the last [`Store`].
struct Writer {
    shared: Arc<Shared>,
    commands: Option<mpsc::Sender<Box<dyn Command>>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            // The thread catches panics of commands; its own would have been told already.
            let _ended = thread.join();
        }
    }
}

/// A handle to the store; cheap to clone. The last one closes it.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Writer>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.shared().folder.display())
    }
}

impl Store {
    /// Opens a data folder, or makes one where there is none.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do; nothing was changed then.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        open::make_folder(folder)?;
        let lock = FolderLock::take(folder)?;
        let space = Space::new(folder, options.free_space_floor_bytes);
        let (database, keys) = open::prepare(folder, options.cache_bytes, &space)?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            options,
            database: RwLock::new(Some(database)),
            stopped: Mutex::new(None),
            space,
            keys,
            feed: watch::Sender::new(Sequence(0)),
            _lock: lock,
        });
        let (commands, waiting) = mpsc::channel(writer::WAITING_MAX);
        let thread = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("store-writer".to_owned())
                .spawn(move || writer::run(&shared, waiting))
                .map_err(|cause| OpenError::Io {
                    path: folder.to_owned(),
                    cause,
                })?
        };
        let store = Self {
            writer: Arc::new(Writer {
                shared,
                commands: Some(commands),
                thread: Some(thread),
            }),
        };
        let last = store.last_sequence().map_err(|cause| OpenError::Prepare {
            path: folder.to_owned(),
            cause,
        })?;
        store.shared().feed.send_replace(last);
        Ok(store)
    }

    /// Tells the last committed place in the feed, each time after a commit.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Sequence> {
        self.shared().feed.subscribe()
    }

    /// Whether new mail can be taken now.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let refused = match self.shared().stopped() {
            Some(reason) => Err(StoreError::Stopped { reason }),
            None => self.shared().space.demand(),
        };
        match refused {
            Ok(()) => Condition::Writable,
            Err(error) => Condition::ReadOnly {
                reason: error.to_string(),
            },
        }
    }

    /// Makes a Message-ID that leads answers back to their conversation. `None`
    /// when the domain cannot stand in one.
    #[must_use]
    pub fn issue_message_id(
        &self,
        workspace: WorkspaceKey,
        conversation: ConversationKey,
        random: [u8; 12],
        domain: &str,
    ) -> Option<MessageId> {
        let key = self.shared().keys.signing()?;
        MessageId::issue(workspace, conversation, random, key, domain)
    }

    /// Gives free pages inside the file back to the file system. The database grows by
    /// doubling (beyond 4 GiB by 4 GiB) as a sparse file; this cuts it to what is used.
    /// Everybody waits meanwhile, about a second per gigabyte: call it when idle, from a
    /// thread that may block. `true` when the file became shorter.
    ///
    /// # Errors
    /// When the database cannot be compacted; it is as it was then.
    pub fn compact(&self) -> Result<bool, StoreError> {
        let mut database = self
            .shared()
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match database.as_mut() {
            Some(database) => Ok(database.compact()?),
            None => Err(StoreError::Closed),
        }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.writer.shared
    }

    /// Asks one short question.
    fn read<T>(
        &self,
        question: impl FnOnce(&Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self
            .shared()
            .database
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(|| StoreError::Reopening {
            reason: "its disk was full".to_owned(),
        })?;
        question(&Snapshot::new(database.begin_read()?))
    }

    /// Hands a command to the writer and waits until it is durable.
    async fn write<T, E>(
        &self,
        act: impl FnMut(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let command = Box::new(Closure {
            act,
            result: None,
            answer,
        });
        let commands = self.writer.commands.as_ref().ok_or(StoreError::Closed)?;
        commands
            .send(command)
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}
