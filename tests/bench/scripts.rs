//! What a routing script of thirty lines costs a mail, how long two hundred files take to
//! be reloaded, the longest gap between two decisions while that happens every second, and
//! what a hundred mailboxes with scripts of their own cost beside whole copies for each.
//!
//! In this process and without a store: what is measured is the scripts alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a bench is a program for a terminal and fails by panicking; what it shares with the others serves those too"
)]

mod measure;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postern::domain::decision::Outcome;
use postern::script::{ContextView, Limits, MailView, Reloaded, Scripts, Snapshot};
use postern::service::trying::{self, Surroundings};

/// As an administrator would write it: tags, teams, words, hours, and a helper.
const ROUTING: &str = include_str!("routing.rhai");

const MAIL: &[u8] = b"From: Ann Example <ann@example.net>\r\nTo: help@shop.example\r\n\
    Subject: Re: About my order 114-1234567-7654321, it is urgent\r\n\
    Message-ID: <1@example.net>\r\nDate: Fri, 27 Nov 2026 10:00:00 +0000\r\n\r\n\
    Hello, where is it? I have waited for two weeks.\r\n";

const DECISIONS: usize = 50_000;
/// The first ones fill caches.
const WARM_UP: usize = 1_000;
const FILES: usize = 200;
const RELOADS: usize = 10;
const MAILBOXES: usize = 100;
/// Held at once, so that the system's figures are more than noise.
const SNAPSHOTS: u64 = 5;

fn main() {
    // First: memory that others have given back would hide what these take.
    overrides();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("routing.rhai"), ROUTING).unwrap();
    one_mail(folder);
    furnish(folder);
    reloads(folder);
    gaps(folder);
}

fn sample() -> (MailView, ContextView) {
    let now = "2026-11-27T10:00:00+00:00[UTC]".parse().unwrap();
    trying::sample(MAIL, Surroundings { mailbox: None, now })
}

fn decide(snapshot: &Snapshot, (mail, context): (MailView, ContextView)) -> Duration {
    let tried = trying::route(snapshot, mail, context, Duration::from_millis(50));
    assert_eq!(tried.routed.outcome, Outcome::Decided);
    tried.took
}

fn one_mail(folder: &Path) {
    let scripts = Scripts::open(folder, Limits::default());
    let snapshot = scripts.current().unwrap();
    let view = sample();
    let mut took: Vec<Duration> = (0..WARM_UP + DECISIONS)
        .map(|_| decide(&snapshot, view.clone()))
        .skip(WARM_UP)
        .collect();
    took.sort();
    println!(
        "a routing script of {} lines, {DECISIONS} mails: p50 {:.1} us  p99 {:.1} us  longest {:.1} us",
        ROUTING.lines().count(),
        micros(&took, 50),
        micros(&took, 99),
        micros(&took, 100),
    );
}

/// Modules beside the routing, each of some functions and imported by nobody.
fn furnish(folder: &Path) {
    fs::create_dir(folder.join("lib")).unwrap();
    for file in 1..FILES {
        let mut text = String::new();
        for number in 0..10 {
            writeln!(
                text,
                "fn words_{number}() {{ [\"a{file}\", \"b{number}\"] }}"
            )
            .unwrap();
        }
        fs::write(folder.join(format!("lib/words_{file}.rhai")), text).unwrap();
    }
}

/// Another content, so that the reload has something to do.
fn edit(folder: &Path, round: usize) {
    let text = format!("{ROUTING}\n// edited for the {round}th time\n");
    let draft = folder.join(".routing.draft");
    fs::write(&draft, text).unwrap();
    fs::rename(draft, folder.join("routing.rhai")).unwrap();
}

fn reloads(folder: &Path) {
    let scripts = Scripts::open(folder, Limits::default());
    let mut took: Vec<Duration> = (0..RELOADS)
        .map(|round| {
            edit(folder, round);
            let begun = Instant::now();
            assert!(matches!(scripts.reload(), Reloaded::Live(_)));
            begun.elapsed()
        })
        .collect();
    took.sort();
    println!(
        "a reload of {FILES} files: p50 {:.1} ms  longest {:.1} ms",
        micros(&took, 50) / 1000.0,
        micros(&took, 100) / 1000.0
    );
}

/// Decides without a pause, once in peace and once while all files are read every second.
fn gaps(folder: &Path) {
    let scripts = Scripts::open(folder, Limits::default());
    let view = sample();
    for reloading in [false, true] {
        let over = AtomicBool::new(false);
        let (decisions, longest) = thread::scope(|scope| {
            let decider = scope.spawn(|| {
                let (mut decisions, mut longest) = (0_u64, Duration::ZERO);
                let mut last = Instant::now();
                while !over.load(Ordering::Relaxed) {
                    decide(&scripts.current().unwrap(), view.clone());
                    let now = Instant::now();
                    longest = longest.max(now - last);
                    last = now;
                    decisions += 1;
                }
                (decisions, longest)
            });
            for round in 0..RELOADS {
                if reloading {
                    edit(folder, RELOADS + round);
                    scripts.reload();
                }
                thread::sleep(Duration::from_secs(1));
            }
            over.store(true, Ordering::Relaxed);
            decider.join().unwrap()
        });
        println!(
            "{} {decisions} decisions in {RELOADS} s, longest gap between two {:.2} ms",
            if reloading {
                "a reload every second:"
            } else {
                "no reload:"
            },
            longest.as_secs_f64() * 1000.0
        );
    }
}

/// A hundred mailboxes: one function of each is its own, or all of them.
fn overrides() {
    let own = "fn greeting() { \"of this mailbox\" }\n";
    let root = format!("{ROUTING}\nfn greeting() {{ \"of all\" }}\n");
    let ways = [
        ("nothing", ""),
        ("one function", own),
        ("a whole copy", root.as_str()),
    ];
    // The first one takes what is taken once for all.
    let mut held = vec![loaded(&root, "").0];
    for (what, text) in ways {
        let before = measure::resident_of("self");
        let mut longest = Duration::ZERO;
        for _ in 0..SNAPSHOTS {
            let (snapshot, took) = loaded(&root, text);
            held.push(snapshot);
            longest = longest.max(took);
        }
        let grown = measure::resident_of("self").saturating_sub(before);
        println!(
            "{MAILBOXES} mailboxes with {what} of their own: loaded in {:.1} ms, {} KiB in all",
            longest.as_secs_f64() * 1000.0,
            grown / SNAPSHOTS / 1024
        );
    }
}

fn loaded(root: &str, own: &str) -> (Snapshot, Duration) {
    let mut files = vec![("routing.rhai".to_owned(), root.to_owned())];
    if !own.is_empty() {
        let names = (0..MAILBOXES).map(|number| format!("mailboxes/m{number}/routing.rhai"));
        files.extend(names.map(|name| (name, own.to_owned())));
    }
    let begun = Instant::now();
    let snapshot = Snapshot::of(files, &Limits::default()).unwrap();
    (snapshot, begun.elapsed())
}

/// Microseconds; of sorted times.
fn micros(times: &[Duration], percent: usize) -> f64 {
    let at = (times.len() * percent).div_ceil(100).max(1) - 1;
    times[at].as_secs_f64() * 1_000_000.0
}
