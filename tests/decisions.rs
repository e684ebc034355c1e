//! decisions: what scripts decided is carried out, shown, and found again by the line that did it.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::peers::api::{Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;

/// Automatic mails that one sender may be sent within an hour.
const SENDER_MAX: usize = 3;
const RECEIVED: &str =
    "{subject} [#{number}]\n\nDear {contact.name},\nwe have it.\n{mailbox.name}\n";
const ACKNOWLEDGES: &str = "fn route(mail, ctx) { inbox().acknowledge(\"received\") }\n";

struct Desk {
    dovecot: Dovecot,
    gateway: Gateway,
    feed: Feed,
    mails: usize,
    sink: Sink,
}

impl Desk {
    fn open() -> Self {
        let (dovecot, sink) = (Dovecot::start(), Sink::start());
        let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
        let feed = gateway.api().feed();
        Self {
            dovecot,
            gateway,
            feed,
            mails: 0,
            sink,
        }
    }

    /// Saves a script, which must be right.
    fn save(&mut self, name: &str, source: &str) {
        self.gateway.write_script(name, source);
        self.feed.until("the scripts were looked at", |event| {
            (event["type"] == "scripts.changed").then_some(())
        });
        let scripts = self.gateway.api().get("/scripts");
        assert_eq!(scripts["problems"], serde_json::json!([]));
    }

    /// A mail comes in and is decided on; the ids of mail and conversation.
    fn receive(&mut self, subject: &str) -> (String, String) {
        self.receive_with(subject, "")
    }

    /// The same with further fields in its header.
    fn receive_with(&mut self, subject: &str, fields: &str) -> (String, String) {
        self.mails += 1;
        let number = self.mails;
        let mail = format!(
            "From: c{number}@example.net\r\nTo: {USER}\r\nSubject: {subject}\r\n\
             Message-ID: <{number}@example.net>\r\n{fields}\r\nHello.\r\n"
        );
        let sender = format!("c{number}@example.net");
        self.dovecot.deliver_from(&sender, USER, mail.as_bytes());
        self.feed.until("it is routed", |event| {
            let id = |name| text(event, name).to_owned();
            (event["type"] == "conversation.routed")
                .then(|| (id("message_id"), id("conversation_id")))
        })
    }

    fn decision(&self, message: &str) -> Value {
        self.decisions(message)[0].clone()
    }

    fn decisions(&self, message: &str) -> Vec<Value> {
        let api = self.gateway.api();
        let found = api.get(&format!("/messages/{message}/decisions"));
        found["items"].as_array().unwrap().clone()
    }

    fn reply(&self, conversation: &str, words: &str) -> String {
        let path = format!("/conversations/{conversation}/replies");
        let answer = self.gateway.api().post(&path, &[], &json!({"text": words}));
        assert_eq!(answer.status, 201, "{answer:?}");
        text(&answer.json(), "id").to_owned()
    }

    /// Reads the feed until the reply stands there.
    fn until_state(&mut self, id: &str, state: &str) -> Value {
        let api = self.gateway.api().clone();
        self.feed.until(state, |event| {
            (event["outgoing_id"] == id)
                .then(|| api.get(&format!("/outgoing/{id}")))
                .filter(|outgoing| outgoing["state"] == state)
        })
    }
}

fn warnings(decision: &Value) -> String {
    decision["warnings"].to_string()
}

#[test]
fn a_line_names_the_mails_it_decided_and_the_version_that_did() {
    let mut desk = Desk::open();
    desk.save(
        "routing.rhai",
        "fn route(mail, ctx) {\n    if mail.subject.contains(\"invoice\") {\n        \
         return inbox().tag(\"invoice\");\n    }\n    inbox()\n}\n",
    );
    let (first, _) = desk.receive("My invoice");
    let (other, _) = desk.receive("Hello");
    let (second, conversation) = desk.receive("An invoice again");
    let api = desk.gateway.api();
    let at =
        |line: u32, more: &str| api.get(&format!("/decisions?file=routing.rhai&line={line}{more}"));
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|one| text(one, "message_id").to_owned())
            .collect()
    };
    let builders = at(3, "");
    assert_eq!(ids(&builders), [second.clone(), first.clone()]);
    let newest = &builders["items"][0];
    assert_eq!(newest["conversation_id"], Value::from(conversation));
    assert_eq!(newest["subject"], "An invoice again");
    let version = &api.get("/scripts")["version"];
    assert_eq!(&newest["decision"]["script_version"], version);
    assert_eq!(ids(&at(5, ""))[..], [other.as_str()]);
    assert_eq!(ids(&at(2, "")), [second, other, first], "reads count, too");

    let page = at(2, "&limit=2");
    let next = text(&page, "next");
    assert_eq!(ids(&at(2, &format!("&limit=2&before={next}"))).len(), 1);
    assert_eq!(ids(&at(14, "")), Vec::<String>::new());
    let bad = api.ask("GET", "/decisions?file=routing.rhai&line=x", &[], "");
    assert_eq!(bad.status, 400);
}

#[test]
fn the_gate_is_asked_where_machines_may_answer_and_off_elsewhere() {
    let mut desk = Desk::open();
    desk.save(
        "ai_gate.rhai",
        "fn ai_reply(mail, ctx) {\n    if mail.subject == \"bad\" { throw \"no idea\"; }\n    \
         if mail.language == \"zh\" { return off(\"no Chinese guidance yet\"); }\n    \
         draft(\"refunds\").because(\"a person asks\")\n}\n",
    );
    let (message, _) = desk.receive("Where is my lamp?");
    let assistant = &desk.decision(&message)["assistant"];
    assert_eq!(assistant["gate"], "draft", "{assistant}");
    assert_eq!(assistant["guidance"], "refunds");
    assert_eq!(assistant["because"], "a person asks");
    assert_eq!(assistant["trace"][0]["line"], 2);
    let found = desk
        .gateway
        .api()
        .get("/decisions?file=ai_gate.rhai&line=4");
    assert_eq!(text(&found["items"][0], "message_id"), message);

    let (message, _) = desk.receive("bad");
    let decision = desk.decision(&message);
    assert_eq!(
        decision["outcome"], "decided",
        "the mail is routed all the same"
    );
    assert_eq!(decision["assistant"]["gate"], "off");
    let error = text(&decision["assistant"], "error");
    assert!(
        error.contains("no idea") && error.contains("ai_gate.rhai:2:"),
        "{error}"
    );

    let (message, _) = desk.receive_with("Away", "Auto-Submitted: auto-replied\r\n");
    let assistant = &desk.decision(&message)["assistant"];
    assert_eq!(assistant["gate"], "off");
    assert_eq!(assistant["outcome"], "not_asked");
    assert_eq!(assistant["because"], "automatic");
    assert_eq!(assistant["trace"], json!([]));
}

#[test]
fn a_reply_that_is_held_waits_for_a_person_and_then_leaves_once() {
    let mut desk = Desk::open();
    desk.save(
        "before_send.rhai",
        "fn before_send(reply, ctx) {\n    if reply.text.contains(\"4111\") {\n        \
         return hold(\"a card number\");\n    }\n    \
         if reply.text.contains(\"bad\") { throw \"no idea\"; }\n    allow()\n}\n",
    );
    let (_, conversation) = desk.receive("Payment");
    let card = desk.reply(&conversation, "Your card 4111 1111 is fine.");
    let held = desk.until_state(&card, "held");
    assert_eq!(held["reason"], "a card number");
    let mut steps = held["hold"]["trace"].as_array().unwrap().iter();
    assert!(steps.any(|step| step["line"] == 3), "{held}");
    assert_eq!(
        held["hold"]["script_version"],
        desk.gateway.api().get("/scripts")["version"]
    );
    // It holds nothing else up.
    let fine = desk.reply(&conversation, "All is well.");
    desk.until_state(&fine, "sent");
    assert_eq!(desk.sink.kept().len(), 1);

    let failed = desk.reply(&conversation, "A bad day.");
    let reason = desk.until_state(&failed, "held");
    let reason = text(&reason, "reason");
    assert!(
        reason.contains("no idea") && reason.contains("before_send.rhai:5:"),
        "{reason}"
    );
    let api = desk.gateway.api().clone();
    let post = |path: &str| api.post(path, &[], &json!({}));
    assert_eq!(post(&format!("/outgoing/{failed}/cancel")).status, 200);
    assert_eq!(post(&format!("/outgoing/{failed}/release")).status, 409);

    // The power fails; it is still held, and sent once when a person says so.
    desk.gateway.kill();
    desk.gateway.launch();
    let api = desk.gateway.api().clone();
    desk.feed.api = api.clone();
    let release = format!("/outgoing/{card}/release");
    let released = api.post(&release, &[], &json!({}));
    assert_eq!(released.status, 200, "{released:?}");
    assert_eq!(api.post(&release, &[], &json!({})).status, 409);
    let mut told = 0;
    let sent = desk.feed.until("it is sent", |event| {
        told += usize::from(event["type"] == "outgoing.released");
        (event["outgoing_id"] == card.as_str())
            .then(|| api.get(&format!("/outgoing/{card}")))
            .filter(|outgoing| outgoing["state"] == "sent")
    });
    assert_eq!(told, 1);
    assert!(sent["hold"]["released_at"].is_string(), "{sent}");
    let kept = desk.sink.wait_for(2);
    assert_eq!(kept.len(), 2);
    assert!(String::from_utf8_lossy(&kept[1].mail).contains("4111"));
}

#[test]
fn a_mail_is_acknowledged_once_and_what_machines_write_is_not() {
    let mut desk = Desk::open();
    desk.save("templates/received.txt", RECEIVED);
    desk.save(
        "routing.rhai",
        "fn route(mail, ctx) {\n    if mail.subject == \"typo\" { return inbox().acknowledge(\"re\" + \"cieved\"); }\n    \
         inbox().acknowledge(\"received\")\n}\n",
    );
    let (message, conversation) = desk.receive("My lamp");
    let kept = desk.sink.wait_for(1).remove(0);
    let mail = String::from_utf8_lossy(&kept.mail);
    assert_eq!(kept.to, ["c1@example.net"]);
    for part in [
        "Subject: Re: My lamp [#1]",
        "Auto-Submitted: auto-replied",
        "X-Auto-Response-Suppress: All",
        "In-Reply-To: <1@example.net>",
        "we have it.",
    ] {
        assert!(mail.contains(part), "no {part} in {mail}");
    }
    assert_eq!(warnings(&desk.decision(&message)), "[]");
    let found = desk
        .gateway
        .api()
        .get(&format!("/conversations/{conversation}"));
    assert_eq!(found["status"], "open", "nobody has answered yet");

    for fields in [
        "Auto-Submitted: auto-replied\r\n",
        "List-Id: <news.example.net>\r\n",
        "Precedence: bulk\r\n",
    ] {
        let (message, _) = desk.receive_with("Machine", fields);
        let warnings = warnings(&desk.decision(&message));
        assert!(
            warnings.contains("a machine, a list or a bounce"),
            "{warnings}"
        );
    }
    let (message, _) = desk.receive("typo");
    let warnings = warnings(&desk.decision(&message));
    assert!(warnings.contains("templates/recieved.txt"), "{warnings}");
    assert_eq!(desk.sink.kept().len(), 1);
}

#[test]
fn of_a_hundred_mails_of_one_sender_at_most_the_cap_is_answered() {
    const MAILS: usize = 100;
    let mut desk = Desk::open();
    desk.save("templates/received.txt", RECEIVED);
    desk.save("routing.rhai", ACKNOWLEDGES);
    for number in 0..MAILS {
        let mail = format!(
            "From: Mallory <mallory@example.net>\r\nTo: {USER}\r\nSubject: Nr {number}\r\n\
             Message-ID: <m{number}@example.net>\r\n\r\nHello {number}.\r\n"
        );
        desk.dovecot
            .deliver_from("mallory@example.net", USER, mail.as_bytes());
    }
    let mut messages = HashSet::new();
    desk.feed.until("all are routed", |event| {
        if event["type"] == "conversation.routed" {
            messages.insert(text(event, "message_id").to_owned());
        }
        (messages.len() == MAILS).then_some(())
    });
    let capped = messages
        .iter()
        .filter(|message| warnings(&desk.decision(message)).contains("no automatic mail left"))
        .count();
    let left = MAILS - capped;
    assert!((1..=SENDER_MAX).contains(&left), "{left} left");
    assert_eq!(desk.sink.wait_for(left).len(), left);
}

#[test]
fn a_timer_outlives_the_power_and_acts_once() {
    let mut desk = Desk::open();
    desk.save(
        "timers.rhai",
        "fn on_timer(ctx) {\n    if ctx.conversation.status != \"open\" { return inbox(); }\n    \
         inbox().priority(\"urgent\").tag(\"overdue\")\n}\n",
    );
    desk.save(
        "routing.rhai",
        "fn route(mail, ctx) { inbox().wake_in(\"1m\") }\n",
    );
    let (message, conversation) = desk.receive("Nobody answers");
    assert_eq!(desk.decision(&message)["wake_in"], "1m");
    desk.gateway.kill();
    desk.gateway.launch();
    let api = desk.gateway.api().clone();
    desk.feed.api = api.clone();
    desk.feed.until("the timer has acted", |event| {
        (event["type"] == "conversation.routed").then_some(())
    });
    let decisions = desk.decisions(&message);
    assert_eq!(decisions.len(), 2, "{decisions:?}");
    let timer = &decisions[1];
    assert_eq!(timer["kind"], "timer");
    assert_eq!(timer["priority"], "urgent");
    assert_eq!(timer["trace"][0]["file"], "timers.rhai");
    let found = api.get(&format!("/conversations/{conversation}"));
    assert_eq!(found["priority"], "urgent");
    assert_eq!(found["tags"], json!(["overdue"]));
    // A restart finds nothing left to do.
    desk.gateway.kill();
    desk.gateway.launch();
    desk.feed.api = desk.gateway.api().clone();
    desk.receive("Another");
    assert_eq!(desk.decisions(&message).len(), 2);
}
