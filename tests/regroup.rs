//! regroup: conversations merged, split and put back, and what a new mail joins, while mail and replies go on.

use serde_json::{Value, json};

use crate::peers::api::{Answer, Api, text};
use crate::peers::browser::Browser;
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;

fn mail(from: &str, subject: &str, id: &str, answers: &str) -> Vec<u8> {
    let thread = match answers {
        "" => String::new(),
        id => format!("In-Reply-To: {id}\r\n"),
    };
    format!(
        "From: {from}\r\nTo: {USER}\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\n\
         Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n{thread}\r\nAbout {subject}.\r\n"
    )
    .into_bytes()
}

fn act(api: &Api, path: &str, body: &Value) -> Answer {
    api.post(path, &[], body)
}

/// Subjects of its messages, in order.
fn subjects(api: &Api, conversation: &str) -> Vec<String> {
    let messages = api.messages(conversation);
    messages
        .iter()
        .map(|one| text(one, "subject").to_owned())
        .collect()
}

#[test]
fn what_was_merged_is_answered_in_its_new_place_and_goes_back() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let api = gateway.api();
    let mut feed = api.feed();
    dovecot.deliver(USER, &mail("ann@example.net", "Lamp", "1@x", ""));
    let into = feed.until_routed(1).remove(0);
    dovecot.deliver(USER, &mail("bob@example.org", "Invoice", "2@x", ""));
    let from = feed.until_routed(1).remove(0);
    let sent = act(
        api,
        &format!("/conversations/{from}/replies"),
        &json!({"text": "One moment."}),
    );
    let sent = sent.json();
    let sent_id = text(&sent, "message_id");
    sink.wait_for(1);

    let merge = format!("/conversations/{into}/merge");
    let merged = act(api, &merge, &json!({ "conversation": from }));
    assert_eq!(merged.status, 200, "{merged:?}");
    let merged = merged.json();
    assert_eq!(merged["message_count"], 2);
    let event = feed.until("the merge is told", |event| {
        (event["type"] == "conversation.merged").then(|| event.clone())
    });
    let told = (
        text(&event, "conversation_id"),
        text(&event, "other_conversation_id"),
    );
    assert_eq!(told, (into.as_str(), from.as_str()));
    let list = api.conversations();
    assert_eq!(list.len(), 1);
    assert_eq!(
        api.get(&format!("/conversations/{from}"))["merged_into"],
        *into
    );
    assert_eq!(subjects(api, &into), ["Lamp", "Invoice", "Re: Invoice"]);

    // Bob answers our reply, whose token names the conversation that went away.
    dovecot.deliver(
        USER,
        &mail("bob@example.org", "Re: Invoice", "3@x", sent_id),
    );
    assert_eq!(feed.until_routed(1), std::slice::from_ref(&into));
    // Somebody had the other page open and answers there.
    let late = act(
        api,
        &format!("/conversations/{from}/replies"),
        &json!({"text": "Here it is."}),
    );
    assert_eq!(late.json()["conversation_id"], *into);
    let kept = sink.wait_for(2);
    assert_eq!(kept[1].to, ["bob@example.org"]);

    let undo = format!("/regroupings/{}/undo", text(&merged, "id"));
    let undone = act(api, &undo, &json!({}));
    assert_eq!(undone.status, 200, "{undone:?}");
    assert_eq!(subjects(api, &from), ["Invoice", "Re: Invoice"]);
    assert_eq!(act(api, &undo, &json!({})).status, 409);
    // What came meanwhile stays; the next answer to what went back goes there.
    assert_eq!(subjects(api, &into).len(), 3);
    dovecot.deliver(
        USER,
        &mail("bob@example.org", "Re: Invoice", "4@x", sent_id),
    );
    assert_eq!(feed.until_routed(1), [from]);
}

#[test]
fn what_was_split_off_has_a_number_and_its_answers() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let api = gateway.api();
    let mut feed = api.feed();
    dovecot.deliver(USER, &mail("ann@example.net", "Lamp", "1@x", ""));
    let from = feed.until_routed(1).remove(0);
    dovecot.deliver(USER, &mail("ann@example.net", "A refund", "2@x", "<1@x>"));
    feed.until_routed(1);
    // On the page somebody types numbers, perhaps wrong ones.
    let desk = Browser::sign_in(&gateway);
    let page = desk.get(&format!("/conversations/{from}"));
    let typed = |number| {
        let path = format!("/conversations/{from}/merge");
        desk.post(&page, &path, &[("number", number)])
    };
    typed("99").refused(&["here is no such conversation"]);
    typed("#1").refused(&["cannot be merged into itself"]);

    let messages = api.messages(&from);
    let second = text(&messages[1], "id");
    let path = format!("/conversations/{from}/split");
    let split = act(api, &path, &json!({ "messages": [second] }));
    assert_eq!(split.status, 201, "{split:?}");
    let into = text(&split.json()["into"], "id").to_owned();
    let new = api.get(&format!("/conversations/{into}"));
    assert_eq!(
        (&new["subject"], &new["number"]),
        (&json!("A refund"), &json!(2))
    );
    let nothing_left = act(
        api,
        &path,
        &json!({ "messages": [text(&messages[0], "id")] }),
    );
    assert_eq!(nothing_left.status, 409, "{nothing_left:?}");
    let foreign = act(api, &path, &json!({ "messages": [second] }));
    assert_eq!(foreign.status, 409, "{foreign:?}");

    gateway.kill();
    gateway.launch();
    let api = gateway.api();
    let mut feed = api.feed_from_now();
    dovecot.deliver(
        USER,
        &mail("ann@example.net", "Re: A refund", "3@x", "<2@x>"),
    );
    dovecot.deliver(USER, &mail("ann@example.net", "Re: Lamp", "4@x", "<1@x>"));
    let mut places = feed.until_routed(2);
    let mut expected = vec![into.clone(), from.clone()];
    places.sort();
    expected.sort();
    assert_eq!(places, expected);

    let acts = api.get(&format!("/conversations/{into}/regroupings"));
    let undo = format!("/regroupings/{}/undo", text(&acts["items"][0], "id"));
    assert_eq!(act(api, &undo, &json!({})).status, 200);
    assert_eq!(subjects(api, &from).len(), 4);
}

fn change(api: &Api, path: &str, body: &Value) -> Answer {
    api.ask("PATCH", path, &[], &body.to_string())
}

#[test]
fn a_mailbox_says_when_somebody_who_wrote_before_begins_a_conversation() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let separate = Mailbox {
        more: vec!["--reopen".to_owned(), "thread_only".to_owned()],
        ..Mailbox::of(&dovecot, &sink)
    };
    let gateway = Gateway::with(&dovecot, &separate);
    let api = gateway.api();
    let mut feed = api.feed();
    let mut comes = |subject: &str, id: &str| {
        // With the sender of a person: a machine's mail joins nothing by its contact alone.
        let ann = "ann@example.net";
        dovecot.deliver_from(ann, USER, &mail(ann, subject, id, ""));
        feed.until_routed(1).remove(0)
    };
    let lamp = comes("Lamp", "1@x");
    let refund = comes("A refund", "2@x");
    assert_ne!(lamp, refund);
    assert_eq!(comes("Lamp", "3@x"), lamp);
    let shown = gateway.run(&["mailbox", "show", USER]).good().out;
    let words = "thread_only (a new mail begins its own); the same subject joins within 14 days";
    assert!(shown.contains(words), "{shown}");

    // Without the subject's window the same subject is another matter.
    let edit = ["mailbox", "edit", USER, "--same-subject-days"];
    let set_to = |days| gateway.run(&[&edit[..], &[days]].concat());
    set_to("366").refused(&["from 0 to 365"]);
    set_to("0").good();
    let again = comes("Lamp", "4@x");
    assert!(![&lamp, &refund].contains(&&again), "{again}");

    // One for each contact: whatever it is about, and closed or not. Its name stays.
    let mailbox = api.get("/mailboxes")["items"][0].clone();
    let path = format!("/mailboxes/{}", text(&mailbox, "id"));
    let one = json!({"threading": {"reopen": "one_per_contact"}});
    let changed = change(api, &path, &one).json();
    let expected = json!({"reopen": "one_per_contact", "reopen_days": 30, "same_subject_days": 0});
    assert_eq!(changed["threading"], expected);
    let conversation = format!("/conversations/{again}");
    let closed = change(api, &conversation, &json!({"status": "closed"}));
    assert_eq!(closed.json()["status"], "closed");
    assert_eq!(comes("Something else", "5@x"), again);
    let reopened = api.get(&conversation);
    assert_eq!(reopened["status"], "open");
    assert_eq!(reopened["subject"], "Lamp");
    assert_eq!(subjects(api, &again), ["Lamp", "Something else"]);
    assert_eq!(api.conversations().len(), 3);
}

#[test]
fn when_a_conversation_goes_on_is_set_at_every_door_within_bounds() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let api = gateway.api();
    let mailbox = api.get("/mailboxes")["items"][0].clone();
    let usual = json!({"reopen": "recent", "reopen_days": 30, "same_subject_days": 14});
    assert_eq!(mailbox["threading"], usual);
    let path = format!("/mailboxes/{}", text(&mailbox, "id"));
    let wrong = [
        (json!({"reopen": "always"}), ["`reopen`", "one_per_contact"]),
        (
            json!({"reopen_days": 0}),
            ["`reopen_days`", "from 1 to 3650"],
        ),
        (
            json!({"same_subject_days": -1}),
            ["`same_subject_days`", "from 0 to 365"],
        ),
    ];
    for (threading, words) in wrong {
        let (server, new) = (json!({"host": "localhost"}), "else@example.com");
        let new = json!({
            "address": new, "password": "x", "incoming": server, "outgoing": server,
            "threading": threading,
        });
        let refused = [
            change(api, &path, &json!({ "threading": threading })),
            act(api, "/mailboxes/probes", &new),
        ];
        for answer in refused {
            assert_eq!(answer.status, 422, "{answer:?}");
            let said = answer.json().to_string();
            assert!(words.iter().all(|one| said.contains(one)), "{said}");
        }
    }

    let desk = Browser::sign_in(&gateway);
    let form = format!("{path}/edit");
    let page = desk.get(&form);
    let value = |page: &str, name: &str| {
        let (_, rest) = page.split_once(&format!("name=\"{name}\"")).unwrap();
        let (tag, _) = rest.split_once('>').unwrap();
        tag.to_owned()
    };
    assert!(value(&page.body, "reopen_days").contains("max=\"3650\" value=\"30\""));
    assert!(page.body.contains("<option value=\"recent\" selected>"));
    let send = |days| {
        let typed = [("reopen", "thread_only"), ("reopen_days", days)];
        desk.post(&page, &form, &typed)
    };
    let refused = send("4000");
    refused.refused(&["from 1 to 3650", "<option value=\"thread_only\" selected>"]);
    assert!(value(&refused.body, "reopen_days").contains("value=\"4000\""));
    assert_eq!(api.get(&path)["threading"], usual);
    send("60").leads();
    let set = json!({"reopen": "thread_only", "reopen_days": 60, "same_subject_days": 14});
    assert_eq!(api.get(&path)["threading"], set);
    // What is empty becomes as usual.
    send("").leads();
    assert_eq!(api.get(&path)["threading"]["reopen_days"], 30);
}
