//! When a folder has been touched and is at rest again: nothing has happened in it for a
//! moment, and no file in it is being written.
//!
//! A writer who pauses in the middle of a file leaves a quiet folder with half a file in
//! it, and half a script may well compile. So a file that was changed counts as open until
//! it is closed, where the system tells (Linux does).

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// How long the folder must be quiet: longer than the gap between the truncating
/// and the writing of one save, short against the 200 ms that a save may take.
const QUIET: Duration = Duration::from_millis(50);
/// A folder that is never quiet is read nevertheless; a half-written file is then
/// refused, and the next event reads it again.
const NOISE_MAX: Duration = Duration::from_secs(2);
/// A file that nobody closes is read nevertheless.
const WRITING_MAX: Duration = Duration::from_secs(10);
/// Open files that are remembered; with more the folder is only waited for until it is quiet.
const OPEN_MAX: usize = 1_000;

/// Folders that are watched together.
#[derive(Debug, Default)]
pub(super) struct Touched {
    notify: Notify,
    /// Changed and not closed since.
    open: Mutex<HashSet<PathBuf>>,
}

impl Touched {
    /// As if something had happened: for a first look.
    pub(super) fn touch(&self) {
        self.notify.notify_one();
    }

    /// Waits until something happens.
    pub(super) async fn happened(&self) {
        self.notify.notified().await;
    }

    /// Waits until nothing has happened for [`QUIET`] and nobody is writing.
    pub(super) async fn settled(&self) {
        let begun = Instant::now();
        loop {
            let latest = begun
                + if self.is_written() {
                    WRITING_MAX
                } else {
                    NOISE_MAX
                };
            let quiet_at = (Instant::now() + QUIET).min(latest);
            let is_quiet = timeout_at(quiet_at, self.happened()).await.is_err();
            if is_quiet && (Instant::now() >= latest || !self.is_written()) {
                self.forget();
                return;
            }
        }
    }

    fn is_written(&self) -> bool {
        !self.open().is_empty()
    }

    /// What was waited for in vain is not waited for again.
    fn forget(&self) {
        self.open().clear();
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // Whole sets only: a panic has left nothing by halves.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: &Event) {
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                let mut open = self.open();
                let was_open = event.paths.iter().filter(|path| open.remove(*path)).count() > 0;
                drop(open);
                if was_open {
                    self.touch();
                }
            }
            // Our own reading is an access, and must not wake us.
            EventKind::Access(_) => {}
            EventKind::Modify(ModifyKind::Data(_)) => {
                if cfg!(target_os = "linux") {
                    let mut open = self.open();
                    let written = event.paths.iter().filter(|path| is_ours(path));
                    open.extend(written.take(OPEN_MAX).cloned());
                    if open.len() > OPEN_MAX {
                        open.clear();
                    }
                }
                self.touch();
            }
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                let mut open = self.open();
                for path in &event.paths {
                    open.remove(path);
                }
                drop(open);
                self.touch();
            }
            _ => self.touch(),
        }
    }
}

/// Editors keep files of their own open beside (`.routing.rhai.swp`).
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().map(OsStr::as_encoded_bytes);
    name.is_some_and(|name| !name.starts_with(b".") && !name.ends_with(b"~"))
}

/// Watches a folder; `None` when that cannot be done, which is logged.
pub(super) fn watch(
    folder: &Path,
    touched: &Arc<Touched>,
    mode: RecursiveMode,
) -> Option<RecommendedWatcher> {
    let handler = {
        let touched = Arc::clone(touched);
        move |event: notify::Result<Event>| match event {
            Ok(event) => touched.note(&event),
            // An error may hide an event, so it counts as one.
            Err(_) => touched.touch(),
        }
    };
    // The real path: the folder itself may be a link.
    let watching = fs::canonicalize(folder)
        .map_err(notify::Error::io)
        .and_then(|folder| {
            let mut watcher = notify::recommended_watcher(handler)?;
            watcher.watch(&folder, mode)?;
            Ok(watcher)
        });
    watching
        .map_err(|error| {
            let folder = folder.display();
            tracing::warn!("cannot watch {folder}: {error}; looking every 30 s");
        })
        .ok()
}
