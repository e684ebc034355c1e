//! sent: the Sent folder: one copy whatever the provider calls it, evidence, and what people write elsewhere.

use serde_json::{Value, json};

use crate::peers::api::{Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::{Fault, Plan, Sink, Stage};
use crate::peers::until;

const QUESTION_ID: &str = "<question@example.net>";
/// As Outlook answers.
const RENAMED: &str = "250 2.0.0 OK <AM0PR1@am0pr1.eurprd04.prod.outlook.com> [Hostname=AM0PR1]";
const RENAMED_ID: &str = "<AM0PR1@am0pr1.eurprd04.prod.outlook.com>";

/// A gateway with one conversation that waits for an answer.
struct Desk {
    dovecot: Dovecot,
    sink: Sink,
    gateway: Gateway,
    feed: Feed,
    conversation: String,
}

impl Desk {
    fn open(plans: impl IntoIterator<Item = Plan>, more: &[&str]) -> Self {
        let dovecot = Dovecot::start();
        let sink = Sink::start_with(None, plans);
        let gateway = Gateway::start(&[dovecot.authority_pem()]);
        let mailbox = Mailbox {
            more: more.iter().map(|one| (*one).to_owned()).collect(),
            ..Mailbox::of(&dovecot, &sink)
        };
        gateway.add(&mailbox).good();
        let question = format!(
            "From: Ann Smith <ann@example.net>\r\nTo: {USER}\r\nSubject: Where is my order?\r\n\
             Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: {QUESTION_ID}\r\n\r\nIt has not arrived.\r\n"
        );
        dovecot.deliver_from("ann@example.net", USER, question.as_bytes());
        let mut feed = gateway.api().feed();
        let conversation = feed.until_routed(1).remove(0);
        Self {
            dovecot,
            sink,
            gateway,
            feed,
            conversation,
        }
    }

    fn reply(&self, words: &str) -> Value {
        let path = format!("/conversations/{}/replies", self.conversation);
        let answer = self.gateway.api().post(&path, &[], &json!({"text": words}));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    fn until(&mut self, id: &str, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        let gateway = &self.gateway;
        self.feed.until(what, |event| {
            (event["outgoing_id"] == id)
                .then(|| gateway.api().get(&format!("/outgoing/{id}")))
                .filter(&good)
        })
    }

    /// What a provider that writes its own Message-ID files.
    fn copy_of(&self, place: usize, id: &str) -> Vec<u8> {
        let mail = self.sink.wait_for(place + 1)[place].mail.clone();
        let mail = String::from_utf8(mail).unwrap();
        let begin = mail.to_lowercase().find("message-id:").unwrap();
        let end = begin + mail[begin..].find("\r\n").unwrap();
        let folded = mail[end..].starts_with("\r\n ");
        assert!(!folded, "the id stands on one line: {mail}");
        format!("{}Message-ID: {id}{}", &mail[..begin], &mail[end..]).into_bytes()
    }

    fn status(&self) -> Value {
        let path = format!("/conversations/{}", self.conversation);
        self.gateway.api().get(&path)["status"].clone()
    }

    fn ledger(&self) -> String {
        self.gateway.run(&["mailbox", "ledger", USER]).good().out
    }
}

/// The trial when the mailbox is connected is a session of its own.
fn once(fault: Fault) -> [Plan; 2] {
    [Plan::new(), vec![(Stage::EndOfData, fault)]]
}

#[test]
fn an_answer_that_only_knows_the_providers_id_finds_its_conversation() {
    let mut desk = Desk::open(once(Fault::Reply(RENAMED)), &[]);
    let accepted = desk.reply("It left yesterday.");
    let id = text(&accepted, "id").to_owned();
    let sent = desk.until(&id, "it is filed", |one| one["filing"] == "filed");
    assert_eq!(sent["state"], "sent");
    assert_eq!(sent["aliases"], json!([RENAMED_ID]));
    let answer = format!(
        "From: ann@home.example\r\nTo: {USER}\r\nSubject: Thanks\r\nMessage-ID: <answer@home.example>\r\n\
         In-Reply-To: {RENAMED_ID}\r\n\r\nThank you!\r\n"
    );
    desk.dovecot
        .deliver_from("ann@home.example", USER, answer.as_bytes());
    assert_eq!(desk.feed.until_routed(1), [desk.conversation.clone()]);
    assert_eq!(desk.dovecot.sent(USER).len(), 1);
}

#[test]
fn a_copy_under_another_id_settles_what_was_uncertain_and_stays_the_only_one() {
    let mut desk = Desk::open(once(Fault::Cut), &[]);
    let accepted = desk.reply("Perhaps.");
    let id = text(&accepted, "id").to_owned();
    desk.until(&id, "it is uncertain", |one| one["state"] == "uncertain");
    let copy = desk.copy_of(0, "<tencent_0123456789ABCDEF@qq.com>");
    desk.dovecot.save(USER, "Sent", &copy);
    desk.gateway.look(USER);
    let sent = desk.until(&id, "it is sent", |one| one["state"] == "sent");
    assert_eq!(
        sent["aliases"],
        json!(["<tencent_0123456789ABCDEF@qq.com>"])
    );
    assert_eq!(sent["recipients"][0]["state"], "accepted");
    // A restart files nothing more.
    desk.gateway.kill();
    desk.gateway.launch();
    desk.feed = desk.gateway.api().feed();
    let next = desk.reply("And one more.");
    let next = text(&next, "id").to_owned();
    desk.until(&next, "the next is filed", |one| one["filing"] == "filed");
    assert_eq!(desk.dovecot.sent(USER).len(), 2, "one copy of each");
    assert_eq!(desk.sink.kept().len(), 2, "nothing was sent twice");
}

#[test]
fn what_was_written_elsewhere_joins_and_stops_the_clock() {
    let mut desk = Desk::open([], &[]);
    // What stands in Sent from before is nobody's answer.
    desk.gateway.look(USER);
    assert_eq!(desk.status(), "open");
    let elsewhere = format!(
        "From: {USER}\r\nTo: ann@example.net\r\nSubject: Re: Where is my order?\r\n\
         Date: Fri, 20 Nov 2026 11:00:00 +0000\r\nMessage-ID: <phone@example.com>\r\n\
         In-Reply-To: {QUESTION_ID}\r\n\r\nWritten on the phone.\r\n"
    );
    let private = format!(
        "From: {USER}\r\nTo: lunch@example.org\r\nSubject: Lunch\r\nMessage-ID: <lunch@example.com>\r\n\r\nAt noon?\r\n"
    );
    let dragged = "From: boss@example.org\r\nTo: eve@example.org\r\nSubject: Filed by hand\r\n\
                   Message-ID: <dragged@example.org>\r\n\r\nHello.\r\n";
    for mail in [private.as_str(), dragged, elsewhere.as_str()] {
        desk.dovecot.save(USER, "Sent", mail.as_bytes());
    }
    desk.gateway.look(USER);
    let mut received = 0;
    let conversation = desk.conversation.clone();
    desk.feed.until("it has joined", |event| {
        received += usize::from(event["type"] == "message.received");
        (event["type"] == "conversation.changed"
            && event["conversation_id"] == conversation.as_str())
        .then_some(())
    });
    assert_eq!(received, 0, "nobody is told of new mail");
    assert_eq!(desk.status(), "pending");
    let messages = desk.gateway.api().messages(&desk.conversation);
    let found = messages
        .iter()
        .find(|one| one["message_id"] == "<phone@example.com>")
        .unwrap();
    assert_eq!(found["direction"], "outbound");
    assert_eq!(found["written_elsewhere"], true);
    assert_eq!(desk.gateway.api().conversations().len(), 1);
    let ledger = until("all three are on record", || {
        Some(desk.ledger()).filter(|rows| rows.matches("written elsewhere").count() == 2)
    });
    assert!(!ledger.contains("Lunch"), "{ledger}");

    // The answer to it belongs there as well.
    let answer = format!(
        "From: ann@home.example\r\nTo: {USER}\r\nSubject: Ok\r\nMessage-ID: <ok@home.example>\r\n\
         In-Reply-To: <phone@example.com>\r\n\r\nThank you!\r\n"
    );
    desk.dovecot
        .deliver_from("ann@home.example", USER, answer.as_bytes());
    assert_eq!(desk.feed.until_routed(1), [desk.conversation.clone()]);
}

#[test]
fn a_sent_folder_that_is_missing_is_made() {
    let mut desk = Desk::open([], &["--sent-folder", "Outgoing desk"]);
    let accepted = desk.reply("Filed in a new folder.");
    let id = text(&accepted, "id").to_owned();
    desk.until(&id, "it is filed", |one| one["filing"] == "filed");
    assert_eq!(desk.dovecot.count(USER, "Outgoing desk"), 1);
    assert!(desk.dovecot.sent(USER).is_empty());
    let subscribed = desk.dovecot.doveadm(&["mailbox", "list", "-s", "-u", USER]);
    assert!(subscribed.contains("Outgoing desk"), "{subscribed}");
}

#[test]
fn a_full_mailbox_costs_the_copy_and_not_the_mail() {
    let mut desk = Desk::open([], &[]);
    desk.dovecot.stop();
    desk.dovecot.configure(
        "protocol imap {\n  mail_plugins = quota\n}\nplugin {\n  quota = maildir:User quota\n  \
         quota_rule = *:bytes=1\n}\n",
    );
    desk.dovecot.resume();
    let accepted = desk.reply("There is no room.");
    let id = text(&accepted, "id").to_owned();
    let failed = desk.until(&id, "its copy is given up", |one| one["filing"] == "failed");
    assert_eq!(failed["state"], "sent");
    let why = text(&failed, "filing_reason").to_lowercase();
    assert!(why.contains("quota"), "{why}");
    assert_eq!(desk.sink.kept().len(), 1);
    assert!(desk.dovecot.sent(USER).is_empty());
}
