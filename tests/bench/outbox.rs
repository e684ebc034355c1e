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

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lettre::address::{Address, Envelope};
use lettre::transport::smtp::client::{AsyncSmtpConnection, SmtpConnection};
use lettre::transport::smtp::extension::ClientId;
use peers::api::{Api, text};
use peers::dovecot::Dovecot;
use peers::gateway::{Gateway, Mailbox};
use peers::smtp::{Fault, Plan, Sink, Stage};
use postern::domain::address::NamedAddress;
use postern::domain::key::{ConversationKey, PublicId, WorkspaceKey};
use postern::domain::mailbox::{MailboxLogins, MailboxSettings, Security, Server, WayIn, WayOut};
use postern::domain::message_id::MessageId;
use postern::domain::order::Order;
use postern::domain::outbox::Purpose;
use postern::store::{NewOpening, NewReply, Options, OutboxWanted, Store};
use serde_json::{Value, json};

const REPLIES: usize = 1_000;
const CONNECTIONS: usize = 8;
/// Replies of each sort whose way is timed.
const SINGLE: usize = 50;
/// Between two of them: the gateway opens ten connections a second to one host, and a reply
/// that has to wait for that says nothing of its own way.
const PACE: Duration = Duration::from_millis(200);
/// Asking for a thousand replies and composing them takes less.
const HEAD_START: Duration = Duration::from_secs(60);
/// Ended rows of the outbox.
const HISTORY: usize = 100_000;
/// Replies whose taking is timed, and how many are taken at once while rows are made.
const TAKEN: usize = 300;
const WRITERS: usize = 256;
const GOAL: f64 = 0.8;
const GOAL_MS: f64 = 100.0;

fn main() {
    let rows = argument("--history").unwrap_or(HISTORY);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(history(rows as u64));
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
    let bare = lettre_without_delays(&mail, replies, connections);
    println!(
        "{replies} replies due at once, {connections} connections: {ours:.0} mails/s; lettre alone \
         {alone:.0} mails/s: {:.0} % (goal: {:.0} %)",
        ours / alone * 100.0,
        GOAL * 100.0
    );
    println!(
        "the same library over sockets without Nagle's delay, which its own do not have, and with \
         nothing stored: {bare:.0} mails/s"
    );
}

/// A store whose outbox has that many ended rows: how long taking a reply and reading the
/// first page of the outbox take, before and behind them.
async fn history(rows: u64) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        cache_bytes: 64 * 1024 * 1024,
        free_space_floor_bytes: 0,
    };
    let store = Store::open(folder.path(), options).unwrap();
    let conversation = conversation(&store).await;
    let mut next = 0;
    let empty = taken(&store, conversation, &mut next).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in next..next + rows {
        if tasks.len() == WRITERS {
            tasks.join_next().await.unwrap().unwrap();
        }
        let store = store.clone();
        tasks.spawn(async move {
            let accepted = store.accept_reply(stored(conversation, number)).await;
            let key = accepted.unwrap().outgoing.key;
            assert!(store.order(key, Order::Cancel, None, now()).await.unwrap());
        });
    }
    tasks.join_all().await;
    next += rows;
    let full = taken(&store, conversation, &mut next).await;
    for (what, (p50, p99, page)) in [("none", empty), ("so many", full)] {
        println!(
            "behind {what} of {rows} ended rows: a reply is durable after p50 {p50:.2} ms  p99 {p99:.2} ms; \
             the first page of the outbox {page:.3} ms"
        );
    }
}

/// Milliseconds.
async fn taken(store: &Store, conversation: ConversationKey, next: &mut u64) -> (f64, f64, f64) {
    let mut waits = Vec::with_capacity(TAKEN);
    for _ in 0..TAKEN {
        let reply = stored(conversation, *next);
        *next += 1;
        let begun = Instant::now();
        store.accept_reply(reply).await.unwrap();
        waits.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    waits.sort_by(f64::total_cmp);
    let begun = Instant::now();
    let wanted = OutboxWanted::default();
    let page = store.outbox_page(WorkspaceKey::DEFAULT, wanted, |_| true, None, 50);
    page.unwrap();
    let page = begun.elapsed().as_secs_f64() * 1e3;
    (waits[TAKEN / 2], waits[TAKEN * 99 / 100], page)
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn bytes<const N: usize>(seed: u64) -> [u8; N] {
    let mut bytes = [0; N];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_be_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn stored(conversation: ConversationKey, number: u64) -> NewReply {
    let named =
        |text: &str| NamedAddress::from(postern::domain::address::Address::parse(text).unwrap());
    NewReply {
        conversation,
        author: None,
        message_id: MessageId::parse(&format!("<{number}@shop.example>")).unwrap(),
        in_reply_to: None,
        from: named("help@shop.example"),
        to: vec![named("ann@example.net")],
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: "Re: Where is it?".to_owned(),
        text: "It is on its way.".to_owned(),
        quote_history: false,
        automatic: false,
        send_at: now(),
        accepted_at: now(),
        idempotency: None,
        purpose: Purpose::Reply,
        files: Vec::new(),
        random: bytes(number),
    }
}

/// A mailbox with one mail in it.
async fn conversation(store: &Store) -> ConversationKey {
    let server = Server {
        host: "mail.example.com".to_owned(),
        port: 993,
        security: Security::Tls,
    };
    let address = postern::domain::address::Address::parse("help@shop.example").unwrap();
    let ways = (WayIn::inbox(server.clone()), WayOut::Own(server));
    let settings = MailboxSettings::new(address, ways.0, ways.1);
    let logins = MailboxLogins {
        incoming: None,
        outgoing: None,
    };
    let mailbox = store.add_mailbox(
        settings,
        &logins,
        WorkspaceKey::DEFAULT,
        None,
        now(),
        bytes(0),
    );
    let mailbox = mailbox.await.unwrap();
    let opening = NewOpening {
        mailbox: mailbox.key,
        id: PublicId::new(now(), bytes(1)),
        contact_id: PublicId::new(now(), bytes(2)),
        random: bytes(3),
        first: stored(ConversationKey(0), u64::MAX),
    };
    let opened = store.accept_opening(opening).await.unwrap();
    opened.outgoing.conversation
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
        thread::sleep(PACE);
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

/// Mails a second that the library hands over by itself, over its own connections.
fn lettre_alone(mail: &[u8], count: usize, connections: usize) -> f64 {
    let sink = Sink::start();
    let (port, each) = (sink.port, count / connections);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(move || {
                let name = ClientId::Domain("localhost".to_owned());
                let place = ("127.0.0.1", port);
                let connecting = SmtpConnection::connect(place, None, &name, None, None);
                let mut connection = connecting.unwrap();
                for _ in 0..each {
                    connection.send(&envelope(), mail).unwrap();
                }
                connection.quit().unwrap();
            });
        }
    });
    rate(&sink, each * connections, begun)
}

fn envelope() -> Envelope {
    let from: Address = "desk@example.com".parse().unwrap();
    let to: Address = "ann@example.net".parse().unwrap();
    Envelope::new(Some(from), vec![to]).unwrap()
}

fn rate(sink: &Sink, count: usize, begun: Instant) -> f64 {
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(sink.kept().len(), count);
    count as f64 / took
}

/// The same, each command on the wire at once
/// as ours are: otherwise every mail waits for a delayed acknowledgement.
fn lettre_without_delays(mail: &[u8], count: usize, connections: usize) -> f64 {
    let sink = Sink::start();
    let (port, each) = (sink.port, count / connections);
    let mail: Arc<[u8]> = mail.into();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let begun = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| runtime.spawn(hand_over(port, Arc::clone(&mail), each)))
        .collect();
    for client in clients {
        runtime.block_on(client).unwrap();
    }
    rate(&sink, each * connections, begun)
}

async fn hand_over(port: u16, mail: Arc<[u8]>, count: usize) {
    let name = ClientId::Domain("localhost".to_owned());
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
    let stream = stream.unwrap();
    stream.set_nodelay(true).unwrap();
    let connecting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &name);
    let mut connection = connecting.await.unwrap();
    for _ in 0..count {
        connection.send(&envelope(), &mail).await.unwrap();
    }
    connection.quit().await.unwrap();
}
