//! kill: the power fails in the middle of everything; nothing is lost and nothing comes twice.

mod points;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::peers::api::{Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;

/// How often the power fails, each time at another place.
const ROUNDS: usize = 20;
/// Mails in the folder.
const MAILS: usize = 2_000;
/// A conversation per so many mails, so that threads are cut through as well.
const CUSTOMERS: usize = 50;

fn mail(number: usize) -> Vec<u8> {
    let customer = number % CUSTOMERS;
    let thread = match number {
        number if number < CUSTOMERS => String::new(),
        number => format!("In-Reply-To: <{}@example.net>\r\n", number - CUSTOMERS),
    };
    format!(
        "From: Customer {customer} <customer{customer}@example.net>\r\nTo: {USER}\r\n\
         Subject: Question {customer}\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{number}@example.net>\r\n{thread}\r\nMail number {number}.\r\n"
    )
    .into_bytes()
}

fn is_stored(event: &Value) -> bool {
    matches!(
        event["type"].as_str(),
        Some("mail.imported" | "message.received")
    )
}

/// Reads on until this many mails are stored, `before` included; what the count is then.
fn until_stored(feed: &mut Feed, before: usize, count: usize) -> usize {
    let mut stored = before;
    while stored < count {
        let events = feed.read(20);
        let list = || feed.api.get("/mailboxes");
        assert!(
            !events.is_empty(),
            "it stopped at {stored} mails: {}",
            list()
        );
        stored += events.iter().filter(|event| is_stored(event)).count();
    }
    stored
}

#[test]
fn killed_in_the_middle_of_a_first_sync_every_mail_is_there_once() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    dovecot.fill(USER, (0..MAILS).map(mail));
    let mailbox = Mailbox::of(&dovecot, &sink);
    let mut in_the_middle = 0;
    for round in 0..ROUNDS {
        let mut gateway = Gateway::with(&dovecot, &mailbox);
        // From the first mail on to nearly the last one.
        let place = 1 + round * MAILS / ROUNDS;
        let killed_at = until_stored(&mut gateway.api().feed(), 0, place);
        gateway.kill();
        in_the_middle += usize::from(killed_at < MAILS);

        gateway.launch();
        let mut feed = gateway.api().feed();
        until_stored(&mut feed, 0, MAILS);
        check(&gateway, round, killed_at);
    }
    assert!(
        in_the_middle >= ROUNDS / 2,
        "only {in_the_middle} of {ROUNDS} rounds were cut in the middle"
    );
    println!("{in_the_middle} of {ROUNDS} rounds were cut in the middle of the sync");
}

/// Each mail once on the feed, each mail once in its conversation, each conversation once.
fn check(gateway: &Gateway, round: usize, killed_at: usize) {
    let mut routed = BTreeSet::new();
    let mut stored = BTreeSet::new();
    let mut count = 0;
    gateway.api().feed().until("every mail is routed", |event| {
        if is_stored(event) {
            count += 1;
            stored.insert(text(event, "message_id").to_owned());
        }
        if event["type"] == "conversation.routed" {
            routed.insert(text(event, "message_id").to_owned());
        }
        (routed.len() == MAILS).then_some(())
    });
    let place = format!("round {round}, killed at {killed_at} mails");
    assert_eq!((count, stored.len()), (MAILS, MAILS), "{place}");
    assert_eq!(stored, routed, "{place}");

    let conversations = gateway.api().conversations();
    assert_eq!(conversations.len(), CUSTOMERS, "{place}");
    let mut expected: Vec<_> = (0..MAILS).map(|n| format!("<{n}@example.net>")).collect();
    expected.sort();
    assert_eq!(gateway.api().message_ids(), expected, "{place}");
}
