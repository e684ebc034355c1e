//! script_hostile: scripts that want too much: each ends soon, holds little, and says what was wrong.
//!
//! They are shown a mail by the program itself, each in a process of its own, of which the
//! largest size in memory is read while it runs. What each is told stands in its first line.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Fewer cases than this would prove too little.
const CASES_MIN: usize = 40;
/// More than an idle process of the same program has. The kernel counts in these.
const HELD_KIB_MAX: u64 = 32 * 1024;
/// A script has 50 ms; this is for a program without optimizations on a busy machine. How
/// long each took is printed.
const PATIENCE: Duration = Duration::from_secs(5);

const MAIL: &str = "From: a@example.net\r\nTo: b@example.com\r\nSubject: x\r\n\r\nHello.\r\n";

struct Ended {
    said: String,
    succeeded: bool,
    took: Duration,
    peak_kib: u64,
}

/// Shows a mail to the one script of a folder.
fn run(routing: &[u8]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let scripts = folder.path().join("scripts");
    fs::create_dir(&scripts).unwrap();
    fs::write(scripts.join("routing.rhai"), routing).unwrap();
    let mail = folder.path().join("mail.eml");
    fs::write(&mail, MAIL).unwrap();
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_postern"))
        .args(["script", "run"])
        .arg(&scripts)
        .arg("--mail")
        .arg(&mail)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak_kib = 0;
    // The figure only grows, and is gone with the process.
    let ended = loop {
        peak_kib = peak(&status).unwrap_or(0).max(peak_kib);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::yield_now();
    };
    let took = begun.elapsed();
    let mut said = String::new();
    let mut errors = child.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    Ended {
        said,
        succeeded: ended.success(),
        took,
        peak_kib,
    }
}

fn peak(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Texts of the cases, with what each is told.
fn cases() -> Vec<(String, String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/hostile");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries
        .map(|path| {
            let source = fs::read_to_string(&path).unwrap();
            let first = source.lines().next().unwrap();
            let says = first.strip_prefix("// says: ").unwrap().to_owned();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, says, source.into_bytes())
        })
        .collect();
    assert!(cases.len() >= CASES_MIN, "{}", cases.len());
    cases.sort();
    let mut large = b"fn route(mail, ctx) { inbox() }\n".to_vec();
    large.resize(10 * 1024 * 1024, b' ');
    let case =
        |name: &str, says: &str, source: &[u8]| (name.to_owned(), says.to_owned(), source.to_vec());
    cases.push(case("ten megabytes", "is larger than 256 KiB", &large));
    cases.push(case(
        "no UTF-8",
        "is not UTF-8 (in line 2, at byte 25)",
        b"fn route(mail, ctx) {\n// \xB7\xA2\ninbox() }",
    ));
    cases.push(case(
        "zero bytes",
        "routing.rhai",
        b"fn route(mail, ctx) { \0 inbox() }",
    ));
    cases
}

#[test]
fn each_ends_soon_holds_little_and_says_what_was_wrong() {
    let idle = run(b"fn route(mail, ctx) { inbox() }");
    assert!(idle.succeeded, "{}", idle.said);
    let mut trouble = String::new();
    for (name, says, source) in cases() {
        let ended = run(&source);
        let more = ended.peak_kib.saturating_sub(idle.peak_kib);
        println!("{name}: {:?}, {more} KiB more than idle", ended.took);
        if ended.succeeded || !ended.said.contains(&says) {
            trouble += &format!("{name}: not {says:?}\n{}\n", ended.said);
        }
        if ended.took > PATIENCE || more > HELD_KIB_MAX {
            trouble += &format!("{name}: {:?} and {more} KiB\n", ended.took);
        }
    }
    assert!(trouble.is_empty(), "{trouble}");
}

#[test]
fn what_editors_leave_in_files_is_no_harm() {
    let marked = run("\u{FEFF}fn route(mail, ctx) {\r\n    inbox()\r\n}\r\n".as_bytes());
    assert!(marked.succeeded, "{}", marked.said);
    let empty = run(b"");
    assert!(empty.succeeded, "{}", empty.said);
    assert!(empty.said.contains("route     inbox"), "{}", empty.said);
}
