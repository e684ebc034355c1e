//! Group commit, isolation of failures, reopening, and what opening refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::counter::Counter;
use super::super::key::Key;
use super::super::table::{Order, Rows, Table};
use super::super::*;
use super::fixture::*;
use crate::domain::change::Event;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_commits_and_each_gets_its_own_answer() {
    let fixture = Fixture::new().await;
    let mut listener = fixture.store.subscribe();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move {
                store
                    .write(|transaction| transaction.next(Counter::Team))
                    .await
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap().unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    let told = *listener.borrow_and_update();
    fixture
        .store
        .note_change(WORKSPACE, Event::ScriptsChanged, at(1))
        .await
        .unwrap();
    assert!(listener.has_changed().unwrap());
    assert_eq!(listener.borrow_and_update().0, told.0 + 1);
}

/// Holds the writer in a command until told, so that others gather behind it.
async fn gate(store: &Store) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let (open, opened) = std::sync::mpsc::channel();
    let (entered, inside) = tokio::sync::oneshot::channel();
    let (store, mut entered) = (store.clone(), Some(entered));
    let held = tokio::spawn(async move {
        store
            .write(move |_| {
                if let Some(entered) = entered.take() {
                    let _gone = entered.send(());
                    let _opened = opened.recv();
                }
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
    });
    inside.await.unwrap();
    (open, held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_or_panicking_command_costs_only_itself() {
    let fixture = Fixture::new().await;
    let (open, held) = gate(&fixture.store).await;
    let runs = Arc::new(AtomicU32::new(0));
    let put = |number: u64| {
        let (store, runs) = (fixture.store.clone(), Arc::clone(&runs));
        tokio::spawn(async move {
            store
                .write(move |transaction| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    let key = Key::new(number);
                    transaction.put(Table::Scripts, key.as_ref(), &[1])?;
                    match number {
                        3 => Err(StoreError::BadCursor),
                        5 => panic!("a defect in a command"),
                        _ => Ok(number),
                    }
                })
                .await
        })
    };
    let tasks: Vec<_> = (1..=6).map(put).collect();
    open.send(()).unwrap();
    held.await.unwrap();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert!(matches!(answers[2], Err(StoreError::BadCursor)));
    assert!(matches!(answers[4], Err(StoreError::Panicked)));
    for number in [1, 2, 4, 6] {
        assert_eq!(answers[number as usize - 1].as_ref().unwrap(), &number);
    }
    let kept = fixture
        .store
        .read(|rows| rows.keys(Table::Scripts, &[], None, Order::Up, 100))
        .unwrap();
    let kept: Vec<u64> = kept.iter().map(|key| key::number_at(key, 0)).collect();
    assert_eq!(kept, [1, 2, 4, 6]);
    assert!(runs.load(Ordering::Relaxed) >= 6);
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_drop_without_farewell() {
    let fixture = Fixture::new().await;
    let stored = fixture.receive(mail(1, "anna@example.com", "Late")).await;
    let sequence = fixture.store.last_sequence().unwrap();
    let fixture = fixture.reopen();
    assert_eq!(fixture.store.message(stored.key).unwrap(), Some(stored));
    assert_eq!(fixture.store.last_sequence().unwrap(), sequence);
    assert_eq!(*fixture.store.subscribe().borrow(), sequence);
    let next = fixture.receive(mail(2, "anna@example.com", "Other")).await;
    assert!(next.key.0 == 2, "keys go on: {:?}", next.key);
}

#[tokio::test]
async fn the_handle_can_be_closed_and_opened_again_under_its_users() {
    let fixture = Fixture::new().await;
    *fixture.store.shared().database.write().unwrap() = None;
    let refused = fixture.store.mailboxes().unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    fixture.receive(mail(1, "anna@example.com", "Late")).await;
    assert_eq!(fixture.store.mailboxes().unwrap().len(), 1);
}

#[tokio::test]
async fn compacting_keeps_everything_and_shortens_the_file() {
    let fixture = Fixture::new().await;
    let noise: Vec<u8> = (0..20_000).flat_map(random::<100>).collect();
    let big = CompressedRaw::new(&noise);
    let mut arrival = mail(1, "anna@example.com", "Late");
    arrival.raw = ArrivalRaw::Whole(big);
    let stored = fixture.receive(arrival).await;
    let length = || {
        let path = fixture.folder.path().join(DATABASE_FILE);
        std::fs::metadata(path).unwrap().len()
    };
    let before = length();
    fixture.store.compact().unwrap();
    assert!(length() < before, "{} of {before}", length());
    assert_eq!(
        fixture.store.raw_size(stored.raw.unwrap()).unwrap(),
        Some(2_000_000)
    );
    fixture.receive(mail(2, "anna@example.com", "Other")).await;
}

#[tokio::test]
async fn below_the_floor_mail_is_refused_and_everything_else_goes_on() {
    let fixture = Fixture::new().await;
    let (folder, mailbox) = (fixture.folder, fixture.mailbox);
    drop(fixture.store);
    let options = Options {
        free_space_floor_bytes: u64::MAX,
        ..OPTIONS
    };
    let store = Store::open(folder.path(), options).unwrap();
    let fixture = Fixture {
        folder,
        store,
        mailbox,
    };
    let delivery = fixture.delivery(vec![mail(1, "anna@example.com", "Late")]);
    let refused = fixture.store.deliver(delivery).await.unwrap_err();
    assert!(matches!(refused, StoreError::DiskFull { .. }) && refused.is_transient());
    assert!(matches!(
        fixture.store.condition(),
        Condition::ReadOnly { .. }
    ));
    fixture
        .store
        .add_team(WORKSPACE, "Billing".to_owned(), vec![], at(1), random(9))
        .await
        .unwrap();
    let fixture = fixture.reopen();
    assert_eq!(fixture.store.condition(), Condition::Writable);
    fixture.receive(mail(1, "anna@example.com", "Late")).await;
}

#[tokio::test]
async fn a_second_gateway_on_the_folder_hears_a_sentence() {
    let fixture = Fixture::new().await;
    let refused = Store::open(fixture.folder.path(), OPTIONS).unwrap_err();
    assert!(
        refused.to_string().contains("is in use by another gateway"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_does_not_open_is_left_as_it_is() {
    let fixture = Fixture::new().await;
    let (folder, _) = (fixture.folder, drop(fixture.store));
    let path = folder.path().join(DATABASE_FILE);
    let whole = std::fs::read(&path).unwrap();
    let mut mixed = whole.clone();
    mixed[..4096].fill(0x5A);
    for damaged in [&b"not a database"[..], &[], &whole[..5000], &mixed] {
        std::fs::write(&path, damaged).unwrap();
        let refused = Store::open(folder.path(), OPTIONS).unwrap_err().to_string();
        assert!(refused.contains("does not open"), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
    }
    std::fs::write(&path, &whole).unwrap();
    Store::open(folder.path(), OPTIONS).unwrap();
}

#[tokio::test]
async fn newer_schemas_and_foreign_keys_are_refused() {
    let fixture = Fixture::new().await;
    fixture
        .store
        .write(|transaction| transaction.point(Table::Meta, b"schema", 99))
        .await
        .map_err(|error: StoreError| error)
        .unwrap();
    let (folder, _) = (fixture.folder, drop(fixture.store));
    let refused = Store::open(folder.path(), OPTIONS).unwrap_err().to_string();
    assert!(refused.contains("has schema 99"), "{refused}");

    let fixture = Fixture::new().await;
    let (folder, _) = (fixture.folder, drop(fixture.store));
    let seal = folder.path().join("keys/seal-1.key");
    let right = std::fs::read(&seal).unwrap();
    std::fs::write(&seal, "00".repeat(32)).unwrap();
    let refused = Store::open(folder.path(), OPTIONS).unwrap_err().to_string();
    assert!(refused.contains("are not the ones"), "{refused}");
    std::fs::remove_file(&seal).unwrap();
    let refused = Store::open(folder.path(), OPTIONS).unwrap_err().to_string();
    assert!(refused.contains("put the keys folder back"), "{refused}");
    std::fs::write(&seal, right).unwrap();
    Store::open(folder.path(), OPTIONS).unwrap();
}
