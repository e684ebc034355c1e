//! Reads `tests/` below the scripts folder: tables and mails, and nothing that leads out.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::diagnostic::Diagnostic;
use super::super::files;

/// Where tests stand.
pub(super) const FOLDER: &str = "tests";
/// Ends of the names of files that are read.
const ENDS: [&str; 2] = [".toml", ".eml"];
/// Files at most.
const FILES_MAX: usize = 2_000;
/// Folders below one another at most.
const DEPTH_MAX: usize = 4;
/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Bytes of all of them.
const ALL_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Names below the scripts folder and bytes, sorted by name.
pub(super) fn read(scripts: &Path) -> Result<Vec<(String, Vec<u8>)>, Vec<Diagnostic>> {
    let Ok(root) = fs::canonicalize(scripts) else {
        // The scripts themselves say what is wrong with the folder.
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    let one = |file: &str, words: String| vec![Diagnostic::of_file(file, words)];
    if root.join(FOLDER).is_dir() {
        list(&root, Path::new(FOLDER), 1, &mut names)
            .map_err(|error| one(FOLDER, format!("this folder cannot be read: {error}")))?;
    }
    if names.len() > FILES_MAX {
        return Err(one(FOLDER, format!("more than {FILES_MAX} files")));
    }
    names.sort();
    let (mut files, mut wrong, mut bytes) = (Vec::new(), Vec::new(), 0);
    for name in names {
        match files::read_bytes(&root, &name, FILE_BYTES_MAX) {
            Ok(read) => {
                bytes += read.len() as u64;
                files.push((name, read));
            }
            Err((words, help)) => wrong.push(Diagnostic::of_file(&name, words).with_help(help)),
        }
        if bytes > ALL_BYTES_MAX {
            let mib = ALL_BYTES_MAX / 1024 / 1024;
            return Err(one(FOLDER, format!("tests are larger than {mib} MiB")));
        }
    }
    if wrong.is_empty() {
        Ok(files)
    } else {
        Err(wrong)
    }
}

fn list(root: &Path, below: &Path, depth: usize, names: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        // A name that is no UTF-8 cannot be one of ours; what begins with a point is an editor's.
        let Ok(name) = entry?.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') || names.len() > FILES_MAX {
            continue;
        }
        let path: PathBuf = below.join(&name);
        let is_folder = fs::metadata(root.join(&path)).is_ok_and(|found| found.is_dir());
        if is_folder && depth < DEPTH_MAX {
            list(root, &path, depth + 1, names)?;
        } else if ENDS.iter().any(|end| name.ends_with(end)) {
            names.push(path.display().to_string());
        }
    }
    Ok(())
}
