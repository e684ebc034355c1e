//! scripts: what an administrator edits decides the next mail; a mistake changes nothing but the notice.

use std::fs;

use serde_json::{Value, json};

use crate::peers::api::{Answer, Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;

/// A second mailbox, and its slug.
const SALES: &str = "sales@example.com";
const SALES_SLUG: &str = "sales-example-com";

struct Desk {
    dovecot: Dovecot,
    gateway: Gateway,
    feed: Feed,
    mails: usize,
    sink: Sink,
}

impl Desk {
    fn open() -> Self {
        Self::open_with("")
    }

    /// With further lines in the section of scripts.
    fn open_with(settings: &str) -> Self {
        let (dovecot, sink) = (Dovecot::start_with(&[USER, SALES], None), Sink::start());
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
            sink,
        }
    }

    /// Connects the second mailbox.
    fn connect_sales(&self) {
        let mailbox = Mailbox {
            address: SALES.to_owned(),
            ..Mailbox::of(&self.dovecot, &self.sink)
        };
        self.gateway.add(&mailbox).good();
    }

    /// Saves the script and waits until it was taken or refused; what the API says then.
    fn save(&mut self, routing: &str) -> Value {
        self.gateway.write_script("routing.rhai", routing);
        self.looked_at()
    }

    /// Writes a script by the API, on top of whatever is there.
    fn put(&self, path: &str, body: &Value) -> Answer {
        let (path, any) = (format!("/scripts/{path}"), [("If-Match", "*")]);
        let api = self.gateway.api();
        api.ask("PUT", &path, &any, &body.to_string())
    }

    fn looked_at(&mut self) -> Value {
        self.feed.until("the scripts were looked at", |event| {
            (event["type"] == "scripts.changed").then_some(())
        });
        self.gateway.api().get("/scripts")
    }

    /// A mail comes in; the decision on it, and the tags of its conversation.
    fn decide(&mut self, subject: &str) -> (Value, Vec<String>) {
        self.decide_at(USER, subject)
    }

    fn decide_at(&mut self, user: &str, subject: &str) -> (Value, Vec<String>) {
        self.mails += 1;
        let number = self.mails;
        let mail = format!(
            "From: c{number}@example.net\r\nTo: {user}\r\nSubject: {subject}\r\n\
             Message-ID: <{number}@example.net>\r\n\r\nHello.\r\n"
        );
        self.dovecot.deliver(user, mail.as_bytes());
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
fn a_script_reads_what_is_attached_to_the_mailbox_and_how_the_mail_came() {
    let mut desk = Desk::open();
    let set = |setting: &str| {
        let edit = ["mailbox", "edit", USER, "--setting", setting];
        desk.gateway.run(&edit)
    };
    set("vip_team=Gold").good();
    set("other=x").good();
    set("Vip=x").refused(&["\"Vip\"", "lower-case letters"]);
    let path = format!("/mailboxes/{USER}");
    let change = r#"{"settings": {"other": null, "greeting": "Hello"}}"#;
    let answer = desk.gateway.api().ask("PATCH", &path, &[], change);
    let settings = serde_json::json!({"greeting": "Hello", "vip_team": "Gold"});
    assert_eq!(answer.json()["settings"], settings);
    let shown = desk.gateway.run(&["mailbox", "show", USER]).good().out;
    assert!(shown.contains("vip_team = Gold"), "{shown}");
    desk.save(
        "fn route(mail, ctx) {\n  let c = ctx.conversation;\n  let mailbox = ctx.mailbox;\n  \
         let waits = c.waiting_since != () && c.last_at.unix == c.first_at.unix;\n  \
         inbox().tag(mailbox.settings.vip_team).note(`${mail.envelope_recipient}|${mail.sender}|\
         ${mail.spam}|${mail.dmarc}|${mailbox.slug}|${mailbox.workspace}|${mailbox.state}|\
         ${mailbox.settings.other}|${c.last_direction}|${waits}|${ctx.contact.addresses[0]}`)\n}\n",
    );
    let (decision, tags) = desk.decide("one");
    assert_eq!(tags, ["gold"]);
    // It comes from nobody, so nobody waits.
    let note =
        format!("{USER}||false||support-example-com|default|active||in|false|c1@example.net");
    assert_eq!(decision["note"], note, "{decision}");
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

#[test]
fn a_mailbox_with_scripts_of_its_own_decides_otherwise_than_the_others() {
    let mut desk = Desk::open();
    desk.connect_sales();
    desk.save("fn route(mail, ctx) {\n    inbox().tag(word())\n}\n\nfn word() {\n    \"all\"\n}\n");
    let (_, tags) = desk.decide_at(SALES, "before");
    assert_eq!(tags, ["all"]);

    // Saved by the API, live for the next mail of that mailbox and for no other.
    let path = format!("mailboxes/{SALES_SLUG}/routing.rhai");
    let body = json!({ "text": "fn word() {\n    let word = \"sales\";\n    word\n}\n" });
    let answer = desk.put(&path, &body);
    assert_eq!(answer.status, 200, "{:?}", answer.json());
    let live = desk.looked_at();
    assert_eq!(live["problems"], json!([]));
    let files = live["files"].as_array().unwrap();
    assert!(files.contains(&json!(path)), "{files:?}");
    let (decision, tags) = desk.decide_at(SALES, "ours");
    assert_eq!(tags, ["sales"]);
    let (_, tags) = desk.decide("theirs");
    assert_eq!(tags, ["all"]);

    // The inherited line decided; the version that did shows both files.
    let trace = decision["trace"].as_array().unwrap();
    let place = |step: &Value| format!("{}:{}", text(step, "file"), step["line"]);
    let places: Vec<String> = trace.iter().map(place).collect();
    assert_eq!(places, ["routing.rhai:2", "routing.rhai:2"], "{trace:?}");
    let version = text(&decision, "script_version");
    let kept = desk
        .gateway
        .api()
        .get(&format!("/scripts/versions/{version}"));
    assert_eq!(text(&kept["files"], &path), text(&body, "text"));

    // What fails in the mailbox's file is told of in that file, and costs its mail alone.
    let failing = json!({ "text": "fn word() {\n    throw \"no word\";\n}\n" });
    assert_eq!(desk.put(&path, &failing).status, 200);
    desk.looked_at();
    let (decision, _) = desk.decide_at(SALES, "failing");
    let error = text(&decision, "error");
    assert_eq!(error, format!("{path}:2:5: no word"));
    let (_, tags) = desk.decide("not failing");
    assert_eq!(tags, ["all"]);

    // A candidate for one mailbox changes nothing for the other.
    let own = "fn word() {\n    let word = ctx_free();\n    word\n}\nfn ctx_free() { \"new\" }\n";
    let question = json!({ "files": { &path: own } });
    let rehearsed = desk
        .gateway
        .api()
        .post("/scripts/rehearsals", &[], &question);
    let rehearsed = rehearsed.json();
    let listed = rehearsed["items"].as_array().unwrap();
    assert_eq!(rehearsed["mails"], 5, "{rehearsed}");
    assert_eq!(listed.len(), 3, "{rehearsed}");

    // Wrong ones are refused at their place; of nobody's a word is said, and nothing breaks.
    let wrong = json!({ "text": "fn word() { wrod() }" });
    let refused = desk.put(&path, &wrong);
    assert_eq!(refused.status, 422);
    let detail = refused.json()["detail"].to_string();
    assert!(
        detail.contains(&format!("{path}:1:13: there is no function `wrod`")),
        "{detail}"
    );
    let nobody = json!({ "text": "fn word() { \"nobody\" }" });
    assert_eq!(
        desk.put("mailboxes/nobody/routing.rhai", &nobody).status,
        200
    );
    let live = desk.looked_at();
    let problem = &live["problems"][0];
    assert_eq!(
        text(problem, "text").lines().next(),
        Some("mailboxes/nobody: no mailbox has the slug `nobody`")
    );
    assert_eq!(problem["severity"], "warning");
    let (_, tags) = desk.decide("still all");
    assert_eq!(tags, ["all"]);
}
