//! outages: what networks and mail servers do to a mailbox, and that every mail still comes exactly once.
//!
//! The real sync over real sockets, with waits of milliseconds. A practice provider
//! behind a road that can be cut plays the honest server; `hostile` the others.

mod box_of_mail;
mod forwarded;
mod hostile;
mod maildrop;
mod missed;
mod storms;

use std::time::Duration;

use futures_util::FutureExt as _;
use postern::domain::address::Address;
use postern::domain::folder::FolderName;
use postern::domain::mailbox::{Condition, Mailbox, Security};
use postern::domain::secret::Secret;
use postern::domain::turns::Ceilings;
use postern::net::imap::OpenError;
use postern::net::tap::Tap;
use postern::practice::{Account, Faults, ImapFaults, Options, Provider};
use postern::service::credentials::{CredentialsError, EnterError};
use postern::service::sync::options::SyncOptions;

use self::box_of_mail::{
    Boxes, PASSWORD, is_active, is_error, is_interrupted, needs_a_person, patience, quick,
};
use self::hostile::{Hostile, Opening, Quirk};
use crate::peers::proxy::Proxy;

const ADDRESS: &str = "help@shop.example";
const SHORT: Duration = Duration::from_millis(40);

async fn provider() -> Provider {
    let account = Account {
        address: Address::parse(ADDRESS).unwrap(),
        password: Secret::new(PASSWORD),
    };
    let options = Options {
        accounts: vec![account],
        clock: std::sync::Arc::new(jiff::Timestamp::now),
        files_sent: false,
    };
    Provider::start(options).await.unwrap()
}

fn deliver(provider: &Provider, subject: &str) {
    let raw = format!("From: a@example.net\r\nSubject: {subject}\r\n\r\nabout {subject}\r\n");
    let (address, inbox) = (Address::parse(ADDRESS).unwrap(), FolderName::inbox());
    provider.deliver(&address, &inbox, raw, None).unwrap();
}

fn faults(imap: ImapFaults) -> Faults {
    Faults {
        imap,
        ..Faults::default()
    }
}

/// A mailbox behind a road to a practice provider.
async fn honest(boxes: &Boxes, provider: &Provider) -> (Proxy, Mailbox) {
    let road = Proxy::to(provider.imap_addr.port());
    let mailbox = boxes.connect(ADDRESS, road.port, Security::None).await;
    (road, mailbox)
}

#[tokio::test]
async fn a_refused_password_is_offered_once_and_a_person_is_asked() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let provider = provider().await;
    provider.set_faults(faults(ImapFaults {
        refuse_login: Some("[AUTHENTICATIONFAILED] wrong".to_owned()),
        ..ImapFaults::default()
    }));
    let (road, mailbox) = honest(&boxes, &provider).await;
    boxes.until_condition(&mailbox, needs_a_person).await;
    // Another mailbox that fails over and over is the clock.
    let gone = Hostile::start(Opening::HangsUp, None).await;
    let clock = boxes
        .connect("clock@shop.example", gone.port, Security::None)
        .await;
    boxes.until_condition(&clock, is_error).await;
    assert_eq!(road.connections(), 1);
    // A person may have mended it at the provider.
    provider.set_faults(Faults::default());
    deliver(&provider, "at last");
    assert!(boxes.sync.refresh(mailbox.key).expect("free"));
    boxes.until_subjects(&mailbox, &["at last"]).await;
}

#[tokio::test]
async fn many_who_look_at_once_offer_a_refused_password_no_more_than_three_times() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let provider = provider().await;
    provider.set_faults(faults(ImapFaults {
        refuse_login: Some("[AUTHENTICATIONFAILED] wrong".to_owned()),
        ..ImapFaults::default()
    }));
    let (road, mailbox) = honest(&boxes, &provider).await;
    boxes.until_condition(&mailbox, needs_a_person).await;
    let way = mailbox.settings.imap().unwrap();
    let enter = || {
        let (keyring, dialer) = (boxes.keyring.clone(), boxes.dialer.clone());
        let (mailbox, way) = (mailbox.clone(), way.clone());
        tokio::spawn(async move { keyring.enter(&dialer, &mailbox, &way, Tap::default()).await })
    };
    let all: Vec<_> = (0..12).map(|_| enter()).collect();
    let mut rests = 0;
    for one in all {
        match one.await.unwrap().unwrap_err() {
            EnterError::Credentials(CredentialsError::Rests { .. }) => rests += 1,
            EnterError::Open(OpenError::Refused { .. }) => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!((road.connections(), rests), (3, 10));
}

#[tokio::test]
async fn sessions_beside_the_mailboxs_own_wait_for_each_other() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let provider = provider().await;
    let (road, mailbox) = honest(&boxes, &provider).await;
    boxes.until_condition(&mailbox, is_active).await;
    let way = mailbox.settings.imap().unwrap();
    let enter = || {
        let tap = Tap::default();
        boxes.keyring.enter(&boxes.dialer, &mailbox, way, tap)
    };
    // The mailbox's own session, at rest, is in nobody's way.
    let first = enter().await.unwrap();
    let _second = enter().await.unwrap();
    let third = enter();
    tokio::pin!(third);
    assert!(third.as_mut().now_or_never().is_none());
    assert_eq!(road.connections(), 3);
    first.logout().await;
    third.await.unwrap();
    assert_eq!(road.connections(), 4);
}

#[tokio::test]
async fn a_refusal_that_may_mean_anything_is_no_verdict_on_the_password() {
    let boxes = Boxes::open(patience(5, SHORT), quick());
    let provider = provider().await;
    for text in ["LOGIN failed", "[UNAVAILABLE] try later"] {
        provider.set_faults(faults(ImapFaults {
            refuse_login: Some(text.to_owned()),
            ..ImapFaults::default()
        }));
        let address = format!("{}@shop.example", text.len());
        let mailbox = boxes
            .connect(&address, provider.imap_addr.port(), Security::None)
            .await;
        boxes.until_condition(&mailbox, is_interrupted).await;
        boxes.sync.stop(mailbox.key).await;
    }
}

#[tokio::test]
async fn mail_that_came_during_an_outage_is_collected_once_when_it_is_over() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let provider = provider().await;
    deliver(&provider, "1 before");
    let (road, mailbox) = honest(&boxes, &provider).await;
    boxes.until_subjects(&mailbox, &["1 before"]).await;
    road.refuse();
    boxes.until_condition(&mailbox, is_interrupted).await;
    deliver(&provider, "2 meanwhile");
    boxes.until_condition(&mailbox, is_error).await;
    deliver(&provider, "3 meanwhile");
    road.restore();
    let all = ["1 before", "2 meanwhile", "3 meanwhile"];
    boxes.until_subjects(&mailbox, &all).await;
    boxes.until_condition(&mailbox, is_active).await;
    deliver(&provider, "4 after");
    let all = ["1 before", "2 meanwhile", "3 meanwhile", "4 after"];
    boxes.until_subjects(&mailbox, &all).await;
}

#[tokio::test]
async fn a_connection_that_died_without_a_word_is_noticed_and_replaced() {
    let boxes = Boxes::open(patience(100, SHORT), quick());
    let provider = provider().await;
    let (road, mailbox) = honest(&boxes, &provider).await;
    boxes.until_condition(&mailbox, is_active).await;
    road.freeze();
    deliver(&provider, "unheard");
    boxes.until_condition(&mailbox, is_interrupted).await;
    road.cut();
    road.restore();
    boxes.until_subjects(&mailbox, &["unheard"]).await;
}

#[tokio::test]
async fn an_idle_that_announces_nothing_hides_no_mail() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let provider = provider().await;
    provider.set_faults(faults(ImapFaults {
        silent_idle: true,
        ..ImapFaults::default()
    }));
    let (road, mailbox) = honest(&boxes, &provider).await;
    boxes.until_condition(&mailbox, is_active).await;
    deliver(&provider, "unannounced");
    boxes.until_subjects(&mailbox, &["unannounced"]).await;
    assert_eq!(road.connections(), 1);
}

#[tokio::test]
async fn a_folder_that_was_renumbered_while_we_were_away_brings_nothing_twice() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let provider = provider().await;
    deliver(&provider, "1 known");
    deliver(&provider, "2 known");
    let (road, mailbox) = honest(&boxes, &provider).await;
    boxes
        .until_subjects(&mailbox, &["1 known", "2 known"])
        .await;
    road.refuse();
    boxes.until_condition(&mailbox, is_interrupted).await;
    let address = Address::parse(ADDRESS).unwrap();
    assert!(provider.renew_validity(&address, &FolderName::inbox()));
    deliver(&provider, "3 new");
    road.restore();
    let all = ["1 known", "2 known", "3 new"];
    boxes.until_subjects(&mailbox, &all).await;
}

#[tokio::test]
async fn half_a_mail_is_never_stored_and_the_whole_one_comes_later() {
    for quirk in [Quirk::Cut, Quirk::Bye] {
        let boxes = Boxes::open(patience(100, Duration::from_millis(500)), quick());
        let server = Hostile::start(Opening::Usual, Some((2, quirk))).await;
        let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
        boxes.until_condition(&mailbox, is_interrupted).await;
        assert_eq!(boxes.subjects(&mailbox), ["1"], "{quirk:?}");
        server.mend();
        boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
    }
}

#[tokio::test]
async fn one_mail_that_ends_every_connection_does_not_hold_up_the_others() {
    let quirks = [
        Quirk::Cut,
        Quirk::Bye,
        Quirk::Announce("4294967296"),
        Quirk::Announce("99999999999999999999"),
    ];
    for quirk in quirks {
        let boxes = Boxes::open(patience(100, SHORT), quick());
        let server = Hostile::start(Opening::Usual, Some((2, quirk))).await;
        let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
        boxes.until_subjects(&mailbox, &["1", "3"]).await;
        assert_eq!(boxes.not_given(&mailbox), [2], "{quirk:?}");
        assert!(server.logins() <= 6, "{quirk:?}: {}", server.logins());
    }
}

#[tokio::test]
async fn a_mail_without_its_body_is_not_stored_empty_and_the_others_come_at_once() {
    let quirks = [
        Quirk::Nil,
        Quirk::Empty,
        Quirk::No,
        Quirk::Unlisted,
        Quirk::TwoBodies,
        Quirk::TwoUids,
        // Far more than was listed, and than the limit allows.
        Quirk::Swollen(3 * 1024 * 1024),
    ];
    for quirk in quirks {
        let options = SyncOptions {
            mail_size_max: 1024 * 1024,
            ..quick()
        };
        let boxes = Boxes::open(patience(100, SHORT), options);
        let server = Hostile::start(Opening::Usual, Some((2, quirk))).await;
        let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
        boxes.until_subjects(&mailbox, &["1", "3"]).await;
        // It has a row all the same, until it comes.
        assert_eq!(boxes.not_given(&mailbox), [2], "{quirk:?}");
        server.mend();
        boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
        assert!(boxes.not_given(&mailbox).is_empty(), "{quirk:?}");
        assert_eq!(server.logins(), 1, "{quirk:?}");
    }
}

#[tokio::test]
async fn a_uid_that_is_shown_twice_costs_no_mail() {
    for (quirk, subjects) in [
        (Quirk::Twice, &["1", "2", "3"][..]),
        (Quirk::SharedUid, &["1", "2", "3", "9"]),
    ] {
        let boxes = Boxes::open(patience(100, SHORT), quick());
        let server = Hostile::start(Opening::Usual, Some((2, quirk))).await;
        let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
        boxes.until_subjects(&mailbox, subjects).await;
        let rows = boxes.store.ledger(mailbox.key, None, 10).unwrap();
        assert_eq!(rows.len(), subjects.len(), "{quirk:?}: {rows:?}");
    }
}

#[tokio::test]
async fn an_idle_that_ends_at_once_makes_no_hot_loop() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let server = Hostile::start(Opening::EndsIdle, None).await;
    let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
    boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
    // Three at once, then after one second, and after two more.
    let idles = server.idles(5).await;
    let took = idles[4].duration_since(idles[0]);
    assert!(took >= Duration::from_secs(3), "{took:?}");
    assert_eq!(server.logins(), 1);
    assert!(is_active(&boxes.receiving(&mailbox)));
}

#[tokio::test]
async fn the_answer_to_another_tag_decides_nothing() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let server = Hostile::start(Opening::StaleTag, None).await;
    let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
    boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
    assert!(is_active(&boxes.receiving(&mailbox)));
}

#[tokio::test]
async fn no_password_travels_without_the_tls_that_was_demanded() {
    for opening in [Opening::Preauth, Opening::Usual] {
        let boxes = Boxes::open(patience(2, SHORT), quick());
        let server = Hostile::start(opening, None).await;
        let mailbox = boxes
            .connect(ADDRESS, server.port, Security::StartTls)
            .await;
        boxes.until_condition(&mailbox, is_error).await;
        assert_eq!(server.logins(), 0, "{opening:?}");
        assert_eq!(boxes.subjects(&mailbox).len(), 0, "{opening:?}");
    }
}

#[tokio::test]
async fn a_line_without_end_ends_the_connection() {
    let boxes = Boxes::open(patience(100, SHORT), quick());
    let server = Hostile::start(Opening::EndlessLine, None).await;
    let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
    boxes.until_condition(&mailbox, is_interrupted).await;
}

#[tokio::test]
async fn a_server_that_lets_us_in_and_hangs_up_does_not_get_login_after_login() {
    // The slow retry is an hour away, so what was counted at the error is all there is.
    let mut patience = patience(3, SHORT);
    patience.slow_retry = Duration::from_secs(3_600);
    let boxes = Boxes::open(patience, quick());
    let server = Hostile::start(Opening::HangsUp, None).await;
    let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
    boxes.until_condition(&mailbox, is_error).await;
    assert_eq!(server.logins(), 3);
}

#[tokio::test]
async fn a_server_that_refuses_idle_is_asked_on_the_connection_it_has() {
    let boxes = Boxes::open(patience(3, SHORT), quick());
    let server = Hostile::start(Opening::RefusesIdle, Some((2, Quirk::Unlisted))).await;
    let mailbox = boxes.connect(ADDRESS, server.port, Security::None).await;
    boxes.until_subjects(&mailbox, &["1", "3"]).await;
    server.mend();
    boxes.until_subjects(&mailbox, &["1", "2", "3"]).await;
    assert!(server.was_asked_to_idle());
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn twenty_mailboxes_at_a_dead_server_do_not_delay_the_one_that_works() {
    let ceilings = Ceilings::default();
    let boxes = Boxes::open_within(ceilings, patience(3, SHORT), SyncOptions::default());
    let dead = Hostile::start(Opening::Silent, None).await;
    for number in 0..20 {
        let address = format!("dead{number}@shop.example");
        boxes.connect(&address, dead.port, Security::None).await;
    }
    let provider = provider().await;
    deliver(&provider, "in time");
    let (_road, mailbox) = honest(&boxes, &provider).await;
    boxes.until_subjects(&mailbox, &["in time"]).await;
    assert!(matches!(boxes.receiving(&mailbox), Condition::Active));
}
