//! states: a mailbox is edited, moved, refused, exported and removed; what it knows stays.

use std::fs;

use serde_json::json;

use crate::peers::api::text;
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::proxy::Proxy;
use crate::peers::smtp::{Fault, Plan, Sink, Stage};
use crate::peers::until;

/// Another mailbox of the same gateway: when it works, the gateway has come up.
const CLOCK: &str = "clock@example.com";

fn mail(id: &str) -> Vec<u8> {
    format!(
        "From: {id} <{id}@example.net>\r\nTo: {USER}\r\nSubject: {id}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\r\n\
         Hello.\r\nFrom here on it is {id}.\r\n"
    )
    .into_bytes()
}

fn ids(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| format!("<{name}@example.net>"))
        .collect()
}

fn state_of(gateway: &Gateway, which: &str) -> String {
    let mailbox = gateway.api().get(&format!("/mailboxes/{which}"));
    text(&mailbox["receiving"], "state").to_owned()
}

fn until_state(gateway: &Gateway, which: &str, wanted: &str) {
    until(&format!("{which} is {wanted}"), || {
        (state_of(gateway, which) == wanted).then_some(())
    });
}

#[test]
fn a_kill_forgets_no_refusal_of_a_count() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    until_state(&gateway, USER, "active");
    // The mailbox's own session, which is let in already, hears nothing of it.
    dovecot.write_users([(USER, "another")]);
    let count = |gateway: &Gateway| {
        let path = format!("/mailboxes/{USER}/count");
        let answer = gateway.api().post(&path, &[], &json!({}));
        String::from_utf8(answer.body).unwrap()
    };
    let rests = "was refused 3 times within an hour";
    for _ in 0..3 {
        let refused = count(&gateway);
        assert!(!refused.contains(rests), "{refused}");
    }
    gateway.kill();
    gateway.launch();
    let refused = count(&gateway);
    assert!(refused.contains(rests), "{refused}");
}

#[test]
fn a_refused_password_is_not_offered_again_by_a_restart() {
    let dovecot = Dovecot::start_with(&[USER, CLOCK], None);
    let sink = Sink::start();
    let road = Proxy::to(dovecot.ports.imaps);
    let mut gateway = Gateway::with(
        &dovecot,
        &Mailbox {
            imap: road.port,
            ..Mailbox::of(&dovecot, &sink)
        },
    );
    let clock = Mailbox {
        address: CLOCK.to_owned(),
        ..Mailbox::of(&dovecot, &sink)
    };
    gateway.add(&clock).good();
    until_state(&gateway, USER, "active");
    dovecot.write_users([(USER, "another"), (CLOCK, PASSWORD)]);
    road.cut();
    until_state(&gateway, USER, "reauthentication_needed");
    let before = gateway.api().get(&format!("/mailboxes/{USER}"));
    let tries = road.connections();
    for kill in [false, true] {
        if kill {
            gateway.kill();
        } else {
            gateway.stop();
        }
        gateway.launch();
        until_state(&gateway, CLOCK, "active");
        assert_eq!(state_of(&gateway, USER), "reauthentication_needed");
        assert_eq!(road.connections(), tries);
    }
    let after = gateway.api().get(&format!("/mailboxes/{USER}"));
    assert_eq!(after["receiving"], before["receiving"]);
    // Switching it off and on changes nothing about the password.
    gateway.run(&["mailbox", "offline", USER]).good();
    gateway.run(&["mailbox", "online", USER]).good();
    assert_eq!(state_of(&gateway, USER), "reauthentication_needed");
    assert_eq!(road.connections(), tries);
    // The provider has mended it: a person says so.
    dovecot.write_users([(USER, PASSWORD), (CLOCK, PASSWORD)]);
    gateway
        .run(&["mailbox", "reauthenticate", USER, "--stored"])
        .good();
    until_state(&gateway, USER, "active");
}

#[test]
fn a_mailbox_that_moved_to_another_server_brings_nothing_twice_and_loses_nothing() {
    let (old, new, sink) = (Dovecot::start(), Dovecot::start(), Sink::start());
    let gateway = Gateway::start(&[old.authority_pem(), new.authority_pem()]);
    gateway.add(&Mailbox::of(&old, &sink)).good();
    let mut feed = gateway.api().feed();
    for id in ["a", "b"] {
        old.deliver(USER, &mail(id));
    }
    feed.until_routed(2);
    let before = gateway.api().get("/mailboxes/support-example-com");
    // The provider copies everything, and new mail comes to the new place.
    for id in ["c", "a", "b"] {
        new.deliver(USER, &mail(id));
    }
    let server = json!({ "host": "localhost", "port": new.ports.imaps, "security": "tls" });
    let path = "/mailboxes/support-example-com";
    let wrong = json!({ "incoming": { "host": "localhost", "port": 1, "security": "tls" } });
    let refused = gateway.api().ask("PATCH", path, &[], &wrong.to_string());
    assert_eq!(refused.status, 422, "{refused:?}");
    let body = json!({ "incoming": server, "name": "Moved", "slug": "help" });
    let moved = gateway.api().ask("PATCH", path, &[], &body.to_string());
    assert_eq!(moved.status, 200, "{moved:?}");
    let moved = moved.json();
    assert!(text(&moved, "reading").contains("not taken in twice"));
    feed.until_routed(1);
    new.deliver(USER, &mail("d"));
    feed.until_routed(1);
    let mut found = gateway.api().message_ids();
    found.sort();
    assert_eq!(found, ids(&["a", "b", "c", "d"]));
    let after = gateway.api().get("/mailboxes/help");
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["name"], "Moved");
    let old_name = gateway.api().ask("GET", path, &[], "");
    assert_eq!(old_name.status, 404);
}

#[test]
fn another_folder_begins_with_what_comes_and_the_first_goes_on_where_it_stopped() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mailbox = Mailbox {
        history: "nothing",
        ..Mailbox::of(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &mailbox);
    let mut feed = gateway.api().feed();
    dovecot.deliver(USER, &mail("a"));
    feed.until_routed(1);
    dovecot.doveadm(&["mailbox", "create", "-u", USER, "Shop"]);
    dovecot.save(USER, "Shop", &mail("old"));
    let edited = gateway.run(&["mailbox", "edit", USER, "--folder", "Shop"]);
    let edited = edited.good();
    assert!(edited.out.contains("from now on"), "{edited:?}");
    dovecot.deliver(USER, &mail("b"));
    dovecot.save(USER, "Shop", &mail("c"));
    feed.until_routed(1);
    let edited = gateway.run(&["mailbox", "edit", USER, "--folder", "INBOX"]);
    let edited = edited.good();
    assert!(edited.out.contains("where it stopped"), "{edited:?}");
    feed.until_routed(1);
    let mut found = gateway.api().message_ids();
    found.sort();
    assert_eq!(found, ids(&["a", "b", "c"]));
}

#[test]
fn an_export_has_the_exact_bytes_and_a_removal_is_asked_about() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    dovecot.fill(USER, ["a", "b"].map(mail));
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    gateway.api().feed().until_routed(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    gateway.run(&["mailbox", "export", USER, &path]).good();
    let mut mails: Vec<Vec<u8>> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    mails.sort();
    assert_eq!(mails, [mail("a"), mail("b")]);
    let file = folder.path().join("all.mbox");
    let name = file.display().to_string();
    gateway.run(&["mailbox", "export", USER, &name]).good();
    let mbox = fs::read_to_string(&file).unwrap();
    assert_eq!(mbox.matches("\nFrom ").count() + 1, 2, "{mbox}");
    assert!(mbox.contains("\n>From here on it is b."), "{mbox}");
    let again = gateway.run(&["mailbox", "export", USER, &name]);
    again.refused(&["all.mbox"]);
    let served = gateway
        .api()
        .ask("GET", &format!("/mailboxes/{USER}/export"), &[], "");
    assert_eq!(String::from_utf8(served.body).unwrap(), mbox);

    let asked = gateway.run(&["mailbox", "remove", USER]);
    asked.refused(&["2 conversations with 2 mails", "--yes", "export"]);
    let path = format!("/mailboxes/{USER}");
    let asked = gateway.api().ask("DELETE", &path, &[], "");
    assert_eq!(asked.status, 409, "{asked:?}");
    gateway.run(&["mailbox", "remove", USER, "--yes"]).good();
    assert_eq!(gateway.api().conversations().len(), 2);
    assert_eq!(dovecot.count(USER, "INBOX"), 2);

    // Connected again it finds its old conversations, and takes them along when it goes.
    gateway.add(&Mailbox::of(&dovecot, &sink)).good();
    dovecot.deliver(USER, &mail("c"));
    until("the third is here", || {
        (gateway.api().conversations().len() == 3).then_some(())
    });
    let confirmed = format!("{path}?confirm={USER}&with_conversations=true");
    let removed = gateway.api().ask("DELETE", &confirmed, &[], "");
    assert_eq!(removed.status, 204, "{removed:?}");
    // Those that came by the first mailbox are that one's.
    until("its conversation is gone", || {
        (gateway.api().conversations().len() == 2).then_some(())
    });
    assert_eq!(dovecot.count(USER, "INBOX"), 3);
}

#[test]
fn every_command_knows_a_mailbox_by_its_slug_and_says_what_it_is() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let slug = "support-example-com";
    until_state(&gateway, slug, "active");
    let edit = [
        "mailbox",
        "edit",
        slug,
        "--signature",
        "Regards",
        "--check-interval",
        "30",
        "--attempts-max",
        "2",
        "--alias",
        "Sales <sales@example.com>",
    ];
    gateway.run(&edit).good();
    until_state(&gateway, slug, "active");
    let shown = gateway.run(&["mailbox", "show", slug]).good().out;
    for words in [
        "slug       support-example-com",
        "receiving  active",
        "30 s",
        "Sales <sales@",
    ] {
        assert!(shown.contains(words), "no {words} in {shown}");
    }
    let refused = gateway.run(&["mailbox", "edit", slug, "--check-interval", "1"]);
    refused.refused(&["from 5 to 86400"]);
    gateway
        .run(&["mailbox", "edit", slug, "--check-interval", ""])
        .good();
    let mailbox = gateway.api().get(&format!("/mailboxes/{slug}"));
    assert_eq!(mailbox["check_interval_seconds"], json!(null));
    assert_eq!(mailbox["max_reconnect_attempts"], 2);
    assert_eq!(mailbox["signature"], "Regards");
    let null = json!({ "max_reconnect_attempts": null, "rescue_address": "boss@example.org" });
    let path = format!("/mailboxes/{slug}");
    let answer = gateway.api().ask("PATCH", &path, &[], &null.to_string());
    assert_eq!(answer.json()["max_reconnect_attempts"], json!(null));
    assert_eq!(answer.json()["rescue_address"], "boss@example.org");
    gateway.run(&["mailbox", "refresh", slug]).good();
    let nobody = gateway.run(&["mailbox", "refresh", "nobody"]);
    nobody.refused(&["nobody", "mailbox list"]);
}

#[test]
fn a_login_that_a_test_mail_finds_refused_is_news_of_the_mailbox() {
    let dovecot = Dovecot::start();
    let refused = vec![(Stage::Auth, Fault::Reply("535 5.7.8 authentication failed"))];
    let sink = Sink::start_with(None, [Plan::new(), refused]);
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    until_state(&gateway, "support-example-com", "active");
    let tested = gateway.run(&["mailbox", "test", USER]);
    tested.refused(&["5.7.8"]);
    let mailbox = gateway.api().get("/mailboxes/support-example-com");
    assert_eq!(mailbox["sending"]["state"], "reauthentication_needed");
    assert_eq!(mailbox["receiving"]["state"], "active");
}
