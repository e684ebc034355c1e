//! Tests of scripts: what an administrator expects them to decide on a mail, in
//! `tests/*.toml` below the scripts folder.
//!
//! [`Suite::read`] reads them, [`Case::judge`] asks a snapshot and compares. Absent:
//! running many of them at once, and reports (`service/script_testing`).

mod case;
mod expect;
mod folder;
mod form;
mod judged;
mod mail;
mod surroundings;
mod word;

use std::path::Path;

use jiff::tz::TimeZone;

use super::diagnostic::Diagnostic;
pub use case::Case;
pub use judged::{Difference, Judged};

/// All tests of a scripts folder.
#[derive(Debug, Default)]
pub struct Suite {
    cases: Vec<Case>,
}

impl Suite {
    /// The tests, in the order of files and lines.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The files of the tests of a scripts folder: names below it and bytes, sorted by name.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn files(scripts: &Path) -> Result<Vec<(String, Vec<u8>)>, Vec<Diagnostic>> {
        folder::read(scripts)
    }

    /// Reads tests that stand nowhere: names below `tests/` and bytes, of tables and mails.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn of(files: &[(String, Vec<u8>)], zone: &TimeZone) -> Result<Self, Vec<Diagnostic>> {
        form::read_all(files, zone).map(|cases| Self { cases })
    }

    /// Reads `tests/` below a scripts folder. A folder without is one without tests.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(scripts: &Path, zone: &TimeZone) -> Result<Self, Vec<Diagnostic>> {
        Self::of(&Self::files(scripts)?, zone)
    }
}
