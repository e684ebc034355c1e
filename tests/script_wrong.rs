//! script_wrong: wrong scripts, each caught at its line and column, and right ones, which stay silent.
//!
//! The cases are files: `tests/scripts/wrong` and `tests/scripts/right`. What is expected
//! stands at their ends: `//~ 3:9 error: words / help`, and `//~ file NAME` when the case is
//! not a `routing.rhai`. `//~ beside NAME TEXT` is another file of the folder, in one line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use postern::script::{Diagnostic, Limits, Severity, Snapshot};

/// Fewer cases than this would prove too little.
const CASES_MIN: usize = 30;

/// What stands in front of an expectation.
const MARK: &str = "//~ ";

struct Case {
    path: PathBuf,
    source: String,
    folder: tempfile::TempDir,
    file: String,
}

impl Case {
    fn all(kind: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/scripts")
            .join(kind);
        let entries = fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(paths.len() >= CASES_MIN, "{} cases in {kind}", paths.len());
        paths.into_iter().map(Self::read).collect()
    }

    fn read(path: PathBuf) -> Self {
        let source = fs::read_to_string(&path).unwrap();
        let marked = source.lines().filter_map(|line| line.strip_prefix(MARK));
        let file = marked.filter_map(|line| line.strip_prefix("file ")).next();
        let file = file.unwrap_or("routing.rhai").to_owned();
        let folder = tempfile::tempdir().unwrap();
        let save = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        save(&file, &source);
        let marked = source.lines().filter_map(|line| line.strip_prefix(MARK));
        for line in marked.filter_map(|line| line.strip_prefix("beside ")) {
            let (name, text) = line.split_once(' ').unwrap();
            save(name, &text.replace("\\n", "\n"));
        }
        Self {
            path,
            source,
            folder,
            file,
        }
    }

    /// What the case expects, in order of places.
    fn expected(&self) -> Vec<&str> {
        let marked = self
            .source
            .lines()
            .filter_map(|line| line.strip_prefix(MARK));
        let furniture = |line: &&str| line.starts_with("file ") || line.starts_with("beside ");
        marked.filter(|line| !furniture(line)).collect()
    }

    fn found(&self) -> Vec<Diagnostic> {
        let loaded = Snapshot::load(self.folder.path(), &Limits::default());
        loaded.map_or_else(|errors| errors, |snapshot| snapshot.warnings().to_vec())
    }

    fn check(&self) -> Output {
        let program = Command::new(env!("CARGO_BIN_EXE_postern"))
            .args(["script", "check"])
            .arg(self.folder.path())
            .output();
        program.unwrap()
    }
}

/// A diagnostic as the cases write it.
fn written(one: &Diagnostic) -> String {
    let severity = match one.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let help = one
        .help
        .as_ref()
        .map_or_else(String::new, |help| format!(" / {help}"));
    format!(
        "{}:{} {severity}: {}{help}",
        one.line, one.column, one.message
    )
}

/// The help may be left out of an expectation; nothing else.
fn agrees(expected: &str, found: &str) -> bool {
    expected == found
        || found
            .strip_prefix(expected)
            .is_some_and(|rest| rest.starts_with(" / "))
}

#[test]
fn every_wrong_script_is_caught_where_it_is_wrong() {
    let mut trouble = String::new();
    for case in Case::all("wrong") {
        let found: Vec<String> = case.found().iter().map(written).collect();
        let expected = case.expected();
        let pairs = expected.iter().zip(&found);
        let alike =
            expected.len() == found.len() && pairs.clone().all(|(one, other)| agrees(one, other));
        if expected.is_empty() || !alike {
            trouble += &format!(
                "{}\n  expected {expected:#?}\n  found {found:#?}\n",
                case.path.display()
            );
        }
    }
    assert!(trouble.is_empty(), "{trouble}");
}

#[test]
fn every_right_script_stays_silent() {
    let mut trouble = String::new();
    for case in Case::all("right") {
        let found = case.found();
        if !found.is_empty() {
            trouble += &format!("{}\n  {found:#?}\n", case.path.display());
        }
    }
    assert!(trouble.is_empty(), "{trouble}");
}

#[test]
fn the_command_shows_place_line_caret_and_help_and_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/wrong");
    let case = Case::read(folder.join("property_slip.rhai"));
    let output = case.check();
    let said = String::from_utf8(output.stderr).unwrap();
    let wanted = format!(
        "{}:2:13: mail has no property `subjct`\n \
         2 |     if mail.subjct == \"x\" {{ return spam(); }}\n   \
         |             ^\n \
         help: did you mean `subject`?\n",
        case.file
    );
    assert!(said.contains(&wanted), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_command_shows_warnings_and_succeeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let output = Case::read(folder.join("wrong/kind_never.rhai")).check();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("routing.rhai:2:21: mail.kind is never \"bounced\""),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(0), "{said}");
    let output = Case::read(folder.join("right/smallest.rhai")).check();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
