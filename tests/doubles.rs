//! doubles: the peers of the tests keep their own promises (generated mail, SMTP, the network).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::peers::STEP_MAX;
use crate::peers::corpus::Corpus;
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::proxy::Proxy;
use crate::peers::smtp::{Fault, Sink, Stage};
use crate::peers::tls::{Authority, wrap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Sends lines, expecting the given codes; returns the last reply line, or nothing
/// when the server closed instead.
pub fn dialogue<S: std::io::Read + Write>(stream: S, steps: &[(&str, &str)]) -> Option<String> {
    let mut stream = BufReader::new(stream);
    let mut last = reply(&mut stream)?;
    assert!(last.starts_with("220"), "{last}");
    for (line, code) in steps {
        let bytes = format!("{line}\r\n");
        stream.get_mut().write_all(bytes.as_bytes()).unwrap();
        last = reply(&mut stream)?;
        assert!(last.starts_with(code), "{line}: {last}");
    }
    Some(last)
}

fn reply(stream: &mut impl BufRead) -> Option<String> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        if !line.ends_with('\n') {
            return None;
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Some(line);
        }
    }
}

fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).unwrap()
}

#[test]
fn what_is_submitted_to_dovecot_reaches_the_sink() {
    let sink = Sink::start();
    let dovecot = Dovecot::start_with(&[USER], Some(sink.port));
    let plain = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let auth = format!("AUTH PLAIN {plain}");
    let from = format!("MAIL FROM:<{USER}>");
    let stream = wrap(connect(dovecot.ports.submissions), &dovecot.authority_pem());
    dialogue(
        stream,
        &[
            ("EHLO localhost", "250"),
            // RFC 6409 section 4.3: no submission without authentication.
            (&from, "530"),
            (&auth, "235"),
            (&from, "250"),
            ("RCPT TO:<customer@example.net>", "250"),
            ("DATA", "354"),
            ("Subject: Re: order\r\n\r\n..two dots\r\n.", "250"),
            ("QUIT", "221"),
        ],
    )
    .unwrap();
    let kept = sink.wait_for(1);
    assert_eq!(kept[0].from, USER);
    assert_eq!(kept[0].to, ["customer@example.net"]);
    let mail = String::from_utf8(kept[0].mail.clone()).unwrap();
    assert!(
        mail.ends_with("Subject: Re: order\r\n\r\n.two dots\r\n"),
        "{mail}"
    );
}

#[test]
fn the_sink_shows_each_fault_once_and_keeps_what_it_may_have_accepted() {
    let authority = Authority::new();
    let refused = vec![(Stage::Rcpt(0), Fault::Reply("550 5.1.1 no such user"))];
    let cut = vec![(Stage::EndOfData, Fault::Cut)];
    let busy = vec![(Stage::EndOfData, Fault::Reply("451 4.3.0 later"))];
    let sink = Sink::start_with(
        Some(authority.issue().server_config()),
        [refused, cut, busy],
    );
    let open = || wrap(connect(sink.port), &authority.pem());
    let envelope = [("EHLO x", "250"), ("MAIL FROM:<a@example.com>", "250")];
    let full = |to: &'static str, end: &'static str| {
        let rest = [(to, "250"), ("DATA", "354"), ("x\r\n.", end)];
        [&envelope[..], &rest[..]].concat()
    };

    let to_nobody = [&envelope[..], &[("RCPT TO:<b@example.net>", "550")]].concat();
    assert!(dialogue(open(), &to_nobody).is_some());
    let silent = dialogue(open(), &full("RCPT TO:<lost@example.net>", "250"));
    assert_eq!(silent, None, "the answer to the final dot is lost");
    assert!(dialogue(open(), &full("RCPT TO:<later@example.net>", "451")).is_some());
    assert!(dialogue(open(), &full("RCPT TO:<well@example.net>", "250")).is_some());

    let kept: Vec<_> = sink.kept().into_iter().map(|mail| mail.to).collect();
    assert_eq!(kept, [["lost@example.net"], ["well@example.net"]]);
    assert_eq!(sink.sessions(), 4);
}

#[test]
fn the_road_is_cut_where_it_was_asked_to_be_and_mends() {
    let sink = Sink::start();
    let road = Proxy::to(sink.port);
    let hello = [("EHLO localhost", "250")];
    assert!(dialogue(connect(road.port), &hello).is_some());

    // The greeting has 16 bytes; of the reply to EHLO four come through.
    road.cut_after(20);
    assert_eq!(dialogue(connect(road.port), &hello), None);
    assert!(dialogue(connect(road.port), &hello).is_some());

    road.refuse();
    assert_eq!(dialogue(connect(road.port), &hello), None);
    road.restore();
    assert!(dialogue(connect(road.port), &hello).is_some());
    assert_eq!((road.connections(), sink.sessions()), (4, 4));
}

#[test]
fn a_frozen_road_lets_nothing_through_until_it_thaws() {
    let sink = Sink::start();
    let road = Proxy::to(sink.port);
    let mut stream = BufReader::new(connect(road.port));
    assert!(reply(&mut stream).is_some());
    road.freeze();
    stream.get_mut().write_all(b"NOOP\r\n").unwrap();
    let patience = Some(std::time::Duration::from_millis(50));
    stream.get_ref().set_read_timeout(patience).unwrap();
    assert_eq!(reply(&mut stream), None, "something came through");
    road.restore();
    stream.get_ref().set_read_timeout(Some(STEP_MAX)).unwrap();
    assert_eq!(reply(&mut stream).as_deref(), Some("250 2.0.0 ok\r\n"));
}

#[test]
fn the_same_number_makes_the_same_mail() {
    let first: Vec<_> = Corpus::new().take(50).collect();
    let again: Vec<_> = Corpus::new().take(50).collect();
    assert_eq!(first, again);
}

#[test]
fn sizes_are_as_in_life() {
    let mut corpus = Corpus::new();
    let mut sizes: Vec<_> = (0..10_000).map(|_| corpus.size()).collect();
    sizes.sort_unstable();
    let total: usize = sizes.iter().sum();
    assert!((10_000..14_000).contains(&sizes[5_000]), "{}", sizes[5_000]);
    assert!(
        (380_000_000..460_000_000).contains(&total),
        "{total} bytes in all"
    );
    assert!(sizes[9_999] > 3_000_000, "{}", sizes[9_999]);
}

#[test]
fn mails_have_the_size_that_was_drawn_and_crlf_only() {
    for (number, mail) in Corpus::new().take(200).enumerate() {
        let lines = mail.split(|byte| *byte == b'\n');
        let bare = lines.filter(|line| !line.is_empty() && !line.ends_with(b"\r"));
        assert_eq!(bare.count(), 0, "bare LF in mail {number}");
        assert!(mail.ends_with(b"\r\n"), "mail {number} is cut");
    }
}

#[test]
fn replies_name_a_mail_that_went_before() {
    let mut ids = Vec::new();
    let mut replies = 0;
    for mail in Corpus::new().take(300) {
        let text = String::from_utf8_lossy(&mail).into_owned();
        if let Some(parent) = field(&text, "In-Reply-To: ") {
            assert!(ids.contains(&parent), "{parent} is nobody");
            replies += 1;
        }
        ids.push(field(&text, "Message-ID: ").unwrap());
    }
    assert!((150..270).contains(&replies), "{replies} replies of 300");
}

fn field(mail: &str, name: &str) -> Option<String> {
    let line = mail.lines().find(|line| line.starts_with(name))?;
    Some(line[name.len()..].trim().to_owned())
}
