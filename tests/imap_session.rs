//! imap_session: the IMAP client as sync uses it, against Dovecot and other listeners.

use std::future::pending;
use std::time::Duration;

use postern::domain::folder::{FolderName, Uid};
use postern::domain::mailbox::{Credentials, Login, Security, Server};
use postern::domain::secret::Secret;
use postern::net::dial::{DialOptions, Dialer};
use postern::net::imap::{
    FetchStep, IdleEnd, ImapError, ImapOptions, OpenError, Refusal, RefusalMeaning, Session,
};
use postern::protocol::imap::event::SpecialUse;
use postern::protocol::imap::{
    Append, Body, BodyWanted, Code, FetchItems, Flag, SearchKey, SelectMode, StoreKind, UidSet,
};
use tokio::time::timeout;

use crate::peers::STEP_MAX;
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::proxy::Proxy;

const MAIL: &[u8] =
    b"From: c@example.net\r\nSubject: x\r\nMessage-ID: <1@example.net>\r\n\r\nHello\r\n";

fn dialer(dovecot: &Dovecot) -> Dialer {
    Dialer::new(DialOptions {
        ca_files: vec![dovecot.authority_file()],
        ..DialOptions::default()
    })
    .unwrap()
}

fn options(port: u16, security: Security, password: &str) -> ImapOptions {
    let server = Server {
        host: "localhost".to_owned(),
        port,
        security,
    };
    let login = Login {
        user: USER.to_owned(),
        credentials: Credentials::Password(Secret::new(password)),
    };
    ImapOptions::new(server, login)
}

async fn open(dovecot: &Dovecot) -> Session {
    let options = options(dovecot.ports.imaps, Security::Tls, PASSWORD);
    Session::open(&dialer(dovecot), &options).await.unwrap()
}

async fn open_inbox(dovecot: &Dovecot) -> Session {
    let mut session = open(dovecot).await;
    session
        .select(&FolderName::inbox(), &SelectMode::ReadWrite)
        .await
        .unwrap();
    session
}

fn uid(value: u32) -> Uid {
    Uid::new(value).unwrap()
}

/// Everything one fetch tells: UID, body and what became of it.
async fn fetch(
    session: &mut Session,
    set: &UidSet,
    items: &FetchItems,
) -> Vec<(Uid, Vec<u8>, Body)> {
    session.begin_fetch(set, items);
    collect(session, 1).await
}

async fn collect(session: &mut Session, mut fetches: usize) -> Vec<(Uid, Vec<u8>, Body)> {
    let mut mails = Vec::new();
    let mut body = Vec::new();
    while fetches > 0 {
        match session.next_fetch_step().await.unwrap() {
            FetchStep::BodyBegan { .. } => body.clear(),
            FetchStep::BodyChunk(bytes) => body.extend_from_slice(&bytes),
            FetchStep::Fetched(fetched) => {
                let body = std::mem::take(&mut body);
                mails.push((fetched.uid.unwrap(), body, fetched.body));
            }
            FetchStep::Refused { refusal, .. } => panic!("refused: {refusal}"),
            FetchStep::Done(_) => fetches -= 1,
        }
    }
    mails
}

#[tokio::test]
async fn a_session_does_what_a_sync_needs() {
    let dovecot = Dovecot::start();
    for _ in 0..3 {
        dovecot.deliver(USER, MAIL);
    }
    let mut session = open(&dovecot).await;
    assert!(
        session.capabilities().has("IDLE"),
        "asked again after the login"
    );
    let status = session.status(&FolderName::inbox()).await.unwrap();
    assert_eq!((status.messages, status.uid_next), (Some(3), Some(uid(4))));

    let folder = session
        .select(&FolderName::inbox(), &SelectMode::WithModSeq)
        .await
        .unwrap();
    assert_eq!((folder.exists, folder.uid_next), (3, Some(uid(4))));
    assert_eq!(folder.uid_validity, status.uid_validity);
    assert!(folder.highest_modseq.is_some());

    let found = session.uid_search(&[SearchKey::All]).await.unwrap();
    assert_eq!(found, [1, 2, 3].map(uid));
    let facts = session
        .uid_fetch_facts(&UidSet::starting_at(uid(2)))
        .await
        .unwrap();
    assert_eq!(facts.len(), 2);
    assert!(facts[0].size.unwrap() > MAIL.len() as u64 && facts[0].internal_date.is_some());
    let beyond = session
        .uid_fetch_facts(&UidSet::starting_at(uid(99)))
        .await
        .unwrap();
    assert!(
        beyond.is_empty(),
        "n:* names the last mail, which was not asked for"
    );

    let set = UidSet::one(uid(2));
    session
        .uid_store(&set, StoreKind::Add, &[Flag::Flagged])
        .await
        .unwrap();
    let facts = session.uid_fetch_facts(&set).await.unwrap();
    assert!(facts[0].flags.as_ref().unwrap().contains(&Flag::Flagged));
    session.logout().await;
}

#[tokio::test]
async fn bodies_come_whole_in_parts_and_pipelined() {
    let dovecot = Dovecot::start();
    let large = [
        MAIL,
        &b"0123456789abcdef0123456789abcde\r\n".repeat(100_000),
    ]
    .concat();
    dovecot.fill(USER, [MAIL.to_vec(), large.clone(), MAIL.to_vec()]);
    let mut session = open_inbox(&dovecot).await;

    let set = UidSet::range(uid(1), uid(3));
    let mails = fetch(&mut session, &set, &FetchItems::whole()).await;
    let complete = |size: usize| Body::Complete {
        size: size as u64,
        offset: None,
    };
    assert_eq!(mails.len(), 3);
    assert_eq!(mails[0], (uid(1), MAIL.to_vec(), complete(MAIL.len())));
    assert!(mails[1].1 == large, "the large mail came as it was");
    assert_eq!(mails[1].2, complete(large.len()));

    let part = FetchItems {
        body: Some(BodyWanted::Part {
            offset: 10,
            count: 7.try_into().unwrap(),
        }),
        ..FetchItems::default()
    };
    let header = FetchItems {
        body: Some(BodyWanted::HeaderFields(vec!["Message-ID".to_owned()])),
        ..FetchItems::default()
    };
    session.begin_fetch(&UidSet::one(uid(3)), &part);
    session.begin_fetch(&UidSet::one(uid(2)), &header);
    session.begin_fetch(&UidSet::one(uid(1)), &FetchItems::whole());
    let mails = collect(&mut session, 3).await;
    let offset = Some(10);
    assert_eq!(
        mails[0],
        (
            uid(3),
            MAIL[10..17].to_vec(),
            Body::Complete { size: 7, offset }
        )
    );
    assert_eq!(mails[1].1, b"Message-ID: <1@example.net>\r\n\r\n");
    assert_eq!(mails[2].1, MAIL);
}

#[tokio::test]
async fn a_sent_copy_is_filed_and_found() {
    let dovecot = Dovecot::start();
    let mut session = open(&dovecot).await;
    let sent = session
        .find_special(SpecialUse::Sent)
        .await
        .unwrap()
        .unwrap();
    let append = Append {
        folder: sent.clone(),
        flags: vec![Flag::Seen],
        date: "2026-01-04T02:03:04Z".parse().ok(),
        message: MAIL.into(),
    };
    let (validity, at) = session.append(append.clone()).await.unwrap().unwrap();
    assert_eq!(dovecot.sent(USER), [MAIL]);
    let folder = session.select(&sent, &SelectMode::ReadOnly).await.unwrap();
    assert_eq!(
        (folder.uid_validity, folder.read_only),
        (Some(validity), true)
    );
    let key = |value: &str| SearchKey::Header {
        name: "Message-ID".to_owned(),
        value: value.to_owned(),
    };
    assert_eq!(
        session.uid_search(&[key("<1@example.net>")]).await.unwrap(),
        [at]
    );
    assert_eq!(
        session.uid_search(&[key("<2@example.net>")]).await.unwrap(),
        []
    );

    let folder = FolderName::new("Missing 没有").unwrap();
    let error = session
        .append(Append { folder, ..append })
        .await
        .unwrap_err();
    let ImapError::Refused { refusal, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(refusal.code, Some(Code::TryCreate));
    session.noop().await.unwrap();
}

#[tokio::test]
async fn idle_ends_with_news_with_a_signal_or_when_due() {
    let dovecot = Dovecot::start();
    let mut session = open_inbox(&dovecot).await;
    let waiting = session.idle(pending());
    let (end, ()) = timeout(STEP_MAX, async {
        tokio::join!(waiting, async { dovecot.deliver(USER, MAIL) })
    })
    .await
    .unwrap();
    assert_eq!(end.unwrap(), IdleEnd::News);
    assert_eq!(
        session.idle(pending()).await.unwrap(),
        IdleEnd::News,
        "not taken yet"
    );
    assert_eq!(session.take_news().exists, Some(1));
    assert_eq!(session.idle(async {}).await.unwrap(), IdleEnd::Stopped);
    let mails = fetch(&mut session, &UidSet::one(uid(1)), &FetchItems::whole()).await;
    assert!(mails[0].1.ends_with(MAIL));

    let mut short = options(dovecot.ports.imaps, Security::Tls, PASSWORD);
    short.limits.idle_renewal = Duration::from_millis(50);
    let mut session = Session::open(&dialer(&dovecot), &short).await.unwrap();
    session
        .select(&FolderName::inbox(), &SelectMode::ReadOnly)
        .await
        .unwrap();
    assert_eq!(session.idle(pending()).await.unwrap(), IdleEnd::RenewalDue);
}

#[tokio::test]
async fn starttls_ends_in_the_same_session() {
    let dovecot = Dovecot::start();
    let mut options = options(dovecot.ports.imap, Security::StartTls, PASSWORD);
    options.limits.transcript_max = 50;
    let mut session = Session::open(&dialer(&dovecot), &options).await.unwrap();
    session.noop().await.unwrap();
    let transcript = session.take_transcript().join("\n");
    assert!(
        transcript.contains("STARTTLS") && transcript.contains("ID ("),
        "{transcript}"
    );
    assert!(!transcript.contains(PASSWORD), "{transcript}");
}

async fn refused(dovecot: &Dovecot, options: &ImapOptions) -> OpenError {
    let opened = timeout(STEP_MAX, Session::open(&dialer(dovecot), options)).await;
    opened.expect("every wait ends").expect_err("not opened")
}

#[tokio::test]
async fn only_a_refused_login_is_about_the_credentials() {
    let dovecot = Dovecot::start();
    let wrong = options(dovecot.ports.imaps, Security::Tls, "wrong");
    let error = refused(&dovecot, &wrong).await;
    let OpenError::Refused { refusal, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(refusal.meaning(), RefusalMeaning::Credentials);
    assert!(
        !error.is_transient() && !error.to_string().contains("wrong"),
        "{error}"
    );

    let mut token = options(dovecot.ports.imaps, Security::Tls, "");
    token.login.credentials = Credentials::AccessToken(Secret::new("ya29"));
    let error = refused(&dovecot, &token).await;
    assert!(
        matches!(error, OpenError::NoTokenMechanism { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn wrong_ports_are_named() {
    let dovecot = Dovecot::start();
    let ports = &dovecot.ports;
    for (port, security, words) in [
        (ports.pop3, Security::None, "POP3"),
        (ports.submission, Security::StartTls, "SMTP"),
        (ports.imap, Security::Tls, "TLS"),
        (ports.pop3s, Security::Tls, "POP3"),
    ] {
        let error = refused(&dovecot, &options(port, security, PASSWORD)).await;
        assert!(!matches!(error, OpenError::Refused { .. }), "{error:?}");
        assert!(
            error.to_string().contains(words),
            "{port} {security:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_plain_connection_to_a_tls_port_ends_in_time() {
    let dovecot = Dovecot::start();
    let mut options = options(dovecot.ports.imaps, Security::None, PASSWORD);
    options.limits.greeting_deadline = Duration::from_millis(200);
    let error = refused(&dovecot, &options).await;
    assert!(matches!(error, OpenError::Silent { .. }), "{error:?}");
    assert!(error.to_string().contains("TLS"), "{error}");
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_connection_cut_in_a_body_loses_the_session_and_nothing_else() {
    let dovecot = Dovecot::start();
    dovecot.fill(
        USER,
        [b"Subject: large\r\n\r\n0123456789\r\n".repeat(100_000)],
    );
    let proxy = Proxy::to(dovecot.ports.imaps);
    let options = options(proxy.port, Security::Tls, PASSWORD);
    let mut session = Session::open(&dialer(&dovecot), &options).await.unwrap();
    session
        .select(&FolderName::inbox(), &SelectMode::ReadOnly)
        .await
        .unwrap();
    proxy.cut_after(100_000);
    session.begin_fetch(&UidSet::one(uid(1)), &FetchItems::whole());
    let error = loop {
        match session.next_fetch_step().await {
            Ok(FetchStep::Fetched(fetched)) => panic!("half a mail: {fetched:?}"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(error.ends_session() && error.is_transient(), "{error:?}");
}

#[test]
fn refusals_read_as_sentences() {
    let refusal = Refusal {
        code: None,
        text: "Invalid credentials".to_owned(),
        challenge: Some("{\"status\":\"400\"}".to_owned()),
    };
    assert_eq!(
        refusal.to_string(),
        "Invalid credentials ({\"status\":\"400\"})"
    );
    assert_eq!(refusal.meaning(), RefusalMeaning::Unclear);
}
