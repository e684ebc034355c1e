//! Rehearsals over a store of ten thousand mails.

use jiff::SignedDuration;

use super::walk::{Walk, as_it_came};
use super::*;
use crate::domain::answered::{both_in_words, in_words};
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::domain::key::WorkspaceKey;
use crate::domain::ledger::Source;
use crate::domain::message::{Kind, Message};
use crate::mime;
use crate::script::ContextView;
use crate::service::testing::{logins, settings};
use crate::service::view;
use crate::store::{Arrival, ArrivalRaw, CompressedRaw, Delivered, Delivery, Options};

/// Mails in the store.
const MAILS: usize = 10_000;
/// Mails of one delivery.
const BATCH: usize = 500;
/// What a rehearsal over them may take, also in a build that is not optimised.
const PROMISED: Duration = Duration::from_secs(10);

fn mail(number: usize) -> String {
    let subject = if number.is_multiple_of(10) {
        format!("Invoice {number}")
    } else {
        format!("Question {number}")
    };
    let words = "Could you please look into this order, it has not come yet. ".repeat(20);
    format!(
        "From: Customer {number} <c{number}@example.net>\r\nTo: help@shop.example\r\n\
         Subject: {subject}\r\nMessage-ID: <{number}@example.net>\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{words}\r\n"
    )
}

fn arrival(number: usize) -> Arrival {
    arrival_of(number, &mail(number))
}

fn arrival_of(number: usize, text: &str) -> Arrival {
    let read = mime::read_bytes(text.as_bytes());
    let minutes = i64::try_from(number).expect("few");
    let mut random = [0; 20];
    random[..8].copy_from_slice(&(number as u64).to_be_bytes());
    random[10..18].copy_from_slice(&(number as u64).to_be_bytes());
    Arrival {
        source: Source::Imap {
            folder: FolderName::inbox(),
            validity: UidValidity::new(1).expect("not zero"),
            uid: Uid::new(u32::try_from(number).expect("few") + 1).expect("not zero"),
        },
        raw: ArrivalRaw::Whole(CompressedRaw::new(text.as_bytes())),
        size: text.len() as u64,
        whole_size: None,
        head: read.head,
        fingerprint: read.fingerprint,
        arrived_at: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes),
        late: false,
        imported: false,
        random,
    }
}

async fn filled(folder: &Path, mails: usize) -> Store {
    let options = Options {
        cache_bytes: 16 * 1024 * 1024,
        free_space_floor_bytes: 0,
    };
    let store = Store::open(folder, options).expect("opened");
    let workspace = WorkspaceKey::DEFAULT;
    let mailbox = store
        .add_mailbox(
            settings("help@shop.example"),
            &logins(),
            workspace,
            None,
            Timestamp::UNIX_EPOCH,
            [7; 10],
        )
        .await
        .expect("added")
        .key;
    for batch in (0..mails).collect::<Vec<_>>().chunks(BATCH) {
        let delivery = Delivery {
            mailbox,
            is_junk: false,
            is_sent: false,
            also_for: Vec::new(),
            arrivals: batch.iter().map(|number| arrival(*number)).collect(),
            cursor: None,
            maildrop: Vec::new(),
            passed: Vec::new(),
        };
        store.deliver(delivery).await.expect("delivered");
    }
    store
}

fn snapshot(routing: &str) -> Snapshot {
    let files = vec![("routing.rhai".to_owned(), routing.to_owned())];
    Snapshot::of(files, &Limits::default()).expect("right")
}

#[tokio::test]
async fn ten_thousand_mails_are_rehearsed_in_time_and_only_what_changes_is_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), MAILS).await;
    let live = snapshot(
        "fn route(mail, ctx) {\n  if mail.text.contains(\"refund\") { return team(\"billing\"); }\n  \
         if ctx.conversation.is_new && ctx.now.year == 1970 { return team(\"support\"); }\n  inbox()\n}",
    );
    let candidate = snapshot(
        "fn route(mail, ctx) {\n  if mail.whole_text.contains(\"refund\") { return team(\"billing\"); }\n  \
         if mail.subject.contains(\"Invoice 77\") { throw \"no idea\"; }\n  \
         if mail.subject.contains(\"Invoice\") { return team(\"billing\"); }\n  team(\"support\")\n}",
    );
    let zone = TimeZone::UTC;
    let walk = |since, live| Walk {
        store: &store,
        zone: &zone,
        live,
        candidate: &candidate,
        script_time_max: Duration::from_secs(5),
        since,
        mailbox: None,
    };
    let done = walk(None, Some(&live)).run(MAILS).expect("readable");
    println!("{MAILS} mails in {:?}", done.took);
    assert!(done.took < PROMISED, "{:?}", done.took);
    assert_eq!((done.mails, done.changed), (MAILS, MAILS / 10));
    // Numbers that end in a nought and begin with 77: 770 and 7700 to 7790.
    assert_eq!((done.errors_old, done.errors_new), (0, 11));
    assert_eq!(done.listed.len(), LISTED_MAX);
    assert_eq!(done.slowest.len(), 5);
    assert!(!done.cut_short);
    let latest = &done.listed[0];
    assert_eq!(latest.subject, "Invoice 9990");
    assert_eq!(in_words(&latest.old.routed.routing), "team support");
    assert_eq!(in_words(&latest.new.routed.routing), "team billing");
    assert!(latest.new.routed.trace.iter().any(|step| step.line == 4));
    let order: Vec<_> = done.listed.iter().map(|one| one.key).collect();
    assert!(order.is_sorted_by(|a, b| a > b));

    let since = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(9_950);
    let done = walk(Some(since), Some(&live))
        .run(MAILS_MAX)
        .expect("readable");
    assert_eq!((done.mails, done.changed, done.cut_short), (50, 5, false));
    let done = walk(None, None).run(20).expect("readable");
    assert_eq!((done.mails, done.changed), (20, 20));
}

#[tokio::test]
async fn another_gate_of_the_assistant_is_a_change_and_another_reason_for_off_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), 20).await;
    let with_gate = |gate: &str| {
        let gate = format!("fn ai_reply(mail, ctx) {{ {gate} }}");
        let files = [
            ("routing.rhai", "fn route(mail, ctx) { inbox() }".to_owned()),
            ("ai_gate.rhai", gate),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text));
        Snapshot::of(files.to_vec(), &Limits::default()).expect("right")
    };
    let changed = |live: &Snapshot, candidate: &Snapshot| {
        let walk = Walk {
            store: &store,
            zone: &TimeZone::UTC,
            live: Some(live),
            candidate,
            script_time_max: Duration::from_secs(5),
            since: None,
            mailbox: None,
        };
        walk.run(100).expect("readable")
    };
    let off = with_gate("off(\"not yet\")");
    let some = with_gate(
        "if mail.subject.contains(\"Invoice\") { off(\"money\") } else { draft(\"usual\") }",
    );
    let done = changed(&off, &some);
    assert_eq!((done.mails, done.changed), (20, 18));
    let words = |answers: &Answers| both_in_words(&answers.routed.routing, &answers.gating);
    let latest = &done.listed[0];
    assert_eq!(
        words(&latest.old),
        "inbox; ai_reply off; because \"not yet\""
    );
    assert_eq!(words(&latest.new), "inbox; ai_reply draft; guidance usual");
    let fails = with_gate("throw \"no\"");
    let done = changed(&off, &fails);
    assert_eq!((done.changed, done.errors_new), (20, 20));
}

async fn deliver(store: &Store, arrivals: Vec<Arrival>) -> Vec<Message> {
    let mailbox = store.mailboxes().expect("readable")[0].key;
    let delivery = Delivery {
        mailbox,
        is_junk: false,
        is_sent: false,
        also_for: Vec::new(),
        arrivals,
        cursor: None,
        maildrop: Vec::new(),
        passed: Vec::new(),
    };
    let delivered = store.deliver(delivery).await.expect("delivered");
    let message = |one: Delivered| match one {
        Delivered::Stored { message, .. } => store.message(message).expect("readable"),
        other => panic!("{other:?}"),
    };
    delivered.into_iter().filter_map(message).collect()
}

#[tokio::test]
async fn who_waited_is_known_of_mails_far_back_and_machines_wait_for_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(folder.path(), 0).await;
    let written = |number: usize, field: &str| {
        let text = mail(number).replace("Message-ID:", &format!("{field}\r\nMessage-ID:"));
        arrival_of(number, &text)
    };
    let thread = |number| match number {
        0 => written(0, "X-First: yes"),
        _ => written(number, "In-Reply-To: <0@example.net>"),
    };
    let messages = deliver(&store, (0..70).map(thread).collect()).await;
    assert!(
        messages
            .iter()
            .all(|one| one.conversation == messages[0].conversation)
    );
    let waiting = |context: &ContextView| {
        let conversation = context.conversation.as_ref().expect("one");
        conversation.waiting_since.value()
    };
    let as_it_came = |message: &Message| {
        let (_, context) = as_it_came(&store, &TimeZone::UTC, message.clone()).expect("readable");
        waiting(&context)
    };
    for message in [&messages[0], &messages[5], &messages[45]] {
        assert_eq!(as_it_came(message), Some(messages[0].arrived_at));
    }

    let machine = written(90, "Auto-Submitted: auto-generated");
    let machine = deliver(&store, vec![machine]).await.remove(0);
    assert_eq!(machine.head.kind, Kind::Automatic);
    assert_eq!(as_it_came(&machine), None);
    let now = machine.arrived_at.to_zoned(TimeZone::UTC);
    let (mut mail, mut context) =
        view::of_message(&store, None, machine.clone(), now).expect("readable");
    assert_eq!(waiting(&context), None);
    // A marketplace sends what buyers write by machines; its plugin knows.
    let found = Extraction {
        sort: Some(MailSort::BuyerMessage),
        ..Extraction::default()
    };
    view::learn(&store, (&mut mail, &mut context), &machine, &found);
    assert_eq!(waiting(&context), Some(machine.arrived_at));
}
