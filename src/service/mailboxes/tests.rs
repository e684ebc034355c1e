//! Mailboxes whose servers do not answer, switched by many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::domain::condition::{Failure, Patience};
use crate::domain::key::{NoticeKey, WorkspaceKey};
use crate::domain::refusal::Dialogue;
use crate::domain::secret::Secret;
use crate::net::dial::{DialOptions, Dialer};
use crate::net::http_client::{HttpClient, HttpOptions};
use crate::net::oauth::OAuth;
use crate::service::diary::Diary;
use crate::service::oauth_clients::{OAuthClients, OAuthOptions};
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::reauthentication::{LinkOptions, Links};
use crate::service::sync::options::SyncOptions;
use crate::service::testing::{logins, settings};
use crate::store::Options;

struct Desk {
    mailboxes: Mailboxes,
    mailbox: Mailbox,
    _folder: tempfile::TempDir,
}

async fn desk(clock: Clock) -> Desk {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("data"), Options::default()).expect("a store");
    let dialer = Dialer::new(DialOptions::default()).expect("a dialer");
    let (diary, _unwritten) = Diary::new(clock.clone());
    let board = Board::new(Patience::default(), diary);
    let presets = Presets::open(folder.path());
    let clients = OAuthClients::new(OAuthOptions::default(), presets.clone());
    let oauth = OAuth::new(HttpClient::new(dialer.clone(), HttpOptions::default()));
    let keyring = Keyring::new(store.clone(), oauth, clients, clock.clone());
    let keyring = keyring.counting(board.refusals());
    let sync = Sync::new(
        store.clone(),
        dialer.clone(),
        board.clone(),
        clock.clone(),
        presets.clone(),
        keyring.clone(),
        SyncOptions::default(),
    );
    let connect = Connect::new(
        store.clone(),
        dialer,
        sync.clone(),
        clock.clone(),
        Random,
        None,
        presets,
    );
    let (now, workspace) = (clock.now(), WorkspaceKey::DEFAULT);
    let mailbox = store
        .add_mailbox(
            settings("help@shop.example"),
            &logins(),
            workspace,
            None,
            now,
            [7; 10],
        )
        .await
        .expect("added");
    Desk {
        mailboxes: Mailboxes::new(store, sync, board, clock, connect, keyring),
        mailbox,
        _folder: folder,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_switches_at_once_leave_a_task_exactly_when_the_store_says_on() {
    let desk = desk(Clock::new(Timestamp::now)).await;
    let id = desk.mailbox.id;
    for round in 0..40 {
        let switches: Vec<_> = (0..16)
            .map(|number| {
                let mailboxes = desk.mailboxes.clone();
                let offline = number % 2 == round % 2;
                tokio::spawn(
                    async move { mailboxes.set_offline(&Actor::Console, id, offline).await },
                )
            })
            .collect();
        for switch in switches {
            switch.await.expect("no panic").expect("switched");
        }
        let (mailbox, _) = desk.mailboxes.get(&Actor::Console, id).expect("there");
        let on = mailbox.settings.switch == Switch::On;
        assert_eq!(desk.mailboxes.sync.runs(mailbox.key), on, "round {round}");
    }
}

#[tokio::test]
async fn who_goes_away_leaves_no_mailbox_half_switched() {
    let desk = desk(Clock::new(Timestamp::now)).await;
    let (id, key) = (desk.mailbox.id, desk.mailbox.key);
    let turn = desk.mailboxes.sync.turn(key).await;
    let asked = desk.mailboxes.set_offline(&Actor::Console, id, false);
    tokio::select! {
        biased;
        _ = asked => panic!("somebody else has the turn"),
        () = tokio::task::yield_now() => {}
    }
    assert!(!desk.mailboxes.sync.runs(key));
    drop(turn);
    // The next one comes after what was begun.
    let _turn = desk.mailboxes.sync.turn(key).await;
    assert!(desk.mailboxes.sync.runs(key));
}

#[tokio::test]
async fn a_refused_login_is_tried_again_once_a_minute_however_often_people_ask() {
    let start: Timestamp = "2026-01-31T10:00:00Z".parse().expect("a time");
    let seconds = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&seconds);
    let clock = Clock::new(move || start + SignedDuration::from_secs(read.load(Ordering::Relaxed)));
    let desk = desk(clock).await;
    let (id, key) = (desk.mailbox.id, desk.mailbox.key);
    let Mailboxes { sync, board, .. } = &desk.mailboxes;
    sync.start(desk.mailbox.clone());
    let refresh = || desk.mailboxes.refresh(&Actor::Console, id);
    for _ in 0..3 {
        refresh().expect("nothing was refused");
    }
    let refused = || {
        let failure = Failure::Refused("expired".into());
        board.receiving_failed(key, failure, start, 0);
    };
    refused();
    refresh().expect("the first time");
    for answered in [false, true] {
        // Also while the answer of the server is awaited.
        if answered {
            refused();
        }
        for _ in 0..60 {
            match refresh() {
                Err(MailboxError::TooSoon(at)) => {
                    assert_eq!(at, start + SignedDuration::from_secs(60));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(board.receiving_needs_a_person(key), answered);
    }
    seconds.store(60, Ordering::Relaxed);
    refresh().expect("a minute later");
    board.alive(key, start);
    refresh().expect("it works again");
}

#[tokio::test]
async fn a_login_refused_three_times_in_an_hour_rests_whoever_asks() {
    let start: Timestamp = "2026-01-31T10:00:00Z".parse().expect("a time");
    let minutes = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&minutes);
    let clock = Clock::new(move || start + SignedDuration::from_mins(read.load(Ordering::Relaxed)));
    let desk = desk(clock).await;
    let (id, key) = (desk.mailbox.id, desk.mailbox.key);
    let Mailboxes {
        sync,
        board,
        keyring,
        ..
    } = &desk.mailboxes;
    sync.start(desk.mailbox.clone());
    let refresh = || desk.mailboxes.refresh(&Actor::Console, id);
    // Words that may mean anything, at every minute that somebody asks.
    for minute in 0..3 {
        minutes.store(minute, Ordering::Relaxed);
        refresh().expect("below the bound");
        keyring
            .note_refusal(&desk.mailbox, Dialogue::Imap, "NO Login failed", false)
            .await;
        let (now, unclear) = (
            start + SignedDuration::from_mins(minute),
            "Login failed".to_owned(),
        );
        board.receiving_failed(key, Failure::RefusedPerhaps(unclear.into()), now, 0);
    }
    let hour = start + SignedDuration::from_hours(1);
    for minute in [3, 30, 59] {
        minutes.store(minute, Ordering::Relaxed);
        let refused = refresh();
        assert!(
            matches!(refused, Err(MailboxError::TooSoon(at)) if at == hour),
            "{refused:?}"
        );
        let offered = keyring.logins(&desk.mailbox).await;
        let failure = offered.expect_err("it rests").failure();
        assert!(matches!(failure, Failure::Rests { until, .. } if until == hour));
        // A person's own try is not counted: they may have mended it at the provider.
        // Nobody listens at the server, so that is the answer.
        let given = GivenLogins::default();
        let again = desk
            .mailboxes
            .reauthenticate(&Actor::Console, id, given, |_| ());
        assert!(matches!(again.await, Err(MailboxError::Trial(_))));
        let own = keyring.for_a_person();
        assert!(own.logins(&desk.mailbox).await.is_ok());
    }
    // A new password is tried at once: nobody listens at the server, so that is the answer.
    let given = GivenLogins {
        password: Some(Secret::new("new")),
        ..GivenLogins::default()
    };
    let tried = desk
        .mailboxes
        .reauthenticate(&Actor::Console, id, given, |_| ());
    assert!(matches!(tried.await, Err(MailboxError::Trial(_))));
    minutes.store(60, Ordering::Relaxed);
    keyring.logins(&desk.mailbox).await.expect("an hour later");
    refresh().expect("an hour later");
}

#[tokio::test]
async fn a_notice_that_is_tried_again_brings_the_link_it_brought_before() {
    let time = Arc::new(AtomicI64::new(0));
    let clock = {
        let time = Arc::clone(&time);
        Clock::new(move || {
            Timestamp::UNIX_EPOCH + SignedDuration::from_secs(time.load(Ordering::SeqCst))
        })
    };
    let desk = desk(clock.clone()).await;
    let store = desk.mailboxes.store.clone();
    let options = LinkOptions::default();
    let valid = options.valid.as_secs();
    let links = Links::new(store.clone(), desk.mailboxes.clone(), clock, options);
    let url = async |notice| {
        let made = links.make_for_notice(NoticeKey(notice), &desk.mailbox);
        made.await.expect("a link").url.expose().to_owned()
    };
    let first = url(1).await;
    for _ in 0..20 {
        assert_eq!(url(1).await, first);
    }
    // One made by hand does not end it, and another notice has its own.
    links
        .make(&Actor::Console, desk.mailbox.id)
        .await
        .expect("a link");
    let second = url(2).await;
    assert_ne!(second, first);
    assert_eq!(url(1).await, first);
    // A notice that leaves late brings a link that is still good when it is read.
    time.store(valid * 3 / 4, Ordering::SeqCst);
    let later = url(1).await;
    assert_ne!(later, first);
    links.notice_is_done(NoticeKey(1));
    assert_ne!(url(1).await, later);
}
