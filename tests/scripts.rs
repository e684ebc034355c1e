//! scripts: what an administrator edits decides the next mail; a mistake changes nothing but the notice.

use std::fs;

use serde_json::Value;

use crate::peers::api::{Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;

struct Desk {
    dovecot: Dovecot,
    gateway: Gateway,
    feed: Feed,
    mails: usize,
    _sink: Sink,
}

impl Desk {
    fn open() -> Self {
        Self::open_with("")
    }

    /// With further lines in the section of scripts.
    fn open_with(settings: &str) -> Self {
        let (dovecot, sink) = (Dovecot::start(), Sink::start());
        let mut gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
        if !settings.is_empty() {
            assert!(gateway.stop().success());
            let config = fs::read_to_string(gateway.config()).unwrap();
            let section = format!("[scripts]\n{settings}\n");
            let changed = config.replace("[scripts]\n", &section);
            assert_ne!(changed, config);
            fs::write(gateway.config(), changed).unwrap();
            gateway.launch();
        }
        let feed = gateway.api().feed();
        Self {
            dovecot,
            gateway,
            feed,
            mails: 0,
            _sink: sink,
        }
    }

    /// Saves the script and waits until it was taken or refused; what the API says then.
    fn save(&mut self, routing: &str) -> Value {
        self.gateway.write_script("routing.rhai", routing);
        self.feed.until("the scripts were looked at", |event| {
            (event["type"] == "scripts.changed").then_some(())
        });
        self.gateway.api().get("/scripts")
    }

    /// A mail comes in; the decision on it, and the tags of its conversation.
    fn decide(&mut self, subject: &str) -> (Value, Vec<String>) {
        self.mails += 1;
        let number = self.mails;
        let mail = format!(
            "From: c{number}@example.net\r\nTo: {USER}\r\nSubject: {subject}\r\n\
             Message-ID: <{number}@example.net>\r\n\r\nHello.\r\n"
        );
        self.dovecot.deliver(USER, mail.as_bytes());
        let (message, conversation) = self.feed.until("it is routed", |event| {
            let id = |name| text(event, name).to_owned();
            (event["type"] == "conversation.routed")
                .then(|| (id("message_id"), id("conversation_id")))
        });
        let api = self.gateway.api();
        let decisions = api.get(&format!("/messages/{message}/decisions"));
        let found = api.get(&format!("/conversations/{conversation}"));
        let tags = found["tags"].as_array().unwrap().iter();
        let tags = tags.map(|tag| tag.as_str().unwrap().to_owned()).collect();
        (decisions["items"][0].clone(), tags)
    }
}

#[test]
fn an_edit_decides_the_next_mail_and_a_broken_one_changes_nothing() {
    let mut desk = Desk::open();
    let first = desk.save("fn route(mail, ctx) {\n    inbox().tag(\"first\")\n}\n");
    assert_eq!(first["problems"], serde_json::json!([]));
    let (decision, tags) = desk.decide("one");
    assert_eq!(tags, ["first"]);
    assert_eq!(decision["script_version"], first["version"]);

    let broken = desk.save("fn route(mail, ctx) {\n    inbox().tagg(\"second\")\n}\n");
    assert_eq!(
        broken["version"], first["version"],
        "the last good one stays"
    );
    let problem = &broken["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["severity"]),
        (&2.into(), &"error".into())
    );
    assert!(text(problem, "file").ends_with("routing.rhai"), "{problem}");
    let (_, tags) = desk.decide("two");
    assert_eq!(tags, ["first"]);

    let mended = desk.save("fn route(mail, ctx) {\n    inbox().tag(\"second\")\n}\n");
    assert_eq!(mended["problems"], serde_json::json!([]));
    assert_ne!(mended["version"], first["version"]);
    let (_, tags) = desk.decide("three");
    assert_eq!(tags, ["second"]);
}

#[test]
fn the_trace_names_the_lines_that_decided() {
    let mut desk = Desk::open();
    desk.save(
        "fn route(mail, ctx) {\n    if mail.subject.contains(\"invoice\") {\n        \
         return inbox().tag(\"invoice\").priority(\"high\");\n    }\n    inbox()\n}\n",
    );
    let (decision, _) = desk.decide("My invoice");
    assert_eq!(decision["outcome"], "decided");
    assert_eq!(decision["priority"], "high");
    let trace = decision["trace"].as_array().unwrap();
    let lines: Vec<_> = trace
        .iter()
        .map(|step| step["line"].as_u64().unwrap())
        .collect();
    assert!(lines.contains(&2) && lines.contains(&3), "{trace:?}");
    assert!(
        trace
            .iter()
            .all(|step| text(step, "file").ends_with("routing.rhai")),
        "{trace:?}"
    );
    let (decision, _) = desk.decide("Something else");
    let trace = decision["trace"].as_array().unwrap();
    assert!(trace.iter().any(|step| step["line"] == 5), "{trace:?}");
    assert!(trace.iter().all(|step| step["line"] != 3), "{trace:?}");
}

#[test]
fn a_script_that_fails_costs_a_mail_its_decision_and_never_the_mail() {
    let mut desk = Desk::open();
    desk.save("fn route(mail, ctx) {\n    if mail.subject == \"bad\" { throw \"no idea\"; }\n    inbox().tag(\"good\")\n}\n");
    let (decision, tags) = desk.decide("bad");
    assert_eq!(decision["outcome"], "failed");
    let error = text(&decision, "error");
    assert!(
        error.contains("no idea") && error.contains("routing.rhai:2:"),
        "{error}"
    );
    assert!(tags.is_empty(), "{tags:?}");
    let (_, tags) = desk.decide("fine");
    assert_eq!(tags, ["good"]);
}

const FAILS_ON_BOOM: &str = "fn route(mail, ctx) {\n    \
     if mail.subject == \"boom\" { throw \"no idea\"; }\n    inbox().tag(\"new\")\n}\n";

#[test]
fn a_script_that_goes_on_failing_is_shown_until_another_is_live() {
    let mut desk = Desk::open();
    desk.save(FAILS_ON_BOOM);
    for _ in 0..4 {
        assert_eq!(desk.decide("boom").0["outcome"], "failed");
    }
    let api = desk.gateway.api();
    assert_eq!(api.get("/scripts")["failing"], serde_json::json!([]));
    desk.decide("boom");
    let api = desk.gateway.api();
    let failing = api.get("/scripts")["failing"].clone();
    assert_eq!(failing.as_array().unwrap().len(), 1, "{failing}");
    assert_eq!(failing[0]["function"], "route");
    assert_eq!(failing[0]["count"], 5);
    let error = text(&failing[0], "error");
    assert!(error.starts_with("routing.rhai:2:"), "{error}");
    let live = desk.save("fn route(mail, ctx) { inbox() }\n");
    assert_eq!(live["failing"], serde_json::json!([]));
}

#[test]
fn an_older_version_decides_where_that_is_allowed_and_the_assistant_stays_off() {
    let mut desk = Desk::open_with("fall_back = true");
    desk.gateway
        .write_script("ai_gate.rhai", "fn ai_reply(mail, ctx) { send(\"\") }\n");
    desk.feed.until("the gate was read", |event| {
        (event["type"] == "scripts.changed").then_some(())
    });
    let old = desk.save("fn route(mail, ctx) {\n    inbox().tag(\"old\")\n}\n");
    // It has not answered yet, so nothing is known of it.
    let new = desk.save(FAILS_ON_BOOM);
    assert_eq!(desk.decide("boom").0["outcome"], "failed");
    desk.save("fn route(mail, ctx) {\n    inbox().tag(\"old\")\n}\n");
    assert_eq!(desk.decide("fine").1, ["old"]);
    desk.save(FAILS_ON_BOOM);
    let (decision, tags) = desk.decide("boom");
    assert_eq!(tags, ["old"]);
    assert_eq!(decision["outcome"], "decided");
    assert_eq!(decision["script_version"], old["version"]);
    let warning = decision["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("routing.rhai:2:") && warning.contains("older version"),
        "{warning}"
    );
    assert_eq!(decision["assistant"]["gate"], "off", "{decision}");
    assert_eq!(decision["assistant"]["because"], "fell_back", "{decision}");
    let (decision, tags) = desk.decide("fine");
    assert_eq!(tags, ["new"]);
    assert_eq!(decision["script_version"], new["version"]);
    // It comes from nobody, so machines never answer it; that is the reason again.
    assert_eq!(decision["assistant"]["because"], "automatic", "{decision}");
}
