//! What one delivery leaves behind, and where mails find their conversations.

use super::super::*;
use super::fixture::*;
use crate::domain::change::Event;
use crate::domain::conversation::Status;
use crate::domain::folder::{Cursor, FolderName, UidValidity};
use crate::domain::job::WorkKind;
use crate::domain::key::{Sequence, WorkspaceKey};
use crate::domain::ledger::Fate;
use crate::domain::message::{BounceReport, Defect, Kind};
use crate::domain::outbox::OutgoingState;

const ANNA: &str = "anna@example.com";
const MALLORY: &str = "mallory@example.net";

#[tokio::test]
async fn one_transaction_leaves_every_row_of_a_mail() {
    let fixture = Fixture::new().await;
    let mut cursor = Cursor::start(UidValidity::new(1).unwrap());
    cursor.last_uid = 7;
    let arrival = mail(7, ANNA, "Late delivery");
    let source = arrival.source.clone();
    let mut delivery = fixture.delivery(vec![arrival]);
    delivery.cursor = Some((FolderName::inbox(), cursor.clone()));
    let delivered = fixture.store.deliver(delivery).await.unwrap();
    let Delivered::Stored {
        message,
        conversation,
    } = delivered[0]
    else {
        panic!("{delivered:?}");
    };
    let store = &fixture.store;
    let stored = store.message(message).unwrap().unwrap();
    assert_eq!(stored.conversation, conversation);
    let raw = store.raw(stored.raw.unwrap(), 1_000).unwrap().unwrap();
    assert!(raw.ends_with(b"mail 7\r\n"));
    let thread = store.conversation_by_number(WORKSPACE, 1).unwrap().unwrap();
    assert_eq!((thread.key, thread.message_count), (conversation, 1));
    assert_eq!(thread.preview, "mail 7");
    let contact = store
        .contact_by_address(WORKSPACE, &address("ANNA@example.com"))
        .unwrap()
        .unwrap();
    assert_eq!(
        (contact.key, contact.conversation_count),
        (thread.contact, 1)
    );
    let row = store
        .ledger_find(fixture.mailbox.key, &source)
        .unwrap()
        .unwrap();
    assert_eq!(row.fate, Fate::Stored(message));
    assert_eq!(
        store.ledger_of_message(message).unwrap(),
        std::slice::from_ref(&row)
    );
    assert_eq!(store.ledger(row.mailbox, None, 10).unwrap(), [row]);
    assert_eq!(
        store
            .cursor(fixture.mailbox.key, &FolderName::inbox())
            .unwrap(),
        Some(cursor)
    );
    let change = store.changes(Sequence(1), 10).unwrap();
    assert_eq!(
        change[0].event,
        Event::MessageReceived {
            message,
            conversation
        }
    );
    assert_eq!(message_of(&fixture.jobs(WorkKind::Triage)[0]), message);
    assert_eq!(
        store
            .message_by_id(WORKSPACE, stored.id)
            .unwrap()
            .map(|found| found.key),
        Some(message)
    );
    assert_eq!(
        store
            .message_by_message_id(WORKSPACE, &id("7@customers.example"))
            .unwrap()
            .map(|found| found.key),
        Some(message)
    );
    assert_eq!(
        store.message_by_id(WorkspaceKey(2), stored.id).unwrap(),
        None
    );
}

#[tokio::test]
async fn the_second_way_of_a_mail_is_on_record_and_stores_nothing() {
    let fixture = Fixture::new().await;
    let first = fixture.receive(mail(1, ANNA, "Late")).await;
    let mut again = mail(2, ANNA, "Late");
    again.fingerprint = mail(1, ANNA, "Late").fingerprint;
    assert_eq!(
        fixture.deliver(again).await,
        Delivered::Duplicate(first.key)
    );
    let fates: Vec<_> = fixture
        .store
        .ledger_of_message(first.key)
        .unwrap()
        .into_iter()
        .map(|row| row.fate)
        .collect();
    assert_eq!(fates, [Fate::Stored(first.key), Fate::Duplicate(first.key)]);
    assert_eq!(fixture.conversation(&first).message_count, 1);
    assert_eq!(fixture.jobs(WorkKind::Triage).len(), 1);
}

/// Mails by (number, sender, subject, references) and the conversation number each
/// must end in.
async fn check(mails: &[(u32, &str, &str, &[&str])], expected: &[u64]) {
    let fixture = Fixture::new().await;
    let mut found = Vec::new();
    for (number, from, subject, references) in mails {
        let stored = fixture
            .receive(answer(*number, from, subject, references))
            .await;
        found.push(fixture.conversation(&stored).number);
    }
    assert_eq!(found, expected, "{mails:?}");
}

#[tokio::test]
async fn threads_are_found_in_any_direction() {
    let one = "1@customers.example";
    // An answer to a known mail; somebody else's mail apart.
    check(
        &[
            (1, ANNA, "a", &[]),
            (2, MALLORY, "b", &[]),
            (3, "bob@example.org", "Re: a", &[one]),
        ],
        &[1, 2, 1],
    )
    .await;
    // The answer overtakes its question, which was only referred to.
    check(
        &[(2, "bob@example.org", "Re: a", &[one]), (1, ANNA, "a", &[])],
        &[1, 1],
    )
    .await;
    // Two answers to a mail that never comes.
    check(
        &[
            (2, ANNA, "Re: x", &["never@seen.example"]),
            (3, "bob@example.org", "Re: y", &["never@seen.example"]),
        ],
        &[1, 1],
    )
    .await;
    // Without headers: the same subject of the same contact, then the contact alone.
    check(
        &[
            (1, ANNA, "Order 7", &[]),
            (2, ANNA, "Re: ORDER 7", &[]),
            (3, ANNA, "Something else", &[]),
            (4, "bob@example.org", "Order 7", &[]),
        ],
        &[1, 1, 1, 2],
    )
    .await;
}

#[tokio::test]
async fn our_token_leads_back_when_nothing_else_is_known() {
    let fixture = Fixture::new().await;
    let first = fixture.receive(mail(1, ANNA, "Late")).await;
    let ours = fixture
        .store
        .issue_message_id(WORKSPACE, first.conversation, [3; 12], "shop.example")
        .unwrap();
    let fixture = fixture.reopen();
    let stored = fixture
        .receive(answer(2, MALLORY, "x", &[ours.as_str()]))
        .await;
    assert_eq!(stored.conversation, first.conversation);
    assert!(stored.new_participant, "a stranger is marked");
    let back = fixture
        .receive(answer(3, ANNA, "y", &[ours.as_str()]))
        .await;
    assert!(!back.new_participant);
    let mut forged = ours.as_str().to_owned();
    forged.replace_range(0..1, if forged.starts_with('a') { "b" } else { "a" });
    let elsewhere = fixture
        .receive(answer(4, "eve@example.net", "z", &[&forged]))
        .await;
    assert_ne!(elsewhere.conversation, first.conversation);
}

#[tokio::test]
async fn a_person_reopens_and_an_imported_mail_stays_closed() {
    let fixture = Fixture::new().await;
    let mut old = mail(1, ANNA, "Old");
    old.imported = true;
    let old = fixture.receive(old).await;
    assert_eq!(fixture.conversation(&old).status, Status::Closed);
    let mut machine = answer(2, ANNA, "Old", &["1@customers.example"]);
    machine.head.kind = Kind::AutomaticReply;
    fixture.receive(machine).await;
    assert_eq!(fixture.conversation(&old).status, Status::Closed);
    fixture
        .receive(answer(3, ANNA, "Old", &["1@customers.example"]))
        .await;
    let conversation = fixture.conversation(&old);
    assert_eq!(conversation.status, Status::Open);
    assert_eq!(conversation.message_count, 3);
    let changes = fixture.store.changes(Sequence(1), 10).unwrap();
    let names: Vec<_> = changes.iter().map(|change| change.event.name()).collect();
    assert_eq!(
        names,
        ["mail.imported", "message.received", "message.received"]
    );
}

#[tokio::test]
async fn our_own_reply_in_a_folder_is_no_new_mail_unless_a_stranger_borrows_its_id() {
    let fixture = Fixture::new().await;
    let first = fixture.receive(mail(1, ANNA, "Late")).await;
    let accepted = fixture.store.accept_reply(reply(&first, 1)).await.unwrap();
    let uncertain = OutgoingState::Uncertain {
        reason: "the line broke".into(),
    };
    fixture
        .store
        .resolve(accepted.outgoing.key, uncertain, at(101))
        .await
        .unwrap();
    let mut stranger = mail(2, MALLORY, "Re: Late");
    stranger.head.message_id = Some(id("reply-1@shop.example"));
    assert!(matches!(
        fixture.deliver(stranger).await,
        Delivered::Stored { .. }
    ));
    let mut copy = mail(3, "help@shop.example", "Re: Late");
    copy.head.message_id = Some(id("reply-1@shop.example"));
    assert_eq!(
        fixture.deliver(copy).await,
        Delivered::Own(accepted.outgoing.message)
    );
    let state = || {
        let key = accepted.outgoing.key;
        fixture.store.outgoing(key).unwrap().unwrap().state
    };
    // Anybody who got it may put such a mail there; into Sent, only who has the login.
    assert!(matches!(state(), OutgoingState::Uncertain { .. }));
    let mut copy = mail(4, "help@shop.example", "Re: Late");
    copy.head.message_id = Some(id("reply-1@shop.example"));
    let mut delivery = fixture.delivery(vec![copy]);
    delivery.is_sent = true;
    fixture.store.deliver(delivery).await.unwrap();
    assert_eq!(state(), OutgoingState::Sent);
}

#[tokio::test]
async fn a_bounce_of_ours_finds_its_reply_and_reopens() {
    let fixture = Fixture::new().await;
    let first = fixture.receive(mail(1, ANNA, "Late")).await;
    let accepted = fixture.store.accept_reply(reply(&first, 1)).await.unwrap();
    let outgoing = accepted.outgoing.key;
    fixture
        .store
        .begin_attempt(outgoing, at(101))
        .await
        .unwrap();
    let store = &fixture.store;
    let sent = store.resolve(outgoing, OutgoingState::Sent, at(102));
    sent.await.unwrap();
    let mut bounce = mail(2, "mailer-daemon@example.com", "Undelivered");
    bounce.head.kind = Kind::Bounce;
    bounce.head.bounce = Some(BounceReport {
        about: Some(id("reply-1@shop.example")),
        status: Some("5.1.1".to_owned()),
        text: "no such user".into(),
        ..BounceReport::default()
    });
    let stored = fixture.receive(bounce).await;
    assert_eq!(stored.conversation, first.conversation);
    assert_eq!(fixture.conversation(&first).status, Status::Open);
    let state = fixture.store.outgoing(outgoing).unwrap().unwrap().state;
    let expected = OutgoingState::Bounced {
        reason: "no such user".into(),
    };
    assert_eq!(state, expected);
}

#[tokio::test]
async fn a_removed_mailbox_takes_nothing_and_a_passed_mail_is_on_record() {
    let fixture = Fixture::new().await;
    let passed = mail(9, ANNA, "Huge");
    let mut delivery = fixture.delivery(vec![]);
    delivery.passed.push(Passed {
        source: passed.source.clone(),
        why: Why::TooLarge(1 << 40),
        at: at(9),
    });
    fixture.store.deliver(delivery).await.unwrap();
    let row = fixture
        .store
        .ledger_find(fixture.mailbox.key, &passed.source)
        .unwrap()
        .unwrap();
    assert_eq!(
        row.fate,
        Fate::TooLarge {
            size: 1 << 40,
            beginning: None
        }
    );
    let removed = fixture
        .store
        .remove_mailbox(fixture.mailbox.key, false, at(10))
        .await;
    assert!(removed.unwrap());
    let delivery = fixture.delivery(vec![passed]);
    assert!(matches!(
        fixture.store.deliver(delivery).await,
        Err(StoreError::Missing { .. })
    ));
}

#[tokio::test]
async fn a_mail_that_was_not_given_has_one_row_until_it_comes_and_then_another() {
    let fixture = Fixture::new().await;
    let mail = mail(9, ANNA, "Late");
    let source = mail.source.clone();
    let (store, mailbox) = (&fixture.store, fixture.mailbox.key);
    for minute in [1, 2] {
        let mut delivery = fixture.delivery(vec![]);
        delivery.passed.push(Passed {
            source: source.clone(),
            why: Why::NotGiven,
            at: at(minute),
        });
        store.deliver(delivery).await.unwrap();
        let rows = store.ledger(mailbox, None, 10).unwrap();
        assert_eq!((rows.len(), &rows[0].fate), (1, &Fate::NotGiven));
        assert_eq!(rows[0].at, at(1));
    }
    let delivered = store.deliver(fixture.delivery(vec![mail])).await.unwrap();
    let Delivered::Stored { message, .. } = delivered[0] else {
        panic!("{delivered:?}");
    };
    let rows = store.ledger(mailbox, None, 10).unwrap();
    assert_eq!((rows.len(), &rows[0].fate), (1, &Fate::Stored(message)));
    // What is here is not called missing when the server does not give it again.
    let mut delivery = fixture.delivery(vec![]);
    delivery.passed.push(Passed {
        source: source.clone(),
        why: Why::NotGiven,
        at: at(3),
    });
    store.deliver(delivery).await.unwrap();
    assert_eq!(store.ledger(mailbox, None, 10).unwrap(), rows);
}

#[tokio::test]
async fn the_rest_of_a_mail_takes_the_place_of_its_beginning_and_another_mail_does_not() {
    let fixture = Fixture::new().await;
    let beginning = |number, uid| {
        let mut begun = mail(number, ANNA, "Photos");
        begun.source = mail(uid, ANNA, "").source;
        begun.whole_size = Some(9_000_000);
        begun.head.defects.push(Defect::TooLarge);
        begun
    };
    let rest = |number, uid| {
        let mut whole = mail(number, ANNA, "Photos");
        whole.source = mail(uid, ANNA, "").source;
        whole.fingerprint.0[0] ^= 1;
        whole
    };
    let begun = fixture.receive(beginning(1, 41)).await;
    let whole = fixture.receive(rest(1, 41)).await;
    assert_eq!(
        (whole.key, whole.conversation),
        (begun.key, begun.conversation)
    );
    assert!(whole.head.defects.is_empty());

    // The server has given the place of the second to a mail of somebody else.
    let begun = fixture.receive(beginning(2, 42)).await;
    let mut other = mail(3, "eve@elsewhere.example", "Hello");
    other.source = mail(42, ANNA, "").source;
    let other = fixture.receive(other).await;
    assert_ne!(other.key, begun.key);
    let kept = fixture.store.message(begun.key).unwrap().unwrap();
    assert_eq!(kept, begun);
}
