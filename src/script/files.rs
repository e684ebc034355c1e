//! Reads the scripts folder into memory, whole or not at all.
//!
//! Invariant: nothing outside the folder is read, whatever links stand in it, and
//! nothing that a stranger on this machine could have written. Links that stay
//! inside are followed: Kubernetes mounts every file as a link into `..data/`.
//!
//! Group-writable files are accepted when they are ours (or root's): that is what
//! editors leave behind on machines whose umask is 002. World-writable ones never.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::layout::{LIBRARY, MAILBOXES, Place, WORKSPACES};
use super::limits::Limits;
use super::{entry, layout, template};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Where files to look things up stand.
const DATA: &str = "data";

/// All that was read.
#[derive(Debug)]
pub(super) struct Folder {
    /// Name below the folder, with `/`, and text; sorted by name.
    pub(super) files: Vec<(String, String)>,
    pub(super) warnings: Vec<Diagnostic>,
}

/// Reads the folder.
pub(super) fn read(folder: &Path, limits: &Limits) -> Result<Folder, Vec<Diagnostic>> {
    let shown = folder.display().to_string();
    let root = fs::canonicalize(folder)
        .and_then(|root| Ok((fs::metadata(&root)?, root)))
        .map_err(|error| vec![Diagnostic::of_file(&shown, unreadable("folder", &error))])?;
    let (metadata, root) = root;
    if !metadata.is_dir() {
        return Err(vec![Diagnostic::of_file(&shown, "is not a folder")]);
    }
    if let Some(reason) = writable_by_strangers(&metadata) {
        return Err(vec![Diagnostic::of_file(&shown, reason).with_help(fix())]);
    }
    let mut reader = Reader {
        root,
        limits,
        files: Vec::new(),
        warnings: Vec::new(),
        errors: Vec::new(),
    };
    reader.top();
    reader.library();
    reader.templates();
    reader.data();
    reader.overrides(WORKSPACES);
    reader.overrides(MAILBOXES);
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    reader.files.sort();
    Ok(Folder {
        files: reader.files,
        warnings: reader.warnings,
    })
}

struct Reader<'l> {
    root: PathBuf,
    limits: &'l Limits,
    files: Vec<(String, String)>,
    warnings: Vec<Diagnostic>,
    errors: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// The entry files; any other script beside them is probably a slip.
    fn top(&mut self) {
        for name in self.scripts_in(Path::new("")) {
            if entry::ALL.contains(&name.as_str()) {
                self.take(&name);
            } else {
                self.warnings.extend(layout::unused(&name));
            }
        }
    }

    fn library(&mut self) {
        if !self.root.join(LIBRARY).exists() {
            return;
        }
        for name in self.scripts_in(Path::new(LIBRARY)) {
            self.take(&format!("{LIBRARY}/{name}"));
        }
    }

    fn templates(&mut self) {
        if !self.root.join(template::FOLDER).exists() {
            return;
        }
        for name in self.named(Path::new(template::FOLDER), &[".txt"]) {
            self.take(&format!("{}/{name}", template::FOLDER));
        }
    }

    fn data(&mut self) {
        if !self.root.join(DATA).exists() {
            return;
        }
        for name in self.named(Path::new(DATA), &[".toml", ".csv"]) {
            self.take(&format!("{DATA}/{name}"));
        }
    }

    /// Folders with entry files for one workspace or mailbox each.
    fn overrides(&mut self, top: &str) {
        if !self.root.join(top).exists() || !self.is_ours(top) {
            return;
        }
        for name in self.listed(Path::new(top), |name| !is_aside(name)) {
            let below = format!("{top}/{name}");
            if !self.root.join(&below).is_dir() {
                self.warnings.extend(layout::unused(&below));
            } else if self.is_ours(&below) {
                self.storey(&below);
            }
        }
    }

    fn storey(&mut self, below: &str) {
        for name in self.listed(Path::new(below), |name| !is_aside(name)) {
            let name = format!("{below}/{name}");
            if Place::of(&name).is_some() {
                self.take(&name);
            } else {
                self.warnings.extend(layout::unused(&name));
            }
        }
    }

    /// A folder that does not lead out, and that nobody else can put files into.
    fn is_ours(&mut self, below: &str) -> bool {
        let found = fs::canonicalize(self.root.join(below))
            .and_then(|path| Ok((fs::metadata(&path)?, path)));
        let refused = match found {
            Ok((_, path)) if !path.starts_with(&self.root) => (leads_out(), None),
            Ok((metadata, _)) => match writable_by_strangers(&metadata) {
                Some(reason) => (reason, fix()),
                None => return true,
            },
            Err(error) => (unreadable("folder", &error), None),
        };
        let (message, help) = refused;
        self.errors
            .push(Diagnostic::of_file(below, message).with_help(help));
        false
    }

    /// Names of `*.rhai` in a folder below the root, sorted.
    fn scripts_in(&mut self, below: &Path) -> Vec<String> {
        self.named(below, &[".rhai"])
    }

    /// Names with such an ending in a folder below the root, sorted.
    fn named(&mut self, below: &Path, endings: &[&str]) -> Vec<String> {
        // Editors keep their swap and backup files beside (`.#routing.rhai`).
        self.listed(below, |name| {
            !name.starts_with('.') && endings.iter().any(|ending| name.ends_with(ending))
        })
    }

    /// Names that are meant in a folder below the root, sorted.
    fn listed(&mut self, below: &Path, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        let entries = match fs::read_dir(self.root.join(below)) {
            Ok(entries) => entries,
            Err(error) => {
                let file = below.display().to_string();
                self.errors
                    .push(Diagnostic::of_file(&file, unreadable("folder", &error)));
                return names;
            }
        };
        for entry in entries.flatten() {
            // A name that is no UTF-8 cannot be one of ours.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if is_meant(&name) {
                names.push(name);
            }
            if names.len() > self.limits.files_max {
                self.too_many(&below.display().to_string());
                break;
            }
        }
        names.sort();
        names
    }

    fn too_many(&mut self, file: &str) {
        let message = format!("more than {} files", self.limits.files_max);
        self.errors.push(Diagnostic::of_file(file, message));
    }

    /// Reads one more; beyond the bound only the first is told of.
    fn take(&mut self, name: &str) {
        if self.files.len() >= self.limits.files_max {
            if self.files.len() == self.limits.files_max {
                self.too_many(name);
                self.files.push((name.to_owned(), String::new()));
            }
            return;
        }
        match self.read_one(name) {
            Ok(text) => self.files.push((name.to_owned(), text)),
            Err((message, help)) => self
                .errors
                .push(Diagnostic::of_file(name, message).with_help(help)),
        }
    }

    fn read_one(&self, name: &str) -> Result<String, Refused> {
        let mut bytes = read_bytes(&self.root, name, self.limits.file_bytes_max)?;
        // Editors of Windows put a mark in front that says nothing.
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..at).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            let message = format!("is not UTF-8 (in line {line}, at byte {at})");
            (message, Some("save it as UTF-8 in your editor".to_owned()))
        })
    }
}

/// Why a file is not read, and what to do.
pub(super) type Refused = (String, Option<String>);

/// A file below `root`, which has no links left in its own path.
pub(super) fn read_bytes(root: &Path, name: &str, max: u64) -> Result<Vec<u8>, Refused> {
    let failed = |error: io::Error| (unreadable("file", &error), None);
    let path = fs::canonicalize(root.join(name)).map_err(failed)?;
    if !path.starts_with(root) {
        return Err((leads_out(), Some("put the file itself here".to_owned())));
    }
    // Opened once and looked at through the handle: what is checked is what is read.
    let file = open(&path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(("is not a plain file".to_owned(), None));
    }
    if let Some(reason) = writable_by_strangers(&metadata) {
        return Err((reason, fix()));
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err((format!("is larger than {} KiB", max / 1024), None));
    }
    Ok(bytes)
}

/// Opens without waiting: a pipe that nobody writes to would hold the whole gateway. The
/// path has no links left in it, so one that stands there now was put there meanwhile.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

fn unreadable(what: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("this {what} does not exist"),
        io::ErrorKind::PermissionDenied => format!("this {what} may not be read by the gateway"),
        _ => format!("this {what} cannot be read: {error}"),
    }
}

fn leads_out() -> String {
    "is a link that leads out of the scripts folder".to_owned()
}

/// What editors and version control keep beside.
fn is_aside(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~')
}

fn fix() -> Option<String> {
    Some("chmod go-w it, and let it belong to the user who runs the gateway".to_owned())
}

/// Why somebody else could change it; `None` when nobody could.
#[cfg(unix)]
fn writable_by_strangers(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    const WORLD_WRITABLE: u32 = 0o002;
    const GROUP_WRITABLE: u32 = 0o020;
    /// In a folder: files can be replaced by their owners only (as in /tmp).
    const STICKY: u32 = 0o1000;
    let mode = metadata.mode();
    let kept_apart = metadata.is_dir() && mode & STICKY != 0;
    if mode & WORLD_WRITABLE != 0 && !kept_apart {
        return Some("may be written by everybody on this machine, so it is not run".to_owned());
    }
    let ours = [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
    if mode & GROUP_WRITABLE != 0 && !ours && !kept_apart {
        return Some("may be written by a group and belongs to somebody else".to_owned());
    }
    None
}

#[cfg(not(unix))]
fn writable_by_strangers(_: &Metadata) -> Option<String> {
    None
}
