//! A mailbox proves itself by a mail to itself: the test, which is answered, and the
//! canary, which is only counted.

use serde_json::{Value, json};

use crate::peers::api::{Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::{Fault, Plan, Sink, Stage};
use crate::peers::until;

/// The mailbox submits to Dovecot, which hands on to the sink.
fn mailbox(dovecot: &Dovecot, sink: &Sink) -> Mailbox {
    Mailbox {
        smtp: dovecot.ports.submissions,
        smtp_security: "tls",
        ..Mailbox::of(dovecot, sink)
    }
}

fn id_of(gateway: &Gateway) -> String {
    let list = gateway.api().get("/mailboxes");
    text(&list["items"][0], "id").to_owned()
}

/// What the sink has kept from the `from`-th on is delivered, up to `count` mails in all.
fn carry(dovecot: &Dovecot, sink: &Sink, from: usize, count: usize) {
    for number in from..count {
        let kept = sink.wait_for(number + 1);
        dovecot.deliver(USER, &kept[number].mail);
    }
}

fn names(feed: &mut Feed) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let events = feed.read(0);
        if events.is_empty() {
            return names;
        }
        names.extend(events.iter().map(|event| text(event, "type").to_owned()));
    }
}

#[test]
fn a_test_mail_comes_back_is_answered_and_is_no_work_for_anybody() {
    let sink = Sink::start();
    let dovecot = Dovecot::start_with(&[USER], Some(sink.port));
    let gateway = Gateway::with(&dovecot, &mailbox(&dovecot, &sink));
    let id = id_of(&gateway);
    let untested = gateway.run(&["mailbox", "list"]).good();
    assert!(
        untested.out.contains("tested     never"),
        "{}",
        untested.out
    );
    let mut feed = gateway.api().feed_from_now();
    for round in 0..2 {
        let told = std::thread::scope(|scope| {
            // The mail and then its answer, which comes back as well.
            scope.spawn(|| carry(&dovecot, &sink, 2 * round, 2 * round + 2));
            gateway.run(&["mailbox", "test", USER]).good().out
        });
        for step in [
            "ok   sent",
            "ok   received",
            "ok   reply left",
            "receives and sends",
        ] {
            assert!(told.contains(step), "no {step} in {told}");
        }
        println!("{told}");
    }
    let kept = sink.kept();
    assert_eq!(kept.len(), 4);
    for one in &kept {
        assert_eq!(
            (one.from.as_str(), one.to.as_slice()),
            (USER, &[USER.to_owned()][..])
        );
        let mail = String::from_utf8_lossy(&one.mail);
        assert!(mail.contains("Auto-Submitted: auto-"), "{mail}");
    }
    let ledger = until("both answers are recognised", || {
        let page = gateway.api().get(&format!("/mailboxes/{id}/ledger"));
        let rows = page["items"].as_array().unwrap().clone();
        (rows.len() == 4).then_some(rows)
    });
    let fates: Vec<_> = ledger.iter().map(|row| text(row, "fate")).collect();
    assert_eq!(fates, ["own", "stored", "own", "stored"]);

    let all = gateway.api().conversations();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(
        (text(&all[0], "status"), &all[0]["tags"]),
        ("closed", &json!(["test"]))
    );
    let counts = gateway.api().get("/conversations/counts");
    assert_eq!(counts["open"], 0, "{counts}");
    let events = names(&mut feed);
    for never in ["message.received", "conversation.routed"] {
        assert!(!events.iter().any(|name| name == never), "{events:?}");
    }
    let proofs = gateway.api().get(&format!("/mailboxes/{id}/test"));
    assert_eq!(
        (&proofs["tested"], text(&proofs["test"], "state")),
        (&json!(true), "passed")
    );
    let listed = gateway.api().get(&format!("/mailboxes/{id}"));
    assert_eq!(listed["tested"], true);
}

#[test]
fn a_test_mail_that_cannot_leave_says_why() {
    let dovecot = Dovecot::start();
    let refusal = Fault::Reply("554 5.7.1 <b>no</b> mail from here");
    let sink = Sink::start_with(None, [Plan::new(), vec![(Stage::Mail, refusal)]]);
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let told = gateway.run(&["mailbox", "test", USER]);
    told.refused(&[USER, "<b>no</b> mail from here"]);
    let path = format!("/mailboxes/{}/test", id_of(&gateway));
    let proofs = gateway.api().get(&path);
    assert_eq!(
        (&proofs["tested"], text(&proofs["test"], "state")),
        (&json!(false), "failed")
    );
    gateway.run(&["mailbox", "offline", USER]).good();
    let offline = gateway.api().post(&path, &[], &json!({}));
    assert_eq!(offline.status, 409, "{offline:?}");
}

#[test]
fn a_canary_is_measured_and_its_silence_is_told_once() {
    let sink = Sink::start();
    let dovecot = Dovecot::start_with(&[USER], Some(sink.port));
    let gateway = Gateway::with(&dovecot, &mailbox(&dovecot, &sink));
    let id = id_of(&gateway);
    let mut feed = gateway.api().feed();
    let every = |seconds: Value| {
        let path = format!("/mailboxes/{id}/canary");
        let body = json!({ "every_seconds": seconds }).to_string();
        gateway.api().ask("PUT", &path, &[], &body)
    };
    assert_eq!(every(json!(1)).status, 422);
    assert_eq!(every(json!(60)).status, 200);
    let kept = sink.wait_for(1);
    // Nobody delivers it: after half its interval it is late.
    feed.until("its silence is told", |event| {
        (event["type"] == "mailbox.canary_failed").then_some(())
    });
    let canary = || gateway.api().get(&format!("/mailboxes/{id}"))["canary"].clone();
    assert!(
        text(&canary(), "failure").contains("not come back"),
        "{}",
        canary()
    );
    dovecot.deliver(USER, &kept[0].mail);
    feed.until("its return is told", |event| {
        (event["type"] == "mailbox.canary_recovered").then_some(())
    });
    let back = canary();
    assert!(
        back["failure"].is_null() && back["median_ms"].as_u64() >= Some(29_000),
        "{back}"
    );
    assert!(gateway.api().conversations().is_empty());
    let ledger = gateway.api().get(&format!("/mailboxes/{id}/ledger"));
    assert_eq!(ledger["items"][0]["fate"], "canary", "{ledger}");
    gateway.run(&["mailbox", "canary", USER, "--off"]).good();
}
