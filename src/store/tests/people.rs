//! People, tokens, mailboxes and what seals their logins.

use super::super::table::{Rows, Table};
use super::super::*;
use super::fixture::*;
use crate::domain::mailbox::Credentials;
use crate::domain::user::TokenUse;

#[tokio::test]
async fn a_login_link_opens_one_session() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let user = store
        .add_user(
            "Bo".to_owned(),
            address("bo@shop.example"),
            true,
            at(1),
            random(1),
        )
        .await
        .unwrap();
    for (hash, expires) in [([1; 32], at(10)), ([2; 32], at(3))] {
        let link = TokenUse::LoginLink;
        let added = store.add_token(link, user.key, String::new(), hash, at(1), Some(expires));
        added.await.unwrap();
    }
    let session = store
        .use_login_link([1; 32], [3; 32], at(5), at(100))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(session.used_as, TokenUse::Session);
    let found = store.token_by_hash(&[3; 32]).unwrap();
    assert_eq!(found.as_ref(), Some(&session));
    for (hash, why) in [([1; 32], "used"), ([2; 32], "late"), ([3; 32], "no link")] {
        let opened = store.use_login_link(hash, [4; 32], at(5), at(100)).await;
        assert_eq!(opened.unwrap(), None, "{why}");
    }
    assert!(store.remove_token(session.key).await.unwrap());
    assert_eq!(store.token_by_hash(&[3; 32]).unwrap(), None);
    let taken = store.add_user(
        "B".to_owned(),
        address("BO@shop.example"),
        false,
        at(1),
        random(2),
    );
    assert!(matches!(taken.await, Err(StoreError::Taken { .. })));
}

#[tokio::test]
async fn an_address_is_connected_once_and_freed_by_removal() {
    let fixture = Fixture::new().await;
    let add = |seed| {
        let store = fixture.store.clone();
        async move {
            let settings = settings("HELP@shop.example");
            store
                .add_mailbox(settings, &logins(), WORKSPACE, None, at(2), random(seed))
                .await
        }
    };
    assert!(matches!(
        add(1).await,
        Err(AddError::AddressTaken { name, .. }) if name == "Help"
    ));
    let first = fixture.mailbox.key;
    assert!(
        fixture
            .store
            .remove_mailbox(first, false, at(3))
            .await
            .unwrap()
    );
    assert!(fixture.store.mailboxes().unwrap().is_empty());
    assert_eq!(fixture.store.mailbox(first).unwrap(), None);
    assert!(fixture.store.mailbox_even_removed(first).unwrap().is_some());
    assert!(fixture.store.logins(first).is_err());
    let second = add(2).await.unwrap();
    assert_eq!(
        fixture.store.mailbox_by_id(second.id).unwrap(),
        Some(second)
    );
    assert_eq!(fixture.store.mailbox(first).unwrap(), None);
}

#[tokio::test]
async fn logins_are_sealed_to_their_mailbox() {
    let fixture = Fixture::new().await;
    let other = fixture
        .store
        .add_mailbox(
            settings("b@shop.example"),
            &logins(),
            WORKSPACE,
            None,
            at(2),
            random(5),
        )
        .await
        .unwrap();
    let Credentials::Password(secret) = fixture
        .store
        .logins(other.key)
        .unwrap()
        .incoming
        .unwrap()
        .credentials
    else {
        panic!("not the login that was stored");
    };
    assert_eq!(secret.expose(), "hunter2");
    let (from, to) = (fixture.mailbox.key.0, other.key.0);
    let moved = fixture.store.write(move |transaction| {
        let sealed = transaction
            .get(Table::Logins, &from.to_be_bytes())?
            .unwrap();
        transaction.put(Table::Logins, &to.to_be_bytes(), &sealed)
    });
    moved.await.map_err(|error: StoreError| error).unwrap();
    assert!(matches!(
        fixture.store.logins(other.key),
        Err(StoreError::Seal(SealError::Refused))
    ));
    let file = std::fs::read(fixture.folder.path().join(DATABASE_FILE)).unwrap();
    assert!(!file.windows(7).any(|window| window == b"hunter2"));
}
