//! Transcripts of dialogues, run against the machine whole and one byte at a time.
//!
//! A transcript is lines of these kinds:
//! `S:` the server sends a line (`\x..` and `\0` are bytes; `S-` is without line end);
//! `C:` the machine must have written this line by now; `>` a call (see `call`);
//! `=` the events since the last such line, in order, as `describe` tells them.
//! At the end nothing may be left unsaid on either side.

mod deadlines;
mod dialogue;
mod hostile;
mod properties;
mod providers;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::Connection;
use crate::domain::folder::{FolderName, ModSeq, Uid, UidValidity};
use crate::domain::secret::Secret;
use crate::protocol::Machine;
use crate::protocol::imap::Flag;
use crate::protocol::imap::command::{
    Append, BodyWanted, FetchItems, SearchKey, SelectMode, StoreKind,
};
use crate::protocol::imap::event::{Body, Event, Fetched};
use crate::protocol::imap::options::{Options, TlsPolicy};
use crate::protocol::imap::uid_set::UidSet;
use crate::protocol::sasl::Mechanism;

/// Runs a transcript with default options.
fn check(transcript: &str) {
    check_with(&Options::default(), transcript);
}

/// Runs a transcript: everything the server says at once, then one byte at a time.
fn check_with(options: &Options, transcript: &str) {
    for piece in [usize::MAX, 1] {
        Run::new(options.clone(), piece).run(transcript);
    }
}

struct Run {
    machine: Connection,
    now: Instant,
    piece: usize,
    written: BytesMut,
}

impl Run {
    fn new(options: Options, piece: usize) -> Self {
        let now = Instant::now();
        Self {
            machine: Connection::new(options, now),
            now,
            piece,
            written: BytesMut::new(),
        }
    }

    fn run(mut self, transcript: &str) {
        let mut said = Vec::new();
        let mut expected = Vec::new();
        for line in transcript.lines().map(str::trim_start).chain(["end"]) {
            let (kind, rest) = line.split_at(line.len().min(2));
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            if !matches!(kind, "S:" | "S-") {
                self.feed(std::mem::take(&mut said));
            }
            if kind != "= " {
                self.compare_events(std::mem::take(&mut expected));
            }
            match kind {
                "S:" => said.extend([unescape(rest).as_slice(), b"\r\n"].concat()),
                "S-" => said.extend(unescape(rest)),
                "C:" => self.compare_written(rest),
                "> " => self.call(rest),
                "= " => expected.push(rest.to_owned()),
                "" | "--" => {}
                "en" => break,
                _ => panic!("what is {line:?}?"),
            }
        }
        self.transmit();
        assert_eq!(self.written.escape_ascii().to_string(), "", "left unread");
        assert_eq!(self.events(), [""; 0], "left untold");
    }

    fn feed(&mut self, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        for start in (0..bytes.len()).step_by(self.piece.min(bytes.len().max(1))) {
            let end = start.saturating_add(self.piece).min(bytes.len());
            self.machine.handle_input(bytes.slice(start..end), self.now);
        }
    }

    fn transmit(&mut self) {
        while self.machine.poll_transmit(&mut self.written) {}
    }

    fn compare_written(&mut self, expected: &str) {
        self.transmit();
        let end = memchr::memchr(b'\n', &self.written).map_or(self.written.len(), |at| at + 1);
        let line = self.written.split_to(end);
        let line = line.trim_ascii_end().escape_ascii().to_string();
        assert_eq!(line, unescape(expected).escape_ascii().to_string());
    }

    fn compare_events(&mut self, expected: Vec<String>) {
        if expected.is_empty() {
            return;
        }
        assert_eq!(self.events(), expected, "piece: {}", self.piece);
    }

    /// What happened; chunks of one body are put together.
    fn events(&mut self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        let mut body = Vec::new();
        while let Some(event) = self.machine.poll_event() {
            if let Event::BodyChunk(chunk) = event {
                body.extend_from_slice(&chunk);
                continue;
            }
            if !body.is_empty() {
                told.push(format!("body {:?}", body.escape_ascii().to_string()));
                body.clear();
            }
            told.push(describe(&event));
        }
        if !body.is_empty() {
            told.push(format!("body {:?}", body.escape_ascii().to_string()));
        }
        told
    }

    fn call(&mut self, call: &str) {
        let now = self.now;
        let words: Vec<&str> = call.split(' ').collect();
        match words.as_slice() {
            ["done"] => self.machine.done(now),
            ["tls"] => self.machine.tls_established(now),
            ["deflate"] => self.machine.deflate_established(now),
            ["eof"] => self.machine.handle_eof(now),
            ["wait", seconds] => self.wait(seconds.parse().expect("seconds")),
            command => self.command(command),
        }
    }

    /// Gives the machine a command of IMAP.
    fn command(&mut self, words: &[&str]) {
        let now = self.now;
        let machine = &mut self.machine;
        let inbox = FolderName::inbox();
        match words {
            ["starttls"] => machine.starttls(now),
            ["capability"] => machine.capability(now),
            ["login", user, password] => machine.login(user, &Secret::new(*password), now),
            ["authenticate", name, user, secret] => {
                machine.authenticate(mechanism(name), user, &Secret::new(*secret), now)
            }
            ["id", name, value] => machine.id(&[((*name).to_owned(), (*value).to_owned())], now),
            ["enable", name] => machine.enable(&[name], now),
            ["namespace"] => machine.namespace(now),
            ["list"] => machine.list("*", now),
            ["select", name] => machine.select(&folder(name), &SelectMode::ReadWrite, now),
            ["examine", name] => machine.select(&folder(name), &SelectMode::ReadOnly, now),
            ["select-modseq"] => machine.select(&inbox, &SelectMode::WithModSeq, now),
            ["select-resync"] => machine.select(&inbox, &resync(), now),
            ["status", name] => machine.status(&folder(name), now),
            ["search", key] => machine.uid_search(&[search_key(key)], now),
            ["fetch", set, items] => machine.uid_fetch(&uid_set(set), &fetch_items(items), now),
            ["store", set] => machine.uid_store(&uid_set(set), StoreKind::Add, &[Flag::Seen], now),
            ["append", message] => machine.append(append(message), now),
            ["idle"] => machine.idle(now),
            ["noop"] => machine.noop(now),
            ["unselect"] => machine.unselect(now),
            ["close"] => machine.close_folder(now),
            ["compress"] => machine.compress(now),
            ["logout"] => machine.logout(now),
            _ => panic!("what is {words:?}?"),
        };
    }

    /// Lets time pass, calling the machine whenever it asked for it.
    fn wait(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.machine.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.machine.handle_timeout(self.now);
        }
        self.now = end;
    }
}

fn mechanism(name: &str) -> Mechanism {
    [Mechanism::Plain, Mechanism::XOAuth2, Mechanism::OAuthBearer]
        .into_iter()
        .find(|mechanism| mechanism.name() == name)
        .expect("a mechanism")
}

fn folder(name: &str) -> FolderName {
    FolderName::new(name).expect("a folder name")
}

fn uid(value: u32) -> Uid {
    Uid::new(value).expect("not zero")
}

fn uid_set(text: &str) -> UidSet {
    match text.split_once(':') {
        None => UidSet::one(uid(text.parse().expect("a number"))),
        Some((first, "*")) => UidSet::starting_at(uid(first.parse().expect("a number"))),
        Some((first, last)) => {
            let [first, last] = [first, last].map(|end| uid(end.parse().expect("a number")));
            UidSet::range(first, last)
        }
    }
}

fn resync() -> SelectMode {
    SelectMode::Resync {
        validity: UidValidity::new(7).expect("not zero"),
        modseq: ModSeq(90),
        known: Some(uid_set("1:9")),
    }
}

fn search_key(key: &str) -> SearchKey {
    match key.split_once('=') {
        None => SearchKey::All,
        Some(("since", day)) => SearchKey::Since(day.parse().expect("a day")),
        Some(("among", set)) => SearchKey::Among(uid_set(set)),
        Some((name, value)) => SearchKey::Header {
            name: name.to_owned(),
            value: value.to_owned(),
        },
    }
}

fn fetch_items(items: &str) -> FetchItems {
    match items {
        "whole" => FetchItems::whole(),
        "facts" => FetchItems {
            modseq: true,
            ..FetchItems::facts()
        },
        "part" => FetchItems {
            body: Some(BodyWanted::Part {
                offset: 10,
                count: 5.try_into().expect("not zero"),
            }),
            ..FetchItems::default()
        },
        "subject" => FetchItems {
            body: Some(BodyWanted::HeaderFields(vec!["Subject".to_owned()])),
            ..FetchItems::default()
        },
        _ => panic!("what is {items:?}?"),
    }
}

fn append(message: &str) -> Append {
    Append {
        folder: folder("已发送"),
        flags: vec![Flag::Seen],
        date: "2026-01-04T02:03:04Z".parse().ok(),
        message: unescape(message).into(),
    }
}

/// An event in one line.
fn describe(event: &Event) -> String {
    match event {
        Event::Greeting {
            authenticated,
            text,
        } => format!(
            "greeting {}{text}",
            if *authenticated { "preauth " } else { "" }
        ),
        Event::Capabilities(names) => {
            format!(
                "capabilities {}",
                names.iter().collect::<Vec<_>>().join(" ")
            )
        }
        Event::Completed { command, outcome } => {
            let code = outcome.code.as_ref().map(|code| format!("[{code:?}] "));
            let challenge = outcome
                .challenge
                .as_ref()
                .map(|text| format!(" challenge={text}"));
            let (code, challenge) = (code.unwrap_or_default(), challenge.unwrap_or_default());
            let verdict = format!("{:?}", outcome.verdict).to_lowercase();
            format!("{} {verdict} {code}{}{challenge}", command.0, outcome.text)
        }
        Event::BodyBegan { uid, size } => format!("body of {} size {size}", number(*uid)),
        Event::Fetched(fetched) => describe_fetched(fetched),
        Event::Listed(folder) => format!(
            "listed {} {:?} {} {}{}",
            folder.name,
            folder.delimiter,
            folder.attributes.join(","),
            folder
                .special_use
                .map(|use_| format!("{use_:?}"))
                .unwrap_or_default(),
            if folder.selectable {
                ""
            } else {
                " not selectable"
            },
        ),
        Event::Found(uids) => {
            let uids: Vec<_> = uids.iter().map(ToString::to_string).collect();
            format!("found {}", uids.join(","))
        }
        Event::Vanished { earlier, uids } => format!("vanished {uids} earlier={earlier}"),
        Event::Alert(text) => format!("alert {text}"),
        Event::Malformed { reason, excerpt } => format!("malformed {reason:?} {excerpt}"),
        Event::Closed(reason) => format!("closed {reason:?}"),
        other => format!("{other:?}"),
    }
}

fn describe_fetched(fetched: &Fetched) -> String {
    let mut text = format!("fetched {}", number(fetched.uid));
    if let Some(flags) = &fetched.flags {
        text.push_str(&format!(" flags={flags:?}"));
    }
    if let Some(date) = fetched.internal_date {
        text.push_str(&format!(" date={date}"));
    }
    if let Some(size) = fetched.size {
        text.push_str(&format!(" size={size}"));
    }
    if let Some(modseq) = fetched.modseq {
        text.push_str(&format!(" modseq={}", modseq.0));
    }
    let body: String = match fetched.body {
        Body::Absent => String::new(),
        Body::Nil => " nil".to_owned(),
        Body::Complete { size, offset: None } => format!(" complete {size}"),
        Body::Complete {
            size,
            offset: Some(offset),
        } => format!(" complete {size} from {offset}"),
        Body::TooLarge { size } => format!(" too large {size}"),
        Body::Several => " several".to_owned(),
    };
    text + body.as_str()
}

fn number(uid: Option<Uid>) -> String {
    uid.map_or_else(|| "?".to_owned(), |uid| uid.to_string())
}

/// `\xNN`, `\0`, `\r` and `\n` become bytes.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (byte, length) = match escape.as_bytes().first() {
            Some(b'0') => (0, 1),
            Some(b'r') => (b'\r', 1),
            Some(b'n') => (b'\n', 1),
            Some(b'x') => {
                let digits = escape.get(1..3).expect("two digits");
                (u8::from_str_radix(digits, 16).expect("hexadecimal"), 3)
            }
            _ => (b'\\', 0),
        };
        bytes.push(byte);
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// Options of a connection that begins in plain text.
fn plain_text(tls: TlsPolicy) -> Options {
    Options {
        tls,
        ..Options::default()
    }
}
