//! The desk over two mailboxes, one of which has a script of its own.

use std::fs;

use jiff::Timestamp;

use super::*;
use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::domain::key::{MailboxKey, WorkspaceKey};
use crate::domain::ledger::Source;
use crate::mime;
use crate::script::Severity;
use crate::service::clock::Clock;
use crate::service::random::Random;
use crate::service::script_editing::EditingOptions;
use crate::service::testing::{logins, settings};
use crate::store::{Arrival, ArrivalRaw, CompressedRaw, Delivery, Options};

const OWN: &str = "mailboxes/sales-shop-example/routing.rhai";

async fn mailbox(store: &Store, address: &str, number: u8) -> MailboxKey {
    let logins = logins();
    let added = store.add_mailbox(
        settings(address),
        &logins,
        WorkspaceKey::DEFAULT,
        None,
        Timestamp::UNIX_EPOCH,
        [number; 10],
    );
    added.await.expect("added").key
}

async fn deliver(store: &Store, mailbox: MailboxKey, subject: &str, number: u8) {
    let text = format!(
        "From: c@example.net\r\nTo: us@shop.example\r\nSubject: {subject}\r\n\
         Message-ID: <{number}@example.net>\r\n\r\nHello.\r\n"
    );
    let read = mime::read_bytes(text.as_bytes());
    let arrival = Arrival {
        source: Source::Imap {
            folder: FolderName::inbox(),
            validity: UidValidity::new(1).expect("not zero"),
            uid: Uid::new(u32::from(number)).expect("not zero"),
        },
        raw: ArrivalRaw::Whole(CompressedRaw::new(text.as_bytes())),
        size: text.len() as u64,
        whole_size: None,
        head: read.head,
        fingerprint: read.fingerprint,
        arrived_at: Timestamp::UNIX_EPOCH,
        late: false,
        imported: false,
        random: [number; 20],
    };
    let delivery = Delivery {
        mailbox,
        is_junk: false,
        is_sent: false,
        also_for: Vec::new(),
        arrivals: vec![arrival],
        cursor: None,
        maildrop: Vec::new(),
        passed: Vec::new(),
    };
    store.deliver(delivery).await.expect("delivered");
}

#[tokio::test]
async fn a_script_of_one_mailbox_is_tried_on_mails_of_that_mailbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let scripts = folder.path().join("scripts");
    fs::create_dir(&scripts).expect("a folder");
    let root = "fn route(mail, ctx) { team(name()) }\nfn name() { \"all\" }\n";
    fs::write(scripts.join("routing.rhai"), root).expect("written");
    let options = Options {
        cache_bytes: 16 * 1024 * 1024,
        free_space_floor_bytes: 0,
    };
    let store = Store::open(&folder.path().join("data"), options).expect("opened");
    let sales = mailbox(&store, "sales@shop.example", 1).await;
    let support = mailbox(&store, "support@shop.example", 2).await;
    deliver(&store, sales, "An offer", 1).await;
    deliver(&store, support, "A question", 2).await;

    let clock = Clock::new(|| Timestamp::UNIX_EPOCH);
    let scripts = Scripts::open(&scripts, Limits::default());
    let editing = EditingOptions {
        allowed: true,
        require_tests: false,
        zone: TimeZone::UTC,
        script_time_max: Duration::from_secs(5),
    };
    let editing = ScriptEditing::new(store.clone(), scripts.clone(), Random, editing);
    let console = Console::new(
        store.clone(),
        Conversations::new(store, clock, Random),
        editing.clone(),
        scripts.clone(),
        TimeZone::UTC,
        Duration::from_secs(5),
    );
    let actor = Actor::Console;
    let subjects = |file: &str| {
        let mails = console.latest(&actor, file).expect("readable");
        let subjects = mails.into_iter().map(|mail| mail.head.subject);
        subjects.collect::<Vec<_>>()
    };
    assert_eq!(subjects("routing.rhai"), ["A question", "An offer"]);
    assert_eq!(subjects(OWN), ["An offer"]);
    let nobody = "mailboxes/nobody/routing.rhai";
    assert_eq!(subjects(nobody), Vec::<String>::new());
    let own = console.mailbox_of(OWN).expect("readable");
    assert_eq!(own.map(|mailbox| mailbox.key), Some(sales));
    for file in [nobody, "mailboxes/No_Slug/routing.rhai"] {
        let unknown = console.mailbox_of(file);
        assert!(matches!(unknown, Err(ConsoleError::NoMailbox(_))), "{file}");
    }

    // What is typed there decides on mail of that mailbox, and on no other.
    let mails = console.latest(&actor, "routing.rhai").expect("readable");
    let mut teams = Vec::new();
    for mail in mails {
        let text = "fn name() { \"sales\" }".to_owned();
        let shown = console.try_on(&actor, OWN, text, Some(mail.id)).await;
        let tried = shown.expect("tried").tried.expect("a mail");
        teams.push(tried.routed.routing.team.unwrap_or_default());
    }
    assert_eq!(teams, ["all", "sales"]);

    // A folder of nobody is told of where the mailboxes are known.
    for name in [OWN, nobody] {
        let text = "fn name() { \"own\" }".to_owned();
        editing
            .write(&actor, name, text, None)
            .await
            .expect("written");
    }
    scripts.reload();
    let problems = editing.problems().expect("readable");
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert_eq!(
        problem.headline(),
        "mailboxes/nobody: no mailbox has the slug `nobody`"
    );
    assert_eq!(problem.severity, Severity::Warning);
}
