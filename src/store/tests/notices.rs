//! Notices are made with the memory that demands them.

use super::super::*;
use super::fixture::*;
use crate::domain::alert::{Due, Incident, IncidentKind, Told};
use crate::domain::notice::{Notice, NoticeState};

fn error() -> Due {
    Due::Error {
        reason: "timed out".into(),
        since: at(0),
    }
}

fn refused() -> Due {
    Due::Reauthenticate {
        reason: "535".into(),
    }
}

fn over() -> Due {
    Due::Recovered { since: at(0) }
}

fn told(kind: IncidentKind) -> Told {
    Told {
        ending: None,
        incident: Some(Incident {
            kind,
            since: at(0),
            told: true,
            well_since: None,
        }),
        ..Told::default()
    }
}

async fn tell(fixture: &Fixture, told: Told, due: Option<Due>) {
    let due = due.into_iter().map(|due| (due, [7; 12])).collect();
    let key = fixture.mailbox.key;
    fixture.store.tell(key, told, due, at(1)).await.unwrap();
}

fn waiting(fixture: &Fixture) -> Vec<Due> {
    let waiting = fixture.store.waiting_notices().unwrap();
    waiting.into_iter().map(|notice| notice.due).collect()
}

async fn accept(fixture: &Fixture) {
    let notice = fixture.store.waiting_notices().unwrap().remove(0);
    let change = |notice: &mut Notice| {
        notice.accepted.push(address("boss@shop.example"));
        notice.state = NoticeState::Sent { at: at(2) };
    };
    fixture
        .store
        .change_notice(notice.key, change)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_told_and_what_tells_it_outlive_a_restart_together() {
    let fixture = Fixture::new().await;
    let memory = told(IncidentKind::Reauthentication);
    tell(&fixture, memory.clone(), Some(refused())).await;
    let key = fixture.mailbox.key;
    let Fixture { folder, store, .. } = fixture;
    drop(store);
    let store = Store::open(folder.path(), OPTIONS).unwrap();
    assert_eq!(store.told(key).unwrap(), memory);
    let waiting = store.waiting_notices().unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!((&waiting[0].due, waiting[0].mark), (&refused(), [7; 12]));
}

#[tokio::test]
async fn what_is_overtaken_is_not_sent_and_an_end_nobody_waits_for_is_not_told() {
    let fixture = Fixture::new().await;
    tell(&fixture, told(IncidentKind::Error), Some(error())).await;
    tell(
        &fixture,
        told(IncidentKind::Reauthentication),
        Some(refused()),
    )
    .await;
    assert_eq!(waiting(&fixture), [refused()]);
    // It works again before anybody heard that it did not.
    tell(&fixture, Told::default(), Some(over())).await;
    assert_eq!(waiting(&fixture), []);
    tell(&fixture, told(IncidentKind::Error), Some(error())).await;
    accept(&fixture).await;
    tell(&fixture, Told::default(), Some(over())).await;
    assert_eq!(waiting(&fixture), [over()]);
    // A person has switched it off.
    accept(&fixture).await;
    tell(&fixture, told(IncidentKind::Error), Some(error())).await;
    tell(&fixture, Told::default(), None).await;
    assert_eq!(waiting(&fixture), []);
    let states: Vec<_> = fixture
        .store
        .latest_notices(10)
        .unwrap()
        .into_iter()
        .map(|notice| notice.state)
        .collect();
    let sent = NoticeState::Sent { at: at(2) };
    let dropped = NoticeState::Dropped;
    assert_eq!(states, [dropped, sent, sent, dropped, dropped]);
}

#[tokio::test]
async fn a_removed_mailbox_has_no_memory_and_few_notices_are_kept() {
    let fixture = Fixture::new().await;
    for _ in 0..520 {
        tell(&fixture, told(IncidentKind::Error), Some(error())).await;
        accept(&fixture).await;
    }
    assert_eq!(fixture.store.latest_notices(1_000).unwrap().len(), 500);
    let key = fixture.mailbox.key;
    let store = &fixture.store;
    store.remove_mailbox(key, false, at(3)).await.unwrap();
    assert_eq!(store.told(key).unwrap(), Told::default());
    tell(&fixture, told(IncidentKind::Error), Some(error())).await;
    assert_eq!(waiting(&fixture), []);
}
