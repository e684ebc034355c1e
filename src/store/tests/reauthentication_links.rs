//! Links that give a mailbox a new login are good once, for a while, and few at a time.

use super::super::*;
use super::fixture::*;
use crate::domain::mailbox::Switch;
use crate::domain::reauthentication::{ReauthenticationLink, TRIES_MAX};

async fn add(fixture: &Fixture, hash: u8, made: i64) {
    let link = ReauthenticationLink {
        mailbox: fixture.mailbox.key,
        made_at: at(made),
        expires_at: at(made + 100),
        tries: 0,
    };
    fixture
        .store
        .add_reauthentication_link([hash; 32], link)
        .await
        .unwrap();
}

fn there(fixture: &Fixture) -> Vec<u8> {
    let found = |hash: &u8| {
        fixture
            .store
            .reauthentication_link(&[*hash; 32])
            .unwrap()
            .is_some()
    };
    (1..=9).filter(found).collect()
}

#[tokio::test]
async fn the_oldest_makes_room_and_what_has_ended_goes() {
    let fixture = Fixture::new().await;
    for hash in 1..=5 {
        add(&fixture, hash, hash.into()).await;
    }
    assert_eq!(there(&fixture), [2, 3, 4, 5]);
    add(&fixture, 6, 104).await;
    assert_eq!(there(&fixture), [5, 6]);
}

#[tokio::test]
async fn tries_are_bounded_and_end_with_the_time() {
    let fixture = Fixture::new().await;
    add(&fixture, 1, 0).await;
    for left in (0..TRIES_MAX).rev() {
        let link = fixture.store.count_try([1; 32], at(1)).await.unwrap();
        assert_eq!(link.unwrap().tries_left(), left);
    }
    assert_eq!(fixture.store.count_try([1; 32], at(1)).await.unwrap(), None);
    add(&fixture, 2, 0).await;
    assert_eq!(
        fixture.store.count_try([2; 32], at(100)).await.unwrap(),
        None
    );
    assert_eq!(fixture.store.count_try([3; 32], at(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_login_that_changes_ends_every_link_and_other_changes_do_not() {
    let fixture = Fixture::new().await;
    let key = fixture.mailbox.key;
    let alter = |logins| {
        let (store, change) = (fixture.store.clone(), |_: &mut _| ());
        let reading = GoesOn::WhereItStopped;
        async move {
            store
                .alter_mailbox(key, change, logins, reading, at(1))
                .await
        }
    };
    add(&fixture, 1, 0).await;
    add(&fixture, 2, 0).await;
    alter(NewLogins::Keep).await.unwrap();
    assert_eq!(there(&fixture), [1, 2]);
    alter(NewLogins::Are(Box::new(logins()))).await.unwrap();
    assert!(there(&fixture).is_empty());
    add(&fixture, 3, 0).await;
    let unbound = alter(NewLogins::Forget).await.unwrap();
    assert_eq!(unbound.settings.switch, Switch::Unbound);
    assert!(there(&fixture).is_empty());
    add(&fixture, 4, 0).await;
    fixture
        .store
        .remove_mailbox(key, false, at(2))
        .await
        .unwrap();
    assert!(there(&fixture).is_empty());
}
