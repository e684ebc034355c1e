//! Where plugins come from: compiled in, or a folder of the installation.
//!
//! Invariant: nothing outside the folder is read, no link is followed, and nothing that
//! strangers on this machine could have written.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
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
    if let Ok(entries) = fs::read_dir(&tests) {
        let mails = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        for mail in mails.filter(|mail| mail.ends_with(".eml")).take(MAILS_MAX) {
            let shown = format!("{shown}/tests/{mail}");
            if let Some(bytes) = read_file(&tests.join(&mail), &shown)? {
                plugin.mails.insert(mail, bytes);
            }
        }
    }
    Ok(plugin)
}

fn read_file(path: &Path, shown: &str) -> Result<Option<Vec<u8>>, Problem> {
    let refuse = |words: String| Problem::of_file(shown, words);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refuse(format!("cannot be read: {error}"))),
    };
    if metadata.is_dir() {
        return Err(refuse("is a folder".to_owned()));
    }
    safe(&metadata).map_err(refuse)?;
    let file = fs::File::open(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refuse(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(Some(bytes))
}

/// Nobody but its owner can have written it, and it is what it seems.
fn safe(metadata: &Metadata) -> Result<(), String> {
    if metadata.is_symlink() {
        return Err("is a link; links are not followed, copy the file instead".to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if metadata.mode() & 0o002 != 0 {
            return Err("can be written by everybody on this machine; chmod o-w it".to_owned());
        }
        let own = rustix::process::geteuid().as_raw();
        if metadata.mode() & 0o020 != 0 && metadata.uid() != own && metadata.uid() != 0 {
            return Err("can be written by a group of others; chmod g-w it".to_owned());
        }
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
}
