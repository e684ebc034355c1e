//! Servers that lie, and peers that are none.

use super::{Run, check, check_with, plain_text};
use crate::protocol::Machine as _;
use crate::protocol::imap::event::Event;
use crate::protocol::imap::{Options, TlsPolicy};

#[test]
fn other_protocols_are_named() {
    for (said, peer) in [
        ("S: +OK POP3 ready", "Pop3"),
        ("S: 220 mx.example.org ESMTP", "Smtp"),
        ("S: 220-mx.example.org", "Smtp"),
        ("S: HTTP/1.1 400 Bad Request", "Http"),
        ("S: <html>", "Http"),
        ("S: SSH-2.0-OpenSSH_9.9", "Ssh"),
        (r"S- \x15\x03\x01\x00\x02\x02\x46", "Tls"),
        ("S: welcome", "Unknown"),
    ] {
        let mut run = Run::new(Options::default(), 1);
        let (kind, text) = said.split_at(3);
        let mut bytes = super::unescape(text);
        bytes.extend_from_slice(if kind == "S: " { b"\r\n" } else { b"" });
        run.feed(bytes);
        let events = run.events();
        let expected = format!("closed NotImap {{ peer: {peer}");
        assert!(
            events.len() == 1 && events[0].starts_with(&expected),
            "{events:?}"
        );
    }
}

#[test]
fn greetings_that_end_it() {
    check(
        r##"
        S: * BYE [UNAVAILABLE] too many connections
        = closed Bye { code: Some(Unavailable), text: "too many connections", greeting: true }
        "##,
    );
    check_with(
        &plain_text(TlsPolicy::Demanded),
        r##"
        > starttls
        S: * PREAUTH welcome
        = closed PreauthBeforeTls
        "##,
    );
    check(
        r##"
        S: * PREAUTH welcome
        = greeting preauth welcome
        "##,
    );
    check(
        r##"
        S- * O
        > eof
        = closed NotImap { peer: Unknown, excerpt: "* O" }
        "##,
    );
    check("> eof\n= closed Eof");
}

#[test]
fn no_password_travels_before_tls() {
    check_with(
        &plain_text(TlsPolicy::Demanded),
        r##"
        S: * OK [CAPABILITY IMAP4rev1] hi
        = greeting hi
        = capabilities IMAP4REV1
        > login tim tan
        > authenticate PLAIN tim tan
        = 1 notsent the password was not sent, since the connection is not encrypted
        = 2 notsent the password was not sent, since the connection is not encrypted
        > starttls
        C: P3 STARTTLS
        S: P3 NO not here
        = 3 no not here
        > login tim tan
        = 4 notsent the password was not sent, since the connection is not encrypted
        "##,
    );
}

#[test]
fn answers_injected_before_tls_end_it() {
    check_with(
        &plain_text(TlsPolicy::Demanded),
        r##"
        S: * OK hi
        = greeting hi
        > starttls
        C: P1 STARTTLS
        S: P1 OK go
        S: * CAPABILITY IMAP4rev1 AUTH=PLAIN
        = 1 ok go
        = ContinueTls
        = closed InjectedBeforeTls
        "##,
    );
}

#[test]
fn only_the_tag_of_a_running_command_decides() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > login tim tan
        C: P1 LOGIN tim tan
        S: P0 NO wrong
        S: P11 NO wrong
        S: p1 NO wrong
        S: P1x
        S: + unasked
        S: P1 OK right
        S: P1 NO again
        = malformed UnknownTag P0 NO wrong
        = malformed UnknownTag P11 NO wrong
        = malformed UnknownTag p1 NO wrong
        = malformed Syntax P1x
        = malformed UnexpectedContinuation + unasked
        = 1 ok right
        = malformed UnknownTag P1 NO again
        "##,
    );
}

#[test]
fn repeated_secrets_are_masked() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > login tim hunter2
        C: P1 LOGIN tim hunter2
        S: * what hunter2
        S: P1 NO [ALERT] wrong password 'hunter2'
        = malformed Syntax * what …
        = alert wrong password '…'
        = 1 no [Alert] wrong password '…'
        "##,
    );
}

#[test]
fn literals_no_one_can_mean() {
    for size in [
        "4294967296",
        "-1",
        "99999999999999999999",
        "18446744073709551615",
    ] {
        check(&format!(
            r##"
            S: * OK hi
            = greeting hi
            S: * 1 FETCH (UID 5 BODY[] {{{size}}}
            S: * LIST
            = closed AbsurdLiteral {{ uid: Some(Uid(5)), announced: "{size}" }}
            "##
        ));
    }
}

#[test]
fn bodies_over_the_limit_are_read_and_thrown_away() {
    let options = Options {
        body_max: 3,
        ..Options::default()
    };
    check_with(
        &options,
        r##"
        S: * OK hi
        S: * 1 FETCH (UID 5 BODY[] {4}
        S- abcd
        S: )
        S: * 2 FETCH (UID 6 BODY[] {3}
        S- abc
        S: )
        = greeting hi
        = fetched 5 too large 4
        = body of 6 size 3
        = body "abc"
        = fetched 6 complete 3
        "##,
    );
}

#[test]
fn responses_over_the_limits_cost_themselves() {
    let options = Options {
        response_max: 60,
        literals_max: 2,
        inline_literal_max: 5,
        ..Options::default()
    };
    check_with(
        &options,
        r##"
        S: * OK hi
        = greeting hi
        > noop
        C: P1 NOOP
        S: * SEARCH 111111 111111 111111 111111 111111 111111 111111 111111 111111 111111 {5}
        S- 1\r\n23
        S:  4
        S: * ID ("a" {1}
        S- x
        S:  "b" {1}
        S- y
        S:  "c" {3}
        S- P1 
        S: )
        S: * LIST () "/" {6}
        S- abcdef
        S: 
        S: * LIST () "/" {5}
        S- abcde
        S: 
        S: P1 NO 111111 111111 111111 111111 111111 111111 111111 111111 111111 111111
        = malformed TooLong * SEARCH 111111 111111 111111 111111 111111 111111 111111 11
        = malformed TooLong * ID ("a" "x" "b" "y" "c" {3}
        = malformed Syntax * LIST () "/" ""
        = listed abcde Some('/')  
        = 1 no 111111 111111 111111 111111 111111 111111 111111 11111
        "##,
    );
}

#[test]
fn the_end_in_the_middle_is_told_as_such() {
    check(
        r##"
        S: * OK hi
        S: * 1 FETCH (UID 5 BODY[] {100}
        S: Subject: x
        S: * BYE server is going down
        > eof
        = greeting hi
        = body of 5 size 100
        = body "Subject: x\\r\\n* BYE server is going down\\r\\n"
        = closed Cut { uid: Some(Uid(5)), missing: 60, bye: Some("server is going down") }
        "##,
    );
    check(
        r##"
        S: * OK hi
        S- * 1 FETCH (UID 5
        > eof
        = greeting hi
        = closed Cut { uid: Some(Uid(5)), missing: 0, bye: None }
        "##,
    );
    check(
        r##"
        S: * OK hi
        = greeting hi
        > noop
        C: P1 NOOP
        S: * BYE [UNAVAILABLE] later
        S: P1 NO later
        = 1 no later
        = closed Bye { code: Some(Unavailable), text: "later", greeting: false }
        > noop
        "##,
    );
}

#[test]
fn a_response_without_end_ends_it() {
    let options = Options {
        response_max: 100,
        discard_max: 1000,
        ..Options::default()
    };
    let mut run = Run::new(options, 7);
    run.feed(b"* OK hi\r\n* SEARCH".to_vec());
    run.feed(b" 1".repeat(1000));
    assert_eq!(run.events(), ["greeting hi", "closed Flood"]);
}

#[test]
fn too_many_events_unread_end_it() {
    let options = Options {
        events_max: 10,
        ..Options::default()
    };
    let mut run = Run::new(options, 1000);
    run.feed([&b"* OK hi\r\n"[..], &b"* 1 EXISTS\r\n".repeat(20)].concat());
    let events = run.events();
    assert_eq!(events.len(), 11);
    assert_eq!(events.last().map(String::as_str), Some("closed Flood"));
}

#[test]
fn nothing_prints_a_secret() {
    let mut run = Run::new(
        Options {
            transcript_max: 20,
            ..Options::default()
        },
        1000,
    );
    run.feed(b"* OK hi\r\n".to_vec());
    run.call("login tim hunter2");
    run.feed(b"P1 NO hunter2 is wrong\r\n".to_vec());
    run.call("authenticate XOAUTH2 tim token99");
    run.feed(b"+ \r\n+ e30=\r\nP2 OK in\r\n".to_vec());
    run.call("append abc");
    let transcript = run.machine.take_transcript();
    let expected = [
        "S: * OK hi",
        "C: P1 LOGIN \"tim\" …",
        "S: P1 NO … is wrong",
        "C: P2 AUTHENTICATE XOAUTH2",
        "S: +",
        "C: …",
        "S: + e30=",
        "C: …",
        "S: P2 OK in",
        "C: P3 APPEND &XfJT0ZAB- (\\Seen) \"04-Jan-2026 02:03:04 +0000\" (3 bytes)",
    ];
    assert_eq!(transcript[..], expected);
    assert!(!format!("{:?}", run.machine).contains("hunter2"));
}

/// The quadratic traps of CRATES.md section 2, counted in work instead of time: a
/// response that restarts from its beginning with each chunk would take minutes here.
#[test]
fn long_responses_take_linear_work() {
    let mut run = Run::new(Options::default(), 1000);
    run.feed(b"* OK hi\r\n".to_vec());
    let mut line = b"* SEARCH".to_vec();
    for number in 1_000_000..1_400_000 {
        line.extend_from_slice(format!(" {number}").as_bytes());
    }
    line.extend_from_slice(b"\r\n");
    run.feed(line);
    let mut found = 0;
    while let Some(event) = run.machine.poll_event() {
        if let Event::Found(uids) = event {
            found += uids.len();
        }
    }
    assert_eq!(found, 400_000);
    let mut response = b"* 1 FETCH (UID 5".to_vec();
    for number in 0..400 {
        response.extend_from_slice(format!(" BODY[{}] {{20000}}\r\n", number + 1).as_bytes());
        response.extend_from_slice(&[b'x'; 20_000]);
    }
    response.extend_from_slice(b")\r\n");
    run.feed(response);
    let mut bytes = 0;
    let mut complete = false;
    while let Some(event) = run.machine.poll_event() {
        match event {
            Event::BodyChunk(chunk) => bytes += chunk.len(),
            Event::Fetched(fetched) => complete = fetched.uid == Some(super::uid(5)),
            _ => {}
        }
    }
    assert_eq!((bytes, complete), (8_000_000, true));
}
