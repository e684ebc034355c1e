//! pop3: maildrops of a real Dovecot: connect, receive, leave or delete, and ids that change.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::proxy::Proxy;
use crate::peers::smtp::Sink;
use crate::peers::until;

fn mail(id: &str) -> Vec<u8> {
    // A dot at the beginning of a line must come back as it was.
    format!(
        "From: {id} <{id}@example.net>\r\nTo: {USER}\r\nSubject: {id}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\r\n\
         Hello, this is {id}.\r\n.\r\n..two dots\r\n"
    )
    .into_bytes()
}

fn ids(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| format!("<{name}@example.net>"))
        .collect()
}

fn peers() -> (Dovecot, Sink) {
    (Dovecot::start(), Sink::start())
}

/// Delivers a mail, has the maildrop looked into, and waits until exactly these are here.
fn deliver_and_look(dovecot: &Dovecot, gateway: &Gateway, id: &str, all: &[&str]) {
    dovecot.deliver(USER, &mail(id));
    gateway.look(USER);
    let last = ids(&[id]).remove(0);
    until("the mail is here", || {
        gateway.api().message_ids().contains(&last).then_some(())
    });
    assert_eq!(gateway.api().message_ids(), ids(all));
}

fn until_on_server(dovecot: &Dovecot, count: u64) {
    until(&format!("{count} mails are on the server"), || {
        (dovecot.count(USER, "INBOX") == count).then_some(())
    });
}

#[test]
fn history_and_new_mail_come_byte_for_byte_and_stay_on_the_server() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, [mail("a"), mail("b")]);
    let mut gateway = Gateway::with(&dovecot, &Mailbox::by_pop3(&dovecot, &sink));
    let mut feed = gateway.api().feed();
    feed.until_routed(2);
    deliver_and_look(&dovecot, &gateway, "c", &["a", "b", "c"]);
    let conversations = gateway.api().conversations();
    let open = conversations.iter().filter(|one| one["status"] == "open");
    assert_eq!(open.count(), 1, "history is no work: {conversations:?}");
    let stored = gateway.api().all_messages();
    for message in &stored {
        let raw = gateway.api().raw(message["id"].as_str().unwrap());
        assert!(
            raw.ends_with(b".\r\n.\r\n..two dots\r\n"),
            "{}",
            raw.escape_ascii()
        );
    }
    gateway.stop();
    gateway.launch();
    deliver_and_look(&dovecot, &gateway, "d", &["a", "b", "c", "d"]);
    assert_eq!(dovecot.count(USER, "INBOX"), 4);
}

#[test]
fn what_was_there_before_is_left_alone_where_only_new_mail_is_wanted() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, [mail("a"), mail("b")]);
    let mailbox = Mailbox {
        history: "nothing",
        more: vec!["--pop3-keep".to_owned(), "once-stored".to_owned()],
        ..Mailbox::by_pop3(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &mailbox);
    deliver_and_look(&dovecot, &gateway, "c", &["c"]);
    // What was taken in is deleted, and nothing else is.
    until_on_server(&dovecot, 2);
    deliver_and_look(&dovecot, &gateway, "d", &["c", "d"]);
    until_on_server(&dovecot, 2);
}

#[test]
fn it_is_counted_and_what_was_not_wanted_can_be_collected() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, [mail("a"), mail("b")]);
    let mailbox = Mailbox {
        history: "nothing",
        ..Mailbox::by_pop3(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &mailbox);
    deliver_and_look(&dovecot, &gateway, "c", &["c"]);
    let counted = gateway.run(&["mailbox", "count", USER]).good();
    let expected = "maildrop 1 = ledger 1; 2 older ones were never wanted";
    assert!(counted.out.contains(expected), "{counted:?}");
    let collect = |since: &str, more: &[&str]| {
        let arguments = [&["mailbox", "collect", USER, "--since", since], more].concat();
        gateway.run(&arguments).good().out
    };
    // Their Date is the 20th.
    let none = collect("2026-11-21", &[]);
    assert!(none.contains("Nothing"), "{none}");
    let look = collect("2026-11-20", &["--dry-run"]);
    assert!(
        look.contains("2 mails since 2026-11-20 are not here"),
        "{look}"
    );
    let taken = collect("2026-11-20", &[]);
    assert!(taken.contains("are being collected"), "{taken}");
    until("all are here", || {
        (gateway.api().message_ids() == ids(&["a", "b", "c"])).then_some(())
    });
    let conversations = gateway.api().conversations();
    let open = conversations.iter().filter(|one| one["status"] == "open");
    assert_eq!(open.count(), 1, "history is no work: {conversations:?}");
    let counted = gateway.run(&["mailbox", "count", USER]).good();
    assert!(counted.out.contains("maildrop 3 = ledger 3"), "{counted:?}");
}

#[test]
fn mail_that_is_kept_for_days_is_still_there() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, [mail("a")]);
    let mailbox = Mailbox {
        more: vec!["--pop3-keep".to_owned(), "3".to_owned()],
        ..Mailbox::by_pop3(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &mailbox);
    deliver_and_look(&dovecot, &gateway, "b", &["a", "b"]);
    deliver_and_look(&dovecot, &gateway, "c", &["a", "b", "c"]);
    assert_eq!(dovecot.count(USER, "INBOX"), 3);
}

#[test]
fn a_deletion_that_is_lost_at_quit_is_repeated() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, [mail("a")]);
    let road = Proxy::to(dovecot.ports.pop3);
    let mailbox = Mailbox {
        imap: road.port,
        imap_security: "none",
        more: vec!["--pop3-keep".to_owned(), "once-stored".to_owned()],
        ..Mailbox::by_pop3(&dovecot, &sink)
    };
    let gateway = Gateway::start(&[dovecot.authority_pem()]);
    gateway.add(&mailbox).good();
    until_on_server(&dovecot, 0);
    // The server hears DELE; we do not hear its answer, and never say QUIT.
    road.mute_at(b"DELE");
    dovecot.deliver(USER, &mail("b"));
    gateway.look(USER);
    until("the mail is here", || {
        (gateway.api().message_ids() == ids(&["a", "b"])).then_some(())
    });
    road.cut();
    assert_eq!(dovecot.count(USER, "INBOX"), 1);
    road.restore();
    gateway.look(USER);
    until_on_server(&dovecot, 0);
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b"]));
}

#[test]
fn other_ids_bring_nothing_twice_and_lose_nothing() {
    let (mut dovecot, sink) = peers();
    dovecot.fill(USER, [mail("a"), mail("b")]);
    let gateway = Gateway::with(&dovecot, &Mailbox::by_pop3(&dovecot, &sink));
    gateway.api().feed().until_routed(2);
    // Other ids; the same for all mails, which is none; and others again.
    let mut all = vec!["a", "b"];
    for (format, next) in [("%f", "c"), ("%v", "d"), ("%u-%v", "e")] {
        dovecot.stop();
        dovecot.configure(&format!("pop3_uidl_format = {format}"));
        dovecot.resume();
        all.push(next);
        deliver_and_look(&dovecot, &gateway, next, &all);
    }
    // Known by their headers: they were not even fetched again.
    let ledger = gateway.run(&["mailbox", "ledger", USER]).good();
    assert!(!ledger.out.contains("duplicate"), "{ledger:?}");
    assert_eq!(dovecot.count(USER, "INBOX"), 5);
}

#[test]
fn a_wrong_password_and_a_missing_stls_are_told() {
    let (dovecot, sink) = peers();
    let gateway = Gateway::start(&[dovecot.authority_pem()]);
    let wrong = Mailbox {
        password: "wrong".to_owned(),
        ..Mailbox::by_pop3(&dovecot, &sink)
    };
    gateway.add(&wrong).refused(&["refused the login"]);
    let upgraded = Mailbox {
        imap: dovecot.ports.pop3,
        imap_security: "starttls",
        ..Mailbox::by_pop3(&dovecot, &sink)
    };
    gateway.add(&upgraded).good();
    deliver_and_look(&dovecot, &gateway, "a", &["a"]);
    assert!(dovecot.log().contains("TLS"), "{}", dovecot.log());
}

#[test]
fn no_password_travels_when_stls_is_taken_away() {
    let (dovecot, sink) = peers();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"+OK hello\r\n").unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            lines.push(line.unwrap());
            stream.write_all(b"-ERR what?\r\n").unwrap();
        }
        lines
    });
    let gateway = Gateway::start(&[dovecot.authority_pem()]);
    let mailbox = Mailbox {
        imap: port,
        imap_security: "starttls",
        ..Mailbox::by_pop3(&dovecot, &sink)
    };
    gateway.add(&mailbox).refused(&["STARTTLS"]);
    assert_eq!(heard.join().unwrap(), ["STLS"]);
}
