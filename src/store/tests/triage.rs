//! What becomes of the scripts' wishes.

use super::super::*;
use super::fixture::*;
use crate::domain::conversation::{Priority, Status, Tag};
use crate::domain::decision::{Assign, Routing, ScriptVersion, TraceStep};
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::job::WorkKind;
use crate::domain::key::{MessageKey, UserKey};
use crate::domain::ledger::Fate;
use crate::domain::message::{Direction, Kind, Message};
use crate::domain::user::{Membership, Role};
use crate::store::table::{Order, Rows, Table};

const ANNA: &str = "anna@example.com";

async fn operators(fixture: &Fixture, names: &[&str]) -> Vec<UserKey> {
    let mut keys = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let address = address(&format!("{name}@shop.example"));
        let user = fixture
            .store
            .add_user(
                (*name).to_owned(),
                address,
                false,
                at(1),
                random(50 + number as u64),
            )
            .await
            .unwrap();
        fixture
            .store
            .set_membership(Membership {
                user: user.key,
                workspace: WORKSPACE,
                role: Role::Operator,
            })
            .await
            .unwrap();
        keys.push(user.key);
    }
    keys
}

#[tokio::test]
async fn a_routing_is_carried_out_and_its_trace_is_kept() {
    let fixture = Fixture::new().await;
    let keys = operators(&fixture, &["bo"]).await;
    let team = fixture
        .store
        .add_team(
            WORKSPACE,
            "Billing".to_owned(),
            keys.clone(),
            at(1),
            random(60),
        )
        .await
        .unwrap();
    let message = fixture.receive(mail(1, ANNA, "Invoice")).await;
    let routing = Routing {
        team: Some("billing".to_owned()),
        assign: Assign::To("BO@shop.example".to_owned()),
        tags: vec![Tag::new("invoice").unwrap()],
        priority: Some(Priority::High),
        status: Some(Status::Pending),
        note: Some("Look at the order".to_owned()),
        ..Routing::default()
    };
    fixture.triage_all(&routing).await;
    let conversation = fixture.conversation(&message);
    assert!(conversation.triaged);
    assert_eq!(conversation.team, Some(team.key));
    assert_eq!(conversation.assignee, Some(keys[0]));
    assert_eq!(conversation.status, Status::Pending);
    assert_eq!(conversation.tags, routing.tags);
    let messages = fixture.store.messages(conversation.key, None, 10).unwrap();
    assert_eq!(messages[1].direction, Direction::Note);
    assert_eq!(messages[1].written.as_deref(), Some("Look at the order"));
    let decisions = fixture.store.decisions_of(message.key).unwrap();
    assert_eq!(decisions[0].routing, routing);
    assert!(decisions[0].warnings.is_empty());
    assert!(fixture.jobs(WorkKind::Triage).is_empty());
}

#[tokio::test]
async fn what_is_unknown_is_a_warning_and_a_job_counts_once() {
    let fixture = Fixture::new().await;
    let message = fixture.receive(mail(1, ANNA, "Invoice")).await;
    let job = fixture.jobs(WorkKind::Triage)[0].key;
    let routing = Routing {
        team: Some("biling".to_owned()),
        assign: Assign::To("nobody@shop.example".to_owned()),
        ..Routing::default()
    };
    let triaged = Triaged {
        job,
        message: message.key,
        extraction: None,
        acknowledgement: None,
        decision: decision(routing),
    };
    let batch = vec![triaged.clone(), triaged];
    fixture.store.triage(batch).await.unwrap();
    let decisions = fixture.store.decisions_of(message.key).unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!(
        decisions[0].warnings,
        [
            "unknown team `biling`",
            "unknown operator `nobody@shop.example`"
        ]
    );
}

#[tokio::test]
async fn turns_go_round_and_the_least_busy_gets_the_next() {
    let fixture = Fixture::new().await;
    let keys = operators(&fixture, &["bo", "cy"]).await;
    fixture
        .store
        .add_team(
            WORKSPACE,
            "Help".to_owned(),
            keys.clone(),
            at(1),
            random(60),
        )
        .await
        .unwrap();
    let mut assigned = Vec::new();
    for (number, assign) in [
        (1, Assign::RoundRobin),
        (2, Assign::RoundRobin),
        (3, Assign::RoundRobin),
        (4, Assign::LeastBusy),
        (5, Assign::LeastBusy),
    ] {
        let from = format!("customer{number}@example.com");
        let message = fixture.receive(mail(number, &from, "x")).await;
        let routing = Routing {
            team: Some("help".to_owned()),
            assign,
            ..Routing::default()
        };
        fixture.triage_all(&routing).await;
        assigned.extend(fixture.conversation(&message).assignee);
    }
    let (bo, cy) = (keys[0], keys[1]);
    assert_eq!(assigned, [bo, cy, bo, cy, bo]);
}

#[tokio::test]
async fn who_is_away_is_passed_over_and_nobody_there_is_a_warning() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let keys = operators(&fixture, &["bo", "cy"]).await;
    let help = "help".to_owned();
    store
        .add_team(WORKSPACE, help.clone(), keys.clone(), at(1), random(60))
        .await
        .unwrap();
    let mut number = 0;
    for (away, assign, expected) in [
        (&keys[..1], Assign::RoundRobin, Some(keys[1])),
        (&keys[..1], Assign::LeastBusy, Some(keys[1])),
        (&keys[..0], Assign::RoundRobin, Some(keys[0])),
        (&keys[..], Assign::RoundRobin, None),
        (&keys[..], Assign::LeastBusy, None),
        // Asked for by name, somebody who is away is still meant.
        (
            &keys[..],
            Assign::To("bo@shop.example".to_owned()),
            Some(keys[0]),
        ),
    ] {
        for key in &keys {
            let there = !away.contains(key);
            store.set_available(*key, there).await.unwrap();
        }
        number += 1;
        let message = fixture
            .receive(mail(number, &format!("c{number}@example.com"), "x"))
            .await;
        let routing = Routing {
            team: Some(help.clone()),
            assign,
            ..Routing::default()
        };
        fixture.triage_all(&routing).await;
        assert_eq!(
            fixture.conversation(&message).assignee,
            expected,
            "{number}"
        );
        let decision = &store.decisions_of(message.key).unwrap()[0];
        let warned = decision.warnings.join("");
        assert_eq!(warned.contains("nobody of team `help`"), expected.is_none());
    }
}

#[tokio::test]
async fn ignored_mail_is_hidden_and_the_ledger_says_by_whom() {
    let fixture = Fixture::new().await;
    let message = fixture.receive(mail(1, ANNA, "Newsletter")).await;
    let mut decided = decision(Routing {
        ignore: Some("newsletter".to_owned()),
        ..Routing::default()
    });
    decided.trace.push(TraceStep {
        file: "routing.rhai".to_owned(),
        line: 7,
        column: 1,
        what: "ignore(\"newsletter\")".to_owned(),
    });
    let job = fixture.jobs(WorkKind::Triage)[0].key;
    let batch = vec![Triaged {
        job,
        message: message.key,
        extraction: None,
        acknowledgement: None,
        decision: decided,
    }];
    fixture.store.triage(batch).await.unwrap();
    let page = fixture
        .store
        .conversations(WORKSPACE, &ConversationFilter::default(), None, 10)
        .unwrap();
    assert!(page.items.is_empty());
    assert_eq!(fixture.conversation(&message).status, Status::Closed);
    let row = &fixture.store.ledger_of_message(message.key).unwrap()[0];
    let expected = Fate::Ignored {
        message: message.key,
        by: "routing.rhai:7 newsletter".to_owned(),
    };
    assert_eq!(row.fate, expected);
}

#[tokio::test]
async fn imported_mail_gets_team_and_tags_but_stays_closed() {
    let fixture = Fixture::new().await;
    let mut old = mail(1, ANNA, "Old");
    old.imported = true;
    let message = fixture.receive(old).await;
    let routing = Routing {
        tags: vec![Tag::new("old").unwrap()],
        status: Some(Status::Open),
        ..Routing::default()
    };
    fixture.triage_all(&routing).await;
    let conversation = fixture.conversation(&message);
    assert_eq!(conversation.status, Status::Closed);
    assert_eq!(conversation.tags, routing.tags);
}

#[tokio::test]
async fn script_versions_are_kept() {
    let fixture = Fixture::new().await;
    let files = vec![("routing.rhai".to_owned(), "fn route() {}".to_owned())];
    let version = ScriptVersion([1; 16]);
    fixture
        .store
        .keep_script(version, files.clone())
        .await
        .unwrap();
    assert_eq!(fixture.store.script(version).unwrap(), Some(files));
    assert_eq!(fixture.store.script(ScriptVersion([2; 16])).unwrap(), None);
}

#[tokio::test]
async fn a_line_finds_the_mails_it_decided_newest_first_until_they_are_taken_away() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let step = |file: &str, line| TraceStep {
        file: file.to_owned(),
        line,
        column: 5,
        what: "inbox()".to_owned(),
    };
    let mut messages = Vec::new();
    for number in 1..=5 {
        let message = fixture.receive(mail(number, ANNA, "x")).await;
        let mut decided = decision(Routing::default());
        decided.version = Some(ScriptVersion([1; 16]));
        // The same line twice is one row; a step outside every line is none.
        decided.trace = vec![step("routing.rhai", 14), step("routing.rhai", 14)];
        decided.trace.push(step("lib/words.rhai", number));
        decided.trace.push(step("routing.rhai", 0));
        let triaged = Triaged {
            job: fixture.jobs(WorkKind::Triage)[0].key,
            message: message.key,
            extraction: None,
            acknowledgement: None,
            decision: decided,
        };
        store.triage(vec![triaged]).await.unwrap();
        messages.push(message.key);
    }
    messages.reverse();
    let page = |file, line, before: Option<&str>| {
        let page = store
            .decisions_at(WORKSPACE, file, line, before, 2)
            .unwrap();
        let keys: Vec<_> = page.items.iter().map(|one| one.message).collect();
        (keys, page.next)
    };
    let mut found = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let (keys, next) = page("routing.rhai", 14, before.as_deref());
        assert!(keys.len() <= 2);
        found.extend(keys);
        let Some(next) = next else { break };
        before = Some(next);
    }
    assert_eq!(found, messages);
    assert_eq!(page("lib/words.rhai", 5, None), (vec![messages[0]], None));
    assert_eq!(page("routing.rhai", 13, None).0, []);
    assert_eq!(page("routing.rhai", 0, None).0, []);
    let bad = store.decisions_at(WORKSPACE, "routing.rhai", 14, Some("+1"), 2);
    assert!(matches!(bad, Err(StoreError::BadCursor)));
    let other = crate::domain::key::WorkspaceKey(WORKSPACE.0 + 1);
    let elsewhere = store.decisions_at(other, "routing.rhai", 14, None, 2);
    assert!(elsewhere.unwrap().items.is_empty());

    let key = fixture.mailbox.key;
    store.remove_mailbox(key, true, at(600)).await.unwrap();
    while store.purge_some(key).await.unwrap() {}
    assert_eq!(page("routing.rhai", 14, None).0, []);
    let left = store
        .read(|rows| rows.keys(Table::DecisionLines, &[], None, Order::Up, 10))
        .unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_notice_hides_nobody_whom_only_a_machine_has_answered() {
    let fixture = Fixture::new().await;
    let triage = async |arrival: Arrival, sort: MailSort| {
        let message = fixture.receive(arrival).await;
        let triaged = Triaged {
            job: fixture.jobs(WorkKind::Triage)[0].key,
            message: message.key,
            extraction: Some(Extraction {
                sort: Some(sort),
                ..Extraction::default()
            }),
            acknowledgement: None,
            decision: decision(Routing::default()),
        };
        fixture.store.triage(vec![triaged]).await.unwrap();
        message
    };
    let notice = || MailSort::Notice("order".to_owned());
    let newest = |message: &Message| fixture.store.newest_sort(message.conversation).unwrap();
    let mut alone = mail(1, ANNA, "Shipped");
    alone.head.kind = Kind::Automatic;
    let first = triage(alone, notice()).await;
    assert_eq!(newest(&first), Some(notice()));
    let reference = "1@customers.example";
    // Mail of a list is written by somebody, too.
    let mut listed = answer(2, ANNA, "Shipped", &[reference]);
    listed.head.kind = Kind::List;
    let message = fixture.receive(listed).await;
    assert_eq!(message.conversation, first.conversation);
    fixture.triage_all(&Routing::default()).await;
    let last = triage(answer(3, ANNA, "Shipped", &[reference]), notice()).await;
    assert_eq!(last.conversation, first.conversation);
    assert_eq!(newest(&last), None, "somebody waits");

    let keys = |up_to: Option<MessageKey>, limit| {
        let found = fixture
            .store
            .latest_messages(first.conversation, up_to, limit);
        let found = found.unwrap();
        found.iter().map(|one| one.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(None, 2), [last.key, message.key]);
    assert_eq!(keys(Some(message.key), 2), [message.key, first.key]);
    assert_eq!(keys(Some(first.key), 9), [first.key]);
}
