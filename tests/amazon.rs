//! amazon: a seller's mailbox, whose notices are told apart and whose answers leave from the registered address only.

use std::fs;

use serde_json::{Value, json};

use crate::peers::api::{Feed, text};
use crate::peers::browser::Browser;
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;
use crate::peers::until;

/// Buyers' messages go there, and Amazon takes answers from nowhere else.
const REGISTERED: &str = "shop@example.com";
const BUYER: &str = include_str!("../plugins/amazon-seller/tests/buyer-com.eml");
const CLAIM: &str = include_str!("../plugins/amazon-seller/tests/claim.eml");
const OWN_ANSWER: &str = include_str!("../plugins/amazon-seller/tests/own-answer.eml");
const BUYER_ADDRESS: &str =
    "k3v9x2m8q1w7z5t+0f8b2c1e-4d3a-4b6c-9e7f-1a2b3c4d5e6f@marketplace.amazon.com";

const ROUTING: &str = r#"fn route(mail, ctx) {
    if mail.fields.kind == "notice" {
        return inbox().tag("notice-" + mail.fields.notice);
    }
    if mail.fields.order_id != "" {
        return inbox().tag("order-" + mail.fields.order_id);
    }
    inbox().tag("plain")
}
"#;

struct Desk {
    dovecot: Dovecot,
    sink: Sink,
    gateway: Gateway,
    feed: Feed,
}

fn seller(dovecot: &Dovecot, sink: &Sink, registered: &str) -> Mailbox {
    let more = [
        "--overlay",
        "amazon-seller",
        "--registered-address",
        registered,
    ];
    Mailbox {
        more: more.map(str::to_owned).into(),
        ..Mailbox::of(dovecot, sink)
    }
}

impl Desk {
    fn open() -> Self {
        let (dovecot, sink) = (Dovecot::start(), Sink::start());
        let gateway = Gateway::start(&[dovecot.authority_pem()]);
        gateway.write_script("routing.rhai", ROUTING);
        gateway.api().feed().until("the script is in use", |event| {
            (event["type"] == "scripts.changed").then_some(())
        });
        gateway.add(&seller(&dovecot, &sink, REGISTERED)).good();
        let feed = gateway.api().feed_from_now();
        Self {
            dovecot,
            sink,
            gateway,
            feed,
        }
    }

    /// A mail comes in; its conversation and its message, once they are routed.
    fn receive(&mut self, mail: &str) -> (Value, Value) {
        let mail = mail
            .replace('\n', "\r\n")
            .replace("help@example.com", REGISTERED);
        self.dovecot.deliver(USER, mail.as_bytes());
        let (conversation, message) = self.feed.until("it is routed", |event| {
            let id = |name| text(event, name).to_owned();
            (event["type"] == "conversation.routed")
                .then(|| (id("conversation_id"), id("message_id")))
        });
        let api = self.gateway.api();
        (
            api.get(&format!("/conversations/{conversation}")),
            api.get(&format!("/messages/{message}")),
        )
    }

    fn reply(&self, conversation: &Value) -> crate::peers::api::Answer {
        let path = format!("/conversations/{}/replies", text(conversation, "id"));
        let body = json!({"text": "It comes tomorrow."});
        self.gateway.api().post(&path, &[], &body)
    }
}

#[test]
fn connecting_asks_for_the_registered_address() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    let with = |more: &[&str]| Mailbox {
        more: more.iter().map(|one| (*one).to_owned()).collect(),
        ..Mailbox::of(&dovecot, &sink)
    };
    let missing = gateway.add(&with(&["--overlay", "amazon-seller"]));
    missing.refused(&["registered in Seller Central"]);
    println!("{}", missing.err.trim_end());
    gateway
        .add(&with(&["--overlay", "qq"]))
        .refused(&["\"qq\" is no overlay", "amazon-seller"]);
    gateway
        .add(&with(&["--preset", "amazon-seller"]))
        .refused(&["amazon-seller", "overlay"]);
    gateway
        .add(&with(&["--registered-address", REGISTERED]))
        .refused(&[REGISTERED, "amazon-seller"]);
    gateway.add(&seller(&dovecot, &sink, REGISTERED)).good();
    let shown = gateway.run(&["mailbox", "show", USER]).good();
    assert!(
        shown.out.contains("overlay  amazon-seller"),
        "{}",
        shown.out
    );
    let registered = format!("registered address  {REGISTERED} (replies to buyers are refused");
    assert!(shown.out.contains(&registered), "{}", shown.out);

    let edit = |change: &[&str]| {
        let arguments = [&["mailbox", "edit", USER], change].concat();
        gateway.run(&arguments)
    };
    edit(&["--registered-address", ""]).refused(&["registered in Seller Central"]);
    edit(&["--registered-address", USER]).good();
    let shown = gateway.run(&["mailbox", "show", USER]).good();
    let registered = format!("registered address  {USER}\n");
    assert!(shown.out.contains(&registered), "{}", shown.out);
    edit(&["--overlay", ""]).good();
    let shown = gateway.run(&["mailbox", "show", USER]).good();
    assert!(!shown.out.contains("registered"), "{}", shown.out);
}

#[test]
fn the_wizard_asks_too_and_the_pages_show_what_was_read() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let gateway = Gateway::start(&[dovecot.authority_pem()]);
    let browser = Browser::sign_in(&gateway);
    let form = browser.get(&format!("/mailboxes/connect/form?address={USER}"));
    for part in [
        "Amazon seller messages",
        "Messaging Permissions",
        "name=\"registered_address\"",
    ] {
        assert!(form.body.contains(part), "no {part} in {form:?}");
    }
    let (incoming, outgoing) = (
        format!("localhost:{}", dovecot.ports.imaps),
        format!("localhost:{}", sink.port),
    );
    let mut fields = vec![
        ("address", USER),
        ("preset", "other"),
        ("password", PASSWORD),
        ("incoming", &incoming),
        ("incoming_security", "tls"),
        ("outgoing", &outgoing),
        ("outgoing_security", "none"),
        ("plain_confirmed", "on"),
        ("history", "all"),
        ("overlay", "amazon-seller"),
    ];
    let refused = browser.post(&form, "/mailboxes/connect", &fields);
    refused.refused(&["asks for it", "registered in Seller Central"]);
    fields.push(("registered_address", REGISTERED));
    let begun = browser.post(&form, "/mailboxes/connect", &fields);
    assert!(
        begun.leads().starts_with("/mailboxes/connect/"),
        "{begun:?}"
    );
    let api = gateway.api();
    let mailbox = until("it is connected", || {
        api.get("/mailboxes")["items"].get(0).cloned()
    });
    assert_eq!(mailbox["overlay"], "amazon-seller");
    assert_eq!(mailbox["registered_address"], REGISTERED);

    dovecot.deliver(USER, CLAIM.replace('\n', "\r\n").as_bytes());
    let conversation = api.feed().until_routed(1).remove(0);
    let list = browser.get("/conversations");
    assert!(list.body.contains(">A-to-z claim</span>"), "{list:?}");
    let page = browser.get(&format!("/conversations/{conversation}"));
    let order = "<dt>Order</dt><dd>702-3333333-4444444</dd>";
    assert!(page.body.contains(order), "{page:?}");
}

#[test]
fn a_buyers_mail_has_its_fields_and_a_notice_is_no_buyer() {
    let mut desk = Desk::open();
    let (conversation, message) = desk.receive(BUYER);
    assert_eq!(
        message["extraction"],
        json!({
            "plugin": "amazon-seller",
            "kind": "buyer_message",
            "notice": null,
            "fields": {
                "order_id": "102-1234567-7654321",
                "marketplace": "amazon.com",
                "buyer_alias": "k3v9x2m8q1w7z5t",
                "buyer_name": "Jane Doe",
            },
        })
    );
    assert_eq!(
        message["kind"], "personal",
        "though it came with an empty return path, as machines send"
    );
    assert_eq!(conversation["newest_mail"], "buyer_message");
    assert_eq!(conversation["tags"], json!(["order-102-1234567-7654321"]));
    let listed = desk.gateway.api().messages(text(&conversation, "id"));
    assert_eq!(listed[0]["extraction"], message["extraction"]);

    // What is done is opened again by its buyer.
    let path = format!("/conversations/{}", text(&conversation, "id"));
    let close = json!({"status": "closed"}).to_string();
    let closed = desk.gateway.api().ask("PATCH", &path, &[], &close);
    assert_eq!(closed.json()["status"], "closed");
    let again = BUYER.replace("<0100019a-1@", "<0100019a-11@").replace(
        "MIME-Version",
        "In-Reply-To: <0100019a-1@email.amazonses.com>\nMIME-Version",
    );
    let (reopened, _) = desk.receive(&again);
    assert_eq!(reopened["id"], conversation["id"]);
    assert_eq!(reopened["status"], "open");

    let (conversation, message) = desk.receive(CLAIM);
    assert_eq!(message["extraction"]["notice"], "a_to_z_claim");
    assert_eq!(message["kind"], "automatic", "nobody answers it by itself");
    assert_eq!(conversation["newest_mail"], "notice");
    assert_eq!(conversation["newest_notice"], "a_to_z_claim");
    assert_eq!(conversation["tags"], json!(["notice-a_to_z_claim"]));
    assert_eq!(conversation["status"], "open", "somebody has to look");

    let (conversation, message) = desk.receive(OWN_ANSWER);
    assert_eq!(message["extraction"]["kind"], "own_answer");
    assert_eq!(conversation["status"], "closed", "nobody waits for us");

    let plain = "From: Ann <ann@example.net>\nTo: support@example.com\nSubject: Hi\n\
                 Message-ID: <plain@example.net>\n\nNot from Amazon.\n";
    let (conversation, message) = desk.receive(plain);
    assert_eq!(message["extraction"]["fields"], json!({}));
    assert_eq!(conversation["newest_mail"], Value::Null);
    assert_eq!(conversation["tags"], json!(["plain"]));
}

#[test]
fn an_answer_leaves_from_the_registered_address_or_not_at_all() {
    let mut desk = Desk::open();
    let (conversation, _) = desk.receive(BUYER);
    let refused = desk.reply(&conversation);
    assert_eq!(refused.status, 409, "{refused:?}");
    let words = text(&refused.json(), "detail").to_owned();
    println!("{words}");
    for part in [BUYER_ADDRESS, REGISTERED, USER, "Messaging Permissions"] {
        assert!(words.contains(part), "no {part} in {words}");
    }
    let id = text(&conversation, "id").to_owned();
    let outgoing = |desk: &Desk| {
        let messages = desk.gateway.api().messages(&id);
        let sent = messages.iter().filter(|one| one["direction"] == "outbound");
        sent.count()
    };
    assert_eq!(outgoing(&desk), 0, "nothing is queued");

    let alias = format!("The Shop <{REGISTERED}>");
    desk.gateway
        .run(&["mailbox", "edit", USER, "--alias", &alias])
        .good();
    let accepted = desk.reply(&conversation);
    assert_eq!(accepted.status, 201, "{accepted:?}");
    let kept = desk.sink.wait_for(1);
    assert_eq!(kept.len(), 1, "the refused one never left");
    assert_eq!(kept[0].to, [BUYER_ADDRESS]);
    let mail = String::from_utf8_lossy(&kept[0].mail).into_owned();
    let from = mail.lines().find(|line| line.starts_with("From:"));
    let from = from.expect("a From field");
    assert!(
        from.contains(REGISTERED) && from.contains("The Shop"),
        "{from}"
    );

    // To anybody else the mailbox writes as who it is.
    let plain = "From: Ann <ann@example.net>\nTo: support@example.com\nSubject: Hi\n\
                 Message-ID: <plain@example.net>\n\nNot from Amazon.\n";
    let (conversation, _) = desk.receive(plain);
    assert_eq!(desk.reply(&conversation).status, 201);
    let mail = String::from_utf8_lossy(&desk.sink.wait_for(2)[1].mail).into_owned();
    let from = mail.lines().find(|line| line.starts_with("From:"));
    assert!(from.is_some_and(|from| from.contains(USER)), "{from:?}");
}

#[test]
fn a_failing_hook_costs_a_mail_its_fields_and_never_the_mail() {
    let desk = Desk::open();
    let ours = "format = 1\nid = \"amazon-ours\"\nextends = \"amazon-seller\"\n\
                replaces = \"amazon-seller\"\nsource = [\"a test\"]\n";
    let hooks = |text: &str| {
        let folder = desk.gateway.folder().join("plugins").join("amazon-ours");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("hooks.rhai"), text).unwrap();
        folder.display().to_string()
    };
    let folder = hooks("fn extract(mail) {\n    mail.subjct\n}\n");
    desk.gateway.write_plugin("amazon-ours", ours);
    let checked = desk.gateway.run(&["plugin", "check", &folder]);
    checked.refused(&["hooks.rhai:2:10:", "did you mean `subject`?"]);

    hooks("fn extract(mail) {\n    loop {}\n}\n");
    desk.gateway.run(&["plugin", "check", &folder]).good();
    let mut desk = restarted(desk);
    let (conversation, message) = desk.receive(BUYER);
    let failure = text(&message["extraction"], "failure");
    assert!(
        failure.contains("hooks.rhai") && failure.contains("too many steps"),
        "{failure}"
    );
    assert_eq!(message["extraction"]["fields"], json!({}));
    assert_eq!(conversation["tags"], json!(["plain"]));
    let path = format!("/messages/{}/decisions", text(&message, "id"));
    let decision = desk.gateway.api().get(&path)["items"][0].clone();
    assert_eq!(decision["outcome"], "decided");
    assert_eq!(decision["warnings"], json!([failure]));
}

/// Plugins are read anew when it starts; no waiting for the watcher of the folder.
fn restarted(mut desk: Desk) -> Desk {
    desk.gateway.stop();
    desk.gateway.launch();
    desk.feed = desk.gateway.api().feed_from_now();
    desk
}
