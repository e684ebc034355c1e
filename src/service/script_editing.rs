//! Scripts as files: reading them, and writing one from the pages or the API.
//!
//! A file is written only by administrators, only where the configuration allows it, only below
//! the scripts folder, only on top of what its author has seen, and only when all scripts are
//! right with it. It goes live as any other save does: `app/reload` sees it.

mod absent;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::Semaphore;

use super::random::{NoRandomness, Random};
use super::script_testing;
use crate::domain::decision::ScriptVersion;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::user::{Actor, Role};
pub use crate::script::Sources;
use crate::script::{Diagnostic, Limits, Scripts, Snapshot, Suite};
use crate::store::{Store, StoreError};

/// Longest name of a file below the folder, in bytes, and folders in it at most.
const PATH_BYTES_MAX: usize = 200;
const PATH_PARTS_MAX: usize = 6;
/// What may be written.
const ENDS: [&str; 4] = [".rhai", ".toml", ".csv", ".eml"];
/// Texts of automatic mail.
const TEMPLATES: &str = "templates/";
const TEMPLATE_END: &str = ".txt";
/// Where tests stand.
const TESTS: &str = "tests/";
/// Nobody waits longer for a save under way than it takes.
const AT_ONCE: usize = 1;

/// How scripts may be changed.
#[derive(Clone, Debug)]
pub struct EditingOptions {
    /// They may.
    pub allowed: bool,
    /// Tests must pass first.
    pub require_tests: bool,
    /// What scripts see as local time.
    pub zone: TimeZone,
    /// What a script has for one mail.
    pub script_time_max: Duration,
}

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum EditError {
    /// The actor may not see scripts.
    NotSeen,
    /// The actor may not change them.
    NotAllowed,
    /// Nobody may, from here.
    SwitchedOff,
    /// There is no such file or version.
    NotFound,
    /// It cannot be the name of a script.
    Name(String),
    /// The files are not those that the author has seen.
    Stale(ScriptVersion),
    /// The scripts would be wrong with it, or their tests would fail.
    Wrong(Vec<Diagnostic>),
    /// It is a link to somewhere else.
    Link(String),
    /// The system does not write it.
    Write(String, io::Error),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No name for the new file can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Said for EditError {
    fn saying(&self) -> Saying {
        match self {
            Self::NotSeen => saying!("cannot.scripts.not_seen"),
            Self::NotAllowed => saying!("cannot.scripts.not_allowed"),
            Self::SwitchedOff => saying!("cannot.scripts.switched_off"),
            Self::NotFound => saying!("cannot.scripts.not_found"),
            Self::Name(name) => saying!("cannot.scripts.name", name = name),
            Self::Stale(_) => saying!("cannot.scripts.stale"),
            Self::Wrong(found) => {
                let words: Vec<String> = found.iter().map(ToString::to_string).collect();
                saying!("cannot.scripts.wrong", words = words.join("\n"))
            }
            Self::Link(name) => saying!("cannot.scripts.link", name = name),
            Self::Write(name, cause) => {
                saying!("cannot.scripts.write", name = name, cause = cause)
            }
            Self::Store(error) => error.saying(),
            Self::Randomness(error) => error.saying(),
        }
    }
}

/// A file that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// What the files are together now.
    pub version: ScriptVersion,
    /// What somebody should look at, though it runs.
    pub warnings: Vec<Diagnostic>,
}

/// The service.
#[derive(Clone, Debug)]
pub struct ScriptEditing {
    store: Store,
    scripts: Scripts,
    random: Random,
    options: EditingOptions,
    turns: Arc<Semaphore>,
}

impl ScriptEditing {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, scripts: Scripts, random: Random, options: EditingOptions) -> Self {
        Self {
            store,
            scripts,
            random,
            options,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Whether the actor may change scripts.
    #[must_use]
    pub fn may_edit(&self, actor: &Actor) -> bool {
        self.options.allowed && actor.may(Role::Administrator, actor.workspace())
    }

    /// The files as they are in the folder, whether they are live or wrong.
    ///
    /// # Errors
    /// When the actor may not see them, or they cannot be read.
    pub async fn sources(&self, actor: &Actor) -> Result<Sources, EditError> {
        see(actor)?;
        let folder = self.scripts.folder().to_owned();
        let read = tokio::task::spawn_blocking(move || sources(&folder));
        read.await
            .map_err(|error| StoreError::worker_lost("the scripts", &error))?
    }

    /// The files of a version that has decided on a mail.
    ///
    /// # Errors
    /// When the actor may not see them, or there is no such version.
    pub fn version(&self, actor: &Actor, version: ScriptVersion) -> Result<Sources, EditError> {
        see(actor)?;
        let files = self.store.script(version)?.ok_or(EditError::NotFound)?;
        Ok(Sources { version, files })
    }

    /// Writes a file. `seen` is the version of the files its author has seen; without it
    /// whatever is there is written over.
    ///
    /// # Errors
    /// When it may not or cannot be written; nothing has changed then.
    pub async fn write(
        &self,
        actor: &Actor,
        name: &str,
        text: String,
        seen: Option<ScriptVersion>,
    ) -> Result<Written, EditError> {
        if !actor.may(Role::Administrator, actor.workspace()) {
            return Err(EditError::NotAllowed);
        }
        if !self.options.allowed {
            return Err(EditError::SwitchedOff);
        }
        if !is_name(name) {
            return Err(EditError::Name(name.to_owned()));
        }
        let mark: [u8; 8] = self.random.bytes()?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Closed)?;
        let (this, name) = (self.clone(), name.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            this.write_here(&name, text, seen, mark)
        });
        done.await
            .map_err(|error| StoreError::worker_lost("the scripts", &error))?
    }

    fn write_here(
        &self,
        name: &str,
        text: String,
        seen: Option<ScriptVersion>,
        mark: [u8; 8],
    ) -> Result<Written, EditError> {
        let folder = self.scripts.folder();
        let before = sources(folder)?;
        if seen.is_some_and(|seen| seen != before.version) {
            return Err(EditError::Stale(before.version));
        }
        let is_test = name.starts_with(TESTS);
        let mut files = before.files;
        if !is_test {
            files.retain(|(other, _)| other != name);
            files.push((name.to_owned(), text.clone()));
        }
        let snapshot = Snapshot::of(files, &Limits::default()).map_err(EditError::Wrong)?;
        self.check_tests(&snapshot, is_test.then_some((name, text.as_str())))?;
        put(folder, name, text.as_bytes(), mark)?;
        Ok(Written {
            version: snapshot.version(),
            warnings: snapshot.warnings().to_vec(),
        })
    }

    /// Tests can be read at least, and pass where that is demanded.
    fn check_tests(
        &self,
        snapshot: &Snapshot,
        changed: Option<(&str, &str)>,
    ) -> Result<(), EditError> {
        let options = &self.options;
        if changed.is_none() && !options.require_tests {
            return Ok(());
        }
        let suite = Suite::files(self.scripts.folder()).and_then(|mut files| {
            if let Some((name, text)) = changed {
                files.retain(|(other, _)| other != name);
                files.push((name.to_owned(), text.as_bytes().to_vec()));
                files.sort();
            }
            Suite::of(&files, &options.zone)
        });
        let objections = match suite {
            Ok(suite) if options.require_tests => {
                script_testing::objections(snapshot, Ok(suite), options.script_time_max)
            }
            Ok(_) => Vec::new(),
            Err(wrong) => wrong,
        };
        if objections.is_empty() {
            Ok(())
        } else {
            Err(EditError::Wrong(objections))
        }
    }
}

fn see(actor: &Actor) -> Result<(), EditError> {
    if actor.may(Role::Operator, actor.workspace()) {
        Ok(())
    } else {
        Err(EditError::NotSeen)
    }
}

fn sources(folder: &Path) -> Result<Sources, EditError> {
    Snapshot::sources(folder, &Limits::default()).map_err(EditError::Wrong)
}

/// A name below the folder that leads nowhere else, whatever system reads it.
fn is_name(name: &str) -> bool {
    let usual = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(usual);
    name.len() <= PATH_BYTES_MAX
        && name.split('/').count() <= PATH_PARTS_MAX
        && name.split('/').all(part)
        && (ENDS.iter().any(|end| name.ends_with(end)) || is_template(name))
}

fn is_template(name: &str) -> bool {
    name.starts_with(TEMPLATES) && name.ends_with(TEMPLATE_END)
}

/// Writes the file whole or not at all: a new one takes the place of the old.
fn put(folder: &Path, name: &str, bytes: &[u8], mark: [u8; 8]) -> Result<(), EditError> {
    let failed = |error: io::Error| EditError::Write(name.to_owned(), error);
    let root = fs::canonicalize(folder).map_err(failed)?;
    let (below, file) = name.rsplit_once('/').unwrap_or(("", name));
    let parent = make_folders(&root, below).map_err(failed)?;
    if !parent.starts_with(&root) {
        return Err(EditError::Link(name.to_owned()));
    }
    let target = parent.join(file);
    let before = match fs::symlink_metadata(&target) {
        Ok(found) if found.is_symlink() => return Err(EditError::Link(name.to_owned())),
        Ok(found) => Some(found.permissions()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let mark = u64::from_be_bytes(mark);
    let new = parent.join(format!(".{file}.{mark:016x}.new"));
    let written = (|| {
        let mut handle = fs::File::create_new(&new)?;
        handle.write_all(bytes)?;
        if let Some(permissions) = before {
            handle.set_permissions(permissions)?;
        }
        handle.sync_all()?;
        fs::rename(&new, &target)?;
        fs::File::open(&parent)?.sync_all()
    })();
    written.map_err(|error| {
        // What was begun is of no use; that it cannot be removed either says nothing more.
        let _half_written = fs::remove_file(&new);
        failed(error)
    })
}

/// The folder a file goes into, without links in its path. Folders that are missing are made
/// one by one, below those that are there, so that a link in the path is seen before it is
/// followed.
fn make_folders(root: &Path, below: &str) -> io::Result<PathBuf> {
    let mut path = root.to_owned();
    for part in below.split('/').filter(|part| !part.is_empty()) {
        path.push(part);
        if !path.exists() {
            fs::create_dir(&path)?;
        }
        path = fs::canonicalize(&path)?;
        if !path.starts_with(root) {
            break;
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_below_the_folder_can_be_written() {
        for name in [
            "routing.rhai",
            "lib/词.rhai",
            "data/vip.csv",
            "mailboxes/a-b/routing.rhai",
            "tests/mails/1.eml",
            "templates/received.txt",
        ] {
            assert!(is_name(name), "{name}");
        }
        let long = format!("{}.rhai", "x".repeat(300));
        for name in [
            "../routing.rhai",
            "/etc/routing.rhai",
            "lib/../../x.rhai",
            "lib//x.rhai",
            "lib\\x.rhai",
            ".routing.rhai",
            "routing.sh",
            "notes.txt",
            "lib/received.txt",
            "a/b/c/d/e/f/g.rhai",
            "x\n.rhai",
            "",
            &long,
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_file_takes_the_place_of_the_old_one_and_nothing_is_left_beside() {
        let folder = tempfile::tempdir().expect("a folder");
        for (mark, text) in [(1, "one"), (2, "two")] {
            put(folder.path(), "lib/a.rhai", text.as_bytes(), [mark; 8]).expect("written");
        }
        let text = fs::read_to_string(folder.path().join("lib/a.rhai")).expect("there");
        assert_eq!(text, "two");
        let count = fs::read_dir(folder.path().join("lib"))
            .expect("there")
            .count();
        assert_eq!(count, 1);
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed_or_replaced() {
        use std::os::unix::fs::symlink;
        let (folder, outside) = (
            tempfile::tempdir().expect("one"),
            tempfile::tempdir().expect("one"),
        );
        symlink(outside.path(), folder.path().join("lib")).expect("linked");
        let secret = outside.path().join("secret.rhai");
        fs::write(&secret, "theirs").expect("written");
        symlink(&secret, folder.path().join("routing.rhai")).expect("linked");
        for name in ["lib/a.rhai", "lib/deep/a.rhai", "routing.rhai"] {
            let refused = put(folder.path(), name, b"ours", [0; 8]);
            assert!(
                matches!(refused, Err(EditError::Link(_) | EditError::Write(..))),
                "{refused:?}"
            );
        }
        assert_eq!(fs::read_dir(outside.path()).expect("there").count(), 1);
        assert_eq!(fs::read_to_string(&secret).expect("there"), "theirs");
    }
}
