//! The database file: opening the one that is there, making one where there is none.
//!
//! Invariant: a database that does not open stays as it is; a new one is made
//! beside its final name, and renamed when complete.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database};

use super::error::{OpenError, StoreError};

/// Name of the database in the data folder.
pub const DATABASE_FILE: &str = "postern.redb";
/// Where a new one is made.
const NEW_DATABASE_FILE: &str = "postern.redb.new";

/// Opens the file that is there. The library may panic on a damaged one.
pub(super) fn open(folder: &Path, cache_bytes: usize) -> Result<Database, OpenError> {
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

/// Makes one under another name, and gives it its own when `fill` has filled it.
pub(super) fn create(
    folder: &Path,
    cache_bytes: usize,
    fill: impl FnOnce(&Database) -> Result<(), StoreError>,
) -> Result<(), OpenError> {
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
        fill(&database)
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
