//! How long one mail takes from the server's EXISTS to `conversation.routed` on the
//! feed, at a steady pace, and how soon `demo` shows its first page.
//!
//! The mail comes from the practice provider, which announces it the moment it is
//! there; Dovecot waits up to half a second before it tells a client that idles.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a bench is a program for a terminal and fails by panicking; what it shares with the other serves that too"
)]

mod feed;
mod gateway;
mod measure;
#[path = "../peers/mod.rs"]
mod peers;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use feed::{listen, percentile};
use gateway::{Gateway, PROGRAM, read_address};
use peers::corpus::Corpus;
use peers::dovecot::{PASSWORD, USER};
use postern::domain::address::Address;
use postern::domain::folder::FolderName;
use postern::domain::secret::Secret;
use postern::practice::{Account, Options, Provider};

/// Between two mails.
const PACE: Duration = Duration::from_millis(100);
/// Mails that are not counted: the first ones open files and fill caches.
const WARM_UP: usize = 10;
const MAILS: usize = 300;
/// A mail that is not routed by then is lost.
const ROUTED_MAX: Duration = Duration::from_secs(20);

fn main() {
    let mails = mails();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut waits = runtime
        .block_on(measure(mails + WARM_UP))
        .split_off(WARM_UP);
    waits.sort();
    println!(
        "{mails} mails, one every {} ms, from EXISTS to conversation.routed on the feed:\n\
         p50 {:.1} ms  p90 {:.1} ms  p99 {:.1} ms  longest {:.1} ms",
        PACE.as_millis(),
        percentile(&waits, 50),
        percentile(&waits, 90),
        percentile(&waits, 99),
        percentile(&waits, 100),
    );
    println!("demo: first page after {:.2} s", demo().as_secs_f64());
}

/// Delivers mails and notes how long each takes.
async fn measure(mails: usize) -> Vec<Duration> {
    let address = Address::parse(USER).unwrap();
    let folder = FolderName::new("INBOX").unwrap();
    let provider = Provider::start(Options {
        accounts: vec![Account {
            address: address.clone(),
            password: Secret::new(PASSWORD.to_owned()),
        }],
        clock: Arc::new(jiff::Timestamp::now),
        files_sent: false,
    })
    .await
    .unwrap();
    let (imap, smtp) = (provider.imap_addr, provider.smtp_addr);
    let gateway = tokio::task::spawn_blocking(move || {
        let gateway = Gateway::serve("");
        let plain = ["--imap-security", "none", "--smtp-security", "none"];
        gateway.add_mailbox(USER, &imap.to_string(), &smtp.to_string(), &plain);
        gateway
    })
    .await
    .unwrap();
    let routed = listen(&gateway, "conversation.routed");
    let mut waits = Vec::new();
    let mut pace = tokio::time::interval(PACE);
    for mail in Corpus::new().take(mails) {
        pace.tick().await;
        let announced = Instant::now();
        provider
            .deliver(&address, &folder, mail, None)
            .expect("the account exists");
        let heard = tokio::task::block_in_place(|| routed.recv_timeout(ROUTED_MAX));
        waits.push(
            heard
                .expect("the mail is not routed")
                .duration_since(announced),
        );
    }
    waits
}

/// From the start of the process to the last byte of the first page.
fn demo() -> Duration {
    let start = Instant::now();
    let mut child = Command::new(PROGRAM)
        .args(["demo", "--listen", "127.0.0.1:0", "--every", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let address = read_address(&mut child);
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /login HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let wait = start.elapsed();
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap();
    assert!(
        page.starts_with("HTTP/1.") && page.contains("<html"),
        "{page}"
    );
    wait
}

/// `--mails N`; cargo adds `--bench`.
fn mails() -> usize {
    let mut arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => MAILS,
        (Some("--mails"), Some(number)) => number.parse().expect("--mails wants a number"),
        (other, _) => panic!("unknown argument {other:?}; known: --mails N"),
    }
}
