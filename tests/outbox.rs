//! outbox: replies wait, are undone, retried and resolved by people; servers that misbehave cost no mail.

use serde_json::{Value, json};

use crate::peers::api::{Answer, Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::{Fault, Plan, Received, Sink, Stage};
use crate::peers::tls::Authority;
use crate::peers::until;

/// A gateway with a conversation to answer.
struct Desk {
    gateway: Gateway,
    feed: Feed,
    conversation: String,
}

fn question(to: &str) -> Vec<u8> {
    format!(
        "From: Ann Smith <ann@example.net>\r\nTo: {to}\r\nSubject: Where is it?\r\n\
         Message-ID: <question-to-{to}>\r\n\r\nIt has not arrived.\r\n"
    )
    .into_bytes()
}

impl Desk {
    fn open(dovecot: &Dovecot, sink: &Sink) -> Self {
        let gateway = Gateway::start(&[dovecot.authority_pem()]);
        Self::of(gateway, dovecot, &Mailbox::of(dovecot, sink))
    }

    fn of(gateway: Gateway, dovecot: &Dovecot, mailbox: &Mailbox) -> Self {
        gateway.add(mailbox).good();
        dovecot.deliver(&mailbox.address, &question(&mailbox.address));
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

    fn reply(&self, words: &str) -> String {
        let answer = self.ask(&json!({"text": words}));
        assert_eq!(answer.status, 201, "{answer:?}");
        text(&answer.json(), "id").to_owned()
    }

    fn outgoing(&self, id: &str) -> Value {
        self.gateway.api().get(&format!("/outgoing/{id}"))
    }

    fn until_state(&mut self, id: &str, state: &str) -> Value {
        let gateway = &self.gateway;
        self.feed.until(state, |event| {
            (event["outgoing_id"] == id)
                .then(|| gateway.api().get(&format!("/outgoing/{id}")))
                .filter(|outgoing| outgoing["state"] == state)
        })
    }

    fn say(&self, id: &str, word: &str) -> Answer {
        let path = format!("/outgoing/{id}/{word}");
        self.gateway.api().post(&path, &[], &json!({}))
    }

    fn said(&self, id: &str, word: &str) -> Value {
        let answer = self.say(id, word);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    fn sending(&self) -> Value {
        let mailbox = self.gateway.api().get(&format!("/mailboxes/{USER}"));
        mailbox["sending"].clone()
    }
}

fn history(outgoing: &Value) -> String {
    let steps = outgoing["history"].as_array().expect("a history");
    let steps = steps.iter().map(|step| text(step, "what"));
    steps.collect::<Vec<_>>().join("\n")
}

/// What each mail is called that the peer has kept.
fn ids(kept: &[Received]) -> Vec<String> {
    let id = |mail: &Received| {
        let mail = String::from_utf8_lossy(&mail.mail).into_owned();
        let line = mail
            .lines()
            .find_map(|line| line.strip_prefix("Message-ID: "));
        line.expect("a Message-ID").to_owned()
    };
    kept.iter().map(id).collect()
}

/// The trial when the mailbox is connected is the first session.
fn sink_of(plans: impl IntoIterator<Item = Plan>) -> Sink {
    Sink::start_with(None, [Plan::new()].into_iter().chain(plans))
}

#[test]
fn a_reply_is_taken_back_while_that_lasts_and_automatic_haste_is_possible() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    gateway.undo_within(60);
    gateway.launch();
    let mut desk = Desk::of(gateway, &dovecot, &Mailbox::of(&dovecot, &sink));
    let id = desk.reply("Too early.");
    let waiting = desk.outgoing(&id);
    assert_eq!(waiting["state"], "queued");
    assert!(text(&waiting, "send_at") > text(&waiting, "accepted_at"));
    let undone = desk.said(&id, "cancel");
    assert_eq!(undone["state"], "cancelled");
    assert!(history(&undone).contains("Stopped"), "{undone}");
    assert_eq!(desk.say(&id, "cancel").status, 409);

    // Another waits as well, until a person does not want to wait.
    let id = desk.reply("Just right.");
    desk.said(&id, "retry");
    desk.until_state(&id, "sent");
    let kept = sink.wait_for(1);
    assert!(String::from_utf8_lossy(&kept[0].mail).contains("Just right."));
}

#[test]
fn a_scheduled_reply_is_shown_waits_and_may_leave_earlier() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut desk = Desk::open(&dovecot, &sink);
    let never = desk.ask(&json!({"text": "x", "send_at": "2099-01-01T00:00:00Z"}));
    assert_eq!(never.status, 422, "{never:?}");
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(40);
    let answer = desk.ask(&json!({"text": "In the morning.", "send_at": at.to_string()}));
    let id = text(&answer.json(), "id").to_owned();
    assert_eq!(desk.outgoing(&id)["state"], "scheduled");
    let listed = desk.gateway.api().get("/outbox?state=scheduled");
    assert_eq!(listed["items"][0]["id"], id.as_str());
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let shown = desk
        .gateway
        .run(&["outbox", "list", "--state", "scheduled"])
        .good();
    assert!(
        shown.out.contains(&id) && shown.out.contains("scheduled until"),
        "{shown:?}"
    );
    desk.gateway.run(&["outbox", "retry", &id]).good();
    desk.until_state(&id, "sent");
    assert_eq!(sink.kept().len(), 1);
    let none = desk.gateway.api().get("/outbox?state=open");
    assert_eq!(none["items"], json!([]));
    let wrong = desk.gateway.run(&["outbox", "list", "--state", "lost"]);
    wrong.refused(&["lost", "uncertain"]);
}

#[test]
fn an_uncertain_reply_is_resolved_by_a_person_and_by_nobody_else() {
    let dovecot = Dovecot::start();
    let cut = || vec![(Stage::EndOfData, Fault::Cut)];
    let sink = sink_of([cut(), cut()]);
    let mut desk = Desk::open(&dovecot, &sink);
    let arrived = desk.reply("Arrived.");
    desk.until_state(&arrived, "uncertain");
    let again = desk.reply("Again.");
    desk.until_state(&again, "uncertain");
    let open = desk.gateway.api().get("/outbox?state=uncertain&limit=1");
    assert_eq!(open["items"][0]["id"], again.as_str());
    let next = text(&open, "next");
    let page = desk
        .gateway
        .api()
        .get(&format!("/outbox?state=uncertain&limit=1&after={next}"));
    assert_eq!(page["items"][0]["id"], arrived.as_str());
    assert_eq!(desk.say(&arrived, "retry").status, 409, "it does not wait");

    let sent = desk.said(&arrived, "arrived");
    assert_eq!(
        (&sent["state"], &sent["recipients"][0]["state"]),
        (&json!("sent"), &json!("accepted"))
    );
    assert_eq!(desk.say(&arrived, "arrived").status, 409);
    let who = desk.feed.until("it is told who said so", |event| {
        (event["type"] == "outgoing.ordered").then(|| event.clone())
    });
    assert_eq!(
        (&who["order"], &who["outgoing_id"]),
        (&json!("arrived"), &json!(arrived))
    );
    assert!(who["user_id"].is_string(), "{who}");

    desk.gateway.run(&["outbox", "again", &again]).good();
    let sent = desk.until_state(&again, "sent");
    assert!(history(&sent).contains("same mail"), "{sent}");
    let refused = desk.gateway.run(&["outbox", "again", &again]);
    refused.refused(&["uncertain"]);
    let shown = desk.gateway.run(&["outbox", "show", &again]).good().out;
    assert!(
        shown.contains("It is not certain") && shown.contains("took it over"),
        "{shown}"
    );

    let kept = sink.wait_for(3);
    let ids = ids(&kept);
    assert_eq!(ids[1], ids[2], "the same Message-ID");
    assert_eq!(kept[1].mail, kept[2].mail, "the same bytes");
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn several_replies_leave_over_one_session_and_one_that_ends_costs_no_mail() {
    let dovecot = Dovecot::start();
    let enough = vec![(
        Stage::NthMail(3),
        Fault::Reply("421 4.7.0 enough of this session"),
    )];
    let gone = vec![(Stage::NthMail(2), Fault::Cut)];
    let sink = sink_of([enough, gone]);
    let mut desk = Desk::open(&dovecot, &sink);
    let replies: Vec<String> = (0..7)
        .map(|n| desk.reply(&format!("Number {n}.")))
        .collect();
    for id in &replies {
        let sent = desk.gateway.api().get(&format!("/outgoing/{id}"));
        if sent["state"] != "sent" {
            desk.until_state(id, "sent");
        }
    }
    let kept = sink.wait_for(7);
    let sent: Vec<String> = ids(&kept);
    let expected: Vec<String> = replies
        .iter()
        .map(|id| text(&desk.outgoing(id), "message_id").to_owned())
        .collect();
    assert_eq!(sent, expected, "each once, in the order they were written");
    assert_eq!(sink.sessions(), 4, "the trial, three mails, two, two");
}

#[test]
fn a_peer_that_goes_away_or_puts_off_in_any_phase_gets_the_mail_once() {
    let dovecot = Dovecot::start();
    let faults = [
        (Stage::Greeting, Fault::Cut),
        (Stage::Ehlo, Fault::Cut),
        (Stage::Auth, Fault::Cut),
        (Stage::Mail, Fault::Cut),
        (Stage::Rcpt(0), Fault::Cut),
        (Stage::Data, Fault::Cut),
        (Stage::Greeting, Fault::Reply("421 4.3.2 not now")),
        (Stage::Auth, Fault::Reply("454 4.7.0 not now")),
        (Stage::Mail, Fault::Reply("421 4.3.2 going down")),
        (Stage::Rcpt(0), Fault::Reply("450 4.7.1 greylisted")),
        (Stage::Rcpt(0), Fault::Reply("452 4.2.2 no room")),
        (Stage::Data, Fault::Reply("451 4.3.0 later")),
        (Stage::EndOfData, Fault::Reply("452 4.3.1 no room")),
        (Stage::EndOfData, Fault::Reply("421 4.3.2 going down")),
    ];
    // Each session with its fault, and then one that takes a single mail.
    let single = || vec![(Stage::NthMail(1), Fault::Cut)];
    let plans = faults
        .iter()
        .flat_map(|fault| [vec![fault.clone()], single()]);
    let sink = sink_of(plans);
    let mut desk = Desk::open(&dovecot, &sink);
    for (number, fault) in faults.iter().enumerate() {
        let id = desk.reply(&format!("Number {number}."));
        let deferred = desk.until_state(&id, "deferred");
        assert!(deferred["until"].is_string(), "{fault:?}: {deferred}");
        assert_eq!(sink.kept().len(), number, "{fault:?}");
        desk.said(&id, "retry");
        let sent = desk.until_state(&id, "sent");
        assert_eq!(sent["attempts"], 2, "{fault:?}: {sent}");
        assert!(history(&sent).contains("Told to leave at once"), "{sent}");
        let kept = sink.wait_for(number + 1);
        assert_eq!(ids(&kept)[number], text(&sent, "message_id"), "{fault:?}");
    }
}

#[test]
fn a_mail_that_is_refused_for_good_fails_and_the_next_one_leaves() {
    let dovecot = Dovecot::start();
    let too_large = vec![(Stage::NthEndOfData(1), Fault::Reply("552 5.3.4 too large"))];
    let sink = sink_of([too_large]);
    let mut desk = Desk::open(&dovecot, &sink);
    let replies: Vec<String> = (0..3)
        .map(|n| desk.reply(&format!("Number {n}.")))
        .collect();
    let last = desk.until_state(&replies[2], "sent");
    assert_eq!(last["attempts"], 1);
    let failed = desk.outgoing(&replies[1]);
    assert_eq!(failed["state"], "failed");
    assert!(text(&failed, "reason").contains("too large"), "{failed}");
    // The limit was raised meanwhile: the same mail again.
    desk.said(&replies[1], "again");
    desk.until_state(&replies[1], "sent");
    assert_eq!(sink.wait_for(3).len(), 3);
}

#[test]
fn a_password_that_is_refused_in_the_middle_of_the_queue_keeps_the_rest() {
    let dovecot = Dovecot::start();
    let first = vec![(Stage::NthMail(1), Fault::Cut)];
    let refused = vec![(Stage::Auth, Fault::Reply("535 5.7.8 authentication failed"))];
    let sink = sink_of([first, refused]);
    let mut desk = Desk::open(&dovecot, &sink);
    let replies: Vec<String> = (0..3)
        .map(|n| desk.reply(&format!("Number {n}.")))
        .collect();
    desk.until_state(&replies[1], "deferred");
    assert_eq!(desk.outgoing(&replies[0])["state"], "sent");
    until("sending waits for a person", || {
        (desk.sending()["state"] == "reauthentication_needed").then_some(())
    });
    // Not even a person in a hurry makes it offer what was refused.
    desk.said(&replies[1], "retry");
    let sessions = sink.sessions();
    let password = crate::peers::dovecot::PASSWORD;
    desk.gateway
        .give_password("reauthenticate", USER, password)
        .good();
    for id in &replies[1..] {
        if desk.outgoing(id)["state"] != "sent" {
            desk.until_state(id, "sent");
        }
    }
    assert_eq!(sink.wait_for(3).len(), 3);
    // The trial of the new password, and the session of the two.
    assert_eq!(sink.sessions(), sessions + 2);
}

#[test]
fn a_starttls_that_vanishes_sends_nothing_in_the_clear() {
    let (dovecot, authority) = (Dovecot::start(), Authority::new());
    let first = vec![(Stage::NthMail(1), Fault::Cut)];
    let stripped = vec![(Stage::StartTls, Fault::Cut)];
    let config = authority.issue().server_config();
    let sink = Sink::start_tls(config, [Plan::new(), first, stripped]);
    let gateway = Gateway::start(&[dovecot.authority_pem(), authority.pem()]);
    let mailbox = Mailbox {
        smtp_security: "starttls",
        ..Mailbox::of(&dovecot, &sink)
    };
    let mut desk = Desk::of(gateway, &dovecot, &mailbox);
    let first = desk.reply("The first.");
    desk.until_state(&first, "sent");
    let second = desk.reply("The second.");
    let deferred = desk.until_state(&second, "deferred");
    assert!(text(&deferred, "reason").contains("STARTTLS"), "{deferred}");
    assert_eq!(sink.kept().len(), 1);
    desk.said(&second, "retry");
    desk.until_state(&second, "sent");
    assert_eq!(sink.wait_for(2).len(), 2);
}

/// A provider with limits, whose words for them are known.
fn plugin(limits: &str) -> String {
    format!(
        "format = 1\nid = \"limited\"\nname = {{ en = \"Limited\", zh = \"Limited\" }}\n\
         verified = true\nsource = [\"a test\"]\n\
         [imap]\nhost = \"localhost\"\nport = 993\nsecurity = \"tls\"\nuser_name = \"address\"\n\
         [smtp]\nhost = \"localhost\"\nport = 465\nsecurity = \"tls\"\nuser_name = \"address\"\n\
         [sign_in]\nmethods = [\"password\"]\n{limits}\n\
         [[failure]]\nprotocol = \"smtp\"\ntext = \"daily sending quota exceeded\"\n\
         class = \"sending_quota\"\n"
    )
}

fn limited(dovecot: &Dovecot, sink: &Sink, limits: &str) -> Desk {
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    gateway.write_plugin("limited", &plugin(limits));
    gateway.launch();
    let mut mailbox = Mailbox::of(dovecot, sink);
    mailbox.more = ["--preset", "limited"].map(str::to_owned).into();
    Desk::of(gateway, dovecot, &mailbox)
}

#[test]
fn a_quota_pauses_sending_of_its_mailbox_and_nothing_else() {
    let dovecot = Dovecot::start();
    let quota = vec![(
        Stage::EndOfData,
        Fault::Reply("550 5.4.5 Daily sending quota exceeded"),
    )];
    let sink = sink_of([quota]);
    let mut desk = limited(&dovecot, &sink, "");
    let first = desk.reply("The first.");
    let deferred = desk.until_state(&first, "deferred");
    assert!(
        text(&deferred, "reason").contains("quota exceeded"),
        "{deferred}"
    );
    let second = desk.reply("The second.");
    let waits = desk.until_state(&second, "deferred");
    assert_eq!(
        (&waits["attempts"], &waits["until"]),
        (&json!(0), &deferred["until"])
    );
    assert_eq!(sink.sessions(), 2, "nothing more is tried");
    let sending = desk.sending();
    assert_eq!(sending["state"], "interrupted", "{sending}");
    assert!(text(&sending, "reason").contains("quota"), "{sending}");
    // Mail still comes in.
    dovecot.deliver(USER, &question("somebody@else.example"));
    desk.feed.until_routed(1);

    desk.said(&first, "retry");
    desk.until_state(&first, "sent");
    // That it works is known now, so the others need not wait.
    if desk.outgoing(&second)["state"] != "sent" {
        desk.until_state(&second, "sent");
    }
    assert_eq!(desk.sending()["state"], "active");
    assert_eq!(sink.wait_for(2).len(), 2);
}

#[test]
fn what_the_provider_would_refuse_is_refused_before_and_a_full_day_waits() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let limits = "[limits]\nmessages_per_day = 2\nrecipients_per_message = 3\n";
    let mut desk = limited(&dovecot, &sink, limits);
    let to: Vec<Value> = (0..4)
        .map(|n| json!({"address": format!("buyer{n}@example.net")}))
        .collect();
    let refused = desk.ask(&json!({"text": "To all.", "to": to}));
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(
        text(&refused.json(), "detail").contains("at most 3 recipients"),
        "{refused:?}"
    );
    for words in ["One.", "Two."] {
        let id = desk.reply(words);
        desk.until_state(&id, "sent");
    }
    let third = desk.reply("Three.");
    let waits = desk.until_state(&third, "deferred");
    assert!(text(&waits, "reason").contains("2 mails a day"), "{waits}");
    assert_eq!(waits["attempts"], 0);
    // A restart does not forget the day.
    desk.gateway.kill();
    desk.gateway.launch();
    desk.feed = desk.gateway.api().feed();
    let fourth = desk.reply("Four.");
    desk.until_state(&fourth, "deferred");
    assert_eq!(sink.kept().len(), 2);
}

#[test]
fn one_mailbox_with_trouble_does_not_delay_another() {
    let other = "sales@example.com";
    let dovecot = Dovecot::start_with(&[USER, other], None);
    let silent = vec![(Stage::Data, Fault::Silence)];
    let (bad, good) = (sink_of([silent]), Sink::start());
    let mut desk = Desk::open(&dovecot, &bad);
    let stuck = desk.reply("Into silence.");
    desk.until_state(&stuck, "sending");
    let mailbox = Mailbox {
        address: other.to_owned(),
        ..Mailbox::of(&dovecot, &good)
    };
    desk.gateway.add(&mailbox).good();
    dovecot.deliver(other, &question(other));
    let conversation = desk.feed.until_routed(1).remove(0);
    let path = format!("/conversations/{conversation}/replies");
    let answer = desk
        .gateway
        .api()
        .post(&path, &[], &json!({"text": "Quickly."}));
    let id = text(&answer.json(), "id").to_owned();
    desk.until_state(&id, "sent");
    assert_eq!(good.kept().len(), 1);
    assert_eq!(desk.outgoing(&stuck)["state"], "sending");
}
