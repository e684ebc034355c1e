//! Conversations joined and taken apart: where mails stand, where answers land, and that
//! undoing leaves everything as it was.

use proptest::prelude::*;

use super::super::*;
use super::fixture::*;
use crate::domain::conversation::{Conversation, Status, Tag};
use crate::domain::decision::Routing;
use crate::domain::key::{ConversationKey, MessageKey};
use crate::domain::message::Message;
use crate::domain::regrouping::Regrouping;

const ANNA: &str = "anna@example.com";
const BERT: &str = "bert@example.org";
const MALLORY: &str = "mallory@example.net";

async fn two(fixture: &Fixture) -> (Message, Message) {
    let first = fixture.receive(mail(1, ANNA, "Lamp")).await;
    let second = fixture.receive(mail(2, BERT, "Invoice")).await;
    let tag = |word| Tag::new(word).unwrap();
    let tags = vec![tag("both")];
    fixture
        .triage_all(&Routing {
            tags,
            ..Routing::default()
        })
        .await;
    let change = ConversationChange {
        add_tags: vec![tag("bert")],
        ..ConversationChange::default()
    };
    let store = &fixture.store;
    let changed = store.change_conversation(second.conversation, change, None, at(5));
    changed.await.unwrap();
    (first, second)
}

async fn merge(fixture: &Fixture, from: &Message, into: &Message) -> Regrouping {
    let (from, into) = (from.conversation, into.conversation);
    let store = &fixture.store;
    let merged = store.merge_conversations(from, into, None, at(50), random(7));
    merged.await.unwrap()
}

fn listed(fixture: &Fixture) -> Vec<ConversationKey> {
    let filter = ConversationFilter::default();
    let store = &fixture.store;
    let page = store.conversations(WORKSPACE, &filter, None, 100).unwrap();
    page.items.iter().map(|one| one.key).collect()
}

fn messages(fixture: &Fixture, conversation: ConversationKey) -> Vec<MessageKey> {
    let all = fixture.store.messages(conversation, None, 1_000).unwrap();
    all.iter().map(|message| message.key).collect()
}

fn get(fixture: &Fixture, key: ConversationKey) -> Conversation {
    fixture.store.conversation(key).unwrap().unwrap()
}

#[tokio::test]
async fn a_merged_conversation_leads_on_and_comes_back() {
    let fixture = Fixture::new().await;
    let (first, second) = two(&fixture).await;
    let sent = fixture.store.accept_reply(reply(&second, 1)).await.unwrap();
    let before = (
        get(&fixture, first.conversation),
        get(&fixture, second.conversation),
    );
    let act = merge(&fixture, &second, &first).await;

    let (into, from) = (first.conversation, second.conversation);
    assert_eq!(listed(&fixture), [into]);
    let shown = [first.key, second.key, sent.outgoing.message];
    assert_eq!(messages(&fixture, into), shown);
    let joined = get(&fixture, into);
    assert_eq!(joined.message_count, 3);
    let tags: Vec<_> = joined.tags.iter().map(Tag::as_str).collect();
    assert_eq!(tags, ["both", "bert"]);
    assert_eq!(get(&fixture, from).merged_into, Some(into));
    let sent = fixture.store.outgoing(sent.outgoing.key).unwrap().unwrap();
    assert_eq!(sent.conversation, into);

    // By headers, by subject, by contact: all that would have gone there comes here.
    let answers = [
        answer(3, BERT, "Re: Invoice", &["2@customers.example"]),
        mail(4, BERT, "Invoice"),
        mail(5, BERT, "Something else"),
    ];
    let mut came = Vec::new();
    for arrival in answers {
        let message = fixture.receive(arrival).await;
        assert_eq!(
            (message.conversation, message.new_participant),
            (into, false)
        );
        came.push(message.key);
    }
    // So does a reply that somebody had begun, and a note.
    let late = fixture.store.accept_reply(reply(&second, 2)).await.unwrap();
    assert_eq!(late.outgoing.conversation, into);

    let undone = fixture.store.undo_regrouping(act.key, None, at(60)).await;
    assert_eq!(undone.unwrap().undone_at, Some(at(60)));
    assert_eq!(get(&fixture, from), before.1);
    let after = get(&fixture, into);
    assert_eq!((&after.tags, after.message_count), (&before.0.tags, 5));
    assert_eq!(messages(&fixture, from), shown[1..]);
    // Who came in by the merge is a stranger again.
    let stranger = answer(6, BERT, "Re: Lamp", &["1@customers.example"]);
    let stranger = fixture.receive(stranger).await;
    assert_eq!(
        (stranger.conversation, stranger.new_participant),
        (into, true)
    );
    let again = fixture.store.undo_regrouping(act.key, None, at(61)).await;
    assert!(matches!(again, Err(RegroupError::Undone)));
}

#[tokio::test]
async fn answers_follow_a_mail_that_was_taken_out() {
    let fixture = Fixture::new().await;
    let (first, _) = two(&fixture).await;
    let from = first.conversation;
    let store = &fixture.store;
    let stranger = answer(3, MALLORY, "Mine", &["1@customers.example"]);
    let stranger = fixture.receive(stranger).await;
    assert!(stranger.new_participant);
    let domain = "shop.example";
    let issued = store.issue_message_id(WORKSPACE, from, random(1), domain);
    let mut sent = reply(&stranger, 1);
    sent.message_id = issued.unwrap();
    let sent_id = sent.message_id.clone();
    let sent = store.accept_reply(sent).await.unwrap().outgoing;
    let before = get(&fixture, from);

    let moving = vec![stranger.key, sent.message];
    let act = store.split_conversation(from, moving.clone(), None, at(50), random(8));
    let act = act.await.unwrap();
    let into = get(&fixture, act.into);
    assert_eq!(
        (into.subject.as_str(), into.contact),
        ("Mine", stranger.contact)
    );
    assert_eq!((into.number, into.message_count), (3, 2));
    assert_eq!(messages(&fixture, act.into), moving);
    assert_eq!(messages(&fixture, from), [first.key]);
    assert_eq!(
        store.outgoing(sent.key).unwrap().unwrap().conversation,
        act.into
    );
    let moved = store.message(stranger.key).unwrap().unwrap();
    assert!(!moved.new_participant, "it is their own conversation now");

    // Although the token of our reply names the conversation it was written in.
    let mut by_token = answer(4, MALLORY, "Re: Mine", &[]);
    by_token.head.references = vec![sent_id.clone()];
    let by_header = answer(5, MALLORY, "Re: Mine", &["3@customers.example"]);
    for arrival in [by_token, by_header] {
        let message = fixture.receive(arrival).await;
        let place = (message.conversation, message.new_participant);
        assert_eq!(place, (act.into, false));
    }
    let stays = answer(6, ANNA, "Re: Lamp", &["1@customers.example"]);
    assert_eq!(fixture.receive(stays).await.conversation, from);

    store.undo_regrouping(act.key, None, at(60)).await.unwrap();
    assert_eq!(messages(&fixture, from).len(), 6);
    assert_eq!(get(&fixture, act.into).merged_into, Some(from));
    assert!(
        store
            .message(stranger.key)
            .unwrap()
            .unwrap()
            .new_participant
    );
    assert_eq!(get(&fixture, from).subject, before.subject);
    let mut late = answer(7, MALLORY, "Re: Mine", &[]);
    late.head.references = vec![sent_id];
    assert_eq!(fixture.receive(late).await.conversation, from);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let (first, second) = two(&fixture).await;
    let new = fixture.receive(mail(3, MALLORY, "New")).await;
    let store = &fixture.store;
    let (one, two, new) = (first.conversation, second.conversation, new.conversation);
    let merge = |from, into| store.merge_conversations(from, into, None, at(9), random(9));
    let split = |from, messages| store.split_conversation(from, messages, None, at(9), random(9));
    assert!(matches!(merge(one, one).await, Err(RegroupError::Same)));
    assert!(matches!(merge(new, one).await, Err(RegroupError::TooSoon)));
    let nobody = ConversationKey(99);
    assert!(matches!(
        merge(nobody, one).await,
        Err(RegroupError::NoConversation)
    ));
    let all = split(one, vec![first.key]).await;
    assert!(matches!(all, Err(RegroupError::Nothing)));
    let none = split(one, Vec::new()).await;
    assert!(matches!(none, Err(RegroupError::Nothing)));
    let others = split(one, vec![second.key]).await;
    assert!(matches!(others, Err(RegroupError::NoMessage)));
    let act = merge(two, one).await.unwrap();
    assert!(matches!(merge(two, one).await, Err(RegroupError::Merged)));
    assert!(matches!(merge(one, two).await, Err(RegroupError::Merged)));
    let four = fixture.receive(mail(4, "dora@example.com", "Four")).await;
    fixture.triage_all(&Routing::default()).await;
    let later = merge(one, four.conversation).await.unwrap();
    let early = store.undo_regrouping(act.key, None, at(10)).await;
    assert!(matches!(early, Err(RegroupError::Overtaken)));
    store
        .undo_regrouping(later.key, None, at(10))
        .await
        .unwrap();
    store.undo_regrouping(act.key, None, at(11)).await.unwrap();
    assert_eq!(get(&fixture, two).merged_into, None);
}

#[tokio::test]
async fn they_go_with_their_mailbox() {
    let fixture = Fixture::new().await;
    let (first, second) = two(&fixture).await;
    merge(&fixture, &second, &first).await;
    let store = &fixture.store;
    let key = fixture.mailbox.key;
    store.remove_mailbox(key, true, at(70)).await.unwrap();
    while store.purge_some(key).await.unwrap() {}
    for one in [first.conversation, second.conversation] {
        assert_eq!(store.conversation(one).unwrap(), None);
        assert!(store.regroupings_of(one, 10).unwrap().is_empty());
    }
}

/// Every conversation there is, and where every message stands.
fn everything(fixture: &Fixture, last: u64) -> (Vec<Conversation>, Vec<ConversationKey>) {
    let store = &fixture.store;
    let conversation = |key| store.conversation(ConversationKey(key)).unwrap();
    let message = |key| store.message(MessageKey(key)).unwrap();
    let places = (1..=last).filter_map(message).map(|one| one.conversation);
    ((1..=8).filter_map(conversation).collect(), places.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Acts are pairs of a kind and two numbers that choose among what is there.
    #[test]
    fn undone_backwards_everything_is_as_it_was(acts in proptest::collection::vec((any::<bool>(), 0_usize..64, 0_usize..64), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            for number in 1..=8_u32 {
                let from = [ANNA, BERT, MALLORY, "dora@example.com"][number as usize % 4];
                let arrival = answer(number, from, &format!("Case {}", number % 4), &[]);
                fixture.receive(arrival).await;
            }
            fixture.triage_all(&Routing::default()).await;
            let before = everything(&fixture, 8);
            let mut done = Vec::new();
            for (number, (is_merge, left, right)) in acts.into_iter().enumerate() {
                let there = listed(&fixture);
                let from = there[left % there.len()];
                let by = random(number as u64);
                let store = &fixture.store;
                let act = if is_merge {
                    let into = there[right % there.len()];
                    store.merge_conversations(from, into, None, at(50), by).await
                } else {
                    let all = messages(&fixture, from);
                    let some = all[right % all.len()..].to_vec();
                    let ids = random(100 + number as u64);
                    store.split_conversation(from, some, None, at(50), ids).await
                };
                done.extend(act.ok());
                // Each mail stands in one conversation that is listed, and is counted there.
                let mut count = 0;
                for key in listed(&fixture) {
                    let keys = messages(&fixture, key);
                    prop_assert_eq!(keys.len(), get(&fixture, key).message_count as usize);
                    count += keys.len();
                }
                prop_assert_eq!(count, 8);
            }
            for act in done.iter().rev() {
                fixture.store.undo_regrouping(act.key, None, at(60)).await.unwrap();
            }
            let after = everything(&fixture, 8);
            prop_assert_eq!(after.1, before.1);
            for (old, new) in before.0.iter().zip(&after.0) {
                prop_assert_eq!(new, old);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_closed_one_opens_its_new_home_only_when_it_waited() {
    let fixture = Fixture::new().await;
    let (first, second) = two(&fixture).await;
    let close = |key| {
        let change = ConversationChange {
            status: Some(Status::Closed),
            ..ConversationChange::default()
        };
        fixture.store.change_conversation(key, change, None, at(6))
    };
    close(first.conversation).await.unwrap();
    merge(&fixture, &second, &first).await;
    assert_eq!(get(&fixture, first.conversation).status, Status::Open);
}
