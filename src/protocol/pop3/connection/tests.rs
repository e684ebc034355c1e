//! Transcripts, run whole and one byte at a time; and the fuzz target's function on
//! streams put together from what servers say.
//!
//! `S:` the server sends a line, `C:` the machine must have written this line, `>` a
//! call, `=` the events since the last such line. At the end nothing may be left.

#![allow(
    clippy::duplicate_mod,
    reason = "the fuzz crate includes the same file"
)]

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::domain::secret::Secret;
use crate::protocol::sasl::Mechanism;

extern crate self as postern;

mod fuzz {
    use super::postern;

    include!("../../../../tests/fuzz/pop3_connection.rs");
}

fn check(tls: TlsPolicy, transcript: &str) {
    for piece in [usize::MAX, 1] {
        let options = Options {
            tls,
            rows_max: 3,
            body_max: 40,
            line_max: 60,
            ..Options::default()
        };
        run(Connection::new(options, Instant::now()), transcript, piece);
    }
}

fn run(mut machine: Connection, transcript: &str, piece: usize) {
    let mut now = Instant::now();
    let mut written = BytesMut::new();
    let mut said = Vec::new();
    let mut expected: Vec<&str> = Vec::new();
    for line in transcript.lines().map(str::trim).chain(["end"]) {
        let (kind, rest) = line.split_at(line.len().min(2));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        if kind != "S:" {
            for bytes in std::mem::take(&mut said).chunks(piece) {
                machine.handle_input(Bytes::copy_from_slice(bytes), now);
            }
        }
        if kind != "= " && !expected.is_empty() {
            assert_eq!(
                told(&mut machine),
                std::mem::take(&mut expected),
                "piece {piece}"
            );
        }
        match kind {
            "S:" => {
                let line = rest.replace("\\n", "\n").replace("\\r", "\r");
                said.extend(format!("{line}\r\n").into_bytes());
            }
            "C:" => {
                while machine.poll_transmit(&mut written) {}
                let end = memchr::memchr(b'\n', &written).map_or(written.len(), |at| at + 1);
                let line = written.split_to(end);
                assert_eq!(String::from_utf8_lossy(&line).trim_end(), rest);
            }
            "= " => expected.push(rest),
            "> " => call(&mut machine, rest, &mut now),
            "" | "en" => {}
            _ => panic!("what is {line:?}?"),
        }
    }
    while machine.poll_transmit(&mut written) {}
    assert_eq!(String::from_utf8_lossy(&written), "", "left unread");
    assert_eq!(told(&mut machine), [""; 0], "left untold");
}

fn call(machine: &mut Connection, call: &str, now: &mut Instant) {
    let secret = |text: &str| Secret::new(text);
    let at = *now;
    match call.split(' ').collect::<Vec<_>>().as_slice() {
        ["capa"] => drop(machine.capa(at)),
        ["stls"] => drop(machine.stls(at)),
        ["tls"] => machine.tls_established(at),
        ["login", user, password] => drop(machine.login(user, &secret(password), at)),
        ["auth", user, token] => {
            machine.authenticate(Mechanism::XOAuth2, user, &secret(token), at);
        }
        ["list"] => drop(machine.list(at)),
        ["uidl"] => drop(machine.uidl(at)),
        ["top", number] => drop(machine.top(number.parse().expect("a number"), 0, at)),
        ["retr", number] => drop(machine.retr(number.parse().expect("a number"), at)),
        ["dele", number] => drop(machine.dele(number.parse().expect("a number"), at)),
        ["quit"] => drop(machine.quit(at)),
        ["eof"] => machine.handle_eof(at),
        ["wait", seconds] => {
            *now += Duration::from_secs(seconds.parse().expect("a number"));
            machine.handle_timeout(*now);
        }
        other => panic!("no call {other:?}"),
    }
}

/// What happened; chunks of one mail are put together.
fn told(machine: &mut Connection) -> Vec<String> {
    let mut told = Vec::new();
    let mut body: Option<Vec<u8>> = None;
    while let Some(event) = machine.poll_event() {
        match (&event, &mut body) {
            (Event::BodyBegan(_), _) => body = Some(Vec::new()),
            (Event::BodyChunk(chunk), Some(body)) => body.extend_from_slice(chunk),
            _ => {
                told.extend(
                    body.take()
                        .map(|body| format!("mail {:?}", String::from_utf8_lossy(&body))),
                );
                told.push(describe(&event));
            }
        }
    }
    told
}

fn describe(event: &Event) -> String {
    match event {
        Event::Greeting { text } => format!("greeting {text}").trim_end().to_owned(),
        Event::Capabilities(_) => "capabilities".to_owned(),
        Event::Size { number, size } => format!("size {number} {size}"),
        Event::Uidl { number, uidl } => format!("uidl {number} {}", String::from_utf8_lossy(uidl)),
        Event::Completed { command, outcome } => {
            let code = outcome
                .code
                .as_ref()
                .map(|code| format!(" [{}]", code.as_str()));
            let challenge = outcome.challenge.as_ref().map(|text| format!(" ({text})"));
            let (code, challenge) = (code.unwrap_or_default(), challenge.unwrap_or_default());
            let text = &outcome.text;
            let told = format!(
                "{} {:?}{code} {text}{challenge}",
                command.0, outcome.verdict
            );
            told.trim_end().to_owned()
        }
        Event::ContinueTls => "tls".to_owned(),
        Event::Closed(reason) => format!("closed {reason}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_session_from_greeting_to_quit() {
    check(
        TlsPolicy::Implicit,
        "> capa
        > login tim tanstaaf
        S: +OK hello
        C: CAPA
        S: +OK
        S: TOP
        S: PIPELINING
        S: .
        C: USER tim
        S: +OK
        C: PASS tanstaaf
        S: +OK welcome tanstaaf
        = greeting hello
        = capabilities
        = 1 Ok
        = 2 Ok welcome …",
    );
}

#[test]
fn mails_are_listed_fetched_and_deleted() {
    check(
        TlsPolicy::Implicit,
        "S: +OK
        > list
        > uidl
        C: LIST
        S: +OK 2 mails
        S: 1 120
        S: 2 nonsense
        S: 3 7
        S: .
        C: UIDL
        S: +OK
        S: 1 a.b
        S: ..
        S: .
        = greeting
        = size 1 120
        = size 3 7
        = 1 Ok 2 mails
        = uidl 1 a.b
        = 2 Ok
        > retr 1
        C: RETR 1
        S: +OK 120 octets
        S: a
        S: ..b\\n.
        S: .
        = mail \"a\\r\\n.b\\n.\\r\\n\"
        = 3 Ok 120 octets
        > retr 9
        > dele 1
        C: RETR 9
        S: -ERR no such message
        C: DELE 1
        S: +OK
        = 4 Refused no such message
        = 5 Ok
        > quit
        C: QUIT
        S: -ERR [SYS/TEMP] some deleted messages not removed
        = 6 Refused [SYS/TEMP] some deleted messages not removed
        = closed signed off",
    );
}

#[test]
fn a_password_waits_for_tls() {
    check(
        TlsPolicy::Demanded,
        "S: +OK
        > login tim tanstaaf
        = greeting
        = 1 NotSent the password was not sent, since the connection is not encrypted
        > stls
        C: STLS
        S: +OK begin
        = 2 Ok begin
        = tls
        > tls
        > login tim tanstaaf
        C: USER tim
        S: +OK
        C: PASS tanstaaf
        S: -ERR [AUTH] not tanstaaf
        = 3 Refused [AUTH] not …",
    );
}

#[test]
fn what_is_injected_before_tls_ends_the_connection() {
    check(
        TlsPolicy::Demanded,
        "S: +OK
        > stls
        C: STLS
        S: +OK
        S: +OK [X] I am the server
        = greeting
        = 1 Ok
        = tls
        = closed data was injected before encryption began; refused",
    );
}

#[test]
fn a_token_is_refused_with_its_reason() {
    check(
        TlsPolicy::Implicit,
        "S: +OK
        > auth a@b.c ya29
        C: AUTH XOAUTH2
        S: +
        C: dXNlcj1hQGIuYwFhdXRoPUJlYXJlciB5YTI5AQE=
        S: + eyJzdGF0dXMiOiI0MDAifQ==
        C:
        S: -ERR [AUTH] no
        = greeting
        = 1 Refused [AUTH] no ({\"status\":\"400\"})",
    );
}

#[test]
fn who_is_no_pop3_server_is_told_apart() {
    for (line, peer) in [
        ("* OK IMAP4rev1", "an IMAP server"),
        ("220 mail ESMTP", "an SMTP server"),
        ("HTTP/1.1 400", "a web server"),
        ("what", "its first line is not"),
    ] {
        let mut machine = Connection::new(Options::default(), Instant::now());
        machine.handle_input(Bytes::from(format!("{line}\r\n")), Instant::now());
        let told = told(&mut machine);
        assert!(told.len() == 1 && told[0].contains(peer), "{told:?}");
    }
}

#[test]
fn limits_end_the_connection() {
    for (said, reason) in [
        ("+OK\r\n1 1\r\n2 1\r\n3 1\r\n4 1\r\n", "more than 3 mails"),
        ("hello\r\n", "answered what no POP3 server may"),
        (&"x".repeat(61), "a line longer"),
        ("+OK\r\n.\r\nmore\r\n", "without being asked"),
    ] {
        let options = Options {
            rows_max: 3,
            line_max: 60,
            ..Options::default()
        };
        let now = Instant::now();
        let mut machine = Connection::new(options, now);
        machine.list(now);
        machine.handle_input(Bytes::from(format!("+OK\r\n{said}")), now);
        let told = told(&mut machine);
        assert!(
            told.last().is_some_and(|last| last.contains(reason)),
            "{told:?}"
        );
    }
    check(
        TlsPolicy::Implicit,
        "S: +OK
        > retr 1
        C: RETR 1
        S: +OK
        S: 123456789 123456789 123456789 123456789 1
        = greeting
        = mail \"123456789 123456789 123456789 123456789 \"
        = closed the server sent a mail of more than 40 bytes, which is the limit",
    );
}

#[test]
fn silence_ends_the_connection() {
    for (said, wait, reason) in [
        ("", 31, "Greeting"),
        ("+OK\r\n", 121, "Answer"),
        ("+OK\r\n+OK\r\n1 1\r\n", 61, "Stream"),
    ] {
        let mut now = Instant::now();
        let mut machine = Connection::new(Options::default(), now);
        machine.list(now);
        machine.handle_input(Bytes::from(said), now);
        call(&mut machine, &format!("wait {wait}"), &mut now);
        let told = told(&mut machine);
        assert!(
            told.last().is_some_and(|last| last.contains(reason)),
            "{told:?}"
        );
    }
}

#[test]
fn commands_are_sent_together_where_the_server_takes_it() {
    let now = Instant::now();
    let mut machine = Connection::new(Options::default(), now);
    machine.handle_input(Bytes::from_static(b"+OK\r\n"), now);
    machine.capa(now);
    machine.handle_input(Bytes::from_static(b"+OK\r\nPIPELINING\r\n.\r\n"), now);
    for number in 1..=20 {
        machine.retr(number, now);
    }
    machine.quit(now);
    let mut out = BytesMut::new();
    while machine.poll_transmit(&mut out) {}
    let text = String::from_utf8_lossy(&out).into_owned();
    assert_eq!(text.matches("RETR").count(), PIPELINE_MAX);
    for _ in 0..20 {
        machine.handle_input(Bytes::from_static(b"+OK\r\nx\r\n.\r\n"), now);
    }
    while machine.poll_transmit(&mut out) {}
    assert!(out.ends_with(b"RETR 20\r\nQUIT\r\n"));
}

const WORDS: [&str; 24] = [
    "+OK",
    "-ERR ",
    "+ ",
    "\r\n",
    "\r\n",
    "\n",
    "\r",
    ".",
    "..",
    ".\r\n",
    ".\n",
    "1 ",
    "2 ",
    "abc",
    "[AUTH] ",
    "[IN-USE]",
    "+OK\r\n",
    "-ERR\r\n",
    "+OK\n",
    "TOP",
    "PIPELINING",
    "LOGIN-DELAY 9",
    "\r\n.\r\n",
    "SASL PLAIN",
];

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..100),
    ]
}

proptest! {
    // The same streams each time; new ones are the fuzzer's to find.
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_cut_tells_the_same(cut in any::<u8>(), words in prop::collection::vec(word(), 0..60)) {
        let mut data = vec![cut];
        data.extend(words.concat());
        fuzz::pop3_connection(&data);
    }
}
