//! Every mail has a row that says where it went, and the server's folder is counted
//! against them.

use serde_json::{Value, json};

use crate::peers::api::text;
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;
use crate::peers::until;

fn mail(id: &str, subject: &str) -> Vec<u8> {
    format!(
        "From: Ann <ann@example.net>\r\nTo: {USER}\r\nSubject: {subject}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\r\n{subject}\r\n"
    )
    .into_bytes()
}

fn rows(gateway: &Gateway, id: &str, query: &str) -> Vec<Value> {
    let page = gateway
        .api()
        .get(&format!("/mailboxes/{id}/ledger?{query}"));
    page["items"].as_array().unwrap().clone()
}

#[test]
fn every_mail_has_its_fate_and_is_found_by_its_message_id() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let gateway = Gateway::start(&[dovecot.authority_pem()]);
    let routing = "fn route(mail, ctx) {\n    if mail.subject.contains(\"spam\") {\n        \
                   return ignore(\"bulk\");\n    }\n    inbox()\n}\n";
    gateway.write_script("routing.rhai", routing);
    let mut feed = gateway.api().feed();
    feed.until("the script is in use", |event| {
        (event["type"] == "scripts.changed").then_some(())
    });
    gateway.add(&Mailbox::of(&dovecot, &sink)).good();
    for (id, subject) in [("one", "Where is it"), ("two", "some spam")] {
        dovecot.deliver(USER, &mail(id, subject));
    }
    feed.until_routed(2);
    dovecot.deliver(USER, &mail("one", "Where is it"));
    let list = gateway.api().get("/mailboxes");
    let id = text(&list["items"][0], "id").to_owned();
    let seen = until("three rows are there", || {
        let seen = rows(&gateway, &id, "");
        (seen.len() == 3).then_some(seen)
    });
    let fates: Vec<_> = seen.iter().map(|row| text(row, "fate")).collect();
    assert_eq!(fates, ["duplicate", "ignored", "stored"]);
    let words = text(&seen[0], "words");
    assert_eq!(
        words,
        format!("conversation #1 has it already, by INBOX UID 1 of {USER}")
    );
    assert!(
        text(&seen[1], "words").contains("routing.rhai:3"),
        "{}",
        seen[1]
    );
    assert_eq!(text(&seen[2], "words"), "conversation #1");

    assert_eq!(rows(&gateway, &id, "message_id=two@example.net").len(), 1);
    assert_eq!(rows(&gateway, &id, "message_id=never@example.net").len(), 0);
    assert_eq!(rows(&gateway, &id, "search=WHERE").len(), 2);
    assert_eq!(rows(&gateway, &id, "since=2999-01-01").len(), 0);
    let first = gateway
        .api()
        .get(&format!("/mailboxes/{id}/ledger?limit=2"));
    let next = first["next"].as_u64().unwrap();
    assert_eq!(rows(&gateway, &id, &format!("before={next}")).len(), 1);

    let told = gateway
        .run(&[
            "mailbox",
            "ledger",
            USER,
            "--message-id",
            "<one@example.net>",
        ])
        .good();
    assert_eq!(told.out.matches("INBOX UID").count(), 3, "{}", told.out);
    let count = gateway.run(&["mailbox", "count", USER]).good();
    assert_eq!(count.out.trim(), "INBOX 3 = ledger 3");
}

#[test]
fn what_was_never_wanted_is_counted_apart_and_collected_on_demand() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    for number in 1..=3 {
        dovecot.deliver(USER, &mail(&format!("old{number}"), "old"));
    }
    let mailbox = Mailbox {
        history: "nothing",
        ..Mailbox::of(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &mailbox);
    let mut feed = gateway.api().feed();
    dovecot.deliver(USER, &mail("new", "new"));
    feed.until_routed(1);
    let list = gateway.api().get("/mailboxes");
    let id = text(&list["items"][0], "id").to_owned();
    let count = || {
        let path = format!("/mailboxes/{id}/count");
        let counted = gateway.api().post(&path, &[], &json!({}));
        assert_eq!(counted.status, 200, "{counted:?}");
        counted.json()
    };
    let counted = count();
    assert_eq!(
        text(&counted, "words"),
        "INBOX 1 = ledger 1; 3 older ones were never wanted"
    );

    let collect = |arguments: &[&str]| {
        let command = [
            &["mailbox", "collect", USER, "--since", "2020-01-01"],
            arguments,
        ]
        .concat();
        gateway.run(&command).good().out
    };
    let look = collect(&["--dry-run"]);
    assert!(
        look.starts_with("3 mails since 2020-01-01 are not here"),
        "{look}"
    );
    assert_eq!(count(), counted, "looking changes nothing");
    assert!(collect(&[]).contains("are being collected"));
    feed.until_routed(3);
    let all = gateway.api().all_messages();
    let imported = all.iter().filter(|one| one["imported"] == true).count();
    assert_eq!((all.len(), imported), (4, 3), "{all:?}");
    assert_eq!(text(&count(), "words"), "INBOX 4 = ledger 4");
    assert!(collect(&[]).starts_with("Nothing that came since"));
}
