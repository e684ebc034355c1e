//! Where mails went, and the ledger against the server, in words of the page's language.

use super::super::language::Words;
use super::{Moment, size};
use crate::domain::ledger::{Fate, Source};
use crate::service::collecting::{Collected, Counted};
use crate::service::ledger::words::{fate_name, grouped};
use crate::service::ledger::{Entry, FirstWay};

/// Missing mails that are named one by one.
const NAMED_MAX: usize = 20;

/// A mail that was seen.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct EntryView {
    pub(in crate::http::ui) at: Moment,
    /// By which way it came.
    pub(in crate::http::ui) source: String,
    /// Key of what became of it: `fate.*`.
    pub(in crate::http::ui) fate: &'static str,
    /// More about that.
    pub(in crate::http::ui) detail: Option<String>,
    pub(in crate::http::ui) from: Option<String>,
    pub(in crate::http::ui) subject: Option<String>,
    /// Id and number of the conversation it stands in.
    pub(in crate::http::ui) conversation: Option<(String, u64)>,
    pub(in crate::http::ui) message: Option<String>,
}

impl EntryView {
    pub(in crate::http::ui) fn new(words: Words, entry: &Entry) -> Self {
        let message = entry.message.as_ref();
        let from = message.and_then(|message| message.head.from.as_ref());
        Self {
            at: Moment::new(entry.row.at),
            source: source(words, &entry.row.source),
            fate: fate_name(&entry.row.fate),
            detail: match &entry.row.fate {
                Fate::TooLarge { size: bytes, .. } => Some(size(*bytes)),
                Fate::Ignored { by, .. } => Some(by.clone()),
                Fate::Duplicate(_) => entry.first.as_ref().map(|first| way(words, first)),
                Fate::Stored(_)
                | Fate::Own(_)
                | Fate::Unreadable(_)
                | Fate::Canary
                | Fate::Elsewhere
                | Fate::NotGiven => None,
            },
            from: from.map(|from| from.address.to_string()),
            subject: message.map(|message| message.head.subject.clone()),
            conversation: entry
                .conversation
                .map(|(id, number)| (id.to_string(), number)),
            message: message.map(|message| message.id.to_string()),
        }
    }
}

fn way(words: Words, first: &FirstWay) -> String {
    let source = source(words, &first.row.source);
    match &first.mailbox {
        Some(mailbox) => format!("{source} ({mailbox})"),
        None => source,
    }
}

fn source(words: Words, source: &Source) -> String {
    match source {
        Source::Imap { folder, uid, .. } => format!("{folder} UID {uid}"),
        Source::Pop3 { uidl } if uidl.is_empty() => "POP3".to_owned(),
        Source::Pop3 { uidl } => format!("POP3 UIDL {uidl}"),
        Source::Smtp(forwarded) => match &forwarded.written_to {
            Some(address) => words.with("source.from", &[("address", address.as_str())]),
            None if forwarded.peer.is_empty() => words.t("source.local").to_owned(),
            None => words.with("source.by", &[("peer", &forwarded.peer)]),
        },
    }
}

/// A folder and the ledger side by side.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct CountedView {
    /// The folder; a maildrop has no name.
    pub(in crate::http::ui) folder: Option<String>,
    /// Keys (`count.*`) and numbers; what is nought is left out behind the first two.
    pub(in crate::http::ui) rows: Vec<(&'static str, String)>,
    /// What the server calls the first that are missing.
    pub(in crate::http::ui) missing: Option<String>,
}

impl CountedView {
    pub(in crate::http::ui) fn new(counted: &Counted, is_folder: bool) -> Self {
        let always = [
            ("count.on_server", counted.on_server),
            ("count.in_ledger", counted.in_ledger),
        ];
        let others = [
            ("count.waiting", counted.waiting),
            ("count.coming", counted.coming),
            ("count.older", counted.older),
            ("count.missing", counted.missing.len()),
        ];
        let others = others.into_iter().filter(|(_, number)| *number > 0);
        let rows = always.into_iter().chain(others);
        let named: Vec<String> = counted
            .missing
            .iter()
            .take(NAMED_MAX)
            .map(ToString::to_string)
            .collect();
        let more = if counted.missing.len() > NAMED_MAX {
            ", …"
        } else {
            ""
        };
        Self {
            folder: is_folder.then(|| counted.place.clone()),
            rows: rows.map(|(key, number)| (key, grouped(number))).collect(),
            missing: (!named.is_empty()).then(|| format!("{}{more}", named.join(", "))),
        }
    }
}

/// What collecting from a day on found.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct CollectedView {
    pub(in crate::http::ui) day: String,
    pub(in crate::http::ui) found: usize,
    pub(in crate::http::ui) bytes: String,
    pub(in crate::http::ui) taken: usize,
    pub(in crate::http::ui) only_looked: bool,
    pub(in crate::http::ui) whole: bool,
}

impl CollectedView {
    pub(in crate::http::ui) fn new(collected: &Collected, day: String, only_looked: bool) -> Self {
        Self {
            day,
            found: collected.found,
            bytes: size(collected.bytes),
            taken: collected.taken,
            only_looked,
            whole: collected.is_whole,
        }
    }
}
