//! The handle to an open store: questions are snapshots, writes go to the writer
//! thread. What can be asked and written stands in the files above, one per subject.

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};

use redb::ReadableDatabase;
use tokio::sync::{mpsc, oneshot, watch};

use super::error::StoreError;
use super::shared::Shared;
use super::table::{Snapshot, Transaction};
use super::writer::{self, Closure, Command};
use crate::domain::address::Address;
use crate::domain::address_tag::tagged;
use crate::domain::key::{ConversationKey, Sequence, WorkspaceKey};
use crate::domain::message_id::MessageId;

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
    /// Starts the writer thread.
    pub(super) fn start(shared: Shared) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let (commands, waiting) = mpsc::channel(writer::WAITING_MAX);
        let thread = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("store-writer".to_owned())
                .spawn(move || writer::run(&shared, waiting))?
        };
        Ok(Self {
            writer: Arc::new(Writer {
                shared,
                commands: Some(commands),
                thread: Some(thread),
            }),
        })
    }

    /// Tells the last committed place in the feed, each time after a commit.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Sequence> {
        self.shared().feed.subscribe()
    }

    /// Whether new mail can be taken now.
    #[must_use]
    pub fn condition(&self) -> Condition {
        match self.accepts() {
            Ok(()) => Condition::Writable,
            Err(error) => Condition::ReadOnly {
                reason: error.to_string(),
            },
        }
    }

    /// Whether new mail can be taken now.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn accepts(&self) -> Result<(), StoreError> {
        match self.shared().stopped() {
            Some(reason) => Err(StoreError::Stopped { reason }),
            None => self.shared().space.demand(),
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

    /// The address with a tag that leads answers back to their conversation. `None` where
    /// none fits.
    #[must_use]
    pub fn tagged_address(
        &self,
        address: &Address,
        workspace: WorkspaceKey,
        conversation: ConversationKey,
        random: [u8; 5],
    ) -> Option<Address> {
        let key = self.shared().keys.signing()?;
        tagged(address, workspace, conversation, random, key)
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

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.writer.shared
    }

    /// Asks one short question.
    pub(super) fn read<T>(
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
        question(&Snapshot(database.begin_read()?))
    }

    /// Hands a command to the writer and waits until it is durable.
    pub(super) async fn write<T, E>(
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
