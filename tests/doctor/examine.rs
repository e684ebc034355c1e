//! The doctor itself: everything is measured on a mailbox that works, and each thing that
//! is broken is found where it is.

use serde_json::Value;

use crate::peers::api::text;
use crate::peers::browser::Browser;
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::{Fault, Plan, Sink, Stage};
use crate::peers::until;

fn mailbox(dovecot: &Dovecot, sink: &Sink) -> Mailbox {
    Mailbox {
        smtp: dovecot.ports.submissions,
        smtp_security: "tls",
        ..Mailbox::of(dovecot, sink)
    }
}

fn begin(gateway: &Gateway) {
    let path = format!("/mailboxes/{USER}/doctor");
    let begun = gateway.api().post(&path, &[], &Value::Null);
    assert_eq!(begun.status, 202, "{begun:?}");
}

/// The examination, when it is over.
fn over(gateway: &Gateway) -> Value {
    let path = format!("/mailboxes/{USER}/doctor");
    until("the examination is over", || {
        let now = gateway.api().get(&path);
        (now["over"] == true).then_some(now)
    })
}

fn verdicts(examination: &Value) -> Vec<(&str, &str)> {
    let findings = examination["findings"].as_array().unwrap();
    let both = |one| (text(one, "check"), text(one, "verdict"));
    findings.iter().map(both).collect()
}

fn words<'a>(examination: &'a Value, check: &str) -> Vec<&'a str> {
    let findings = examination["findings"].as_array().unwrap();
    let of = findings.iter().filter(|one| one["check"] == check);
    of.map(|one| text(one, "words")).collect()
}

#[test]
fn a_mailbox_that_works_is_measured_from_its_name_to_a_mail_to_itself() {
    let sink = Sink::start();
    let dovecot = Dovecot::start_with(&[USER], Some(sink.port));
    let gateway = Gateway::with(&dovecot, &mailbox(&dovecot, &sink));
    let none = gateway
        .api()
        .ask("GET", &format!("/mailboxes/{USER}/doctor"), &[], "");
    assert_eq!(none.status, 404, "nothing was examined yet");
    let browser = Browser::sign_in(&gateway);
    assert!(browser.get("/mailboxes").body.contains("Never tested"));
    begin(&gateway);
    // What it sends is carried back to it, as a provider does: the mail, and the answer.
    for number in 0..2 {
        let kept = sink.wait_for(number + 1);
        dovecot.deliver(USER, &kept[number].mail);
    }
    let examination = over(&gateway);
    assert_eq!(
        verdicts(&examination),
        [
            ("incoming_reach", "fine"),
            ("incoming_tls", "fine"),
            ("login", "fine"),
            ("id", "fine"),
            ("folder", "fine"),
            ("junk", "fine"),
            ("sent", "fine"),
            ("outgoing_reach", "fine"),
            ("outgoing_tls", "fine"),
            ("submission", "fine"),
            ("alias", "fine"),
            ("round_trip", "fine"),
            ("push", "fine"),
            ("sent", "fine"),
        ],
        "{examination:#}"
    );
    assert!(
        words(&examination, "push")[0].contains("IDLE"),
        "{examination:#}"
    );
    // The same is on the page, and stays there.
    assert!(!browser.get("/mailboxes").body.contains("Never tested"));
    let id = gateway.api().get(&format!("/mailboxes/{USER}"));
    let page = browser.get(&format!("/mailboxes/{}/doctor", text(&id, "id")));
    assert!(page.body.contains("told of the mail by itself"), "{page:?}");
    // Whoever comes late reads all of it as a stream.
    let accept = [("Accept", "text/event-stream")];
    let path = format!("/mailboxes/{USER}/doctor");
    let stream = gateway.api().ask("GET", &path, &accept, "");
    let stream = String::from_utf8(stream.body).unwrap();
    assert_eq!(stream.matches("event: finding").count(), 14, "{stream}");
    assert!(stream.contains("event: end"), "{stream}");
}

#[test]
fn what_is_broken_is_found_where_it_is() {
    let no = || {
        vec![(
            Stage::Mail,
            Fault::Reply("550 5.7.1 that is not your address"),
        )]
    };
    // Connected, reached, asked for its senders, and given the test mail.
    let sink = Sink::start_with(None, [Plan::new(), Plan::new(), no(), no()]);
    let dovecot = Dovecot::start();
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let said = gateway.run(&["doctor", USER]);
    said.refused(&["something is wrong with"]);
    assert!(said.out.contains("FAIL address to send from"), "{said:?}");
    assert!(said.out.contains("that is not your address"), "{said:?}");
    assert!(said.out.contains("FAIL round trip"), "{said:?}");
    assert!(
        said.out.contains("note its certificate"),
        "nothing is encrypted: {said:?}"
    );

    dovecot.write_users([(USER, "another")]);
    let said = gateway.run(&["doctor", USER, "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let findings: Vec<Value> = said
        .out
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let login = findings
        .iter()
        .find(|one| one["item"]["check"] == "login")
        .unwrap();
    assert_eq!(login["item"]["verdict"], "wrong", "{login}");
    let last = &findings[findings.len() - 2];
    assert_eq!(
        (&last["item"]["check"], &last["item"]["verdict"]),
        (&"round trip".into(), &"note".into()),
        "{last}"
    );
}
