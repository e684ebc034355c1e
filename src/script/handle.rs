//! The scripts that are live. A reload swaps them whole; one that fails changes
//! nothing but the list of problems.
//!
//! Deliberately absent: knowing when to reload (`app/reload.rs`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;

use super::diagnostic::{Diagnostic, Severity};
use super::limits::Limits;
use super::snapshot::Snapshot;
use crate::domain::decision::ScriptVersion;

/// A handle to the scripts of one folder; clones share them.
#[derive(Clone, Debug)]
pub struct Scripts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    limits: Limits,
    demand: Option<Demand>,
    current: ArcSwapOption<Snapshot>,
    problems: ArcSwap<Vec<Diagnostic>>,
    /// Since when, as whoever reads a clock has said.
    live_since: ArcSwapOption<Timestamp>,
    /// Reloads happen one after the other, so that an older reading never wins.
    reloading: Mutex<()>,
}

/// What is asked of scripts before they go live, besides being right: the objections.
#[derive(Clone)]
pub struct Demand(Arc<Objections>);

type Objections = dyn Fn(&Snapshot, &Path) -> Vec<Diagnostic> + Send + Sync;

impl Demand {
    /// Of a function that is given the scripts and their folder.
    pub fn new(
        objections: impl Fn(&Snapshot, &Path) -> Vec<Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(objections))
    }
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Demand")
    }
}

/// What a reload changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Another version is live.
    Live(ScriptVersion),
    /// The files say what is live already.
    Unchanged,
    /// The files are wrong; what was live before still is, and nothing if nothing was.
    Refused(Vec<Diagnostic>),
}

impl Scripts {
    /// Reads the folder for the first time. Wrong scripts are a problem to show, not
    /// a reason not to start: mail then takes the default route.
    #[must_use]
    pub fn open(folder: &Path, limits: Limits) -> Self {
        Self::demanding(folder, limits, None)
    }

    /// The same; nothing goes live that `demand` objects to.
    #[must_use]
    pub fn demanding(folder: &Path, limits: Limits, demand: Option<Demand>) -> Self {
        let scripts = Self(Arc::new(Inner {
            folder: folder.to_owned(),
            limits,
            demand,
            current: ArcSwapOption::empty(),
            problems: ArcSwap::default(),
            live_since: ArcSwapOption::empty(),
            reloading: Mutex::new(()),
        }));
        scripts.reload();
        scripts
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// What is live; hold it for one mail from beginning to end.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.0.current.load_full()
    }

    /// Notes when what is live went live, or was found to be at a start.
    pub fn note_live(&self, since: Timestamp) {
        self.0.live_since.store(Some(Arc::new(since)));
    }

    /// Since when it is live, where somebody has said so.
    #[must_use]
    pub fn live_since(&self) -> Option<Timestamp> {
        self.0.live_since.load().as_deref().copied()
    }

    /// Errors of a refused reload, or warnings of what is live.
    #[must_use]
    pub fn problems(&self) -> Vec<Diagnostic> {
        self.0.problems.load().to_vec()
    }

    /// Whether the files are wrong, so that what is live is older than they are.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let problems = self.0.problems.load();
        problems.iter().any(|one| one.severity == Severity::Error)
    }

    /// Scripts of the folder that may go live.
    fn load(&self) -> Result<Snapshot, Vec<Diagnostic>> {
        let snapshot = Snapshot::load(&self.0.folder, &self.0.limits)?;
        let demand = self.0.demand.as_ref();
        let objections = demand.map_or_else(Vec::new, |demand| demand.0(&snapshot, &self.0.folder));
        if objections.is_empty() {
            Ok(snapshot)
        } else {
            Err(objections)
        }
    }

    /// Reads the folder again.
    pub fn reload(&self) -> Reloaded {
        // A reload that panicked has swapped nothing.
        let lock = self.0.reloading.lock();
        let _one_at_a_time = lock.unwrap_or_else(PoisonError::into_inner);
        match self.load() {
            Ok(snapshot) => {
                let version = snapshot.version();
                self.0
                    .problems
                    .store(Arc::new(snapshot.warnings().to_vec()));
                let before = self.0.current.swap(Some(Arc::new(snapshot)));
                if before.is_some_and(|before| before.version() == version) {
                    Reloaded::Unchanged
                } else {
                    Reloaded::Live(version)
                }
            }
            Err(problems) => {
                self.0.problems.store(Arc::new(problems.clone()));
                Reloaded::Refused(problems)
            }
        }
    }
}
