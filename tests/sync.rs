//! sync: mail comes in from Dovecot: the first time, live, and whatever happens to the folder.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use crate::peers::api::text;
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::proxy::Proxy;
use crate::peers::smtp::Sink;

/// The most memory while a 40 MB mail comes in, in bytes.
const MEMORY_MAX: u64 = 100 * 1024 * 1024;
/// From the delivery to the routed conversation; Dovecot alone takes up to half a second.
const LIVE_MAX: Duration = Duration::from_secs(2);

fn mail(id: &str, subject: &str) -> Vec<u8> {
    format!(
        "From: {id} <{id}@example.net>\r\nTo: {USER}\r\nSubject: {subject}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\r\n\
         Hello, this is {id}.\r\n"
    )
    .into_bytes()
}

fn ids(names: &[&str]) -> Vec<String> {
    let mut ids: Vec<_> = names
        .iter()
        .map(|name| format!("<{name}@example.net>"))
        .collect();
    ids.sort();
    ids
}

/// The mail that lies there came a month ago. A Maildir keeps the INTERNALDATE as the
/// time of the file.
fn make_old(dovecot: &Dovecot) {
    let month_ago = SystemTime::now() - Duration::from_secs(30 * 24 * 60 * 60);
    for entry in fs::read_dir(dovecot.folder_path(USER, "INBOX").join("cur")).unwrap() {
        let file = fs::File::options().write(true).open(entry.unwrap().path());
        file.unwrap().set_modified(month_ago).unwrap();
    }
}

fn peers() -> (Dovecot, Sink) {
    (Dovecot::start(), Sink::start())
}

#[test]
fn old_mail_is_taken_in_and_new_mail_comes_at_once() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, [mail("a", "One"), mail("b", "Two")]);
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let mut feed = gateway.api().feed();
    feed.until_routed(2);
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b"]));

    dovecot.deliver(USER, &mail("c", "Three"));
    let delivered = Instant::now();
    feed.until_routed(1);
    let took = delivered.elapsed();
    assert!(took < LIVE_MAX, "{took:?}");
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b", "c"]));
}

#[test]
fn the_plain_port_is_used_after_starttls() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, [mail("a", "One")]);
    let mailbox = Mailbox {
        imap: dovecot.ports.imap,
        imap_security: "starttls",
        ..Mailbox::of(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &mailbox);
    gateway.api().feed().until_routed(1);
    assert_eq!(gateway.api().message_ids(), ids(&["a"]));
    assert!(dovecot.log().contains("TLS"), "{}", dovecot.log());
}

#[test]
fn a_folder_made_anew_brings_nothing_twice_and_loses_nothing() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, ["a", "b", "c"].map(|id| mail(id, id)));
    let mut gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let mut feed = gateway.api().feed();
    feed.until_routed(3);

    let before = dovecot.uid_validity(USER, "INBOX");
    dovecot.recreate_folder(USER, "INBOX");
    assert_ne!(dovecot.uid_validity(USER, "INBOX"), before);
    // The mail after it proves that the folder has been read to its end again.
    dovecot.deliver(USER, &mail("d", "d"));
    feed.until_routed(1);
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b", "c", "d"]));
    assert_eq!(gateway.api().conversations().len(), 4);

    // The same while nobody looks.
    gateway.stop();
    dovecot.recreate_folder(USER, "INBOX");
    dovecot.deliver(USER, &mail("e", "e"));
    gateway.launch();
    gateway.api().feed().until_routed(5);
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b", "c", "d", "e"]));
}

#[test]
fn mail_removed_on_the_server_stays_here_and_holds_nothing_up() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, ["a", "b", "c"].map(|id| mail(id, id)));
    let mut gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let mut feed = gateway.api().feed();
    feed.until_routed(3);
    dovecot.expunge(USER, "INBOX", 2);
    dovecot.deliver(USER, &mail("d", "d"));
    feed.until_routed(1);

    gateway.stop();
    dovecot.deliver(USER, &mail("gone", "gone"));
    dovecot.expunge(USER, "INBOX", 5);
    dovecot.deliver(USER, &mail("e", "e"));
    gateway.launch();
    gateway.api().feed().until_routed(5);
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b", "c", "d", "e"]));
}

#[test]
fn a_mail_of_40_mb_is_taken_in_pieces() {
    let (dovecot, sink) = peers();
    let mut big = mail("big", "Big");
    let line =
        b"VGhpcyBsaW5lIGlzIHRoZSB3aG9sZSBvZiBhIHZlcnkgYmlnIHBob3RvIG9mIGEgYnJva2VuIGN1cA==\r\n";
    while big.len() < 40_000_000 {
        big.extend_from_slice(line);
    }
    let size = big.len() as u64;
    dovecot.fill(USER, [mail("a", "a"), big.clone(), mail("b", "b")]);
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    gateway.api().feed().until_routed(3);
    let peak = gateway.peak_memory();
    assert!(peak < MEMORY_MAX, "{} MB", peak / 1_000_000);

    assert_eq!(gateway.api().message_ids(), ids(&["a", "b", "big"]));
    let messages = gateway.api().all_messages();
    let stored = messages
        .iter()
        .find(|one| one["subject"] == "Big")
        .expect("the big one");
    assert_eq!(stored["size"], size);
    assert!(gateway.api().raw(text(stored, "id")) == big);
}

#[test]
fn odd_bytes_come_in_unchanged() {
    let (dovecot, sink) = peers();
    // GB18030 in a header without any encoding, a NUL (which Dovecot shows as 0x80,
    // as IMAP cannot carry it: RFC 3501 section 4.3), no header at all, nothing at all.
    let raw_header =
        b"From: ann@example.net\r\nSubject: \xb9\xd8\xd3\xda\xb6\xa9\xb5\xa5\r\n\r\n8-bit\r\n";
    let with_nul = b"From: ann@example.net\r\nSubject: nul\r\n\r\nbefore\0after\r\n";
    let mails: [&[u8]; 4] = [raw_header, with_nul, b"no header, no colon\r\n", b"\r\n"];
    dovecot.fill(USER, mails.map(<[u8]>::to_vec));
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    gateway.api().feed().until_routed(mails.len());

    let stored = gateway.api().all_messages();
    let raw: Vec<_> = stored
        .iter()
        .map(|one| gateway.api().raw(text(one, "id")))
        .collect();
    let without_nul: Vec<u8> = with_nul
        .iter()
        .map(|byte| if *byte == 0 { 0x80 } else { *byte })
        .collect();
    for expected in [mails[0], &without_nul, mails[2], mails[3]] {
        assert!(
            raw.iter().any(|one| one == expected),
            "{:?} is not among {raw:?}",
            String::from_utf8_lossy(expected)
        );
    }
    assert!(stored.iter().any(|one| one["subject"] == "关于订单"));
}

#[test]
fn a_mailbox_removed_and_added_again_brings_nothing_twice() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, ["a", "b"].map(|id| mail(id, id)));
    let mailbox = Mailbox::of(&dovecot, &sink);
    let gateway = Gateway::with(&dovecot, &mailbox);
    let mut feed = gateway.api().feed();
    feed.until_routed(2);
    gateway.run(&["mailbox", "remove", USER, "--yes"]).good();
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b"]));
    dovecot.deliver(USER, &mail("c", "c"));
    gateway.add(&mailbox).good();
    feed.until_routed(1);
    dovecot.deliver(USER, &mail("d", "d"));
    feed.until_routed(1);
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b", "c", "d"]));
}

#[test]
fn history_says_how_much_old_mail_is_taken_in() {
    for (history, expected) in [
        ("nothing", vec!["new"]),
        ("7", vec!["today", "new"]),
        ("all", vec!["old", "today", "new"]),
    ] {
        let (dovecot, sink) = peers();
        dovecot.fill(USER, [mail("old", "old")]);
        make_old(&dovecot);
        // Dovecot numbers what it has looked at; the old mail shall be the lower one.
        assert_eq!(dovecot.count(USER, "INBOX"), 1);
        dovecot.deliver(USER, &mail("today", "today"));
        let mailbox = Mailbox {
            history,
            ..Mailbox::of(&dovecot, &sink)
        };
        let gateway = Gateway::with(&dovecot, &mailbox);
        dovecot.deliver(USER, &mail("new", "new"));
        gateway.api().feed().until_routed(expected.len());
        let found = gateway.api().message_ids();
        assert_eq!(found, ids(&expected), "history {history}");
    }
}

#[test]
fn mail_that_comes_before_the_first_look_is_not_old_mail() {
    let (dovecot, sink) = peers();
    dovecot.fill(USER, [mail("old", "old")]);
    let mailbox = Mailbox {
        history: "nothing",
        ..Mailbox::of(&dovecot, &sink)
    };
    // Connected while no gateway runs; it looks into the folder only later.
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    gateway.add(&mailbox).good();
    dovecot.deliver(USER, &mail("new", "new"));
    gateway.launch();
    gateway.api().feed().until_routed(1);
    assert_eq!(gateway.api().message_ids(), ids(&["new"]));
    let stored = gateway.api().all_messages();
    assert_eq!(stored[0]["imported"], false, "{stored:?}");
}

#[test]
fn an_outage_is_shown_and_ends_by_itself() {
    let (dovecot, sink) = peers();
    let road = Proxy::to(dovecot.ports.imaps);
    let mailbox = Mailbox {
        imap: road.port,
        ..Mailbox::of(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &mailbox);
    let mut feed = gateway.api().feed();
    dovecot.deliver(USER, &mail("a", "a"));
    feed.until_routed(1);
    road.refuse();
    feed.until("the outage is shown", |event| {
        let changed = event["type"] == "mailbox.changed";
        let list = changed.then(|| gateway.run(&["mailbox", "list"]).good())?;
        list.out.contains("interrupted").then_some(())
    });
    dovecot.deliver(USER, &mail("b", "b"));
    road.restore();
    feed.until_routed(1);
    assert_eq!(gateway.api().message_ids(), ids(&["a", "b"]));
    let list = gateway.run(&["mailbox", "list"]).good();
    assert!(list.out.contains("receiving  active"), "{}", list.out);
}

#[test]
fn further_folders_and_junk_are_read_on_the_same_connection_and_junk_is_set_aside() {
    let (dovecot, sink) = peers();
    // The name is not ASCII: on the wire it is (RFC 3501 section 5.1.3).
    for folder in ["客户", "Junk"] {
        dovecot.doveadm(&["mailbox", "create", "-u", USER, folder]);
    }
    dovecot.save(USER, "客户", &mail("old", "Old"));
    let mailbox = Mailbox {
        more: [
            "--more-folder",
            "客户",
            "--junk",
            "Junk",
            "--more-folder",
            "Gone",
        ]
        .map(str::to_owned)
        .into(),
        ..Mailbox::of(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &mailbox);
    let mut feed = gateway.api().feed();
    feed.until_routed(1);
    assert_eq!(gateway.api().message_ids(), ids(&["old"]));

    dovecot.save(USER, "客户", &mail("new", "New"));
    dovecot.save(USER, "Junk", &mail("offer", "Buy now"));
    dovecot.deliver(USER, &mail("usual", "Usual"));
    gateway.look(USER);
    feed.until_routed(3);
    assert_eq!(gateway.api().message_ids(), ids(&["new", "old", "usual"]));
    // What the provider suspects lies on the pile for that, and nowhere else.
    let spam = gateway.api().get("/conversations?spam=true");
    let subjects = |list: &serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|one| text(one, "subject").to_owned()).collect()
    };
    assert_eq!(subjects(&spam), ["Buy now"]);
    // Nothing comes twice, whatever is looked at again; a folder that is not there
    // costs the others nothing.
    gateway.look(USER);
    dovecot.deliver(USER, &mail("last", "Last"));
    feed.until_routed(1);
    assert_eq!(
        gateway.api().message_ids(),
        ids(&["last", "new", "old", "usual"])
    );
    let ledger = gateway.run(&["mailbox", "ledger", USER]).good().out;
    assert!(ledger.contains("5 mails"), "{ledger}");
    assert!(
        gateway
            .log()
            .contains("a further folder of the mailbox cannot be read")
    );
}
