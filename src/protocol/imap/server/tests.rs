//! Transcripts against a host of one folder with two mails. `C` the client (lines
//! at once), `S` what it reads, `H` what happens at the host. Each is played whole
//! and one byte at a time.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::*;
use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::protocol::Machine;

const FIRST: &str = "Message-ID: <one@example.com>\r\nSubject: Hello\r\n there\r\n\r\nBody\r\n";
const SECOND: &str = "Message-ID: <two@example.com>\r\nSubject: Again\r\n\r\nMore\r\n";

struct Bench {
    server: Server,
    now: Instant,
    mails: Vec<Mail>,
    said: VecDeque<String>,
    closed: Option<CloseReason>,
    whole: bool,
}

fn uid(value: u32) -> Uid {
    Uid::new(value).expect("not zero")
}

fn mail(value: u32, raw: &'static str, date: &str) -> Mail {
    Mail {
        uid: uid(value),
        flags: Vec::new(),
        date: date.parse().expect("a date"),
        raw: Some(Bytes::from(raw)),
    }
}

impl Bench {
    fn new(whole: bool) -> Self {
        let now = Instant::now();
        let mut bench = Self {
            server: Server::new(Options::default(), now),
            now,
            mails: vec![
                mail(3, FIRST, "2026-03-04T05:06:07Z"),
                mail(7, SECOND, "2026-03-05T00:00:00Z"),
            ],
            said: VecDeque::new(),
            closed: None,
            whole,
        };
        bench.poll();
        bench
    }

    fn send(&mut self, bytes: &[u8]) {
        let piece = if self.whole { bytes.len().max(1) } else { 1 };
        for piece in bytes.chunks(piece) {
            let bytes = Bytes::copy_from_slice(piece);
            self.server.handle_input(bytes, self.now);
            self.poll();
        }
    }

    fn poll(&mut self) {
        loop {
            let mut out = BytesMut::new();
            while self.server.poll_transmit(&mut out) {}
            let text = String::from_utf8(out.to_vec()).expect("text");
            self.said
                .extend(text.split_terminator("\r\n").map(str::to_owned));
            match self.server.poll_event() {
                Some(Event::Ask(request)) => {
                    let answer = self.host(request);
                    self.server.answer(answer);
                }
                Some(Event::Closed(reason)) => self.closed = Some(reason),
                None => return,
            }
        }
    }

    fn host(&mut self, request: Request) -> Answer {
        let validity = UidValidity::new(42).expect("not zero");
        match request {
            Request::Login { username, password } => {
                if (username.as_str(), password.expose()) == ("anna", "se cret") {
                    Answer::Done
                } else {
                    Answer::Refused(Refusal("[AUTHENTICATIONFAILED] Wrong".to_owned()))
                }
            }
            Request::Folders => Answer::Folders(vec![
                Listed {
                    name: FolderName::inbox(),
                    special_use: None,
                },
                Listed {
                    name: FolderName::new("Sent").expect("a name"),
                    special_use: Some(SpecialUse::Sent),
                },
            ]),
            Request::Select(folder) | Request::Status(folder) if folder.as_str() != "INBOX" => {
                Answer::Refused(Refusal("[NONEXISTENT] No such folder".to_owned()))
            }
            Request::Select(_) => Answer::Selected(Selected {
                validity,
                uid_next: 9,
                uids: self.mails.iter().map(|mail| mail.uid).collect(),
            }),
            Request::Status(_) => Answer::Status(Status {
                validity,
                uid_next: 9,
                messages: self.mails.len(),
                unseen: 1,
            }),
            Request::Search(criteria) => {
                let found = self.mails.iter().filter(|mail| criteria.matches(mail));
                Answer::Found(found.map(|mail| mail.uid).collect())
            }
            Request::Mail { uid, mark_seen } => {
                let mail = self.mails.iter_mut().find(|mail| mail.uid == uid);
                Answer::Mail(mail.map(|mail| {
                    if mark_seen {
                        FlagChange::Add(vec![Flag::seen()]).apply(&mut mail.flags);
                    }
                    mail.clone()
                }))
            }
            Request::Store { uids, change } => {
                let mails = self.mails.iter_mut().filter(|m| uids.contains(&m.uid));
                Answer::Flags(
                    mails
                        .map(|mail| {
                            change.apply(&mut mail.flags);
                            (mail.uid, mail.flags.clone())
                        })
                        .collect(),
                )
            }
            Request::Append {
                folder,
                flags,
                date,
                raw,
            } => {
                let date = date.unwrap_or(Timestamp::UNIX_EPOCH);
                let noted = format!("{folder} {flags:?} {date} {}", raw.len());
                self.said.push_back(format!("H: {noted}"));
                let uid = uid(9);
                Answer::Appended { validity, uid }
            }
            Request::Expunge { only } => {
                let gone = |mail: &Mail| {
                    mail.flags.contains(&Flag::deleted())
                        && only.as_ref().is_none_or(|only| only.contains(&mail.uid))
                };
                let (gone, kept) = self.mails.drain(..).partition::<Vec<_>, _>(gone);
                self.mails = kept;
                Answer::Expunged(gone.iter().map(|mail| mail.uid).collect())
            }
        }
    }

    fn play(&mut self, transcript: &str) {
        let mut sending = String::new();
        for line in transcript.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (who, what) = line.split_once(':').expect("C:, S: or H:");
            let what = what.strip_prefix(' ').unwrap_or(what);
            if who == "C" {
                sending += &format!("{what}\r\n");
                continue;
            }
            self.send(std::mem::take(&mut sending).as_bytes());
            match (who, what.split_once(' ')) {
                // Transcripts carry no blanks at their ends; `+ ` does.
                ("S", _) => {
                    let said = self.said.pop_front();
                    assert_eq!(said.as_deref().map(str::trim_end), Some(what));
                }
                ("N", _) => assert_eq!(self.said.pop_front(), Some(format!("H: {what}"))),
                ("H", Some(("arrived", n))) => self.server.arrived(uid(n.parse().expect("UID"))),
                ("H", Some(("vanished", n))) => self.server.vanished(uid(n.parse().expect("UID"))),
                _ => panic!("{line}"),
            }
            self.poll();
        }
        self.send(sending.as_bytes());
        assert_eq!(self.said, [""; 0], "said beyond the transcript");
    }
}

fn check(transcript: &str) {
    for whole in [true, false] {
        Bench::new(whole).play(transcript);
    }
}

/// Logged in, and INBOX selected.
fn check_selected(transcript: &str) {
    for whole in [true, false] {
        let mut bench = Bench::new(whole);
        bench.send(b"l LOGIN anna \"se cret\"\r\ns SELECT INBOX\r\n");
        let selected = bench.said.back().map(String::as_str);
        assert_eq!(selected, Some("s OK [READ-WRITE] Done"));
        bench.said.clear();
        bench.play(transcript);
    }
}

const CAPABILITIES: &str =
    "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ID NAMESPACE UIDPLUS UNSELECT SPECIAL-USE IDLE";

#[test]
fn greeting_and_all_ways_to_log_in() {
    // "\0anna\0se cret"
    for login in [
        "C: a LOGIN anna \"se cret\"",
        "C: a LOGIN {4+}\nC: anna {7+}\nC: se cret",
        "C: a LOGIN anna {7}\nS: + go ahead\nC: se cret",
        "C: a AUTHENTICATE PLAIN AGFubmEAc2UgY3JldA==",
        "C: a AUTHENTICATE PLAIN\nS: + \nC: AGFubmEAc2UgY3JldA==",
    ] {
        for whole in [true, false] {
            let mut bench = Bench::new(whole);
            bench.play(&format!(
                "S: * OK [CAPABILITY {CAPABILITIES}] Practice provider"
            ));
            for line in login.lines() {
                match line.split_at(3) {
                    ("C: ", sent) => bench.send(format!("{sent}\r\n").as_bytes()),
                    (_, said) => bench.play(&format!("S: {said}")),
                }
            }
            bench.play(&format!("S: a OK [CAPABILITY {CAPABILITIES}] Welcome"));
        }
    }
}

#[test]
fn before_and_after_login() {
    check(&format!(
        r#"
        S: * OK [CAPABILITY {CAPABILITIES}] Practice provider
        C: a1 CAPABILITY
        C: a2 SELECT INBOX
        C: a3 LOGIN anna wrong
        C: a4 AUTHENTICATE PLAIN
        S: * CAPABILITY {CAPABILITIES}
        S: a1 OK Done
        S: a2 BAD Log in first
        S: a3 NO [AUTHENTICATIONFAILED] Wrong
        S: + 
        C: *
        S: a4 BAD Authentication cancelled
        C: a5 FROBNICATE
        S: a5 BAD That cannot be read
        C: a6 LOGIN anna "se cret"
        S: a6 OK [CAPABILITY {CAPABILITIES}] Welcome
        C: a7 ID ("name" "postern")
        S: * ID ("name" "Practice provider")
        S: a7 OK Done
        C: a8 NAMESPACE
        S: * NAMESPACE (("" "/")) NIL NIL
        S: a8 OK Done
        C: a9 LIST "" "*"
        S: * LIST (\HasNoChildren) "/" "INBOX"
        S: * LIST (\HasNoChildren \Sent) "/" "Sent"
        S: a9 OK Done
        C: b1 LIST "" "S%"
        S: * LIST (\HasNoChildren \Sent) "/" "Sent"
        S: b1 OK Done
        C: b2 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)
        S: * STATUS "INBOX" (MESSAGES 2 UIDNEXT 9 UIDVALIDITY 42 UNSEEN 1)
        S: b2 OK Done
        C: b3 SELECT Nowhere
        S: b3 NO [NONEXISTENT] No such folder
        C: b4 UID FETCH 1:* FLAGS
        S: b4 BAD Not here, not now
        C: b5 LOGOUT
        S: * BYE Goodbye
        S: b5 OK Done
        "#
    ));
}

#[test]
fn fetches() {
    check_selected(
        r#"
        C: a UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)
        S: * 1 FETCH (UID 3 FLAGS () INTERNALDATE "04-Mar-2026 05:06:07 +0000" RFC822.SIZE 63)
        S: * 2 FETCH (UID 7 FLAGS () INTERNALDATE "05-Mar-2026 00:00:00 +0000" RFC822.SIZE 55)
        S: a OK Done
        C: b UID FETCH 7 (BODY.PEEK[]<4.8> UID)
        S: * 2 FETCH (UID 7 BODY[]<4> {8}
        S: age-ID: )
        S: b OK Done
        C: c FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (subject)])
        S: * 1 FETCH (FLAGS () BODY[HEADER.FIELDS (subject)] {26}
        S: Subject: Hello
        S:  there
        S:
        S: )
        S: c OK Done
        C: d UID FETCH 3 BODY[TEXT]
        S: * 1 FETCH (UID 3 BODY[TEXT] {6}
        S: Body
        S: )
        S: d OK Done
        C: e UID FETCH 3 FLAGS
        S: * 1 FETCH (UID 3 FLAGS (\Seen))
        S: e OK Done
        C: f UID FETCH 4:6 FLAGS
        S: f OK Done
        C: g UID FETCH 900:* FLAGS
        S: * 2 FETCH (UID 7 FLAGS ())
        S: g OK Done
        C: h UID FETCH 3 BODYSTRUCTURE
        S: h NO That item is not served here
        "#,
    );
}

#[test]
fn searches_and_stores() {
    check_selected(
        r#"
        C: a UID SEARCH ALL
        S: * SEARCH 3 7
        S: a OK Done
        C: b UID SEARCH UID 4:* SINCE 5-Mar-2026
        S: * SEARCH 7
        S: b OK Done
        C: c UID SEARCH HEADER Message-ID "<ONE@example.com>"
        S: * SEARCH 3
        S: c OK Done
        C: d SEARCH NOT SUBJECT "hello there"
        S: * SEARCH 2
        S: d OK Done
        C: e UID STORE 3 +FLAGS (\Deleted $Forwarded)
        S: * 1 FETCH (UID 3 FLAGS ($Forwarded \Deleted))
        S: e OK Done
        C: f UID STORE 7 +FLAGS.SILENT (\deleted)
        S: f OK Done
        C: g UID EXPUNGE 7
        S: * 2 EXPUNGE
        S: g OK Done
        C: h EXPUNGE
        S: * 1 EXPUNGE
        S: h OK Done
        C: i UNSELECT
        S: i OK Done
        C: j EXAMINE INBOX
        S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
        S: * 0 EXISTS
        S: * 0 RECENT
        S: * OK [PERMANENTFLAGS ()] Kept
        S: * OK [UIDVALIDITY 42] Valid
        S: * OK [UIDNEXT 9] Next
        S: j OK [READ-ONLY] Done
        C: k UID STORE 1 FLAGS (\Seen)
        S: k NO STORE is not for a read-only folder
        C: l CLOSE
        S: l OK Done
        "#,
    );
}

#[test]
fn appends_with_every_kind_of_literal() {
    check_selected(
        r#"
        C: a APPEND Sent (\Seen) "04-Mar-2026 05:06:07 +0100" {5}
        S: + go ahead
        C: 12345
        N: Sent [\Seen] 2026-03-04T04:06:07Z 5
        S: a OK [APPENDUID 42 9] Done
        C: b APPEND {4+}
        C: Sent {3+}
        C: abc
        N: Sent [] 1970-01-01T00:00:00Z 3
        S: b OK [APPENDUID 42 9] Done
        C: c APPEND Sent {99999999999}
        S: c NO [TOOBIG] That literal is too long
        "#,
    );
}

#[test]
fn a_big_append_never_meets_the_codec() {
    let mut raw = vec![b'x'; 100_000];
    raw[50_000] = 0; // A NUL, which the codec refuses in a literal.
    for whole in [true, false] {
        let mut bench = Bench::new(whole);
        bench.send(b"l LOGIN anna \"se cret\"\r\n");
        bench.said.clear();
        bench.send(b"a APPEND Sent {100000+}\r\n");
        bench.send(&raw);
        bench.play("C:\nN: Sent [] 1970-01-01T00:00:00Z 100000\nS: a OK [APPENDUID 42 9] Done");
    }
}

#[test]
fn news_come_at_once_in_idle_and_never_amid_numbers() {
    check_selected(
        r"
        C: a IDLE
        S: + idling
        H: arrived 9
        S: * 3 EXISTS
        H: vanished 3
        S: * 1 EXPUNGE
        C: DONE
        S: a OK Done
        H: vanished 7
        C: b FETCH 1 FLAGS
        S: * 1 FETCH (FLAGS ())
        S: b OK Done
        C: c NOOP
        S: * 1 EXPUNGE
        S: c OK Done
        ",
    );
}

#[test]
fn floods_and_silence_end_the_session() {
    let mut bench = Bench::new(true);
    bench.send(&vec![b'x'; 70_000]);
    assert_eq!(bench.closed, Some(CloseReason::Flood));
    assert_eq!(
        bench.said.back().map(String::as_str),
        Some("* BYE That is too long")
    );

    let mut bench = Bench::new(true);
    let deadline = bench.server.poll_timeout().expect("a deadline");
    bench.server.handle_timeout(deadline);
    bench.poll();
    assert_eq!(bench.closed, Some(CloseReason::Timeout));

    let mut bench = Bench::new(true);
    bench.server.bye("Maintenance");
    bench.poll();
    assert_eq!(
        bench.said.back().map(String::as_str),
        Some("* BYE Maintenance")
    );
}

/// What clients say, well and badly, to be put together in any order.
const FRAGMENTS: [&str; 16] = [
    "a LOGIN anna \"se cret\"\r\n",
    "b LOGIN anna {7}\r\n",
    "se cret\r\n",
    "c SELECT INBOX\r\n",
    "d UID FETCH 1:* (FLAGS BODY.PEEK[]<0.5>)\r\n",
    "e FETCH *:1 BODY[HEADER.FIELDS (x)]\r\n",
    "f APPEND Sent {3+}\r\n",
    "g IDLE\r\n",
    "DONE\r\n",
    "h UID STORE 1:9 +FLAGS (\\Deleted)\r\n",
    "i EXPUNGE\r\n",
    "j AUTHENTICATE PLAIN\r\n",
    "k UID SEARCH OR SEEN NOT UID 4294967295\r\n",
    "{0}\r\n",
    "\r\n",
    "\u{0}é(\"",
];

proptest::proptest! {
    #[test]
    fn any_order_in_any_chunking_is_answered_the_same(
        picks in proptest::collection::vec(0..FRAGMENTS.len(), 0..12),
    ) {
        let input: String = picks.iter().map(|at| FRAGMENTS[*at]).collect();
        let said = [true, false].map(|whole| {
            let mut bench = Bench::new(whole);
            bench.send(b"l LOGIN anna \"se cret\"\r\ns SELECT INBOX\r\n");
            bench.send(input.as_bytes());
            bench.said
        });
        proptest::prop_assert_eq!(&said[0], &said[1]);
    }
}
