//! Free space of the data folder's disk, and the floor below which no new mail is taken.
//!
//! A full disk in the middle of a commit costs a reopening of the database, so
//! intake stops before that (THREATS: disk full) and goes on by itself.

use std::path::{Path, PathBuf};

use super::error::StoreError;

/// Watches the disk under one folder.
#[derive(Clone, Debug)]
pub(super) struct Space {
    folder: PathBuf,
    floor: u64,
}

impl Space {
    pub(super) fn new(folder: &Path, floor: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            floor,
        }
    }

    /// Refuses when less than the floor is free. A file system that does not
    /// answer is taken as having room: the commit itself will tell.
    pub(super) fn demand(&self) -> Result<(), StoreError> {
        let Ok(stat) = rustix::fs::statvfs(&self.folder) else {
            return Ok(());
        };
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free < self.floor {
            return Err(StoreError::DiskFull {
                free,
                floor: self.floor,
            });
        }
        Ok(())
    }
}
