//! Opening a data folder: lock, keys, database, schema, sweep.
//!
//! Invariant: a database that does not open stays as it is; a new one is made
//! only where there is none, beside its final name, and renamed when complete.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database};

use super::error::{OpenError, StoreError};
use super::seal::Keys;
use super::space::Space;
use super::table::Transaction;
use super::{migrate, raw};

/// Name of the database in the data folder.
pub const DATABASE_FILE: &str = "postern.redb";
/// Where a new one is made.
const NEW_DATABASE_FILE: &str = "postern.redb.new";
/// The folder holds secrets and mail.
const FOLDER_MODE: u32 = 0o700;

/// Makes the folder when it is absent.
pub(super) fn make_folder(folder: &Path) -> Result<(), OpenError> {
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
pub(super) fn prepare(
    folder: &Path,
    cache_bytes: usize,
    space: &Space,
) -> Result<(Database, Keys), OpenError> {
    let path = folder.join(DATABASE_FILE);
    let io_error = |cause| OpenError::Io {
        path: path.clone(),
        cause,
    };
    let exists = path.try_exists().map_err(io_error)?;
    let keys = Keys::load(folder, exists)?;
    if !exists {
        create(folder, cache_bytes, space, &keys)?;
    }
    let database = open_database(folder, cache_bytes)?;
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
        keys.check(transaction)
    })
    .map_err(|cause| match cause {
        StoreError::Seal(_) => OpenError::Keys(keys.wrong()),
        cause => prepare_error(cause),
    })?;
    Ok((database, keys))
}

/// Opens the file that is there. The library may panic on a damaged one.
pub(super) fn open_database(folder: &Path, cache_bytes: usize) -> Result<Database, OpenError> {
    let path = folder.join(DATABASE_FILE);
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Builder::new().set_cache_size(cache_bytes).open(&path)
    }));
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(redb::DatabaseError::DatabaseAlreadyOpen)) => Err(OpenError::InUse {
            folder: folder.to_owned(),
            pid: None,
        }),
        Ok(Err(error)) => Err(OpenError::Damaged {
            path,
            reason: error.to_string(),
        }),
        Err(_) => Err(OpenError::Damaged {
            path,
            reason: "repairing it failed".to_owned(),
        }),
    }
}

fn create(folder: &Path, cache_bytes: usize, space: &Space, keys: &Keys) -> Result<(), OpenError> {
    let new = folder.join(NEW_DATABASE_FILE);
    let io_error = |cause| OpenError::Io {
        path: new.clone(),
        cause,
    };
    match fs::remove_file(&new) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(io_error(cause)),
        _ => {}
    }
    let made = || -> Result<(), StoreError> {
        let database = Builder::new().set_cache_size(cache_bytes).create(&new)?;
        directly(&database, space, |transaction| {
            migrate::create(transaction)?;
            keys.mark(transaction)
        })
    };
    made().map_err(|cause| OpenError::Prepare {
        path: new.clone(),
        cause,
    })?;
    fs::rename(&new, folder.join(DATABASE_FILE)).map_err(io_error)?;
    // The new name itself must survive a power cut.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error)
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
