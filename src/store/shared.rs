//! What readers and the writer share, and what they are told at the beginning.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, RwLock};

use redb::Database;
use tokio::sync::watch;

use super::lock::FolderLock;
use super::seal::Keys;
use super::space::Space;
use crate::domain::key::Sequence;

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

/// What readers and the writer share.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) options: Options,
    pub(super) database: RwLock<Option<Database>>,
    pub(super) stopped: Mutex<Option<String>>,
    pub(super) space: Space,
    pub(super) keys: Keys,
    pub(super) feed: watch::Sender<Sequence>,
    pub(super) _lock: FolderLock,
}

impl Shared {
    pub(super) fn stopped(&self) -> Option<String> {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn stop(&self, reason: String) {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
    }
}
