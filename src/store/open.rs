//! Opening a data folder: lock, keys, database, schema, sweep.
//!
//! Invariant: a new database is made only where there is none.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Mutex, RwLock};

use redb::Database;
use tokio::sync::watch;

use super::error::{OpenError, StoreError};
use super::lock::FolderLock;
use super::seal::Keys;
use super::shared::{Options, Shared};
use super::space::Space;
use super::table::Transaction;
use super::{Store, database, key_mark, migrate, raw};
use crate::domain::key::Sequence;

/// The folder holds secrets and mail.
const FOLDER_MODE: u32 = 0o700;

impl Store {
    /// Opens a data folder, or makes one where there is none.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do; nothing was changed then.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        make_folder(folder)?;
        let lock = FolderLock::take(folder)?;
        let space = Space::new(folder, options.free_space_floor_bytes);
        let (database, keys) = prepare(folder, options.cache_bytes, &space)?;
        let store = Self::start(Shared {
            folder: folder.to_owned(),
            options,
            database: RwLock::new(Some(database)),
            stopped: Mutex::new(None),
            space,
            keys,
            feed: watch::Sender::new(Sequence(0)),
            _lock: lock,
        })
        .map_err(|cause| OpenError::Io {
            path: folder.to_owned(),
            cause,
        })?;
        let last = store.last_sequence().map_err(|cause| OpenError::Prepare {
            path: folder.to_owned(),
            cause,
        })?;
        store.shared().feed.send_replace(last);
        Ok(store)
    }
}

/// Makes the folder when it is absent.
fn make_folder(folder: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|cause| OpenError::Io {
            path: folder.to_owned(),
            cause,
        })
}

/// Opens or makes the database and brings it to the schema of this program.
fn prepare(
    folder: &Path,
    cache_bytes: usize,
    space: &Space,
) -> Result<(Database, Keys), OpenError> {
    let path = folder.join(database::DATABASE_FILE);
    let io_error = |cause| OpenError::Io {
        path: path.clone(),
        cause,
    };
    let exists = path.try_exists().map_err(io_error)?;
    let keys = Keys::load(folder, exists)?;
    if !exists {
        database::create(folder, cache_bytes, |database| {
            directly(database, space, |transaction| {
                migrate::create(transaction)?;
                key_mark::leave(&keys, transaction)
            })
        })?;
    }
    let database = database::open(folder, cache_bytes)?;
    let prepare_error = |cause| OpenError::Prepare {
        path: path.clone(),
        cause,
    };
    let found = directly(&database, space, migrate::schema).map_err(prepare_error)?;
    if found > migrate::SCHEMA {
        return Err(OpenError::NewerSchema {
            path,
            found,
            known: migrate::SCHEMA,
        });
    }
    directly(&database, space, |transaction| {
        migrate::to_current(transaction)?;
        raw::sweep(transaction)?;
        key_mark::check(&keys, transaction)
    })
    .map_err(|cause| match cause {
        StoreError::Seal(_) => OpenError::Keys(keys.wrong()),
        cause => prepare_error(cause),
    })?;
    Ok((database, keys))
}

/// One transaction before the writer thread exists.
fn directly<T>(
    database: &Database,
    space: &Space,
    act: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut writing = database.begin_write()?;
    writing.set_quick_repair(true);
    let result = act(&Transaction::new(&writing, space))?;
    writing.commit()?;
    Ok(result)
}
