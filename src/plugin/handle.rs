//! The plugins that are in use. A reload swaps them whole; one that fails changes
//! nothing but the list of problems.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::catalogue::Catalogue;
use super::problem::{Problem, Severity};
use super::reading::HookCheck;
use super::source::{PluginFolder, read_folder, shipped};

/// A handle to the plugins; clones share them.
#[derive(Clone, Debug)]
pub struct Plugins(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    check: HookCheck,
    current: ArcSwap<Catalogue>,
    problems: ArcSwap<Vec<Problem>>,
    /// What was read last; reloads happen one after the other.
    read: Mutex<Vec<PluginFolder>>,
}

/// What a reload changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Other plugins are in use.
    Live,
    /// The files say what is in use already.
    Unchanged,
    /// Something is wrong; what was in use before still is.
    Refused(Vec<Problem>),
}

impl Plugins {
    /// The shipped plugins and those of a folder. A wrong one is left out and shown.
    #[must_use]
    pub fn open(folder: &Path, check: HookCheck) -> Self {
        let (own, mut problems) = read_folder(folder);
        let (catalogue, wrong) = build(&own, check);
        problems.extend(wrong);
        for problem in &problems {
            tracing::warn!(%problem, "a plugin is not used");
        }
        Self(Arc::new(Inner {
            folder: folder.to_owned(),
            check,
            current: ArcSwap::from_pointee(catalogue),
            problems: ArcSwap::from_pointee(problems),
            read: Mutex::new(own),
        }))
    }

    /// The folder of the installation.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// What is in use now.
    #[must_use]
    pub fn current(&self) -> Guard<Arc<Catalogue>> {
        self.0.current.load()
    }

    /// What is wrong with newer files.
    #[must_use]
    pub fn problems(&self) -> Arc<Vec<Problem>> {
        self.0.problems.load_full()
    }

    /// Reads the folder again.
    pub fn reload(&self) -> Reloaded {
        // The list is replaced whole, so a panic elsewhere leaves nothing half-written.
        let mut read = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (own, mut problems) = read_folder(&self.0.folder);
        if own == *read && problems.is_empty() && self.0.problems.load().is_empty() {
            return Reloaded::Unchanged;
        }
        let (catalogue, wrong) = build(&own, self.0.check);
        problems.extend(wrong);
        if problems.iter().any(|one| one.severity == Severity::Error) {
            if *self.0.problems.load().as_ref() == problems {
                return Reloaded::Unchanged;
            }
            self.0.problems.store(Arc::new(problems.clone()));
            return Reloaded::Refused(problems);
        }
        *read = own;
        self.0.current.store(Arc::new(catalogue));
        self.0.problems.store(Arc::new(problems));
        Reloaded::Live
    }
}

fn build(own: &[PluginFolder], check: HookCheck) -> (Catalogue, Vec<Problem>) {
    let mut all = shipped();
    all.extend(own.iter().cloned());
    Catalogue::build(all, check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_plugins_stay_when_a_file_breaks() {
        let folder = tempfile::tempdir().expect("a folder");
        let plugins = Plugins::open(folder.path(), |_| Vec::new());
        let file = folder.path().join("ours").join("plugin.toml");
        std::fs::create_dir(folder.path().join("ours")).expect("made");
        let good = "format = 1\nid = \"ours\"\ndomains = [\"ours.example\"]\n";
        std::fs::write(&file, good).expect("written");
        assert_eq!(plugins.reload(), Reloaded::Live);
        assert_eq!(plugins.reload(), Reloaded::Unchanged);
        std::fs::write(&file, "format = 1\nid = \"ours\"\ndomainz = []\n").expect("written");
        let Reloaded::Refused(problems) = plugins.reload() else {
            panic!("not refused");
        };
        assert!(
            problems[0].to_string().contains("plugin.toml:3:1: "),
            "{problems:?}"
        );
        assert!(plugins.current().by_domain("ours.example").is_some());
        assert_eq!(plugins.problems().len(), 1);
        std::fs::write(&file, good).expect("written");
        assert_eq!(plugins.reload(), Reloaded::Live);
        assert!(plugins.problems().is_empty());
    }

    #[test]
    fn the_shipped_plugins_are_right() {
        let (catalogue, problems) = Catalogue::build(shipped(), |_| Vec::new());
        assert_eq!(problems, []);
        for plugin in catalogue.iter() {
            let found = plugin.check(&catalogue, true);
            let words: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(words, Vec::<String>::new());
        }
    }
}
