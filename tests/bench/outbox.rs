//! How soon a reply reaches the peer, and how many a second leave when many are due at
//! once, beside lettre's own connections that store nothing.

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

use std::thread;
use std::time::{Duration, Instant};

use lettre::address::{Address, Envelope};
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use peers::api::{Api, text};
use peers::dovecot::Dovecot;
use peers::gateway::{Gateway, Mailbox};
use peers::smtp::{Fault, Plan, Sink, Stage};
use serde_json::{Value, json};

const REPLIES: usize = 1_000;
const CONNECTIONS: usize = 8;
/// Replies of each sort whose way is timed.
const SINGLE: usize = 50;
/// Asking for a thousand replies and composing them takes less.
const HEAD_START: Duration = Duration::from_secs(60);
const GOAL: f64 = 0.8;
const GOAL_MS: f64 = 100.0;

fn main() {
    let replies = argument("--replies").unwrap_or(REPLIES);
    let connections = argument("--connections").unwrap_or(CONNECTIONS);
    let users: Vec<String> = (0..connections)
        .map(|n| format!("desk{n}@example.com"))
        .collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let dovecot = Dovecot::start_with(&names, None);
    // The trials, then sessions that end before their second mail, then good ones.
    let single = || vec![(Stage::NthMail(1), Fault::Cut)];
    let trials = (0..connections).map(|_| Plan::new());
    let sink = Sink::start_with(None, trials.chain((0..=SINGLE).map(|_| single())));
    let gateway = Gateway::start(&[dovecot.authority_pem()]);
    let conversations = connect(&gateway, &dovecot, &sink, &users);

    let own = times(gateway.api(), &sink, &conversations[0], 0);
    let kept = times(gateway.api(), &sink, &conversations[0], SINGLE + 1);
    for (name, waits) in [("of its own", own), ("that is kept", kept)] {
        let at = |share: usize| waits[(waits.len() - 1) * share / 100].as_secs_f64() * 1e3;
        println!(
            "one reply, from asking until the peer has it, over a connection {name}: \
             p50 {:.1} ms  p99 {:.1} ms (goal: {GOAL_MS:.0} ms)",
            at(50),
            at(99)
        );
    }

    let before = sink.kept().len();
    let due = jiff::Timestamp::now() + jiff::SignedDuration::try_from(HEAD_START).unwrap();
    let begins = Instant::now() + HEAD_START;
    let mut last = String::new();
    for number in 0..replies {
        let conversation = &conversations[number % connections];
        let body = json!({"text": format!("Number {number}."), "send_at": due.to_string()});
        last = text(&reply(gateway.api(), conversation, &body), "id").to_owned();
    }
    let composed = || gateway.api().get(&format!("/outgoing/{last}"))["recipients"] != json!([]);
    peers::until("all are composed", || composed().then_some(()));
    let left = begins.checked_duration_since(Instant::now());
    thread::sleep(left.expect("composing took longer than the head start"));
    sink.wait_for(before + replies);
    let ours = replies as f64 / begins.elapsed().as_secs_f64();

    let mail = sink.kept().pop().unwrap().mail;
    let alone = lettre_alone(&mail, replies, connections);
    println!(
        "{replies} replies due at once, {connections} connections: {ours:.0} mails/s; lettre alone \
         {alone:.0} mails/s: {:.0} % (goal: {:.0} %)",
        ours / alone * 100.0,
        GOAL * 100.0
    );
}

fn argument(name: &str) -> Option<usize> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|one| one == name)?;
    Some(arguments[at + 1].parse().unwrap())
}

/// Each mailbox with a conversation.
fn connect(gateway: &Gateway, dovecot: &Dovecot, sink: &Sink, users: &[String]) -> Vec<String> {
    let mut feed = gateway.api().feed();
    let mut conversations = Vec::new();
    for user in users {
        let question = format!(
            "From: Ann <ann@example.net>\r\nTo: {user}\r\nSubject: Where is it?\r\n\
             Message-ID: <to-{user}>\r\n\r\nIt has not arrived.\r\n"
        );
        dovecot.deliver(user, question.as_bytes());
        let mailbox = Mailbox {
            address: user.clone(),
            ..Mailbox::by_pop3(dovecot, sink)
        };
        gateway.add(&mailbox).good();
        conversations.extend(feed.until_routed(1));
    }
    conversations
}

fn reply(api: &Api, conversation: &str, body: &Value) -> Value {
    let answer = api.post(&format!("/conversations/{conversation}/replies"), &[], body);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// Sorted; one reply after the other, each once the one before has ended.
fn times(api: &Api, sink: &Sink, conversation: &str, before: usize) -> Vec<Duration> {
    let mut waits = Vec::with_capacity(SINGLE);
    // One more, which is not counted: it opens what was not used before.
    for number in 0..=SINGLE {
        let begun = Instant::now();
        let outgoing = reply(
            api,
            conversation,
            &json!({"text": format!("Single {number}.")}),
        );
        sink.wait_for(before + number + 1);
        if number > 0 {
            waits.push(begun.elapsed());
        }
        let path = format!("/outgoing/{}", text(&outgoing, "id"));
        peers::until("it is recorded", || {
            (api.get(&path)["state"] == "sent").then_some(())
        });
    }
    waits.sort();
    waits
}

/// Mails a second that the library hands over by itself.
fn lettre_alone(mail: &[u8], count: usize, connections: usize) -> f64 {
    let sink = Sink::start();
    let (port, each) = (sink.port, count / connections);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(move || {
                let from: Address = "desk@example.com".parse().unwrap();
                let to: Address = "ann@example.net".parse().unwrap();
                let envelope = Envelope::new(Some(from), vec![to]).unwrap();
                let name = ClientId::Domain("localhost".to_owned());
                let place = ("localhost", port);
                let mut connection =
                    SmtpConnection::connect(place, None, &name, None, None).unwrap();
                for _ in 0..each {
                    connection.send(&envelope, mail).unwrap();
                }
                connection.quit().unwrap();
            });
        }
    });
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(sink.kept().len(), each * connections);
    (each * connections) as f64 / took
}
