//! Timers of conversations, and the caps on automatic mail.

use jiff::SignedDuration;

use super::super::*;
use super::fixture::*;
use crate::domain::automatic::SENDER_MAX;
use crate::domain::conversation::{Priority, Status};
use crate::domain::decision::{Occasion, Routing};
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::message::Message;

fn later(hours: i64) -> Routing {
    Routing {
        wake_in: Some(SignedDuration::from_hours(hours)),
        ..Routing::default()
    }
}

/// Waiting for the script of timers, whenever that is.
fn wakes(fixture: &Fixture) -> Vec<Job> {
    let ever = at(100 * 365 * 1_440);
    fixture.store.due_jobs(WorkKind::Wake, ever, 100).unwrap()
}

fn woken(job: &Job, routing: Routing) -> Woken {
    let Work::Wake(message) = job.work else {
        panic!("no timer: {job:?}")
    };
    let mut decision = decision(routing);
    decision.occasion = Occasion::Timer;
    Woken {
        job: job.key,
        message,
        decision,
    }
}

fn close() -> ConversationChange {
    ConversationChange {
        status: Some(Status::Closed),
        ..ConversationChange::default()
    }
}

#[tokio::test]
async fn a_timer_is_kept_replaced_and_acted_on_once() {
    let fixture = Fixture::new().await;
    let message = fixture.receive(mail(1, "anna@example.com", "Lamp")).await;
    fixture.triage_all(&later(4)).await;
    let first = wakes(&fixture);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].due, at(500 + 4 * 60));
    // A further mail of the conversation wishes for another time.
    let answer = answer(2, "anna@example.com", "Lamp", &["1@customers.example"]);
    let second = fixture.receive(answer).await;
    assert_eq!(second.conversation, message.conversation);
    fixture.triage_all(&later(1)).await;
    let fixture = fixture.reopen();
    let store = &fixture.store;
    let waiting = wakes(&fixture);
    assert_eq!(waiting.len(), 1, "a later wish replaces the earlier");
    assert_eq!(waiting[0].due, at(500 + 60));
    // And one that wishes for nothing leaves the time as it is.
    let third = mail(3, "anna@example.com", "Re: Lamp");
    fixture.receive(third).await;
    fixture.triage_all(&Routing::default()).await;
    assert_eq!(wakes(&fixture), waiting);

    let urgent = Routing {
        priority: Some(Priority::Urgent),
        note: Some("Nobody has answered".to_owned()),
        ignore: Some("no such thing".to_owned()),
        ..Routing::default()
    };
    for _ in 0..2 {
        store
            .woken(woken(&waiting[0], urgent.clone()))
            .await
            .unwrap();
    }
    assert!(wakes(&fixture).is_empty());
    let conversation = fixture.conversation(&message);
    assert_eq!(conversation.priority, Priority::Urgent);
    assert_eq!(conversation.status, Status::Open);
    let decisions = store.decisions_of(second.key).unwrap();
    let timers: Vec<_> = decisions
        .iter()
        .filter(|one| one.occasion == Occasion::Timer)
        .collect();
    assert_eq!(timers.len(), 1);
    assert!(timers[0].warnings[0].starts_with("`ignore` left out"));
    let messages = store.messages(conversation.key, None, 10).unwrap();
    let notes = messages.iter().filter(|one| one.written.is_some());
    assert_eq!(notes.count(), 1);
}

#[tokio::test]
async fn a_timer_may_set_the_next_and_a_person_who_closes_ends_it() {
    let fixture = Fixture::new().await;
    let message = fixture.receive(mail(1, "anna@example.com", "Lamp")).await;
    fixture.triage_all(&later(4)).await;
    let store = &fixture.store;
    let first = wakes(&fixture);
    store.woken(woken(&first[0], later(2))).await.unwrap();
    let second = wakes(&fixture);
    assert_eq!(second.len(), 1);
    assert_ne!(second[0].key, first[0].key);
    let key = message.conversation;
    store
        .change_conversation(key, close(), None, at(600))
        .await
        .unwrap();
    assert!(wakes(&fixture).is_empty());
    // What was decided meanwhile comes too late.
    let reopen = Routing {
        status: Some(Status::Open),
        ..Routing::default()
    };
    store.woken(woken(&second[0], reopen)).await.unwrap();
    assert_eq!(fixture.conversation(&message).status, Status::Closed);
    let left = store
        .read(|rows| {
            use super::super::table::{Order, Rows, Table};
            rows.keys(Table::Wakes, &[], None, Order::Up, 10)
        })
        .unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn imported_mail_wakes_nobody_and_a_script_may_close_and_be_woken() {
    let fixture = Fixture::new().await;
    let mut old = mail(1, "anna@example.com", "Old");
    old.imported = true;
    let old = fixture.receive(old).await;
    fixture.triage_all(&later(4)).await;
    assert!(wakes(&fixture).is_empty());
    let decisions = fixture.store.decisions_of(old.key).unwrap();
    assert!(decisions[0].warnings[0].starts_with("`wake_in` left out"));
    fixture.receive(mail(2, "bo@example.com", "New")).await;
    let routing = Routing {
        status: Some(Status::Closed),
        ..later(4)
    };
    fixture.triage_all(&routing).await;
    assert_eq!(wakes(&fixture).len(), 1);
}

async fn acknowledged(fixture: &Fixture, number: u32, from: &str) -> (Message, Vec<String>) {
    let message = fixture.receive(mail(number, from, "Lamp")).await;
    let mut reply = reply(&message, u64::from(number));
    reply.automatic = true;
    let triaged = Triaged {
        job: fixture.jobs(WorkKind::Triage)[0].key,
        message: message.key,
        extraction: None,
        decision: decision(Routing::default()),
        acknowledgement: Some(Acknowledgement {
            sender: address(from),
            reply,
        }),
    };
    fixture.store.triage(vec![triaged]).await.unwrap();
    let decisions = fixture.store.decisions_of(message.key).unwrap();
    (message, decisions[0].warnings.clone())
}

#[tokio::test]
async fn automatic_mail_is_capped_per_conversation_and_sender() {
    let fixture = Fixture::new().await;
    let (message, warnings) = acknowledged(&fixture, 1, "anna@example.com").await;
    assert!(warnings.is_empty(), "{warnings:?}");
    let conversation = fixture.conversation(&message);
    assert_eq!(conversation.status, Status::Open, "nobody has answered");
    assert_eq!(conversation.preview, "mail 1");
    assert_eq!(fixture.jobs(WorkKind::Compose).len(), 1);

    let mut capped = 0;
    for number in 2..=20 {
        // Another conversation each, and yet all for the same person.
        let from = format!("mallory+{number}@example.com");
        let message = fixture.receive(mail(number, &from, "Lamp")).await;
        let mut reply = reply(&message, u64::from(number));
        reply.automatic = true;
        let triaged = Triaged {
            job: fixture.jobs(WorkKind::Triage)[0].key,
            message: message.key,
            extraction: None,
            decision: decision(Routing::default()),
            acknowledgement: Some(Acknowledgement {
                sender: address("Mallory@example.com"),
                reply,
            }),
        };
        fixture.store.triage(vec![triaged]).await.unwrap();
        let decisions = fixture.store.decisions_of(message.key).unwrap();
        capped += usize::from(!decisions[0].warnings.is_empty());
    }
    assert_eq!(capped, 19 - SENDER_MAX);
    assert_eq!(fixture.jobs(WorkKind::Compose).len(), 1 + SENDER_MAX);
}
