//! A store in a temporary folder, and mails as short as a test line.

use jiff::{SignedDuration, Timestamp};

use super::super::*;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::decision::{Occasion, Outcome, Routing};
use crate::domain::fingerprint::Fingerprint;
use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::{MessageKey, WorkspaceKey};
use crate::domain::ledger::Source;
use crate::domain::mailbox::{
    Credentials, Login, Mailbox, MailboxLogins, MailboxSettings, Security, Server, WayIn, WayOut,
};
use crate::domain::message::Head;
use crate::domain::message_id::MessageId;
use crate::domain::outbox::Purpose;
use crate::domain::secret::Secret;

pub(super) const WORKSPACE: WorkspaceKey = WorkspaceKey::DEFAULT;

/// No test shall depend on how full the machine's disk is.
pub(super) const OPTIONS: Options = Options {
    cache_bytes: 8 * 1024 * 1024,
    free_space_floor_bytes: 0,
};

pub(super) fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
}

pub(super) fn random<const N: usize>(seed: u64) -> [u8; N] {
    let mut bytes = [0; N];
    blake3::Hasher::new()
        .update(&seed.to_be_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

pub(super) fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub(super) fn named(text: &str) -> NamedAddress {
    address(text).into()
}

pub(super) fn id(text: &str) -> MessageId {
    MessageId::parse(text).unwrap()
}

pub(super) fn logins() -> MailboxLogins {
    MailboxLogins {
        incoming: Some(Login {
            user: "help".to_owned(),
            credentials: Credentials::Password(Secret::new("hunter2")),
        }),
        outgoing: None,
    }
}

pub(super) fn settings(text: &str) -> MailboxSettings {
    let server = Server {
        host: "mail.example.com".to_owned(),
        port: 993,
        security: Security::Tls,
    };
    MailboxSettings {
        name: "Help".to_owned(),
        ..MailboxSettings::new(
            address(text),
            WayIn::inbox(server.clone()),
            WayOut::Own(server),
        )
    }
}

/// A store with one mailbox, `help@shop.example`.
pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) mailbox: Mailbox,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), OPTIONS).unwrap();
        let mailbox = store
            .add_mailbox(
                settings("help@shop.example"),
                &logins(),
                WORKSPACE,
                None,
                at(0),
                random(0),
            )
            .await
            .unwrap();
        Self {
            folder,
            store,
            mailbox,
        }
    }

    /// Closes the store and opens its folder again.
    pub(super) fn reopen(self) -> Self {
        drop(self.store);
        let store = Store::open(self.folder.path(), OPTIONS).unwrap();
        Self { store, ..self }
    }

    pub(super) fn delivery(&self, arrivals: Vec<Arrival>) -> Delivery {
        Delivery {
            mailbox: self.mailbox.key,
            is_junk: false,
            is_sent: false,
            also_for: Vec::new(),
            arrivals,
            cursor: None,
            maildrop: Vec::new(),
            passed: Vec::new(),
        }
    }

    pub(super) async fn deliver(&self, arrival: Arrival) -> Delivered {
        let delivery = self.delivery(vec![arrival]);
        self.store.deliver(delivery).await.unwrap()[0]
    }

    /// Delivers a mail that must be new, and returns what is stored.
    pub(super) async fn receive(&self, arrival: Arrival) -> crate::domain::message::Message {
        match self.deliver(arrival).await {
            Delivered::Stored { message, .. } => self.store.message(message).unwrap().unwrap(),
            other => panic!("not stored: {other:?}"),
        }
    }

    pub(super) fn jobs(&self, kind: WorkKind) -> Vec<Job> {
        self.store.due_jobs(kind, at(1_000_000), 1_000).unwrap()
    }

    /// Triages everything that waits with the same routing.
    pub(super) async fn triage_all(&self, routing: &Routing) {
        let batch = self
            .jobs(WorkKind::Triage)
            .into_iter()
            .map(|job| Triaged {
                job: job.key,
                message: message_of(&job),
                extraction: None,
                acknowledgement: None,
                decision: decision(routing.clone()),
            })
            .collect();
        self.store.triage(batch).await.unwrap();
    }

    pub(super) fn conversation(
        &self,
        message: &crate::domain::message::Message,
    ) -> crate::domain::conversation::Conversation {
        self.store
            .conversation(message.conversation)
            .unwrap()
            .unwrap()
    }
}

pub(super) fn message_of(job: &Job) -> MessageKey {
    match job.work {
        Work::Triage(message) => message,
        other => panic!("no triage: {other:?}"),
    }
}

pub(super) fn decision(routing: Routing) -> NewDecision {
    NewDecision {
        at: at(500),
        version: None,
        outcome: Outcome::Decided,
        routing,
        trace: Vec::new(),
        warnings: Vec::new(),
        occasion: Occasion::Mail,
        gating: None,
    }
}

/// A mail from a customer; `number` makes everything about it its own.
pub(super) fn mail(number: u32, from: &str, subject: &str) -> Arrival {
    let bytes = format!("From: {from}\r\nSubject: {subject}\r\n\r\nmail {number}\r\n");
    Arrival {
        source: Source::Imap {
            folder: FolderName::inbox(),
            validity: UidValidity::new(1).unwrap(),
            uid: Uid::new(number).unwrap(),
        },
        size: bytes.len() as u64,
        whole_size: None,
        raw: ArrivalRaw::Whole(CompressedRaw::new(bytes.as_bytes())),
        head: Head {
            message_id: Some(id(&format!("{number}@customers.example"))),
            from: Some(named(from)),
            subject: subject.to_owned(),
            preview: format!("mail {number}"),
            ..Head::default()
        },
        fingerprint: Fingerprint(random(u64::from(number))),
        arrived_at: at(i64::from(number)),
        late: false,
        imported: false,
        random: random(1_000_000 + u64::from(number)),
    }
}

/// The same, answering the mails with these Message-IDs.
pub(super) fn answer(number: u32, from: &str, subject: &str, references: &[&str]) -> Arrival {
    let mut arrival = mail(number, from, subject);
    arrival.head.references = references.iter().map(|text| id(text)).collect();
    arrival
}

pub(super) fn reply(message: &crate::domain::message::Message, number: u64) -> NewReply {
    NewReply {
        conversation: message.conversation,
        author: None,
        message_id: id(&format!("reply-{number}@shop.example")),
        in_reply_to: Some(message.key),
        from: named("help@shop.example"),
        to: message.head.from.clone().into_iter().collect(),
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: format!("Re: {}", message.head.subject),
        text: "It is on its way.".to_owned(),
        quote_history: true,
        automatic: false,
        send_at: at(100),
        accepted_at: at(100),
        idempotency: Some((format!("key {number}"), [7; 32])),
        purpose: Purpose::Reply,
        files: Vec::new(),
        random: random(2_000_000 + number),
    }
}
