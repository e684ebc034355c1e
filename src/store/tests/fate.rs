//! What becomes known of replies after they left, and mails of the Sent folder.

use super::super::*;
use super::fixture::*;
use crate::domain::conversation::Status;
use crate::domain::job::WorkKind;
use crate::domain::ledger::Fate;
use crate::domain::message::{Direction, Message};
use crate::domain::outbox::{ALIASES_MAX, Filing, Outgoing, OutgoingState};
use crate::store::table::{Order, Rows as _, Table};

const ANNA: &str = "anna@customers.example";

async fn replied(fixture: &Fixture) -> (Message, Outgoing) {
    let first = fixture.receive(mail(1, ANNA, "Late")).await;
    let accepted = fixture.store.accept_reply(reply(&first, 1)).await.unwrap();
    let key = accepted.outgoing.key;
    fixture.store.begin_attempt(key, at(101)).await.unwrap();
    (first, fixture.store.outgoing(key).unwrap().unwrap())
}

fn in_sent(fixture: &Fixture, arrival: Arrival) -> Delivery {
    Delivery {
        is_sent: true,
        ..fixture.delivery(vec![arrival])
    }
}

#[tokio::test]
async fn an_alias_is_found_like_the_id_itself_and_never_taken_from_another() {
    let fixture = Fixture::new().await;
    let (first, outgoing) = replied(&fixture).await;
    let store = &fixture.store;
    for number in 0..ALIASES_MAX + 2 {
        let alias = id(&format!("alias-{number}@provider.example"));
        for _ in 0..2 {
            let learned = store.learn_alias(outgoing.key, alias.clone(), at(102));
            learned.await.unwrap();
        }
    }
    let known = store.outgoing(outgoing.key).unwrap().unwrap();
    assert_eq!(known.aliases.len(), ALIASES_MAX);
    assert_eq!(known.history.len(), ALIASES_MAX);

    let stranger = answer(2, "new@home.example", "Hm", &["alias-0@provider.example"]);
    assert_eq!(
        fixture.receive(stranger).await.conversation,
        first.conversation
    );

    let second = store.accept_reply(reply(&first, 2)).await.unwrap().outgoing;
    for taken in ["alias-0@provider.example", "reply-1@shop.example"] {
        let learned = store.learn_alias(second.key, id(taken), at(103));
        learned.await.unwrap();
    }
    assert!(
        store
            .outgoing(second.key)
            .unwrap()
            .unwrap()
            .aliases
            .is_empty()
    );

    // They go with their conversation.
    let key = fixture.mailbox.key;
    assert!(store.remove_mailbox(key, true, at(200)).await.unwrap());
    while store.purge_some(key).await.unwrap() {}
    for table in [Table::OutgoingIds, Table::MessageIds] {
        let left = store.read(|rows| rows.keys(table, &[], None, Order::Up, 10));
        assert!(left.unwrap().is_empty(), "{table:?}");
    }
}

#[tokio::test]
async fn what_was_proven_to_be_sent_is_filed_though_that_was_given_up() {
    let fixture = Fixture::new().await;
    let (first, outgoing) = replied(&fixture).await;
    let store = &fixture.store;
    let end = AttemptEnd {
        state: OutgoingState::Uncertain {
            reason: "the line broke".into(),
        },
        recipients: vec![crate::domain::outbox::RecipientResult {
            address: address(ANNA),
            state: crate::domain::outbox::RecipientState::Uncertain,
            text: String::new(),
        }],
        next: AttemptNext::File,
        said: "the line broke".into(),
    };
    let job = fixture.jobs(WorkKind::Compose)[0].key;
    store
        .end_attempt(job, outgoing.key, end, at(102))
        .await
        .unwrap();
    let job = fixture.jobs(WorkKind::File)[0].key;
    let given_up = Filing::Failed {
        reason: "no evidence".into(),
    };
    store
        .filed(job, outgoing.key, given_up, at(103))
        .await
        .unwrap();
    assert!(fixture.jobs(WorkKind::File).is_empty());
    // A stranger who knows the id proves nothing.
    for (number, from, state) in [(2, "eve@home.example", false), (3, ANNA, true)] {
        let answer = answer(number, from, "Re: Late", &["reply-1@shop.example"]);
        assert_eq!(
            fixture.receive(answer).await.conversation,
            first.conversation
        );
        let known = store.outgoing(outgoing.key).unwrap().unwrap();
        assert_eq!(known.state == OutgoingState::Sent, state, "{from}");
    }
    assert_eq!(fixture.jobs(WorkKind::File).len(), 1);
}

#[tokio::test]
async fn the_sent_folder_brings_our_words_and_nothing_else() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let first = fixture.receive(mail(1, ANNA, "Late")).await;
    fixture.triage_all(&Default::default()).await;
    let ours = |number, references: &[&str]| {
        let mut arrival = answer(number, "help@shop.example", "Re: Late", references);
        arrival.head.to = vec![named("boss@customers.example")];
        arrival
    };
    let joined = ours(2, &["1@customers.example"]);
    let delivered = store.deliver(in_sent(&fixture, joined)).await.unwrap();
    let Delivered::Stored { message, .. } = delivered[0] else {
        panic!("{delivered:?}");
    };
    let message = store.message(message).unwrap().unwrap();
    assert_eq!(message.direction, Direction::Outbound);
    assert_eq!(message.conversation, first.conversation);
    assert_eq!(fixture.conversation(&first).status, Status::Pending);
    assert!(
        fixture.jobs(WorkKind::Triage).is_empty(),
        "no script sees it"
    );

    // Whom we wrote to takes part from now on.
    let boss = answer(
        3,
        "boss@customers.example",
        "Re: Late",
        &["2@customers.example"],
    );
    let boss = fixture.receive(boss).await;
    assert_eq!(boss.conversation, first.conversation);
    assert!(!boss.new_participant);

    let mut unknown = ours(4, &[]);
    unknown.head.subject = "Lunch".to_owned();
    let mut forged = ours(5, &["1@customers.example"]);
    forged.head.from = Some(named("eve@home.example"));
    for elsewhere in [unknown, forged] {
        let source = elsewhere.source.clone();
        let delivered = store.deliver(in_sent(&fixture, elsewhere)).await.unwrap();
        assert_eq!(delivered, [Delivered::Elsewhere]);
        let row = store.ledger_find(fixture.mailbox.key, &source).unwrap();
        assert_eq!(row.unwrap().fate, Fate::Elsewhere);
    }
}

#[tokio::test]
async fn a_copy_with_another_id_is_ours_by_everything_else_it_says() {
    let fixture = Fixture::new().await;
    let (_, outgoing) = replied(&fixture).await;
    let store = &fixture.store;
    let shown = store.message(outgoing.message).unwrap().unwrap();
    let mut composed = shown.head.clone();
    composed.date = Some(at(100));
    composed.references = vec![id("1@customers.example")];
    let job = fixture.jobs(WorkKind::Compose)[0].key;
    let raw = CompressedRaw::new(b"Subject: Re: Late\r\n\r\nIt is on its way.\r\n");
    let composed_reply = store.composed(job, outgoing.key, raw, composed.clone(), vec![], at(101));
    composed_reply.await.unwrap();
    let mut copy = mail(2, "help@shop.example", "Re: Late");
    copy.head = composed.clone();
    copy.head.message_id = Some(id("tencent_1@qq.com"));
    let mut later = mail(3, "help@shop.example", "Re: Late");
    later.head = copy.head.clone();
    later.head.date = Some(at(101));
    later.head.message_id = Some(id("tencent_2@qq.com"));
    let delivered = store.deliver(in_sent(&fixture, copy)).await.unwrap();
    assert_eq!(delivered, [Delivered::Own(outgoing.message)]);
    let known = store.outgoing(outgoing.key).unwrap().unwrap();
    assert_eq!(known.aliases, [id("tencent_1@qq.com")]);
    let delivered = store.deliver(in_sent(&fixture, later)).await.unwrap();
    assert!(
        matches!(delivered[0], Delivered::Stored { .. }),
        "written a second later by a person: {delivered:?}"
    );
}
