//! Watches the folders of scripts and of plugins, and the listener's certificate, and makes
//! live what is saved there.
//!
//! Invariant: a file that is being written never goes live. A reload waits until
//! the folder is at rest (`watching`), and what does not compile is refused by
//! [`Scripts`], which keeps the version before. The folders are watched, not the
//! files: editors and Kubernetes replace files by renaming.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::RecursiveMode;
use tokio_util::sync::CancellationToken;

use super::watching::{self, Touched};
use crate::net::tls_server::Acceptor;
use crate::plugin::{self, Plugins};
use crate::script::{Reloaded, Scripts};

/// How often a folder is looked for that could not be watched, and how often the
/// files are compared in case an event was lost (network file systems have none).
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// What scripts, their data and their tests end in.
const ENDS: [&str; 5] = ["rhai", "toml", "csv", "eml", "txt"];
/// Folders below one another that are looked through, and files in all of them.
const DEPTH_MAX: usize = 6;
const LOOKED_AT_MAX: usize = 10_000;

/// Watches `folder` until `shutdown`. `on_change` is told of every reload that
/// changed something: a new version is live, or the files became wrong or right.
pub async fn run(
    folder: PathBuf,
    scripts: Scripts,
    mut on_change: impl FnMut(&Reloaded) + Send,
    shutdown: CancellationToken,
) {
    let touched = Arc::new(Touched::default());
    let mut watcher = watching::watch(&folder, &touched, RecursiveMode::Recursive);
    let mut seen = Seen {
        stamp: None,
        refused: scripts.is_refused(),
    };
    // What was saved between the first reading and the watching counts too.
    touched.touch();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = touched.happened() => touched.settled().await,
            () = tokio::time::sleep(LOOK_AGAIN) => {
                if watcher.is_none() {
                    watcher = watching::watch(&folder, &touched, RecursiveMode::Recursive);
                }
            }
        }
        if let Some(changed) = reload_settled(&folder, &scripts, &mut seen).await {
            on_change(&changed);
        }
    }
}

/// Watches the folder of the installation's plugins until `shutdown`, as [`run`] does
/// with scripts. A folder that is made later is found after `LOOK_AGAIN`.
pub async fn run_plugins(plugins: Plugins, shutdown: CancellationToken) {
    let touched = Arc::new(Touched::default());
    let mut watcher = None;
    // What was saved between the first reading and the watching counts too.
    touched.touch();
    loop {
        if watcher.is_none() && plugins.folder().is_dir() {
            watcher = watching::watch(plugins.folder(), &touched, RecursiveMode::Recursive);
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = touched.happened() => touched.settled().await,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let reading = plugins.clone();
        // A panic in there has changed nothing; the next event tries again.
        let Ok(reloaded) = tokio::task::spawn_blocking(move || reading.reload()).await else {
            continue;
        };
        match reloaded {
            plugin::Reloaded::Unchanged => {}
            plugin::Reloaded::Live => tracing::info!("the plugins were reloaded"),
            plugin::Reloaded::Refused(problems) => {
                for problem in problems {
                    tracing::warn!("the plugins were not reloaded: {problem}");
                }
            }
        }
    }
}

/// Watches certificate and key of the listener until `shutdown`: whoever renews them (ACME
/// every few weeks) need not restart anything. A pair that does not go together yet is
/// looked at again.
pub async fn run_certificate(acceptor: Acceptor, shutdown: CancellationToken) {
    let touched = Arc::new(Touched::default());
    let folders = acceptor.folders();
    let watch = |folder: &PathBuf| watching::watch(folder, &touched, RecursiveMode::NonRecursive);
    let _watchers: Vec<_> = folders.iter().filter_map(watch).collect();
    let mut wrong = None;
    touched.touch();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = touched.happened() => touched.settled().await,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let reading = acceptor.clone();
        // A panic in there has changed nothing; the next look tries again.
        let Ok(reloaded) = tokio::task::spawn_blocking(move || reading.reload()).await else {
            continue;
        };
        let error = reloaded.as_ref().err().map(ToString::to_string);
        match reloaded {
            Ok(true) => tracing::info!("the certificate of the mail listener was reloaded"),
            Ok(false) => {}
            Err(error) if wrong.as_ref() != Some(&error.to_string()) => {
                tracing::warn!(%error, "the certificate of the mail listener was not reloaded; the one before stays in use");
            }
            Err(_) => {}
        }
        wrong = error;
    }
}

/// What was seen when the scripts were last read.
struct Seen {
    /// `None` before the first look.
    stamp: Option<u64>,
    refused: bool,
}

/// Reads the folder when its files look different; `None` when nothing changed.
async fn reload_settled(folder: &Path, scripts: &Scripts, seen: &mut Seen) -> Option<Reloaded> {
    let (folder, scripts) = (folder.to_owned(), scripts.clone());
    let before = seen.stamp;
    // File system calls and compiling: short, but not for a thread that serves.
    let work = tokio::task::spawn_blocking(move || {
        let mut stamp = stamp(&folder);
        if Some(stamp) == before {
            return None;
        }
        loop {
            let reloaded = scripts.reload();
            let after = self::stamp(&folder);
            // Written to while it was read: what was read may be half of each.
            if after == stamp {
                return Some((stamp, reloaded));
            }
            stamp = after;
        }
    });
    // A panic in there has changed nothing; the next event tries again.
    let (stamp, reloaded) = work.await.ok().flatten()?;
    seen.stamp = Some(stamp);
    let was_refused =
        std::mem::replace(&mut seen.refused, matches!(reloaded, Reloaded::Refused(_)));
    match reloaded {
        Reloaded::Unchanged if !was_refused => None,
        other => {
            tell(&other);
            Some(other)
        }
    }
}

fn tell(reloaded: &Reloaded) {
    match reloaded {
        Reloaded::Live(version) => {
            tracing::info!(version = %short(&version.0), "the scripts were reloaded");
        }
        Reloaded::Unchanged => tracing::info!("the scripts are right again, and as before"),
        Reloaded::Refused(problems) => {
            for problem in problems {
                tracing::warn!("the scripts were not reloaded: {}", problem.headline());
            }
        }
    }
}

/// The first bytes of a version, enough to tell it from others.
fn short(version: &[u8]) -> String {
    version
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A number that changes when something is saved, made or removed below the folder: names,
/// places, sizes, times and permissions, through links.
fn stamp(folder: &Path) -> u64 {
    let mut found = Vec::new();
    list(folder, 0, &mut found);
    found.sort();
    let mut hasher = DefaultHasher::new();
    found.hash(&mut hasher);
    hasher.finish()
}

/// What is known of a file without reading it.
type Looks = (
    PathBuf,
    Option<PathBuf>,
    Option<u64>,
    Option<SystemTime>,
    String,
);

fn list(folder: &Path, depth: usize, found: &mut Vec<Looks>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let metadata = fs::metadata(&path).ok();
        // Kubernetes keeps the versions themselves in folders of such names.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if found.len() > LOOKED_AT_MAX || hidden {
            continue;
        }
        if metadata.as_ref().is_some_and(fs::Metadata::is_dir) && depth < DEPTH_MAX {
            list(&path, depth + 1, found);
        } else if path
            .extension()
            .is_some_and(|end| ENDS.iter().any(|own| end == *own))
        {
            let time = metadata.as_ref().and_then(|m| m.modified().ok());
            let mode = format!("{:?}", metadata.as_ref().map(fs::Metadata::permissions));
            // A swapped link changes where a file really is, if nothing else.
            let real = fs::canonicalize(&path).ok();
            found.push((path, real, metadata.map(|m| m.len()), time, mode));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::script::Limits;

    /// Generous, for loaded machines; how soon it really is, is printed.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Watched {
        folder: tempfile::TempDir,
        scripts: Scripts,
        changes: mpsc::UnboundedReceiver<Reloaded>,
        shutdown: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    impl Watched {
        /// Begins with what `prepare` makes and waits until the watching has begun.
        async fn begin(prepare: impl FnOnce(&Path)) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let scripts = Scripts::open(folder.path(), Limits::default());
            // Saved after the first reading: seeing it proves that the watch is on.
            prepare(folder.path());
            let (sender, changes) = mpsc::unbounded_channel();
            let shutdown = CancellationToken::new();
            let on_change = move |change: &Reloaded| {
                let _ = sender.send(change.clone());
            };
            let watching = run(
                folder.path().to_owned(),
                scripts.clone(),
                on_change,
                shutdown.clone(),
            );
            let task = tokio::spawn(watching);
            let mut watched = Self {
                folder,
                scripts,
                changes,
                shutdown,
                task,
            };
            assert!(matches!(watched.next().await, Reloaded::Live(_)));
            watched
        }

        async fn next(&mut self) -> Reloaded {
            let next = tokio::time::timeout(PATIENCE, self.changes.recv());
            next.await.expect("a change in time").expect("a change")
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.folder.path().join(name), text).expect("written");
        }

        fn live(&self) -> String {
            let snapshot = self.scripts.current().expect("scripts");
            snapshot.files()[0].1.clone()
        }

        async fn end(self) {
            self.shutdown.cancel();
            self.task.await.expect("ended");
        }
    }

    fn routing(team: &str) -> String {
        format!("fn route(mail, ctx) {{ team(\"{team}\") }}")
    }

    fn first(folder: &Path) {
        fs::write(folder.join("routing.rhai"), routing("first")).expect("written");
    }

    #[tokio::test]
    async fn a_save_is_live_soon_and_a_wrong_one_never() {
        let mut watched = Watched::begin(first).await;
        let saved = std::time::Instant::now();
        watched.write("routing.rhai", &routing("second"));
        assert!(matches!(watched.next().await, Reloaded::Live(_)));
        println!("saved to live: {:?}", saved.elapsed());
        assert_eq!(watched.live(), routing("second"));
        watched.write("routing.rhai", "fn route(mail, ctx) { team(\"ha");
        assert!(matches!(watched.next().await, Reloaded::Refused(_)));
        assert_eq!(watched.live(), routing("second"));
        // Back to what is live: nothing new, but the files are right again.
        watched.write("routing.rhai", &routing("second"));
        assert_eq!(watched.next().await, Reloaded::Unchanged);
        assert!(!watched.scripts.is_refused());
        watched.end().await;
    }

    #[tokio::test]
    async fn scripts_of_a_mailbox_are_seen_when_they_appear_change_and_vanish() {
        let mut watched = Watched::begin(first).await;
        let folder = watched.folder.path().join("mailboxes/support");
        let own = folder.join("routing.rhai");
        let count = |watched: &Watched| {
            let live = watched.scripts.current().expect("live");
            live.mailboxes().len()
        };
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(&own, routing("own")).expect("written");
        assert!(matches!(watched.next().await, Reloaded::Live(_)));
        assert_eq!(count(&watched), 1);
        let saved = std::time::Instant::now();
        fs::write(&own, routing("other")).expect("written");
        assert!(matches!(watched.next().await, Reloaded::Live(_)));
        println!("saved to live: {:?}", saved.elapsed());
        fs::write(&own, "fn route(mail) { inbox() }").expect("written");
        assert!(matches!(watched.next().await, Reloaded::Refused(_)));
        assert_eq!(count(&watched), 1, "what was live still is");
        fs::remove_dir_all(&folder).expect("removed");
        assert!(matches!(watched.next().await, Reloaded::Live(_)));
        assert_eq!(count(&watched), 0);
        watched.end().await;
    }

    #[tokio::test]
    async fn editors_that_rename_and_new_libraries_are_seen() {
        let mut watched = Watched::begin(first).await;
        watched.write("routing.rhai.new", &routing("renamed"));
        let path = watched.folder.path().to_owned();
        fs::rename(path.join("routing.rhai.new"), path.join("routing.rhai")).expect("renamed");
        assert!(matches!(watched.next().await, Reloaded::Live(_)));
        assert_eq!(watched.live(), routing("renamed"));
        fs::create_dir(path.join("lib")).expect("a folder");
        watched.write("lib/a.rhai", "fn one() { 1 }");
        assert!(matches!(watched.next().await, Reloaded::Live(_)));
        assert_eq!(watched.live(), "fn one() { 1 }");
        watched.end().await;
    }

    /// The ways in which editors and tools save a file, as the file system sees them.
    #[tokio::test(flavor = "multi_thread")]
    async fn every_way_to_save_is_live_soon() {
        type Save = fn(&Path, &str);
        let in_place: Save =
            |folder, text| fs::write(folder.join("routing.rhai"), text).expect("written");
        // vim: the old file becomes a backup, the new one is written, the backup goes.
        let vim: Save = |folder, text| {
            let (file, backup) = (folder.join("routing.rhai"), folder.join("routing.rhai~"));
            fs::rename(&file, &backup).expect("renamed");
            fs::write(&file, text).expect("written");
            fs::remove_file(&backup).expect("removed");
        };
        let renamed: Save = |folder, text| {
            let draft = folder.join(".routing.rhai.tmp");
            fs::write(&draft, text).expect("written");
            fs::rename(draft, folder.join("routing.rhai")).expect("renamed");
        };
        let removed_first: Save = |folder, text| {
            fs::remove_file(folder.join("routing.rhai")).expect("removed");
            fs::write(folder.join("routing.rhai"), text).expect("written");
        };
        let in_pieces: Save = |folder, text| {
            let mut file = fs::File::create(folder.join("routing.rhai")).expect("made");
            for piece in text.as_bytes().chunks(7) {
                std::io::Write::write_all(&mut file, piece).expect("written");
            }
        };
        let ways = [
            ("in place (nano, VS Code)", in_place),
            ("backup and write (vim)", vim),
            ("renamed over (sed -i, emacs)", renamed),
            ("removed and written", removed_first),
            ("in pieces", in_pieces),
        ];
        let mut watched = Watched::begin(first).await;
        for (way, save) in ways {
            let mut took = Vec::new();
            for round in 0..9 {
                let text = routing(&format!("{} {round}", way.len()));
                save(watched.folder.path(), &text);
                let saved = std::time::Instant::now();
                assert!(matches!(watched.next().await, Reloaded::Live(_)), "{way}");
                took.push(saved.elapsed());
                assert_eq!(watched.live(), text, "{way}");
            }
            took.sort();
            println!("{way}: live after {:?}, at most {:?}", took[4], took[8]);
        }
        watched.end().await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread")]
    async fn half_a_file_that_would_do_never_goes_live() {
        let mut watched = Watched::begin(first).await;
        let whole = format!("{}\nfn more() {{ 1 }}\n", routing("whole"));
        let (half, rest) = whole.split_at(routing("whole").len());
        let mut file = fs::File::create(watched.folder.path().join("routing.rhai")).expect("made");
        std::io::Write::write_all(&mut file, half.as_bytes()).expect("written");
        // Ten times as long as the folder has to be quiet.
        let early = tokio::time::timeout(Duration::from_millis(500), watched.changes.recv());
        assert!(early.await.is_err(), "half of it is live");
        std::io::Write::write_all(&mut file, rest.as_bytes()).expect("written");
        drop(file);
        assert!(matches!(watched.next().await, Reloaded::Live(_)));
        assert_eq!(watched.live(), whole);
        watched.end().await;
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_swapped_as_kubernetes_does_is_seen() {
        use std::os::unix::fs::symlink;
        let version = |folder: &Path, name: &str| {
            fs::create_dir(folder.join(name)).expect("a folder");
            let file = folder.join(name).join("routing.rhai");
            fs::write(file, routing(name)).expect("written");
        };
        let mut watched = Watched::begin(|folder| {
            version(folder, "..one");
            symlink("..one", folder.join("..data")).expect("linked");
            symlink("..data/routing.rhai", folder.join("routing.rhai")).expect("linked");
        })
        .await;
        let folder = watched.folder.path().to_owned();
        version(&folder, "..two");
        symlink("..two", folder.join("..data_tmp")).expect("linked");
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("swapped");
        assert!(matches!(watched.next().await, Reloaded::Live(_)));
        assert_eq!(watched.live(), routing("..two"));
        watched.end().await;
    }
}
