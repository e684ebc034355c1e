//! reply: answers leave by a real SMTP peer, are filed in Sent, and are never sent twice.

use serde_json::{Value, json};

use crate::peers::api::{Feed, text};
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::proxy::Proxy;
use crate::peers::smtp::{Fault, Plan, Sink, Stage};
use crate::peers::until;

/// What stands under every reply in these tests.
const SIGNATURE: &str = "fn signature(ctx) { \"Signed by a script for \" + ctx.mailbox.name }\n";
const QUESTION_ID: &str = "<question@example.net>";

fn question() -> Vec<u8> {
    format!(
        "From: Ann Smith <ann@example.net>\r\nTo: {USER}\r\nSubject: Where is my order?\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: {QUESTION_ID}\r\n\
         References: <earlier@example.net>\r\n\r\nIt has not arrived.\r\n"
    )
    .into_bytes()
}

/// A gateway with one conversation to answer.
struct Desk {
    gateway: Gateway,
    feed: Feed,
    conversation: String,
}

impl Desk {
    fn open(dovecot: &Dovecot, mailbox: &Mailbox) -> Self {
        let gateway = Gateway::start(&[dovecot.authority_pem()]);
        gateway.write_script("signature.rhai", SIGNATURE);
        gateway.api().feed().until("the script is in use", |event| {
            (event["type"] == "scripts.changed").then_some(())
        });
        gateway.add(mailbox).good();
        dovecot.deliver(USER, &question());
        let mut feed = gateway.api().feed();
        let conversation = feed.until_routed(1).remove(0);
        Self {
            gateway,
            feed,
            conversation,
        }
    }

    fn reply(&self, body: &Value) -> Value {
        let path = format!("/conversations/{}/replies", self.conversation);
        let answer = self.gateway.api().post(&path, &[], body);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    fn outgoing(&self, id: &str) -> Value {
        self.gateway.api().get(&format!("/outgoing/{id}"))
    }

    /// Reads the feed until the reply answers the question.
    fn until(&mut self, id: &str, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        let gateway = &self.gateway;
        self.feed.until(what, |event| {
            (event["outgoing_id"] == id)
                .then(|| gateway.api().get(&format!("/outgoing/{id}")))
                .filter(&good)
        })
    }

    fn until_state(&mut self, id: &str, state: &str) -> Value {
        self.until(id, state, |outgoing| outgoing["state"] == state)
    }

    fn until_filed(&mut self, id: &str) -> Value {
        self.until(id, "it is filed", |outgoing| outgoing["filing"] == "filed")
    }

    fn restart(&mut self) {
        self.gateway.launch();
        self.feed = self.gateway.api().feed();
    }

    /// Another reply goes the same way, after everything before it: one mailbox's
    /// replies leave one after the other.
    fn flush(&mut self) {
        let sent = self.reply(&json!({"text": "One more thing."}));
        self.until_state(text(&sent, "id"), "sent");
    }
}

/// The trial when the mailbox is connected is a session of its own.
fn sink_with(fault: (Stage, Fault)) -> Sink {
    Sink::start_with(None, [Plan::new(), vec![fault]])
}

/// The unfolded value of a header field.
fn field(mail: &[u8], name: &str) -> String {
    let mail = String::from_utf8_lossy(mail)
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    let head = mail.split("\r\n\r\n").next().unwrap();
    let found = head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    });
    found.unwrap_or_default()
}

#[test]
fn a_reply_reaches_the_customer_is_filed_once_and_its_answer_comes_back() {
    let sink = Sink::start();
    // Dovecot judges how we submit, and hands on to the sink.
    let dovecot = Dovecot::start_with(&[USER], Some(sink.port));
    let mailbox = Mailbox {
        smtp: dovecot.ports.submissions,
        smtp_security: "tls",
        ..Mailbox::of(&dovecot, &sink)
    };
    let mut desk = Desk::open(&dovecot, &mailbox);
    let accepted = desk.reply(&json!({"text": "It left yesterday.", "quote_history": true}));
    let id = text(&accepted, "id").to_owned();
    let filed = desk.until_filed(&id);
    assert_eq!(filed["state"], "sent");

    let kept = sink.wait_for(1);
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].from.as_str(), kept[0].to.as_slice()),
        (USER, &["ann@example.net".to_owned()][..])
    );
    let mail = &kept[0].mail;
    let message_id = field(mail, "Message-ID");
    assert_eq!(message_id, text(&accepted, "message_id"));
    assert!(message_id.ends_with("@example.com>"), "{message_id}");
    assert_eq!(field(mail, "In-Reply-To"), QUESTION_ID);
    assert_eq!(
        field(mail, "References"),
        format!("<earlier@example.net> {QUESTION_ID}")
    );
    assert_eq!(field(mail, "Subject"), "Re: Where is my order?");
    let body = String::from_utf8_lossy(mail).replace("=20\r\n", " \r\n");
    let signed = format!("It left yesterday.\r\n\r\n-- \r\nSigned by a script for {USER}");
    assert!(body.contains(&signed), "{body}");
    assert!(body.contains("> It has not arrived."), "{body}");

    let sent = dovecot.sent(USER);
    assert_eq!(sent.len(), 1);
    assert_eq!(field(&sent[0], "Message-ID"), message_id);

    // Ann answers from another address: the token in the Message-ID finds the place,
    // and that somebody new writes is shown.
    let answer = format!(
        "From: ann@home.example\r\nTo: {USER}\r\nSubject: Thanks\r\nMessage-ID: <answer@home.example>\r\n\
         In-Reply-To: {message_id}\r\n\r\nThank you!\r\n"
    );
    dovecot.deliver(USER, answer.as_bytes());
    assert_eq!(desk.feed.until_routed(1), [desk.conversation.clone()]);
    let messages = desk.gateway.api().messages(&desk.conversation);
    let directions: Vec<_> = messages.iter().map(|one| text(one, "direction")).collect();
    assert_eq!(directions.len(), 3, "{directions:?}");
    let last = messages
        .iter()
        .find(|one| one["message_id"] == "<answer@home.example>")
        .unwrap();
    assert_eq!(last["new_participant"], true);
}

#[test]
fn one_idempotency_key_is_one_mail() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut desk = Desk::open(&dovecot, &Mailbox::of(&dovecot, &sink));
    let path = format!("/conversations/{}/replies", desk.conversation);
    let key = [("Idempotency-Key", "click-1")];
    let body = json!({"text": "Once."});
    let post = |body: &Value| desk.gateway.api().post(&path, &key, body);
    let (first, second) = (post(&body), post(&body));
    assert_eq!((first.status, second.status), (201, 200));
    let id = text(&first.json(), "id").to_owned();
    assert_eq!(text(&second.json(), "id"), id);
    let other = post(&json!({"text": "Something else."}));
    assert_eq!(other.status, 409, "{other:?}");

    desk.until_state(&id, "sent");
    // Also after a restart the key is known.
    desk.gateway.kill();
    desk.restart();
    let third = desk.gateway.api().post(&path, &key, &body);
    assert_eq!(text(&third.json(), "id"), id);
    desk.flush();
    assert_eq!(
        sink.kept().len(),
        2,
        "the one reply and the one that flushes"
    );
}

#[test]
fn a_connection_lost_after_the_end_of_data_is_uncertain_and_never_repeated() {
    let dovecot = Dovecot::start();
    let sink = sink_with((Stage::EndOfData, Fault::Cut));
    let mut desk = Desk::open(&dovecot, &Mailbox::of(&dovecot, &sink));
    let accepted = desk.reply(&json!({"text": "Perhaps."}));
    let id = text(&accepted, "id");
    let uncertain = desk.until_state(id, "uncertain");
    assert!(!text(&uncertain, "reason").is_empty());
    assert_eq!(uncertain["recipients"][0]["state"], "uncertain");
    desk.flush();

    desk.gateway.kill();
    desk.restart();
    desk.flush();
    assert_eq!(desk.outgoing(id)["state"], "uncertain");
    let ids: Vec<_> = sink
        .kept()
        .iter()
        .map(|one| field(&one.mail, "Message-ID"))
        .collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert_eq!(
        ids.iter()
            .filter(|one| *one == text(&accepted, "message_id"))
            .count(),
        1
    );
}

#[test]
fn a_connection_lost_before_the_data_is_tried_again_and_delivered_once() {
    let dovecot = Dovecot::start();
    let sink = sink_with((Stage::Data, Fault::Cut));
    let mut desk = Desk::open(&dovecot, &Mailbox::of(&dovecot, &sink));
    let accepted = desk.reply(&json!({"text": "At the second try."}));
    let id = text(&accepted, "id");
    let deferred = desk.until_state(id, "deferred");
    assert!(deferred["until"].is_string(), "{deferred}");
    assert!(sink.kept().is_empty());
    let sent = desk.until_state(id, "sent");
    assert_eq!(sent["attempts"], 2);
    let kept = sink.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        field(&kept[0].mail, "Message-ID"),
        text(&accepted, "message_id")
    );
}

#[test]
fn a_new_login_lets_go_at_once_what_waited_for_it() {
    let dovecot = Dovecot::start();
    let refused = vec![(Stage::Auth, Fault::Reply("535 5.7.8 authentication failed"))];
    let sink = Sink::start_with(None, [Plan::new(), refused]);
    let mut desk = Desk::open(&dovecot, &Mailbox::of(&dovecot, &sink));
    let first = desk.reply(&json!({"text": "The first."}));
    let mailbox = || {
        let mailboxes = desk.gateway.api().get("/mailboxes");
        mailboxes["items"][0]["sending"]["state"].clone()
    };
    until("sending waits for a person", || {
        (mailbox() == "reauthentication_needed").then_some(())
    });
    let second = desk.reply(&json!({"text": "The second."}));
    desk.gateway
        .give_password("reauthenticate", USER, PASSWORD)
        .good();
    for reply in [&first, &second] {
        desk.until_state(text(reply, "id"), "sent");
    }
    let kept = sink.kept();
    let order: Vec<bool> = kept
        .iter()
        .map(|mail| String::from_utf8_lossy(&mail.mail).contains("The first."))
        .collect();
    assert_eq!(order, [true, false], "in the order they were written");
}

#[test]
fn a_refusal_for_good_fails_with_the_servers_words() {
    for stage in [Stage::Mail, Stage::Rcpt(0), Stage::Data, Stage::EndOfData] {
        let dovecot = Dovecot::start();
        let sink = sink_with((stage, Fault::Reply("554 5.7.1 we do not like it")));
        let mut desk = Desk::open(&dovecot, &Mailbox::of(&dovecot, &sink));
        let accepted = desk.reply(&json!({"text": "Refused."}));
        let failed = desk.until_state(text(&accepted, "id"), "failed");
        let reason = text(&failed, "reason");
        assert!(reason.contains("we do not like it"), "{stage:?}: {reason}");
        desk.flush();
        assert_eq!(sink.kept().len(), 1, "{stage:?}: only the one that flushes");
    }
}

#[test]
fn a_refused_recipient_does_not_hold_up_the_others() {
    let dovecot = Dovecot::start();
    let sink = sink_with((Stage::Rcpt(1), Fault::Reply("550 5.1.1 no such person")));
    let mut desk = Desk::open(&dovecot, &Mailbox::of(&dovecot, &sink));
    let to = json!([{"address": "ann@example.net"}, {"address": "gone@example.net"}]);
    let accepted = desk.reply(&json!({"text": "To both.", "to": to}));
    let sent = desk.until_state(text(&accepted, "id"), "sent");
    let result = |place: usize| {
        let one = &sent["recipients"][place];
        (
            text(one, "address").to_owned(),
            text(one, "state").to_owned(),
        )
    };
    assert_eq!(result(0), ("ann@example.net".into(), "accepted".into()));
    assert_eq!(result(1), ("gone@example.net".into(), "refused".into()));
    assert!(text(&sent["recipients"][1], "text").contains("no such person"));
    assert_eq!(sink.wait_for(1)[0].to, ["ann@example.net"]);
}

#[test]
fn killed_between_sending_and_its_record_it_is_uncertain() {
    let dovecot = Dovecot::start();
    // The sink keeps the mail and says nothing, so the record cannot be written.
    let sink = sink_with((Stage::EndOfData, Fault::Silence));
    let mut desk = Desk::open(&dovecot, &Mailbox::of(&dovecot, &sink));
    let accepted = desk.reply(&json!({"text": "In the middle."}));
    sink.wait_for(1);
    desk.gateway.kill();
    desk.restart();
    let uncertain = desk.until_state(text(&accepted, "id"), "uncertain");
    assert!(
        text(&uncertain, "reason").contains("stopped"),
        "{uncertain}"
    );
    desk.flush();
    assert_eq!(
        sink.kept().len(),
        2,
        "the one that was under way, and the one that flushes"
    );
}

#[test]
fn killed_between_append_and_its_record_there_is_one_copy_in_sent() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let road = Proxy::to(dovecot.ports.imap);
    let mailbox = Mailbox {
        imap: road.port,
        imap_security: "none",
        ..Mailbox::of(&dovecot, &sink)
    };
    let mut desk = Desk::open(&dovecot, &mailbox);
    road.mute_at(b" APPEND ");
    let accepted = desk.reply(&json!({"text": "Filed once."}));
    until("the copy lies in Sent", || {
        (dovecot.sent(USER).len() == 1).then_some(())
    });
    desk.gateway.kill();
    road.restore();
    desk.restart();
    let id = text(&accepted, "id").to_owned();
    assert_ne!(desk.outgoing(&id)["state"], "sending");
    desk.until_filed(&id);
    assert_eq!(dovecot.sent(USER).len(), 1);
    assert_eq!(sink.kept().len(), 1);
}
