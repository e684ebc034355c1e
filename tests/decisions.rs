//! decisions: what scripts decided is carried out, shown, and found again by the line that did it.

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
        let (dovecot, sink) = (Dovecot::start(), Sink::start());
        let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
        let feed = gateway.api().feed();
        Self {
            dovecot,
            gateway,
            feed,
            mails: 0,
            _sink: sink,
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
        self.mails += 1;
        let number = self.mails;
        let mail = format!(
            "From: c{number}@example.net\r\nTo: {USER}\r\nSubject: {subject}\r\n\
             Message-ID: <{number}@example.net>\r\n\r\nHello.\r\n"
        );
        self.dovecot.deliver(USER, mail.as_bytes());
        self.feed.until("it is routed", |event| {
            let id = |name| text(event, name).to_owned();
            (event["type"] == "conversation.routed")
                .then(|| (id("message_id"), id("conversation_id")))
        })
    }

    fn decision(&self, message: &str) -> Value {
        let api = self.gateway.api();
        api.get(&format!("/messages/{message}/decisions"))["items"][0].clone()
    }
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
