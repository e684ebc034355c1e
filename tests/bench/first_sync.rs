//! How fast a mailbox is taken over the first time, in turns with what else reads
//! the same mailbox: a raw drain (the ceiling), `mbsync` by default and without fsync.
//!
//! Absolute figures depend on the machine and on what else runs on it; only the
//! ratios within one round are to be trusted, and of those the median.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a bench is a program for a terminal and fails by panicking; the peers serve the tests too"
)]

mod drain;
mod gateway;
mod mbsync;
mod measure;
#[path = "../peers/mod.rs"]
mod peers;
mod takeover;

use std::time::Instant;

use measure::Run;
use peers::corpus::Corpus;
use peers::dovecot::{Dovecot, USER};

struct Options {
    mails: usize,
    rounds: usize,
    /// Only this contestant takes part, to look at it more closely.
    only: Option<String>,
}

impl Options {
    fn wants(&self, contestant: &Contestant) -> bool {
        self.only
            .as_ref()
            .is_none_or(|name| name == contestant.name)
    }
}

/// One who takes part in each round.
struct Contestant {
    name: &'static str,
    run: fn(&Dovecot, usize) -> Run,
}

/// Postern comes between the two it is compared with.
const CONTESTANTS: [Contestant; 4] = [
    Contestant {
        name: "raw drain",
        run: |dovecot, _| drain::run(dovecot),
    },
    Contestant {
        name: "postern",
        run: takeover::run,
    },
    Contestant {
        name: "mbsync",
        run: |dovecot, _| mbsync::run(dovecot, true),
    },
    Contestant {
        name: "mbsync, no fsync",
        run: |dovecot, _| mbsync::run(dovecot, false),
    },
];
/// Places in `CONTESTANTS` that others are compared with.
const DRAIN: usize = 0;
const MBSYNC: usize = 2;
/// The level the store compresses with; what its file is compared with.
const COMPRESSION_LEVEL: i32 = 1;

fn main() {
    let options = options();
    let dovecot = Dovecot::start();
    let start = Instant::now();
    // One mail of 40 MB, in the middle.
    let mut compressed = 0;
    let corpus = Corpus::with_giant(options.mails as u64 / 2)
        .take(options.mails)
        .inspect(|mail| compressed += compressed_length(mail));
    let bytes = dovecot.fill(USER, corpus);
    println!(
        "{} mails, {} MB, {} MB compressed one by one, written in {:.1} s",
        options.mails,
        bytes / 1_000_000,
        compressed / 1_000_000,
        start.elapsed().as_secs_f64()
    );
    // Dovecot builds its index, the system its cache; nobody's time.
    let warm = drain::run(&dovecot);
    assert_eq!(warm.mails, options.mails, "the mailbox is not complete");

    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        let mut runs = Vec::new();
        for contestant in CONTESTANTS.iter().filter(|one| options.wants(one)) {
            let run = (contestant.run)(&dovecot, options.mails);
            assert_eq!(run.mails, options.mails, "{} lost mail", contestant.name);
            println!("round {number}  {:<18} {run}", contestant.name);
            if let Some(store) = run.store {
                let ratio = |bytes: u64| bytes as f64 / compressed as f64;
                println!(
                    "round {number}  its file: {} MB on the disk ({:.2} of the compressed bytes), {} MB long ({:.2})",
                    store.allocated / 1_000_000,
                    ratio(store.allocated),
                    store.length / 1_000_000,
                    ratio(store.length),
                );
            }
            runs.push(run);
        }
        rounds.push(runs);
    }
    if options.only.is_none() {
        report(&rounds);
    }
}

fn compressed_length(mail: &[u8]) -> u64 {
    let packed = zstd::bulk::compress(mail, COMPRESSION_LEVEL).unwrap();
    packed.len().min(mail.len()) as u64
}

/// Ratios to the drain of the same round, and to mbsync of the same round.
fn report(rounds: &[Vec<Run>]) {
    println!(
        "\nmedian of {} rounds, ratios within a round:",
        rounds.len()
    );
    println!(
        "{:<18} {:>8} {:>9} {:>10} {:>8} {:>8}",
        "", "mails/s", "to drain", "to mbsync", "CPU s", "peak MB"
    );
    for (index, contestant) in CONTESTANTS.iter().enumerate() {
        let of = |figure: &dyn Fn(&[Run]) -> f64| median(rounds.iter().map(|runs| figure(runs)));
        println!(
            "{:<18} {:>8.0} {:>9.2} {:>10.2} {:>8.2} {:>8.0}",
            contestant.name,
            of(&|runs| runs[index].rate()),
            of(&|runs| runs[index].rate() / runs[DRAIN].rate()),
            of(&|runs| runs[index].rate() / runs[MBSYNC].rate()),
            of(&|runs| runs[index].cpu.as_secs_f64()),
            of(&|runs| runs[index].peak_bytes as f64 / 1e6),
        );
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// `--mails N --rounds N --only NAME`; cargo adds `--bench`.
fn options() -> Options {
    let mut options = Options {
        mails: 10_000,
        rounds: 3,
        only: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--only" {
            options.only = arguments.next();
            continue;
        }
        let mut number = || arguments.next().and_then(|text| text.parse().ok());
        match argument.as_str() {
            "--bench" => {}
            "--mails" => options.mails = number().expect("--mails wants a number"),
            "--rounds" => options.rounds = number().expect("--rounds wants a number"),
            other => panic!("unknown argument {other}; known: --mails N, --rounds N, --only NAME"),
        }
    }
    options
}
