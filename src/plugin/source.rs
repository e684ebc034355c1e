//! Where plugins come from: compiled in, or a folder of the installation.
//!
//! Invariant: nothing outside the folder is read, no link is followed, and nothing that
//! strangers on this machine could have written.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::path::Path;

use include_dir::{Dir, include_dir};

use super::facts::{ID_BYTES_MAX, is_id};
use super::problem::Problem;

/// Bytes of one file of a plugin.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Plugins of one installation.
const PLUGINS_MAX: usize = 1_000;
/// Files of a plugin that are read; the mails of its tests stand in `tests/`.
const FILES: [&str; 6] = [
    "plugin.toml",
    "guide.en.md",
    "guide.zh.md",
    "tests.toml",
    "hooks.rhai",
    "icon.svg",
];
/// Mails of a plugin's tests.
const MAILS_MAX: usize = 100;

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/plugins");

/// The files of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginFolder {
    /// Its name.
    pub name: String,
    /// Shown before the names of its files: `plugins/qq`.
    pub shown: String,
    /// Name and text.
    pub files: BTreeMap<&'static str, String>,
    /// Mails of its tests.
    pub mails: BTreeMap<String, Vec<u8>>,
    /// It came with the program.
    pub shipped: bool,
}

/// The plugins that came with the program.
#[must_use]
pub fn shipped() -> Vec<PluginFolder> {
    let folders = SHIPPED.dirs().filter_map(|dir| {
        let name = dir.path().file_name()?.to_str()?.to_owned();
        let text = |file: &'static str| {
            let content = dir.get_file(dir.path().join(file))?;
            Some((file, content.contents_utf8()?.to_owned()))
        };
        let mails = dir
            .get_dir(dir.path().join("tests"))
            .into_iter()
            .flat_map(Dir::files);
        Some(PluginFolder {
            shown: format!("plugins/{name}"),
            files: FILES.into_iter().filter_map(text).collect(),
            mails: mails
                .filter_map(|file| {
                    let name = file.path().file_name()?.to_str()?.to_owned();
                    Some((name, file.contents().to_vec()))
                })
                .collect(),
            name,
            shipped: true,
        })
    });
    folders.collect()
}

/// Reads the plugins of a folder; one that is not there holds none.
pub fn read_folder(folder: &Path) -> (Vec<PluginFolder>, Vec<Problem>) {
    let shown = folder.display().to_string();
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (found, problems),
        Err(error) => {
            let words = format!("the folder cannot be read: {error}");
            return (found, vec![Problem::of_file(shown, words)]);
        }
    };
    if let Err(words) = fs::metadata(folder).map_or(Ok(()), |own| safe(&own)) {
        return (found, vec![Problem::of_file(shown, words)]);
    }
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        // Editors and version control keep their things beside.
        .filter(|name| !name.starts_with('.') && !name.ends_with('~'))
        .filter(|name| folder.join(name).is_dir())
        .collect();
    names.sort();
    if names.len() > PLUGINS_MAX {
        let words = format!("more than {PLUGINS_MAX} plugins; the rest is not read");
        problems.push(Problem::of_file(&shown, words));
        names.truncate(PLUGINS_MAX);
    }
    for name in names {
        match read_one(&folder.join(&name), &name) {
            Ok(one) => found.push(one),
            Err(problem) => problems.push(problem),
        }
    }
    (found, problems)
}

/// Reads the folder of one plugin, wherever it stands.
///
/// # Errors
/// When a file cannot be read, or should not be.
pub fn read_plugin(path: &Path) -> Result<PluginFolder, Problem> {
    let absolute = fs::canonicalize(path)
        .map_err(|error| Problem::of_file(path.display().to_string(), error.to_string()))?;
    let name = absolute.file_name().and_then(|name| name.to_str());
    read_one(path, name.unwrap_or_default())
}

fn read_one(path: &Path, name: &str) -> Result<PluginFolder, Problem> {
    let shown = path.display().to_string();
    if !is_id(name) {
        let words = format!(
            "{name:?} is no name of a plugin; write lower-case letters, digits and hyphens, at most {ID_BYTES_MAX}"
        );
        return Err(Problem::of_file(shown, words));
    }
    let metadata = fs::symlink_metadata(path)
        .map_err(|error| Problem::of_file(&shown, format!("cannot be read: {error}")))?;
    safe(&metadata).map_err(|words| Problem::of_file(&shown, words))?;
    let mut plugin = PluginFolder {
        name: name.to_owned(),
        shown: shown.clone(),
        ..PluginFolder::default()
    };
    for file in FILES {
        if let Some(bytes) = read_file(&path.join(file), &format!("{shown}/{file}"))? {
            let text = String::from_utf8(bytes)
                .map_err(|_| Problem::of_file(format!("{shown}/{file}"), "is not UTF-8"))?;
            plugin.files.insert(file, text);
        }
    }
    let tests = path.join("tests");
    for mail in mails_in(&tests, &format!("{shown}/tests"))? {
        let shown = format!("{shown}/tests/{mail}");
        if let Some(bytes) = read_file(&tests.join(&mail), &shown)? {
            plugin.mails.insert(mail, bytes);
        }
    }
    Ok(plugin)
}

/// Names of the mails of its tests; most plugins have none.
fn mails_in(tests: &Path, shown: &str) -> Result<Vec<String>, Problem> {
    let refuse = |words: String| Problem::of_file(shown, words);
    let metadata = match fs::symlink_metadata(tests) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refuse(format!("cannot be read: {error}"))),
    };
    safe(&metadata).map_err(refuse)?;
    if !metadata.is_dir() {
        return Err(refuse("is not a folder".to_owned()));
    }
    let entries =
        fs::read_dir(tests).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mails = names.filter(|name| name.ends_with(".eml"));
    Ok(mails.take(MAILS_MAX).collect())
}

fn read_file(path: &Path, shown: &str) -> Result<Option<Vec<u8>>, Problem> {
    let refuse = |words: String| Problem::of_file(shown, words);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refuse(format!("cannot be read: {error}"))),
    };
    // Before it is opened, since opening a device can already do something.
    readable(&metadata).map_err(refuse)?;
    let file = open(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    // And once more through the handle: what is checked is what is read.
    let metadata = file
        .metadata()
        .map_err(|error| refuse(format!("cannot be read: {error}")))?;
    readable(&metadata).map_err(refuse)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refuse(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(Some(bytes))
}

/// Opens without waiting and without following a link: a pipe that nobody writes to would
/// hold the whole gateway.
fn open(path: &Path) -> std::io::Result<File> {
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

/// A file, and a safe one.
fn readable(metadata: &Metadata) -> Result<(), String> {
    safe(metadata)?;
    if metadata.is_dir() {
        return Err("is a folder".to_owned());
    }
    if !metadata.is_file() {
        return Err("is not a plain file".to_owned());
    }
    Ok(())
}

/// No stranger can have written it, and it is what it seems.
fn safe(metadata: &Metadata) -> Result<(), String> {
    if metadata.is_symlink() {
        return Err("is a link; links are not followed, copy the file instead".to_owned());
    }
    #[cfg(unix)]
    {
        use rustix::process::{getegid, geteuid};
        use std::os::unix::fs::MetadataExt as _;
        let us = (geteuid().as_raw(), getegid().as_raw());
        unwritable(metadata.mode(), (metadata.uid(), metadata.gid()), us)?;
    }
    Ok(())
}

/// Whether a mode keeps strangers from writing; pairs are user and group. Our own group may
/// write what is ours or root's: on machines whose umask is 002 editors leave that behind,
/// and the group has nobody else in it.
#[cfg(unix)]
fn unwritable(mode: u32, owner: (u32, u32), us: (u32, u32)) -> Result<(), String> {
    if mode & 0o002 != 0 {
        return Err("can be written by everybody on this machine; chmod o-w it".to_owned());
    }
    let ours = (owner.0 == us.0 || owner.0 == 0) && owner.1 == us.1;
    if mode & 0o020 != 0 && !ours {
        return Err("can be written by a group of others; chmod g-w it".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_holds_nothing() {
        let (found, problems) = read_folder(Path::new("/nonexistent/plugins"));
        assert!(found.is_empty() && problems.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_what_everybody_can_write_are_refused() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let make = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("made");
            path
        };
        fs::write(make("good").join("plugin.toml"), "format = 1").expect("written");
        let open = make("open").join("plugin.toml");
        fs::write(&open, "format = 1").expect("written");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).expect("set");
        symlink("/etc/passwd", make("link").join("plugin.toml")).expect("linked");
        make("Bad_Name");
        let (found, problems) = read_folder(folder.path());
        assert_eq!(
            found
                .iter()
                .map(|one| one.name.as_str())
                .collect::<Vec<_>>(),
            ["good"]
        );
        let words: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), 3, "{words:?}");
        assert!(words.iter().any(|words| words.contains("link")));
        assert!(words.iter().any(|words| words.contains("chmod o-w")));
        assert!(words.iter().any(|words| words.contains("Bad_Name")));
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_folders_that_are_links_are_refused_and_hold_nothing_up() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        fs::write(elsewhere.path().join("secret.eml"), "Subject: x\n\n").expect("written");
        let make = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("made");
            fs::write(path.join("plugin.toml"), "format = 1").expect("written");
            path
        };
        let pipe = |path: &Path| {
            let mode = Mode::RUSR | Mode::WUSR;
            mknodat(CWD, path, FileType::Fifo, mode, 0).expect("a pipe");
        };
        make("good");
        pipe(&make("pipe").join("hooks.rhai"));
        let mails = make("mails").join("tests");
        fs::create_dir(&mails).expect("made");
        pipe(&mails.join("one.eml"));
        symlink(elsewhere.path(), make("linked").join("tests")).expect("linked");
        let (found, problems) = read_folder(folder.path());
        let found: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(found, ["good"]);
        let words: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), 3, "{words:?}");
        assert!(words[0].contains("linked/tests") && words[0].contains("is a link"));
        assert!(words[1].contains("mails/tests/one.eml"));
        assert!(words[2].contains("pipe/hooks.rhai") && words[2].contains("plain file"));
    }

    #[cfg(unix)]
    #[test]
    fn only_our_own_group_may_write() {
        let us = (1_000, 1_000);
        let good = |mode, owner| unwritable(mode, owner, us).is_ok();
        for owner in [us, (0, 0), (0, 1_000), (7, 7)] {
            assert!(good(0o644, owner));
            assert!(!good(0o666, owner) && !good(0o646, owner));
        }
        assert!(good(0o664, us) && good(0o664, (0, 1_000)));
        for owner in [(1_000, 7), (0, 0), (0, 7), (7, 1_000)] {
            assert!(!good(0o664, owner), "{owner:?}");
        }
    }
}
