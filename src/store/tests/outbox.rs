//! Replies from "yes" to their end.

use super::super::*;
use super::fixture::*;
use crate::domain::conversation::Status;
use crate::domain::decision::Outcome;
use crate::domain::job::WorkKind;
use crate::domain::key::Sequence;
use crate::domain::message::{Head, Message};
use crate::domain::order::Order;
use crate::domain::outbox::{Filing, Hold, OutgoingState};

async fn asked(fixture: &Fixture) -> Message {
    fixture.receive(mail(1, "anna@example.com", "Late")).await
}

#[tokio::test]
async fn the_same_request_is_accepted_once() {
    let fixture = Fixture::new().await;
    let message = asked(&fixture).await;
    let first = fixture
        .store
        .accept_reply(reply(&message, 1))
        .await
        .unwrap();
    assert!(!first.replayed);
    let fixture = fixture.reopen();
    let again = fixture
        .store
        .accept_reply(reply(&message, 1))
        .await
        .unwrap();
    assert!(again.replayed);
    assert_eq!(again.outgoing, first.outgoing);
    let mut other = reply(&message, 1);
    other.idempotency = Some(("key 1".to_owned(), [8; 32]));
    assert!(matches!(
        fixture.store.accept_reply(other).await,
        Err(AcceptError::IdempotencyConflict)
    ));
    assert_eq!(fixture.jobs(WorkKind::Compose).len(), 1);
    assert_eq!(fixture.conversation(&message).message_count, 2);
    assert_eq!(fixture.conversation(&message).status, Status::Pending);
}

#[tokio::test]
async fn every_stage_is_durable_before_the_next() {
    let fixture = Fixture::new().await;
    let message = asked(&fixture).await;
    let accepted = fixture
        .store
        .accept_reply(reply(&message, 1))
        .await
        .unwrap();
    let key = accepted.outgoing.key;
    let store = &fixture.store;

    let job = fixture.jobs(WorkKind::Compose)[0].key;
    let raw = CompressedRaw::new(b"Subject: Re: Late\r\n\r\nIt is on its way.\r\n");
    let composed = store.composed(
        job,
        key,
        raw,
        Head::default(),
        vec![address("anna@example.com")],
        at(100),
    );
    composed.await.unwrap();
    assert!(fixture.jobs(WorkKind::Compose).is_empty());
    let shown = store.message(accepted.outgoing.message).unwrap().unwrap();
    let bytes = store.raw(shown.raw.unwrap(), 1_000).unwrap().unwrap();
    assert!(bytes.ends_with(b"It is on its way.\r\n"));

    assert_eq!(store.begin_attempt(key, at(101)).await.unwrap(), 1);
    assert!(matches!(
        store.begin_attempt(key, at(101)).await,
        Err(StoreError::WrongState { .. })
    ));
    assert!(
        !store
            .order(key, Order::Cancel, None, at(101))
            .await
            .unwrap()
    );
    let fixture = fixture.reopen();
    let store = &fixture.store;
    let found = store.outgoing(key).unwrap().expect("it is kept");
    assert_eq!(found.state, OutgoingState::Sending);

    let job = fixture.jobs(WorkKind::Submit)[0].key;
    let deferred = AttemptEnd {
        state: OutgoingState::Deferred {
            until: at(200),
            reason: "busy".into(),
        },
        recipients: vec![],
        next: AttemptNext::Retry(at(200)),
        said: "busy".into(),
    };
    store
        .end_attempt(job, key, deferred, at(102))
        .await
        .unwrap();
    assert!(
        store
            .due_jobs(WorkKind::Submit, at(199), 10)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.next_due(WorkKind::Submit, at(100)).unwrap(),
        Some(at(200))
    );
    assert_eq!(store.begin_attempt(key, at(200)).await.unwrap(), 2);
    let sent = AttemptEnd {
        state: OutgoingState::Sent,
        recipients: vec![],
        next: AttemptNext::File,
        said: "taken".into(),
    };
    store.end_attempt(job, key, sent, at(201)).await.unwrap();
    let job = fixture.jobs(WorkKind::File)[0].key;
    store.filed(job, key, Filing::Filed, at(202)).await.unwrap();
    let ended = store.outgoing(key).unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.filing, ended.attempts),
        (OutgoingState::Sent, Filing::Filed, 2)
    );
    assert!(fixture.jobs(WorkKind::Submit).is_empty());
    assert!(fixture.jobs(WorkKind::File).is_empty());
}

#[tokio::test]
async fn a_cancelled_reply_leaves_no_work_and_a_resolved_one_comes_back() {
    let fixture = Fixture::new().await;
    let message = asked(&fixture).await;
    let store = &fixture.store;
    let first = store.accept_reply(reply(&message, 1)).await.unwrap();
    let second = store.accept_reply(reply(&message, 2)).await.unwrap();
    assert!(
        store
            .order(first.outgoing.key, Order::Cancel, None, at(101))
            .await
            .unwrap()
    );
    assert_eq!(fixture.jobs(WorkKind::Compose).len(), 1);
    let order: Vec<_> = store
        .outbox_page(WORKSPACE, OutboxWanted::default(), |_| true, None, 10)
        .unwrap()
        .items
        .into_iter()
        .map(|outgoing| outgoing.key)
        .collect();
    assert_eq!(order, [second.outgoing.key, first.outgoing.key]);
    store
        .resolve(first.outgoing.key, OutgoingState::Queued, at(102))
        .await
        .unwrap();
    assert_eq!(fixture.jobs(WorkKind::Compose).len(), 2);
    let by_id = store.outgoing_by_id(first.outgoing.id).unwrap().unwrap();
    assert_eq!(by_id.state, OutgoingState::Queued);
}

#[tokio::test]
async fn what_is_held_back_waits_for_a_person_and_says_who_let_it_go() {
    let fixture = Fixture::new().await;
    let message = asked(&fixture).await;
    let store = &fixture.store;
    let mut keys = Vec::new();
    for number in [1, 2] {
        let accepted = store.accept_reply(reply(&message, number)).await.unwrap();
        keys.push(accepted.outgoing.key);
    }
    let hold = Hold {
        at: at(101),
        version: None,
        outcome: Outcome::Decided,
        trace: Vec::new(),
        released: None,
    };
    for (key, job) in keys.iter().zip(fixture.jobs(WorkKind::Compose)) {
        let held = store.hold_reply(job.key, *key, "a card number".into(), hold.clone());
        held.await.unwrap();
    }
    assert!(fixture.jobs(WorkKind::Compose).is_empty());
    let (first, second) = (keys[0], keys[1]);
    let begun = store.begin_attempt(first, at(102)).await;
    assert!(matches!(begun, Err(StoreError::WrongState { .. })));

    let fixture = fixture.reopen();
    let store = &fixture.store;
    assert!(store.release_reply(first, None, at(103)).await.unwrap());
    assert!(!store.release_reply(first, None, at(104)).await.unwrap());
    let released = store.outgoing(first).unwrap().unwrap();
    assert_eq!(released.state, OutgoingState::Queued);
    let by = released.hold.unwrap().released.unwrap();
    assert_eq!((by.at, by.by), (at(103), None));
    assert_eq!(fixture.jobs(WorkKind::Compose).len(), 1);
    let changes = store.changes(Sequence(0), 100).unwrap();
    let told = changes
        .iter()
        .filter(|change| change.event.name() == "outgoing.released");
    assert_eq!(told.count(), 1);

    assert!(
        store
            .order(second, Order::Cancel, None, at(105))
            .await
            .unwrap()
    );
    assert!(!store.release_reply(second, None, at(106)).await.unwrap());
    assert_eq!(fixture.jobs(WorkKind::Compose).len(), 1);
}

#[tokio::test]
async fn a_mailbox_that_recovers_lets_nothing_go_before_its_time() {
    let fixture = Fixture::new().await;
    let message = asked(&fixture).await;
    let mut later = reply(&message, 1);
    later.send_at = at(105);
    let accepted = fixture.store.accept_reply(later).await.unwrap();
    let store = &fixture.store;
    let job = fixture.jobs(WorkKind::Compose)[0].key;
    let raw = CompressedRaw::new(b"Subject: x\r\n\r\nx\r\n");
    let to = vec![address("anna@example.com")];
    let key = accepted.outgoing.key;
    let composed = store.composed(job, key, raw, Head::default(), to, at(100));
    composed.await.unwrap();
    let mailbox = fixture.mailbox.key;
    store.release_submissions(mailbox, at(101)).await.unwrap();
    assert!(
        store
            .due_jobs(WorkKind::Submit, at(104), 9)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        store.due_jobs(WorkKind::Submit, at(105), 9).unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_reply_that_is_stopped_gives_the_question_back_and_lets_nobody_in() {
    let fixture = Fixture::new().await;
    let message = asked(&fixture).await;
    let mut wrong = reply(&message, 1);
    wrong.to = vec![named("wrong@example.net")];
    let sent = fixture.store.accept_reply(wrong).await.unwrap().outgoing;
    assert_eq!(fixture.conversation(&message).status, Status::Pending);
    let order = Order::Cancel;
    let store = &fixture.store;
    assert!(store.order(sent.key, order, None, at(101)).await.unwrap());
    let back = fixture.conversation(&message);
    assert_eq!(
        (back.status, back.last_at),
        (Status::Open, message.arrived_at)
    );
    assert_eq!(back.preview, "mail 1");
    let stranger = answer(2, "wrong@example.net", "Re: Late", &["1@customers.example"]);
    assert!(fixture.receive(stranger).await.new_participant);
}

#[tokio::test]
async fn a_bounce_brings_nobody_into_the_conversation() {
    use crate::domain::message::{BounceReport, Kind};
    let fixture = Fixture::new().await;
    let message = asked(&fixture).await;
    let store = &fixture.store;
    let sent = store.accept_reply(reply(&message, 1)).await.unwrap();
    store
        .begin_attempt(sent.outgoing.key, at(101))
        .await
        .unwrap();
    let mut forged = mail(2, "mallory@example.net", "Undelivered");
    forged.head.to = vec![named("friend@example.net")];
    forged.head.kind = Kind::Bounce;
    forged.head.bounce = Some(BounceReport {
        about: Some(id("reply-1@shop.example")),
        ..BounceReport::default()
    });
    fixture.receive(forged).await;
    for (number, who) in [(3, "mallory@example.net"), (4, "friend@example.net")] {
        let mail = answer(number, who, "Re: Late", &["1@customers.example"]);
        assert!(fixture.receive(mail).await.new_participant, "{who}");
    }
}
