//! How many forwarded mails a second our own listener takes, each on the disk before its
//! 250, over 16 connections that send one mail after the other.
//!
//! The clients are blocking threads of this program on the same processor; what they
//! cost is part of the figure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a bench is a program for a terminal and fails by panicking; what it shares with the tests serves them too"
)]

#[path = "../peers/mod.rs"]
mod peers;

use std::io::{Seek, SeekFrom, Write};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use peers::gateway::Gateway;
use peers::sender::{Dialogue, free_port};
use peers::smtp::Sink;

const CONNECTIONS: usize = 16;
const MAILS: usize = 24_000;
/// Bytes of text in each mail, different in every one.
const BYTES: usize = 4_000;
const ADDRESS: &str = "help@shop.example";
const GOAL: f64 = 1_500.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mails = arguments.iter().position(|one| one == "--mails");
    let mails = mails.map_or(MAILS, |at| arguments[at + 1].parse().unwrap());
    let each = mails / CONNECTIONS;

    let (sink, port) = (Sink::start(), free_port());
    let mut gateway = Gateway::prepare(&[]);
    gateway.configure(
        "",
        &format!(
            "[system_smtp]\nhost = \"localhost\"\nport = {}\nsecurity = \"none\"\n\
             from = \"postern@shop.example\"\n[smtp_listener]\nenabled = true\n\
             mail_listen = \"127.0.0.1:{port}\"\ndomain = \"in.example.com\"\n\
             mails_per_connection_max = 1000000\n",
            sink.port
        ),
    );
    gateway.launch();
    let sync = sync_cost(&gateway);
    gateway
        .run(&["mailbox", "add", ADDRESS, "--forward", "--system-smtp"])
        .good();
    let mailbox = gateway.api().get(&format!("/mailboxes/{ADDRESS}"));
    let receiving = mailbox["receiving_address"].as_str().unwrap().to_owned();

    let start = Barrier::new(CONNECTIONS + 1);
    let (begun, mut waits) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|client| {
                let (start, receiving) = (&start, &receiving);
                scope.spawn(move || send(port, receiving, client, each, start))
            })
            .collect();
        start.wait();
        let begun = Instant::now();
        let waits: Vec<Duration> = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect();
        (begun, waits)
    });
    let took = begun.elapsed().as_secs_f64();
    waits.sort();
    let count = waits.len();
    let rate = count as f64 / took;
    println!(
        "{count} mails of {BYTES} bytes over {CONNECTIONS} connections in {took:.1} s: \
         {rate:.0} mails/s durable before the 250 (goal: {GOAL:.0})"
    );
    println!(
        "one mail, MAIL to 250: p50 {:.1} ms  p99 {:.1} ms; fdatasync of 64 KiB here: {:.2} ms",
        waits[count / 2].as_secs_f64() * 1e3,
        waits[count * 99 / 100].as_secs_f64() * 1e3,
        sync.as_secs_f64() * 1e3
    );
    println!("peak memory {} MB", gateway.peak_memory() / 1_000_000);
    // Whatever was answered is there.
    gateway.kill();
    gateway.launch();
    let begun = Instant::now();
    let mut stored = 0;
    let mut feed = gateway.api().feed();
    while stored < count {
        let events = feed.read(20);
        assert!(!events.is_empty(), "{stored} of {count} mails are there");
        let came = |event: &&serde_json::Value| event["type"] == "message.received";
        stored += events.iter().filter(came).count();
    }
    println!(
        "killed and started again: all {stored} are there ({:.1} s to read the feed)",
        begun.elapsed().as_secs_f64()
    );
}

fn send(port: u16, receiving: &str, client: usize, count: usize, start: &Barrier) -> Vec<Duration> {
    let (mut dialogue, _) = Dialogue::open(port).unwrap();
    dialogue.command("EHLO provider.example").unwrap();
    let mails: Vec<Vec<u8>> = (0..count).map(|number| mail(client, number)).collect();
    start.wait();
    mails
        .iter()
        .map(|mail| {
            let begun = Instant::now();
            let reply = dialogue
                .mail("a@provider.example", receiving, mail)
                .unwrap();
            assert!(reply.starts_with("250"), "{reply}");
            begun.elapsed()
        })
        .collect()
}

fn mail(client: usize, number: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "order", "parcel", "invoice", "please", "could", "you", "not", "yet", "arrived", "refund",
        "address", "street", "morning", "again", "thanks", "regards",
    ];
    let mut state = (client * 1_000_003 + number + 1) as u64;
    let mut body = String::with_capacity(BYTES + 80);
    let mut line = 0;
    while body.len() < BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = WORDS[(state % 16) as usize];
        body += word;
        line += word.len() + 1;
        if line > 70 {
            body += "\r\n";
            line = 0;
        } else {
            body.push(' ');
        }
    }
    format!(
        "Delivered-To: {ADDRESS}\r\nFrom: Customer {number} <c{number}.{client}@example.net>\r\n\
         To: {ADDRESS}\r\nSubject: Question {number} of {client}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{client}.{number}@example.net>\r\n\r\n{body}\r\n"
    )
    .into_bytes()
}

/// What one fdatasync costs on the disk of the data folder.
fn sync_cost(gateway: &Gateway) -> Duration {
    const ROUNDS: u32 = 200;
    let path = gateway.data().join("sync-cost");
    let mut file = std::fs::File::create(&path).unwrap();
    let block = vec![7_u8; 64 * 1024];
    file.write_all(&block).unwrap();
    file.sync_all().unwrap();
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(&block).unwrap();
        file.sync_data().unwrap();
    }
    let cost = begun.elapsed() / ROUNDS;
    std::fs::remove_file(path).unwrap();
    cost
}
