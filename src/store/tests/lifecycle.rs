//! The life of a mailbox after it was connected.

use std::time::Duration;

use super::fixture::*;
use crate::domain::condition::{Held, MailboxStanding, Standing};
use crate::domain::decision::Routing;
use crate::domain::folder::{Cursor, FolderName, UidValidity};
use crate::domain::job::WorkKind;
use crate::domain::key::MessageKey;
use crate::domain::mailbox::{MailboxLogins, Switch};
use crate::domain::outbox::OutgoingState;
use crate::domain::saying::{Bilingual, saying};
use crate::store::table::{Order, Rows, Table};
use crate::store::*;

fn advice() -> Bilingual {
    Bilingual {
        en: "Make a new one".to_owned(),
        zh: "请重新生成".to_owned(),
    }
}

fn cursor(validity: u32) -> Cursor {
    Cursor::start(UidValidity::new(validity).unwrap())
}

#[tokio::test]
async fn unbinding_wipes_the_logins_with_the_switch_and_keeps_the_cursor() {
    let Fixture { store, mailbox, .. } = &Fixture::new().await;
    let inbox = FolderName::inbox();
    let key = mailbox.key;
    store
        .set_cursor(key, inbox.clone(), cursor(7))
        .await
        .unwrap();
    let forget = NewLogins::Forget;
    let goes_on = GoesOn::WhereItStopped;
    let unbound = store.alter_mailbox(key, |_| {}, forget, goes_on, at(1));
    assert_eq!(unbound.await.unwrap().settings.switch, Switch::Unbound);
    let MailboxLogins { incoming, outgoing } = store.logins(key).unwrap();
    assert!(incoming.is_none() && outgoing.is_none());
    assert_eq!(store.cursor(key, &inbox).unwrap(), Some(cursor(7)));

    let are = NewLogins::Are(Box::new(logins()));
    let on = |settings: &mut crate::domain::mailbox::MailboxSettings| {
        settings.switch = Switch::On;
        settings.check_interval = Some(Duration::from_secs(30));
    };
    let anew = GoesOn::Anew(Some((inbox.clone(), cursor(8))));
    let bound = store
        .alter_mailbox(key, on, are, anew, at(2))
        .await
        .unwrap();
    assert_eq!(
        (bound.id, bound.connected_at),
        (mailbox.id, mailbox.connected_at)
    );
    assert!(store.logins(key).unwrap().incoming.is_some());
    assert_eq!(store.cursor(key, &inbox).unwrap(), Some(cursor(8)));
}

#[tokio::test]
async fn a_standing_outlives_a_restart_until_new_logins_come() {
    let fixture = Fixture::new().await;
    let key = fixture.mailbox.key;
    let refused = MailboxStanding {
        receiving: Standing {
            failures: 1,
            held: Some(Held {
                reason: saying!("login.advised", what = "expired", advice = advice()),
                until: None,
            }),
            ..Standing::default()
        },
        sending: Standing::default(),
        refused_at: vec![at(1)],
    };
    let stands = |standing: &MailboxStanding| {
        let standing = standing.clone();
        move || standing.clone()
    };
    let store = &fixture.store;
    let before = store.last_sequence().unwrap();
    store
        .note_condition(key, stands(&refused), at(1))
        .await
        .unwrap();
    assert_eq!(store.last_sequence().unwrap().0, before.0 + 1);
    let fixture = fixture.reopen();
    let store = &fixture.store;
    assert_eq!(store.standing(key).unwrap(), Some(refused.clone()));
    let are = NewLogins::Are(Box::new(logins()));
    let goes_on = GoesOn::WhereItStopped;
    let altered = store.alter_mailbox(key, |_| {}, are, goes_on, at(2));
    altered.await.unwrap();
    assert_eq!(store.standing(key).unwrap(), None);
    // One that is gone leaves nothing behind, whatever is still noted of it.
    store.remove_mailbox(key, false, at(3)).await.unwrap();
    store
        .keep_standings(&[key], {
            let refused = refused.clone();
            move |_| refused.clone()
        })
        .await
        .unwrap();
    store
        .note_condition(key, stands(&refused), at(4))
        .await
        .unwrap();
    store.note_refusals(key, move || vec![at(4)]).await.unwrap();
    assert_eq!(store.standing(key).unwrap(), None);
}

/// Two mailboxes, two conversations of the first with a reply each.
async fn two_mailboxes() -> (Fixture, crate::domain::mailbox::Mailbox) {
    let fixture = Fixture::new().await;
    let other = fixture
        .store
        .add_mailbox(
            settings("b@shop.example"),
            &logins(),
            WORKSPACE,
            None,
            at(0),
            random(77),
        )
        .await
        .unwrap();
    for number in 1..=2 {
        let from = format!("c{number}@customers.example");
        let message = fixture.receive(mail(number, &from, "Lamp")).await;
        fixture
            .store
            .accept_reply(reply(&message, u64::from(number)))
            .await
            .unwrap();
    }
    fixture.triage_all(&Routing::default()).await;
    (fixture, other)
}

#[tokio::test]
async fn removing_says_its_cost_ends_the_outbox_and_keeps_the_conversations() {
    let (fixture, _) = two_mailboxes().await;
    let (store, key) = (&fixture.store, fixture.mailbox.key);
    let loss = store.loss(&fixture.mailbox).unwrap();
    let expected = Loss {
        conversations: 2,
        mails: 2,
        replies: 2,
    };
    assert_eq!(loss, expected);
    assert!(store.remove_mailbox(key, false, at(200)).await.unwrap());
    assert!(fixture.jobs(WorkKind::Compose).is_empty());
    let wanted = OutboxWanted::default();
    let page = store.outbox_page(WORKSPACE, wanted, |_| true, None, 10);
    for outgoing in page.unwrap().items {
        assert!(matches!(outgoing.state, OutgoingState::Failed { .. }));
    }
    assert!(store.purges().unwrap().is_empty());
    let filter = ConversationFilter::default();
    let page = store.conversations(WORKSPACE, &filter, None, 10).unwrap();
    assert_eq!(page.items.len(), 2);
    assert_eq!(store.mails_of(key, MessageKey(0)).unwrap().0.len(), 2);
}

#[tokio::test]
async fn conversations_that_go_with_their_mailbox_leave_nothing_behind() {
    let (fixture, other) = two_mailboxes().await;
    // One of another mailbox, and one that no script has decided on.
    let mut delivery = fixture.delivery(vec![mail(9, "z@customers.example", "Other")]);
    delivery.mailbox = other.key;
    fixture.store.deliver(delivery).await.unwrap();
    fixture.triage_all(&Routing::default()).await;
    fixture.receive(mail(3, "d@customers.example", "New")).await;
    let key = fixture.mailbox.key;
    let removed = fixture.store.remove_mailbox(key, true, at(200)).await;
    assert!(removed.unwrap());
    // A stop in the middle.
    let fixture = fixture.reopen();
    let store = &fixture.store;
    assert_eq!(store.purges().unwrap(), [key]);
    while store.purge_some(key).await.unwrap() {}
    assert!(store.purges().unwrap().is_empty());
    assert!(fixture.jobs(WorkKind::Triage).is_empty());
    let count = |table| {
        store
            .read(|rows| rows.keys(table, &[], None, Order::Up, usize::MAX))
            .unwrap()
            .len()
    };
    for (table, left) in [
        (Table::Messages, 1),
        (Table::ConversationMessages, 1),
        (Table::MessageIds, 1),
        (Table::Fingerprints, 1),
        (Table::Conversations, 1),
        (Table::Numbers, 1),
        (Table::Raws, 1),
        (Table::Ledger, 1),
        (Table::LedgerBySource, 1),
        (Table::LedgerByMessage, 1),
        (Table::Decisions, 1),
        (Table::Outgoing, 0),
        (Table::Outbox, 0),
        (Table::OutgoingIds, 0),
        (Table::OutgoingJobs, 0),
        (Table::Jobs, 0),
    ] {
        assert_eq!(count(table), left, "{table:?}");
    }
    let counts = store.counts(WORKSPACE).unwrap();
    assert_eq!((counts.open, counts.pending), (1, 0));
    // The same mail would be new again.
    let mut again = fixture.delivery(vec![mail(1, "c1@customers.example", "Lamp")]);
    again.mailbox = other.key;
    let delivered = store.deliver(again).await.unwrap();
    assert!(matches!(delivered[..], [Delivered::Stored { .. }]));
}
