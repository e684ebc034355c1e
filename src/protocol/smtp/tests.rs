//! Transcripts: `C` what the client sends (neighbouring lines at once), `S` what it
//! reads, `E` what the host is told, `A` what the host answers. Each is played
//! whole and one byte at a time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::{AuthOffer, CloseReason, Event, Options, Reply, Server};
use crate::protocol::Machine;

struct Bench {
    server: Server,
    now: Instant,
    lines: VecDeque<String>,
    events: VecDeque<String>,
    whole: bool,
}

impl Bench {
    fn new(options: Options, whole: bool) -> Self {
        let now = Instant::now();
        let mut bench = Self {
            server: Server::new(options, now),
            now,
            lines: VecDeque::new(),
            events: VecDeque::new(),
            whole,
        };
        bench.poll();
        bench
    }

    fn send(&mut self, bytes: &[u8]) {
        let piece = if self.whole { bytes.len().max(1) } else { 1 };
        for piece in bytes.chunks(piece) {
            self.server
                .handle_input(Bytes::copy_from_slice(piece), self.now);
            self.poll();
        }
    }

    fn poll(&mut self) {
        let mut out = BytesMut::new();
        while self.server.poll_transmit(&mut out) {}
        let text = String::from_utf8(out.to_vec()).expect("replies are text");
        self.lines
            .extend(text.split_terminator("\r\n").map(str::to_owned));
        while let Some(event) = self.server.poll_event() {
            self.note(&event);
        }
    }

    /// Chunks are run together: how a mail is cut is not promised.
    fn note(&mut self, event: &Event) {
        let note = match event {
            // Told at every greeting; what the client calls itself decides nothing.
            Event::Hello(_) => return,
            Event::Credentials { username, password } => {
                format!("credentials {username} {}", password.expose())
            }
            Event::Sender { reverse_path, size } => format!("sender {reverse_path:?} {size:?}"),
            Event::Recipient(address) => format!("recipient {address}"),
            Event::Data(envelope) => format!("data {:?}", envelope.forward_paths),
            Event::Chunk(bytes) => {
                let text = String::from_utf8_lossy(bytes).escape_debug().to_string();
                if let Some(last) = self.events.back_mut()
                    && last.starts_with("chunk ")
                {
                    return last.push_str(&text);
                }
                format!("chunk {text}")
            }
            Event::EndOfData { size } => format!("end {size}"),
            Event::Abandoned => "abandoned".to_owned(),
            Event::StartTls => "starttls".to_owned(),
            Event::Closed(reason) => format!("closed {reason:?}"),
        };
        self.events.push_back(note);
    }

    fn play(&mut self, transcript: &str) {
        let mut sending = Vec::new();
        for line in transcript.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (who, what) = line.split_once(':').expect("C:, S:, E: or A:");
            let what = what.trim_start();
            if who == "C" {
                let what = what.replace("\\r", "\r").replace("\\n", "\n");
                sending.extend_from_slice(format!("{what}\r\n").as_bytes());
                continue;
            }
            self.send(&std::mem::take(&mut sending));
            match who {
                "S" => assert_eq!(self.lines.pop_front().as_deref(), Some(what)),
                "E" => assert_eq!(self.events.pop_front().as_deref(), Some(what)),
                "A" => self.answer(what),
                "TLS" => self.server.tls_started(self.now),
                _ => panic!("{line}"),
            }
        }
        self.send(&sending);
        assert_eq!(self.lines, [""; 0], "said beyond the transcript");
        assert_eq!(self.events, [""; 0], "told beyond the transcript");
    }

    fn answer(&mut self, what: &str) {
        let (code, text) = what.split_once(' ').expect("code and text");
        let code = code.parse().expect("a code");
        self.server.answer(Reply::new(code, "", text), self.now);
        self.poll();
    }
}

fn listener() -> Options {
    Options {
        size_max: 100,
        recipients_max: 2,
        starttls: true,
        ..Options::new("mx.example.org")
    }
}

fn submission() -> Options {
    Options {
        auth: AuthOffer::Always,
        auth_required: true,
        ..Options::new("mx.example.org")
    }
}

fn check(options: &Options, transcript: &str) {
    for whole in [true, false] {
        Bench::new(options.clone(), whole).play(transcript);
    }
}

/// For what only happens when bytes come together.
fn check_whole(options: &Options, transcript: &str) {
    Bench::new(options.clone(), true).play(transcript);
}

#[test]
fn two_mails_pipelined() {
    check(
        &listener(),
        r"
        S: 220 mx.example.org ESMTP
        C: EHLO client.example
        S: 250-mx.example.org
        S: 250-PIPELINING
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-SIZE 100
        S: 250-STARTTLS
        S: 250 ENHANCEDSTATUSCODES
        C: MAIL FROM:<a@example.com> SIZE=9 BODY=8BITMIME
        C: RCPT TO:<b@example.org>
        C: RCPT TO:<nobody@example.org>
        C: DATA
        E: sender Some(<a@example.com>) Some(9)
        A: 250 sender
        S: 250 sender
        E: recipient b@example.org
        A: 250 recipient
        S: 250 recipient
        E: recipient nobody@example.org
        A: 550 nobody
        S: 550 nobody
        S: 354 End with a dot alone on a line
        E: data [<b@example.org>]
        C: Subject: x
        C:
        C: ..dot
        C: .
        C: MAIL FROM:<>
        C: NOOP
        E: chunk Subject: x\r\n\r\n.dot\r\n
        E: end 20
        A: 250 stored
        S: 250 stored
        E: sender None None
        A: 451 later
        S: 451 later
        S: 250 2.0.0 OK
        C: QUIT
        S: 221 2.0.0 Goodbye
        E: closed Quit
        ",
    );
}

#[test]
fn nothing_is_done_out_of_order() {
    check(
        &listener(),
        r"
        S: 220 mx.example.org ESMTP
        C: MAIL FROM:<a@example.com>
        S: 503 5.5.1 MAIL comes after EHLO, one at a time
        C: HELO client.example
        S: 250 mx.example.org
        C: RCPT TO:<b@example.org>
        S: 503 5.5.1 RCPT comes after MAIL
        C: DATA
        S: 503 5.5.1 DATA comes after RCPT
        C: MAIL FROM:<a@example.com>
        E: sender Some(<a@example.com>) None
        A: 250 OK
        S: 250 OK
        C: MAIL FROM:<a@example.com>
        S: 503 5.5.1 MAIL comes after EHLO, one at a time
        C: DATA
        S: 554 5.5.1 No valid recipient
        C: RSET
        S: 250 2.0.0 Forgotten
        C: AUTH PLAIN
        S: 502 5.5.1 AUTH is not offered here
        C: MAIL FROM:<a@example.com> SIZE=101
        S: 552 5.3.4 The mail is larger than 100 bytes
        C: VRFY b
        S: 252 2.1.5 Send it and see
        C: FROB
        S: 500 5.5.1 Unknown command
        ",
    );
}

const TO_DATA: &str = r"
        S: 220 mx.example.org ESMTP
        C: HELO client.example
        S: 250 mx.example.org
        C: MAIL FROM:<a@example.com>
        E: sender Some(<a@example.com>) None
        A: 250 OK
        S: 250 OK
        C: RCPT TO:<b@example.org>
        E: recipient b@example.org
        A: 250 OK
        S: 250 OK
        C: DATA
        S: 354 End with a dot alone on a line
        E: data [<b@example.org>]
";

#[test]
fn smuggled_ends_close_the_session() {
    for end in ["x\n.", "x\n.\nMAIL", "x\r.", "x\r\r", ".\n", ".\r."] {
        for whole in [true, false] {
            let mut bench = Bench::new(listener(), whole);
            bench.play(TO_DATA);
            bench.send(format!("ok\r\n{end}\r\nMAIL FROM:<evil@example.com>\r\n").as_bytes());
            let said = bench.lines.pop_front().expect("a refusal");
            assert!(said.starts_with("554 5.5.2 Lines end in CRLF"), "{said}");
            assert_eq!(bench.lines, [""; 0], "{end:?}");
            let last = bench.events.pop_back();
            assert_eq!(last.as_deref(), Some("closed ProtocolViolation"));
            assert!(!bench.events.iter().any(|event| event.starts_with("end")));
        }
    }
}

#[test]
fn a_mail_sent_before_354_closes_the_session() {
    check_whole(
        &listener(),
        r"
        S: 220 mx.example.org ESMTP
        C: HELO client.example
        S: 250 mx.example.org
        C: DATA
        C: MAIL FROM:<a@example.com>
        S: 554 5.5.2 The mail was sent before the reply to DATA
        E: closed ProtocolViolation
        ",
    );
}

#[test]
fn bare_newlines_and_bdat_close_the_session() {
    for command in ["NOOP\nNOOP\r\n", "NO\rOP\r\n", "BDAT 10 LAST\r\n"] {
        for whole in [true, false] {
            let mut bench = Bench::new(listener(), whole);
            bench.lines.clear();
            bench.send(command.as_bytes());
            assert!(
                bench
                    .lines
                    .pop_front()
                    .is_some_and(|l| l.starts_with("554 "))
            );
            assert_eq!(bench.lines, [""; 0]);
            let last = bench.events.pop_back();
            assert_eq!(last.as_deref(), Some("closed ProtocolViolation"));
        }
    }
}

#[test]
fn a_mail_past_the_limit_is_refused_at_its_end() {
    for whole in [true, false] {
        let mut bench = Bench::new(listener(), whole);
        bench.play(TO_DATA);
        bench.send("x".repeat(98).as_bytes());
        bench.send(b"\r\nmore\r\n.\r\nNOOP\r\n");
        let said = bench.lines.pop_front();
        assert_eq!(
            said.as_deref(),
            Some("552 5.3.4 The mail is larger than 100 bytes")
        );
        assert_eq!(bench.lines.pop_front().as_deref(), Some("250 2.0.0 OK"));
        let last = bench.events.pop_back();
        assert_eq!(last.as_deref(), Some("abandoned"));
    }
}

#[test]
fn a_nul_is_refused_at_the_end_of_its_mail_and_ends_nothing() {
    for whole in [true, false] {
        let mut bench = Bench::new(listener(), whole);
        bench.play(TO_DATA);
        bench.send(b"x\0y\r\n\0.\r\n.\0\r\nmore\r\n.\r\nNOOP\r\n");
        let said = bench.lines.pop_front();
        assert!(said.is_some_and(|line| line.starts_with("554 5.6.0 The mail holds a NUL")));
        assert_eq!(bench.lines.pop_front().as_deref(), Some("250 2.0.0 OK"));
        assert!(bench.lines.is_empty() && !bench.events.iter().any(|event| event.contains("end")));
        assert_eq!(bench.events.pop_back().as_deref(), Some("abandoned"));
    }
    let mut bench = Bench::new(
        Options {
            lmtp: true,
            ..listener()
        },
        true,
    );
    let hello = b"LHLO client.example\r\nMAIL FROM:<a@example.com>\r\n";
    bench.send(hello);
    bench.server.answer(Reply::ok(), bench.now);
    for _ in 0..2 {
        bench.send(b"RCPT TO:<b@example.org>\r\n");
        bench.server.answer(Reply::ok(), bench.now);
    }
    bench.send(b"DATA\r\n");
    bench.lines.clear();
    bench.send(b"\0\r\n.\r\n");
    assert_eq!(bench.lines.len(), 2, "one per recipient: {:?}", bench.lines);
}

#[test]
fn a_mail_that_drips_is_ended_and_a_slow_one_comes_through() {
    let second = Duration::from_secs(1);
    let run = |bytes_per_second: usize, seconds: u32| {
        let options = Options {
            size_max: u64::MAX,
            ..listener()
        };
        let mut bench = Bench::new(options, true);
        bench.play(TO_DATA);
        let line = [vec![b'x'; bytes_per_second - 2], b"\r\n".to_vec()].concat();
        for passed in 0..seconds {
            bench.send(&line);
            bench.now += second;
            bench.server.handle_timeout(bench.now);
            bench.poll();
            if bench
                .events
                .back()
                .is_some_and(|event| event == "closed Timeout")
            {
                return Some(passed + 1);
            }
        }
        None
    };
    let drips = run(3, 1_000);
    assert!(drips.is_some_and(|seconds| seconds <= 120), "{drips:?}");
    assert_eq!(run(2_000, 3_500), None);
    // Enough in each two minutes, but too slow for its size.
    assert_eq!(run(600, 4_000), Some(600));
    assert_eq!(run(1_760, 4_000), Some(3_600));
    // However much comes, not for ever.
    assert_eq!(run(5_000, 4_000), Some(3_600));
    // A pause after a good beginning is forgiven, and then asked for again.
    let mut bench = Bench::new(listener(), true);
    bench.play(TO_DATA);
    bench.send(&[b"x".repeat(70_000), b"\r\n".to_vec()].concat());
    for (passed, over) in [(100, false), (120, false), (200, false), (240, true)] {
        let then = bench.now + passed * second;
        bench.server.handle_timeout(then);
        bench.poll();
        let ended = bench
            .events
            .back()
            .is_some_and(|event| event == "closed Timeout");
        assert_eq!(ended, over, "after {passed} seconds");
    }
}

#[test]
fn what_comes_behind_starttls_is_never_run() {
    check_whole(
        &listener(),
        r"
        S: 220 mx.example.org ESMTP
        C: HELO client.example
        S: 250 mx.example.org
        C: STARTTLS
        C: MAIL FROM:<injected@example.com>
        S: 220 2.0.0 Go ahead
        E: starttls
        C: RCPT TO:<injected@example.org>
        TLS: started
        C: MAIL FROM:<a@example.com>
        S: 503 5.5.1 MAIL comes after EHLO, one at a time
        C: STARTTLS
        S: 502 5.5.1 STARTTLS is not offered
        ",
    );
}

#[test]
fn auth_in_all_its_shapes() {
    // "\0anna\0secret", and "anna" and "secret" apart.
    for exchange in [
        "C: AUTH PLAIN AGFubmEAc2VjcmV0",
        "C: AUTH PLAIN\nS: 334 \nC: AGFubmEAc2VjcmV0",
        "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: YW5uYQ==\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0",
        "C: AUTH LOGIN YW5uYQ==\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0",
    ] {
        let exchange = exchange.replace("334 \n", "334\n");
        for whole in [true, false] {
            let mut bench = Bench::new(submission(), whole);
            bench.send(b"EHLO client.example\r\n");
            assert!(bench.lines.contains(&"250-AUTH PLAIN LOGIN".to_owned()));
            bench.lines.clear();
            for line in exchange.lines() {
                match line.split_at(3) {
                    ("C: ", sent) => bench.send(format!("{sent}\r\n").as_bytes()),
                    (_, said) => {
                        let line = bench.lines.pop_front().expect("a challenge");
                        assert_eq!(line.trim_end(), said);
                    }
                }
            }
            bench.play(
                r"
                E: credentials anna secret
                A: 235 welcome
                S: 235 welcome
                C: MAIL FROM:<a@example.com>
                E: sender Some(<a@example.com>) None
                A: 250 OK
                S: 250 OK
                ",
            );
        }
    }
}

#[test]
fn submission_wants_auth_and_few_wrong_passwords() {
    check(
        &Options {
            auth_failures_max: 1,
            ..submission()
        },
        r"
        S: 220 mx.example.org ESMTP
        C: HELO client.example
        S: 250 mx.example.org
        C: MAIL FROM:<a@example.com>
        S: 530 5.7.0 Authenticate first
        C: AUTH CRAM-MD5
        S: 504 5.5.4 Only PLAIN and LOGIN are known here
        C: AUTH PLAIN !!!
        S: 501 5.5.2 That is not what AUTH expects
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: *
        S: 501 5.7.0 Authentication cancelled
        C: AUTH PLAIN AGFubmEAc2VjcmV0
        E: credentials anna secret
        A: 535 no
        S: 535 no
        C: AUTH PLAIN AGFubmEAc2VjcmV0
        E: credentials anna secret
        A: 535 no
        S: 421 4.7.0 Too many wrong passwords, come back later
        E: closed TooMany
        ",
    );
}

#[test]
fn endless_lines_and_endless_groups_are_cut() {
    for whole in [true, false] {
        let mut bench = Bench::new(listener(), whole);
        bench.lines.clear();
        bench.send(&vec![b'x'; 5_000]);
        assert!(
            bench
                .lines
                .pop_front()
                .is_some_and(|l| l.contains("too long"))
        );
    }
    let mut bench = Bench::new(listener(), true);
    bench.send(b"HELO client.example\r\nMAIL FROM:<a@example.com>\r\n");
    bench.lines.clear();
    bench.send(&b"NOOP\r\n".repeat(20_000));
    assert!(
        bench
            .lines
            .pop_front()
            .is_some_and(|l| l.contains("ahead of the reply"))
    );
}

#[test]
fn slow_clients_and_gone_clients_end() {
    let mut bench = Bench::new(listener(), true);
    let deadline = bench.server.poll_timeout().expect("a deadline");
    bench
        .server
        .handle_timeout(deadline - Duration::from_nanos(1));
    assert!(bench.server.poll_event().is_none());
    bench.server.handle_timeout(deadline);
    assert!(matches!(
        bench.server.poll_event(),
        Some(Event::Closed(CloseReason::Timeout))
    ));

    let mut bench = Bench::new(listener(), true);
    bench.play(TO_DATA);
    bench.send(b"half a mail\r\n");
    bench.server.handle_eof(bench.now);
    bench.poll();
    assert_eq!(bench.events.pop_back().as_deref(), Some("closed PeerGone"));
}

#[test]
fn the_postmaster_needs_no_domain() {
    check(
        &listener(),
        r"
        S: 220 mx.example.org ESMTP
        C: HELO client.example
        S: 250 mx.example.org
        C: MAIL FROM:<a@example.com>
        E: sender Some(<a@example.com>) None
        A: 250 ok
        S: 250 ok
        C: RCPT TO:<Postmaster>
        E: recipient postmaster@mx.example.org
        A: 250 ok
        S: 250 ok
        ",
    );
}
