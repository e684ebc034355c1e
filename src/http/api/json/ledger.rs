//! The ledger, and its count against the server.

use jiff::civil::Date;
use serde::Serialize;

use super::PersonBody;
use crate::service::collecting::{Collected, Counted, Missing, OnItsWay};
use crate::service::ledger::words::{fate, fate_name, source};
use crate::service::ledger::{Entry, LedgerPage};

/// Missing mails that are named in one answer.
const NAMED_MAX: usize = 1_000;

/// A page, the latest first.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct LedgerBody {
    items: Vec<EntryBody>,
    /// Ask again with `before` set to this.
    next: Option<u64>,
}

/// A mail that was seen.
#[derive(Debug, Serialize)]
struct EntryBody {
    at: String,
    /// By which way it came.
    source: String,
    fate: &'static str,
    /// The fate as a sentence.
    words: String,
    message_id: Option<String>,
    message: Option<String>,
    conversation: Option<String>,
    number: Option<u64>,
    from: Option<PersonBody>,
    subject: Option<String>,
}

impl LedgerBody {
    pub(in crate::http::api) fn new(page: &LedgerPage) -> Self {
        Self {
            items: page.entries.iter().map(EntryBody::new).collect(),
            next: page.next.map(|row| row.0),
        }
    }
}

impl EntryBody {
    fn new(entry: &Entry) -> Self {
        let message = entry.message.as_ref();
        let head = message.map(|message| &message.head);
        Self {
            at: entry.row.at.to_string(),
            source: source(&entry.row.source),
            fate: fate_name(&entry.row.fate),
            words: fate(entry),
            message_id: head
                .and_then(|head| head.message_id.as_ref())
                .map(ToString::to_string),
            message: message.map(|message| message.id.to_string()),
            conversation: entry.conversation.map(|(id, _)| id.to_string()),
            number: entry.conversation.map(|(_, number)| number),
            from: head
                .and_then(|head| head.from.as_ref())
                .map(PersonBody::new),
            subject: head.map(|head| head.subject.clone()),
        }
    }
}

/// A folder and the ledger side by side.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct CountedBody {
    folder: String,
    on_server: usize,
    in_ledger: usize,
    waiting: usize,
    coming: usize,
    older: usize,
    missing: usize,
    /// The first of those that are missing, in a folder.
    missing_uids: Vec<u32>,
    /// The same, in a maildrop.
    missing_uidls: Vec<String>,
    words: String,
}

impl CountedBody {
    pub(in crate::http::api) fn new(counted: &Counted) -> Self {
        let named = || counted.missing.iter().take(NAMED_MAX);
        let uid = |missing: &Missing| match missing {
            Missing::Uid(uid) => Some(uid.get()),
            Missing::Uidl(_) => None,
        };
        let uidl = |missing: &Missing| match missing {
            Missing::Uidl(uidl) => Some(uidl.clone()),
            Missing::Uid(_) => None,
        };
        Self {
            folder: counted.place.clone(),
            on_server: counted.on_server,
            in_ledger: counted.in_ledger,
            waiting: counted.waiting,
            coming: counted.coming,
            older: counted.older,
            missing: counted.missing.len(),
            missing_uids: named().filter_map(uid).collect(),
            missing_uidls: named().filter_map(uidl).collect(),
            words: counted.words(),
        }
    }
}

/// What collecting from a date on means.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct CollectedBody {
    found: usize,
    bytes: u64,
    taken: usize,
    complete: bool,
    words: String,
}

impl CollectedBody {
    pub(in crate::http::api) fn new(collected: &Collected, since: Date) -> Self {
        Self {
            found: collected.found,
            bytes: collected.bytes,
            taken: collected.taken,
            complete: collected.is_whole,
            words: collected.words(since),
        }
    }
}

/// A mail that is being fetched.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct OnItsWayBody {
    mailbox: String,
    bytes: u64,
}

impl OnItsWayBody {
    pub(in crate::http::api) fn new(begun: &OnItsWay) -> Self {
        Self {
            mailbox: begun.mailbox.settings.address.to_string(),
            bytes: begun.size,
        }
    }
}
