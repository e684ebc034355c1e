//! compose: replies with files, pictures, aliases and letters of every language, and what is told before they leave.

use serde_json::{Value, json};

use crate::peers::api::{Answer, Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::{Fault, Plan, Received, Sink, Stage};

const ALIAS: &str = "sales@example.com";
/// Sessions of one test, at most.
const SESSIONS: usize = 20;

/// A gateway with one conversation.
struct Desk {
    gateway: Gateway,
    feed: Feed,
    conversation: String,
}

fn question(to: &str, more: &str) -> Vec<u8> {
    format!(
        "From: Ann Smith <ann@example.net>\r\nTo: {to}\r\n{more}Subject: Where is my order?\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <question@example.net>\r\n\r\n\
         It has not arrived.\r\n"
    )
    .into_bytes()
}

impl Desk {
    fn open(dovecot: &Dovecot, sink: &Sink, more: &[&str], mail: &[u8]) -> Self {
        let gateway = Gateway::start(&[dovecot.authority_pem()]);
        let mailbox = Mailbox {
            more: more.iter().map(|one| (*one).to_owned()).collect(),
            ..Mailbox::of(dovecot, sink)
        };
        gateway.add(&mailbox).good();
        dovecot.deliver(USER, mail);
        let mut feed = gateway.api().feed();
        let conversation = feed.until_routed(1).remove(0);
        Self {
            gateway,
            feed,
            conversation,
        }
    }

    fn ask(&self, body: &Value) -> Answer {
        let path = format!("/conversations/{}/replies", self.conversation);
        self.gateway.api().post(&path, &[], body)
    }

    fn plan(&self, body: &Value) -> Value {
        let path = format!("/conversations/{}/replies/plan", self.conversation);
        let answer = self.gateway.api().post(&path, &[], body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    fn upload(&self, name: &str, content_type: &str, bytes: &[u8]) -> String {
        let answer = self.gateway.api().upload(name, content_type, bytes);
        assert_eq!(answer.status, 201, "{answer:?}");
        let upload = answer.json();
        assert_eq!(upload["size"], bytes.len());
        text(&upload, "id").to_owned()
    }

    fn until_state(&mut self, accepted: &Answer, state: &str) -> Value {
        assert_eq!(accepted.status, 201, "{accepted:?}");
        let accepted = accepted.json();
        let id = text(&accepted, "id");
        let api = self.gateway.api().clone();
        self.feed.until(state, |event| {
            (event["outgoing_id"] == id)
                .then(|| api.get(&format!("/outgoing/{id}")))
                .filter(|outgoing| outgoing["state"] == state)
        })
    }
}

fn refused(answer: &Answer, status: u16, words: &[&str]) {
    assert_eq!(answer.status, status, "{answer:?}");
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    for word in words {
        assert!(said.contains(word), "{word} in {said}");
    }
}

fn read(received: &Received) -> mail_parser::Message<'_> {
    mail_parser::MessageParser::default()
        .parse(&received.mail)
        .unwrap()
}

#[test]
fn files_and_a_picture_arrive_as_they_were_and_survive_a_kill_before_the_reply() {
    use mail_parser::MimeHeaders as _;

    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut desk = Desk::open(&dovecot, &sink, &[], &question(USER, ""));
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n / 7 % 251) as u8).collect();
    let file = desk.upload("%E5%8F%91%E7%A5%A8%202026.pdf", "application/pdf", &bytes);
    let picture = desk.upload("logo.png", "image/png", b"\x89PNG not really");
    // Whoever was told an id finds the file there, whatever happens.
    desk.gateway.kill();
    desk.gateway.launch();
    desk.feed = desk.gateway.api().feed();
    let reply = json!({
        "text": "See here: [cid:logo]\nhttps://shop.example/x?a=1&b=2",
        "quote_history": true,
        "attachments": [file, {"upload": picture, "content_id": "logo"}],
    });
    let accepted = desk.ask(&reply);
    let sent = desk.until_state(&accepted, "sent");
    assert_eq!(sent["attachments"].as_array().unwrap().len(), 2);
    let kept = sink.wait_for(1);
    let mail = read(&kept[0]);
    let names: Vec<_> = mail
        .attachments()
        .map(|one| one.attachment_name())
        .collect();
    assert_eq!(names, [Some("logo.png"), Some("发票 2026.pdf")]);
    assert_eq!(mail.attachment(1).unwrap().contents(), bytes);
    let shown = mail.attachment(0).unwrap().content_id().unwrap().to_owned();
    let html = mail.body_html(0).unwrap().into_owned();
    assert!(
        html.contains(&format!("<img src=\"cid:{shown}\"")),
        "{html}"
    );
    assert!(html.contains("<a href=\"https://shop.example/x?a=1&amp;b=2\">"));
    assert!(html.contains("<blockquote") && html.contains("It has not arrived."));
    let plain = mail.body_text(0).unwrap();
    assert!(plain.contains("See here: [logo.png]") && plain.contains("> It has not arrived."));
    // It is used up.
    refused(&desk.ask(&reply), 422, &["no upload"]);
    // A file of a message goes again.
    let messages = desk.gateway.api().messages(&desk.conversation);
    let ours = messages.iter().find(|one| one["direction"] == "outbound");
    let again = json!({
        "text": "Once more.",
        "attachments": [{"message": ours.unwrap()["id"], "place": 1}],
    });
    let accepted = desk.ask(&again);
    desk.until_state(&accepted, "sent");
    let kept = sink.wait_for(2);
    let mail = read(&kept[1]);
    assert_eq!(mail.attachment(0).unwrap().contents(), bytes);
}

#[test]
fn too_much_is_told_before_anything_is_sent() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let desk = Desk::open(&dovecot, &sink, &[], &question(USER, ""));
    let huge = desk
        .gateway
        .api()
        .upload("a.bin", "application/zip", &vec![7; 60 * 1024 * 1024]);
    refused(&huge, 413, &["MiB"]);
    let half = vec![7; 30 * 1024 * 1024];
    let files: Vec<_> = (0..2)
        .map(|n| desk.upload(&format!("{n}.bin"), "application/zip", &half))
        .collect();
    let answer = desk.ask(&json!({"text": "Here.", "attachments": files}));
    refused(&answer, 413, &["61 MB", "50 MB"]);
    assert!(sink.kept().is_empty());
}

#[test]
fn what_the_server_does_not_take_fails_in_words_before_it_is_sent() {
    let dovecot = Dovecot::start();
    let small: Plan = vec![(
        Stage::Ehlo,
        Fault::Reply("250-sink\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN"),
    )];
    let sink = Sink::start_with(None, vec![small; SESSIONS]);
    let mut desk = Desk::open(&dovecot, &sink, &[], &question(USER, ""));
    let file = desk.upload("a.bin", "application/zip", &vec![7; 900_000]);
    let accepted = desk.ask(&json!({"text": "Here.", "attachments": [file]}));
    let failed = desk.until_state(&accepted, "failed");
    assert!(text(&failed, "reason").contains("1000000"), "{failed}");
    assert!(sink.kept().is_empty());
}

#[test]
fn letters_beyond_ascii_leave_only_where_the_server_takes_them() {
    let dovecot = Dovecot::start();
    let takes: Plan = vec![(
        Stage::Ehlo,
        Fault::Reply("250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN"),
    )];
    let able = Sink::start_with(None, vec![takes; SESSIONS]);
    let mut desk = Desk::open(&dovecot, &able, &[], &question(USER, ""));
    let reply = json!({
        "text": "您好",
        "to": [{"name": "张三", "address": "用户@例子.中国"}],
        "cc": [{"address": "ann@bücher.example"}],
    });
    let accepted = desk.ask(&reply);
    desk.until_state(&accepted, "sent");
    let kept = able.wait_for(1);
    assert_eq!(
        kept[0].to,
        ["用户@xn--fsqu00a.xn--fiqs8s", "ann@xn--bcher-kva.example"]
    );
    let header = String::from_utf8_lossy(&kept[0].mail);
    assert!(header.contains("<用户@xn--fsqu00a.xn--fiqs8s>"), "{header}");

    let dovecot = Dovecot::start();
    let unable = Sink::start();
    let mut desk = Desk::open(&dovecot, &unable, &[], &question(USER, ""));
    let accepted = desk.ask(&reply);
    let failed = desk.until_state(&accepted, "failed");
    assert!(text(&failed, "reason").contains("用户@"), "{failed}");
    // A domain alone needs no such server.
    let accepted = desk.ask(&json!({"text": "Hello", "to": [{"address": "ann@bücher.example"}]}));
    desk.until_state(&accepted, "sent");
    assert_eq!(unable.wait_for(1)[0].to, ["ann@xn--bcher-kva.example"]);
}

#[test]
fn the_address_that_was_written_to_answers() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let alias = format!("Sales <{ALIAS}>");
    let mail = question(
        ALIAS,
        "Cc: boss@example.net\r\nReply-To: desk@example.org\r\n",
    );
    let mut desk = Desk::open(&dovecot, &sink, &["--alias", &alias], &mail);
    let plan = desk.plan(&json!({}));
    assert_eq!(plan["from"], json!({"name": "Sales", "address": ALIAS}));
    assert_eq!(plan["senders"].as_array().unwrap().len(), 2);
    assert_eq!(plan["to"], json!([{"address": "desk@example.org"}]));
    assert_eq!(plan["cc"], json!([{"address": "boss@example.net"}]));
    assert_eq!(plan["new"], json!([{"address": "desk@example.org"}]));
    assert_eq!(
        plan["dropped"],
        json!([{"name": "Ann Smith", "address": "ann@example.net"}])
    );
    assert_eq!(plan["reply_to_elsewhere"], plan["to"]);
    let accepted = desk.ask(&json!({"text": "Yes."}));
    desk.until_state(&accepted, "sent");
    let chosen = desk.ask(&json!({"text": "Yes.", "from": USER}));
    desk.until_state(&chosen, "sent");
    let kept = sink.wait_for(2);
    let senders = kept.iter().map(|one| {
        let mail = read(one);
        let from = mail.from().unwrap().first().unwrap();
        (
            from.name().map(str::to_owned),
            from.address().unwrap().to_owned(),
        )
    });
    let senders: Vec<_> = senders.collect();
    assert_eq!(
        senders,
        [
            (Some("Sales".to_owned()), ALIAS.to_owned()),
            (None, USER.to_owned())
        ]
    );
    let other = desk.ask(&json!({"text": "Yes.", "from": "ceo@example.com"}));
    refused(&other, 422, &["ceo@example.com", USER]);
}

#[test]
fn history_is_not_shown_to_somebody_new_unless_it_is_asked_for() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let more = ["--quote-history", "true", "--with-html", "false"];
    let mut desk = Desk::open(&dovecot, &sink, &more, &question(USER, ""));
    let new = json!([{"address": "eve@example.org"}]);
    for body in [
        json!({"text": "1"}),
        json!({"text": "2", "cc": new}),
        json!({"text": "3", "cc": new, "quote_history": true}),
    ] {
        let accepted = desk.ask(&body);
        desk.until_state(&accepted, "sent");
    }
    let quoted: Vec<bool> = sink
        .wait_for(3)
        .iter()
        .map(|one| String::from_utf8_lossy(&one.mail).contains("> It has not arrived."))
        .collect();
    assert_eq!(quoted, [true, false, true]);
}

#[test]
fn a_forwarded_message_brings_its_answer_back_and_makes_nobody_take_part() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut desk = Desk::open(&dovecot, &sink, &[], &question(USER, ""));
    let api = desk.gateway.api().clone();
    let note = api.post(
        &format!("/conversations/{}/notes", desk.conversation),
        &[],
        &json!({"text": "between us"}),
    );
    assert_eq!(note.status, 201, "{note:?}");
    let messages = api.messages(&desk.conversation);
    let question = messages.iter().find(|one| one["direction"] == "inbound");
    let id = text(question.unwrap(), "id").to_owned();
    for attach in ["inline", "original"] {
        let body = json!({
            "to": [{"address": "factory@example.org"}], "text": "Can you help?", "attach": attach,
        });
        let accepted = api.post(&format!("/messages/{id}/forward"), &[], &body);
        let sent = desk.until_state(&accepted, "sent");
        assert_eq!(sent["purpose"], "forward");
    }
    let kept = sink.wait_for(2);
    let mail = read(&kept[0]);
    assert_eq!(mail.subject(), Some("Fwd: Where is my order?"));
    assert!(mail.header("In-Reply-To").is_none());
    let words = mail.body_text(0).unwrap();
    assert!(words.contains("Can you help?") && words.contains("It has not arrived."));
    assert!(
        words.contains("From: Ann Smith <ann@example.net>"),
        "{words}"
    );
    assert!(!String::from_utf8_lossy(&kept[0].mail).contains("between us"));
    let original = read(&kept[1]).attachment(0).unwrap().contents().to_vec();
    assert!(String::from_utf8_lossy(&original).contains("Message-ID: <question@example.net>"));
    // Nobody has answered Ann.
    let conversation = api.get(&format!("/conversations/{}", desk.conversation));
    assert_eq!(conversation["status"], "open");

    let answer = format!(
        "From: factory@example.org\r\nTo: {USER}\r\nSubject: Re: Fwd: Where is my order?\r\n\
         Message-ID: <factory@example.org>\r\nIn-Reply-To: <{}>\r\n\r\nYes, tomorrow.\r\n",
        mail.message_id().unwrap()
    );
    dovecot.deliver(USER, answer.as_bytes());
    assert_eq!(desk.feed.until_routed(1), [desk.conversation.clone()]);
    let messages = api.messages(&desk.conversation);
    let back = messages
        .iter()
        .find(|one| one["message_id"] == "<factory@example.org>");
    assert_eq!(back.unwrap()["new_participant"], true);
    let plan = desk.plan(&json!({}));
    assert_eq!(
        plan["to"],
        json!([{"name": "Ann Smith", "address": "ann@example.net"}])
    );
    assert_eq!(plan["cc"], json!([]));
}

#[test]
fn an_answer_to_a_tagged_address_finds_its_conversation_by_nothing_else() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let more = ["--tagged-reply-to", "true"];
    let mut desk = Desk::open(&dovecot, &sink, &more, &question(USER, ""));
    let accepted = desk.ask(&json!({"text": "Write to me."}));
    desk.until_state(&accepted, "sent");
    let kept = sink.wait_for(1);
    let mail = read(&kept[0]);
    let tagged = mail.reply_to().unwrap().first().unwrap();
    let tagged = tagged.address().unwrap().to_owned();
    assert!(tagged.contains("+p-"), "{tagged}");
    for (from, to, joins) in [
        ("other@example.org", tagged.to_uppercase(), true),
        (
            "third@example.org",
            tagged.replace("+p-a", "+p-b").replace("+p-", "+p-b"),
            false,
        ),
    ] {
        let answer = format!(
            "From: {from}\r\nTo: <{to}>\r\nSubject: something else\r\nMessage-ID: <{from}>\r\n\r\nHi\r\n"
        );
        dovecot.deliver(USER, answer.as_bytes());
        let place = desk.feed.until_routed(1).remove(0);
        assert_eq!(place == desk.conversation, joins, "{to}");
    }
    let messages = desk.gateway.api().messages(&desk.conversation);
    let joined = messages
        .iter()
        .find(|one| one["message_id"] == "<other@example.org>");
    assert_eq!(joined.unwrap()["new_participant"], true);
    // Nor does it become somebody who gets a copy.
    assert_eq!(desk.plan(&json!({}))["cc"], json!([]));
}

#[test]
fn whatever_is_typed_stands_in_its_own_field() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut desk = Desk::open(&dovecot, &sink, &[], &question(USER, ""));
    let many: Vec<_> = (0..2_000)
        .map(|n| json!({"address": format!("a{n}@example.org")}))
        .collect();
    refused(&desk.ask(&json!({"text": "x", "to": many})), 422, &["100"]);
    for wrong in [
        "a@b.example\r\nBcc: x@y.example",
        "a@b.example\n",
        "a\0@b.example",
        "a\u{85}@b.example",
        "a\u{2028}b@c.example",
        "\"a\"@b.example,<c\"@d.example",
        "\"a\r\nb\"@c.example",
        "a b@c.example",
        "nobody",
        "a@lots..example",
        "a@-b.example",
        "<a@b.example>",
        "@b.example",
        "",
    ] {
        for field in ["to", "cc", "bcc"] {
            let answer = desk.ask(&json!({"text": "x", field: [{"address": wrong}]}));
            // What only stands around an address may be left out of it.
            let trimmed = wrong.trim() == "a@b.example" && answer.status == 201;
            assert!(answer.status == 422 || trimmed, "{wrong:?}: {answer:?}");
        }
    }
    let before = sink.wait_for(3).len();
    let mut expected = before;
    for odd in [
        "\r\nBcc: x@y.example",
        "\u{85}",
        "\u{2028}",
        "\0",
        "a\rb\nc",
    ] {
        let file = desk.upload("x", "text/plain\u{20}", b"x");
        let accepted = desk.ask(&json!({
            "text": format!("a{odd}b"),
            "subject": format!("a{odd}b"),
            "to": [{"name": format!("a{odd}b"), "address": "\"odd name\"@example.org"}],
            "attachments": [file],
        }));
        desk.until_state(&accepted, "sent");
        expected += 1;
        let kept = sink.wait_for(expected);
        let last = kept.last().unwrap();
        assert_eq!(last.to, ["\"odd name\"@example.org"], "{odd:?}");
        let mail = read(last);
        assert!(mail.header("Bcc").is_none(), "{odd:?}");
        assert!(mail.subject().unwrap().starts_with('a'));
    }
}

#[test]
fn a_conversation_that_we_begin_takes_in_its_answer() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut desk = Desk::open(&dovecot, &sink, &[], &question(USER, ""));
    let api = desk.gateway.api().clone();
    let body = json!({
        "mailbox": USER, "to": [{"name": "Bob", "address": "bob@example.org"}],
        "subject": "Your order", "text": "It left.",
    });
    let key = [("Idempotency-Key", "begin-1")];
    let accepted = api.post("/conversations", &key, &body);
    let again = api.post("/conversations", &key, &body);
    assert_eq!(again.status, 200, "{again:?}");
    let sent = desk.until_state(&accepted, "sent");
    assert_eq!(sent["purpose"], "opening");
    let place = text(&sent, "conversation_id").to_owned();
    let listed = api.conversations();
    let ours: Vec<_> = listed.iter().filter(|one| one["id"] == place).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!((&ours[0]["status"], listed.len()), (&json!("pending"), 2));
    let kept = sink.wait_for(1);
    let mail = read(&kept[0]);
    assert_eq!(mail.subject(), Some("Your order"));
    let answer = format!(
        "From: bob@example.org\r\nTo: {USER}\r\nSubject: Re: Your order\r\nMessage-ID: <bob@example.org>\r\n\
         In-Reply-To: <{}>\r\n\r\nThanks.\r\n",
        mail.message_id().unwrap()
    );
    dovecot.deliver(USER, answer.as_bytes());
    assert_eq!(desk.feed.until_routed(1).remove(0), place);
    let messages = api.messages(&place);
    let back = messages
        .iter()
        .find(|one| one["message_id"] == "<bob@example.org>");
    assert_eq!(back.unwrap()["new_participant"], false);
}
