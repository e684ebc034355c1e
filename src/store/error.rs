//! What can go wrong in the store, in sentences.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::record::RecordError;
use crate::domain::saying::{Said, Saying, saying};

/// Why a question or a write failed. Cheap to clone: one failed commit answers many commands.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Below the floor nothing new is taken in, so that what is here stays whole.
    #[error("{}", self.saying())]
    DiskFull {
        /// Bytes that are free now.
        free: u64,
        /// Bytes that must stay free.
        floor: u64,
    },
    /// The disk filled up in the middle of a write; nothing of that write remains.
    #[error("{}", self.saying())]
    NoSpace,
    /// The disk failed. Writes stop until a restart, since a disk that failed once may lie next.
    #[error("{}", self.saying())]
    Stopped {
        /// The first error.
        reason: String,
    },
    /// The database is being opened again.
    #[error("{}", self.saying())]
    Reopening {
        /// What happened.
        reason: String,
    },
    /// The writer has ended.
    #[error("{}", self.saying())]
    Closed,
    /// An error of the database.
    #[error("the database failed: {0}")]
    Database(Arc<redb::Error>),
    /// A record cannot be read.
    #[error("a stored record cannot be read: {0}")]
    Record(#[from] RecordError),
    /// A row that another row names is not there.
    #[error("the store holds no {what} {key}")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Its key.
        key: u64,
    },
    /// A reply is not in a state that allows this.
    #[error("the reply is {state}; this is possible only while it {wanted}")]
    WrongState {
        /// Where it stands.
        state: &'static str,
        /// Where it had to stand.
        wanted: &'static str,
    },
    /// A page cursor that this store did not make.
    #[error("{}", self.saying())]
    BadCursor,
    /// Something with this name or address is there already.
    #[error("{}", self.saying())]
    Taken {
        /// What.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A sealed value does not open with our keys.
    #[error("a sealed value cannot be opened: {0}")]
    Seal(#[from] super::seal::SealError),
    /// More bytes than the caller takes.
    #[error("the mail has {size} bytes, more than the {max} asked for")]
    TooLarge {
        /// Bytes of the mail.
        size: u64,
        /// Bytes the caller takes.
        max: u64,
    },
    /// Compression failed.
    #[error("compressed bytes cannot be handled: {0}")]
    Compression(Arc<io::Error>),
    /// A task of ours that was to use the store ended by a defect; its work is tried again.
    #[error("the {what} ended by a defect of the program: {reason}")]
    WorkerLost {
        /// Which task.
        what: &'static str,
        /// What is known of it.
        reason: String,
    },
    /// A command panicked: a defect of ours; nothing of it was kept.
    #[error("a write failed by a defect of the program; nothing of it was kept")]
    Panicked,
}

/// What people can do something about; the rest is for the log.
impl Said for StoreError {
    fn saying(&self) -> Saying {
        match self {
            Self::DiskFull { free, floor } => saying!("store.disk_full", free, floor),
            Self::NoSpace => saying!("store.no_space"),
            Self::Stopped { reason } => saying!("store.stopped", reason),
            Self::Reopening { reason } => saying!("store.reopening", reason),
            Self::Closed => saying!("store.closed"),
            Self::BadCursor => saying!("store.bad_cursor"),
            Self::Taken { what: "team", name } => saying!("store.team_taken", name),
            Self::Taken { name, .. } => saying!("store.person_taken", name),
            Self::Database(_)
            | Self::Record(_)
            | Self::Missing { .. }
            | Self::WrongState { .. }
            | Self::Seal(_)
            | Self::TooLarge { .. }
            | Self::Compression(_)
            | Self::WorkerLost { .. }
            | Self::Panicked => Saying::words(self),
        }
    }
}

impl StoreError {
    /// The task called `what` did not come to its end.
    pub fn worker_lost(what: &'static str, error: &impl std::fmt::Display) -> Self {
        Self::WorkerLost {
            what,
            reason: error.to_string(),
        }
    }

    /// Whether trying again later can make sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::DiskFull { .. } | Self::NoSpace | Self::Reopening { .. }
        )
    }
}

impl StoreError {
    /// Whether the disk failed, be it full or broken, and the database handle with it.
    pub(super) fn is_of_disk(&self) -> bool {
        match self {
            Self::NoSpace | Self::Reopening { .. } => true,
            Self::Database(cause) => matches!(**cause, redb::Error::Io(_)),
            _ => false,
        }
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match &error {
            redb::Error::Io(cause) if is_no_space(cause) => Self::NoSpace,
            // An earlier write failed below a command; the handle is of no more use.
            redb::Error::PreviousIo => Self::Reopening {
                reason: "an earlier write failed".to_owned(),
            },
            _ => Self::Database(Arc::new(error)),
        }
    }
}

macro_rules! from_redb {
    ($($name:ident)*) => {$(
        impl From<redb::$name> for StoreError {
            fn from(error: redb::$name) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}
from_redb!(StorageError TableError TransactionError CommitError DatabaseError SetDurabilityError CompactionError);

/// Errors that go away when somebody frees space.
fn is_no_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Why a data folder could not be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process works on it.
    #[error(
        "the data folder {} is in use by another gateway{}; stop that one, or give this one a folder of its own",
        folder.display(),
        pid.map_or(String::new(), |pid| format!(" (process {pid})"))
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The process that holds it, as far as known.
        pid: Option<u32>,
    },
    /// The folder or a file in it cannot be used.
    #[error("{} cannot be used: {cause}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The database file does not open. It is left as it is.
    #[error(
        "the database {} does not open: {reason}. It was left as it is. Copy it somewhere safe, then restore the last backup",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file comes from a newer Postern.
    #[error(
        "the database {} has schema {found}; this Postern knows schemas up to {known}. Use a newer Postern, or restore the backup made before the upgrade",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema we know.
        known: u32,
    },
    /// The keys of the folder.
    #[error(transparent)]
    Keys(#[from] super::seal::KeyError),
    /// The database opened, but its first reads or writes failed.
    #[error("the database {} cannot be prepared: {cause}", path.display())]
    Prepare {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: StoreError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_passes_and_a_broken_one_stays() {
        let of = |kind: io::ErrorKind| StoreError::from(redb::Error::Io(kind.into()));
        let full = of(io::ErrorKind::StorageFull);
        assert!(full.is_of_disk() && full.is_transient());
        let broken = of(io::ErrorKind::Other);
        assert!(broken.is_of_disk() && !broken.is_transient());
        let corrupted = StoreError::from(redb::Error::Corrupted("a page".to_owned()));
        assert!(!corrupted.is_of_disk() && !corrupted.is_transient());
    }
}
