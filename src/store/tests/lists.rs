//! Lists and counts against a naive reading of all conversations.

use proptest::prelude::*;

use super::super::*;
use super::fixture::*;
use crate::domain::conversation::{Conversation, Status, Tag};
use crate::domain::decision::Routing;
use crate::domain::key::{ConversationKey, TeamKey, UserKey, WorkspaceKey};

#[derive(Clone, Debug)]
enum Step {
    Arrive {
        sender: u8,
        answers: bool,
    },
    Triage,
    Change {
        which: usize,
        change: Box<ConversationChange>,
    },
    Note {
        which: usize,
    },
}

fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(vec![
        Status::Open,
        Status::Pending,
        Status::Snoozed,
        Status::Closed,
    ])
}

fn tag(number: u8) -> Tag {
    Tag::new(&format!("tag{number}")).unwrap()
}

fn change() -> impl Strategy<Value = ConversationChange> {
    (
        prop::option::of(status()),
        prop::option::of(prop::option::of(1u64..3)),
        prop::option::of(prop::option::of(1u64..3)),
        prop::collection::vec(0u8..3, 0..2),
        prop::collection::vec(0u8..3, 0..2),
        prop::option::of(any::<bool>()),
    )
        .prop_map(
            |(status, team, user, add, remove, spam)| ConversationChange {
                status,
                team: team.map(|team| team.map(TeamKey)),
                assignee: user.map(|user| user.map(UserKey)),
                add_tags: add.into_iter().map(tag).collect(),
                remove_tags: remove.into_iter().map(tag).collect(),
                priority: None,
                spam,
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u8..4, any::<bool>()).prop_map(|(sender, answers)| Step::Arrive { sender, answers }),
        1 => Just(Step::Triage),
        3 => (any::<usize>(), change())
            .prop_map(|(which, change)| Step::Change { which, change: Box::new(change) }),
        1 => any::<usize>().prop_map(|which| Step::Note { which }),
    ]
}

async fn run(fixture: &Fixture, steps: &[Step]) -> Vec<Conversation> {
    let mut known = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let number = number as u32 + 1;
        let pick = |which: usize| known.get(which % known.len().max(1)).copied();
        match step {
            Step::Arrive { sender, answers } => {
                let from = format!("c{sender}@example.com");
                let mut arrival = mail(number, &from, &format!("subject {number}"));
                if !answers {
                    // A machine's mail joins nothing by its sender alone.
                    arrival.head.kind = crate::domain::message::Kind::Automatic;
                }
                let stored = fixture.receive(arrival).await;
                if !known.contains(&stored.conversation) {
                    known.push(stored.conversation);
                }
            }
            Step::Triage => fixture.triage_all(&Routing::default()).await,
            Step::Change { which, change } => {
                if let Some(key) = pick(*which) {
                    let change = (**change).clone();
                    let changed = fixture.store.change_conversation(key, change, None, at(1));
                    changed.await.unwrap();
                }
            }
            Step::Note { which } => {
                if let Some(key) = pick(*which) {
                    let note = fixture.store.add_note(
                        key,
                        None,
                        "a note".to_owned(),
                        at(1),
                        random(5_000_000 + u64::from(number)),
                    );
                    note.await.unwrap();
                }
            }
        }
    }
    let found = |key: &ConversationKey| fixture.store.conversation(*key).unwrap().unwrap();
    known.iter().map(found).collect()
}

fn filters() -> Vec<ConversationFilter> {
    let none = ConversationFilter::default();
    let mut filters = vec![none.clone()];
    for status in [Status::Open, Status::Closed] {
        filters.push(ConversationFilter {
            status: Some(status),
            ..none.clone()
        });
    }
    filters.push(ConversationFilter {
        spam: true,
        ..none.clone()
    });
    filters.push(ConversationFilter {
        team: Some(TeamKey(1)),
        ..none.clone()
    });
    filters.push(ConversationFilter {
        assignee: Some(UserKey(2)),
        ..none.clone()
    });
    filters.push(ConversationFilter {
        tag: Some(tag(1)),
        ..none.clone()
    });
    filters.push(ConversationFilter {
        tag: Some(tag(1)),
        team: Some(TeamKey(2)),
        status: Some(Status::Open),
        ..none
    });
    filters
}

fn wanted(filter: &ConversationFilter, conversation: &Conversation) -> bool {
    conversation.triaged
        && conversation.spam == filter.spam
        && filter
            .status
            .is_none_or(|status| conversation.status == status)
        && filter
            .team
            .is_none_or(|team| conversation.team == Some(team))
        && filter
            .assignee
            .is_none_or(|user| conversation.assignee == Some(user))
        && filter
            .tag
            .as_ref()
            .is_none_or(|tag| conversation.tags.contains(tag))
}

/// Every page of a list, one after another.
fn pages(store: &Store, filter: &ConversationFilter, limit: usize) -> Vec<Conversation> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = store
            .conversations(WORKSPACE, filter, after.as_deref(), limit)
            .unwrap();
        items.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return items,
        }
    }
}

fn naive_counts(all: &[Conversation]) -> Counts {
    let mut counts = Counts::default();
    for conversation in all.iter().filter(|conversation| conversation.triaged) {
        let count = match conversation.status {
            _ if conversation.spam => &mut counts.spam,
            Status::Open => &mut counts.open,
            Status::Pending => &mut counts.pending,
            Status::Snoozed => &mut counts.snoozed,
            Status::Closed => &mut counts.closed,
        };
        *count += 1;
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn lists_and_counts_stay_right(steps in prop::collection::vec(step(), 1..40), limit in 1usize..4) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            let all = run(&fixture, &steps).await;
            prop_assert_eq!(fixture.store.counts(WORKSPACE).unwrap(), naive_counts(&all));
            for filter in filters() {
                let mut expected: Vec<_> = all.iter().filter(|c| wanted(&filter, c)).cloned().collect();
                expected.sort_by_key(|c| std::cmp::Reverse((c.last_at, c.key)));
                prop_assert_eq!(pages(&fixture.store, &filter, limit), expected, "{:?}", filter);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_foreign_cursor_is_refused_and_workspaces_see_nothing_of_each_other() {
    let fixture = Fixture::new().await;
    fixture.receive(mail(1, "anna@example.com", "Late")).await;
    fixture.triage_all(&Routing::default()).await;
    let filter = ConversationFilter::default();
    for cursor in ["", "x", "+0000000000000000000000000000000"] {
        let refused = fixture
            .store
            .conversations(WORKSPACE, &filter, Some(cursor), 5);
        assert!(matches!(refused, Err(StoreError::BadCursor)), "{cursor}");
    }
    let elsewhere = fixture
        .store
        .conversations(WorkspaceKey(2), &filter, None, 5)
        .unwrap();
    assert!(elsewhere.items.is_empty());
    assert_eq!(
        fixture.store.counts(WorkspaceKey(2)).unwrap(),
        Counts::default()
    );
}
