//! UIDs of a folder against rows of the ledger, window by window.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::folder::{Cursor, FolderName, Uid};
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{History, Mailbox};
use crate::net::imap::{ImapError, Session};
use crate::protocol::imap::event::SelectedFolder;
use crate::protocol::imap::{SearchKey, UidSet};
use crate::service::ledger::words::grouped;
use crate::service::sync::history::first_day;
use crate::store::{Store, StoreError};

/// UIDs asked for at once; an answer is then at most some 200 KB.
const WINDOW_UIDS: u32 = 20_000;
/// Windows of one count. UIDs of old folders are sparse, so the windows grow instead.
const WINDOWS_MAX: u32 = 2_000;
/// Missing mails that are remembered; beyond it only their number grows.
pub(super) const MISSING_MAX: usize = 100_000;
/// Rows read from the store at a time.
const ROWS_AT_ONCE: usize = 10_000;

/// Missing mails that are named one by one.
const NAMED_MAX: usize = 20;

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub(super) enum CompareError {
    /// The server does not answer.
    #[error(transparent)]
    Imap(#[from] ImapError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What its server calls a mail that has no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A mail of a folder.
    Uid(Uid),
    /// A mail of a maildrop.
    Uidl(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(uid) => write!(f, "UID {uid}"),
            Self::Uidl(uidl) => write!(f, "UIDL {}", uidl.escape_debug()),
        }
    }
}

/// A folder or maildrop and the ledger side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The folder; the word maildrop for one.
    pub place: String,
    /// Mails there that the history choice wants, up to where it has been read.
    pub on_server: usize,
    /// Those of them that have a row.
    pub in_ledger: usize,
    /// Those that wait on the server, most of them with a row: too large, incomplete, or
    /// asked for.
    pub waiting: usize,
    /// Mails behind where it has been read: they are about to come.
    pub coming: usize,
    /// Older mail that was never wanted.
    pub older: usize,
    /// Mails without a row, lowest first.
    pub missing: Vec<Missing>,
}

impl Counted {
    /// `INBOX 4,312 = ledger 4,312`, or what is missing.
    #[must_use]
    pub fn words(&self) -> String {
        let place = &self.place;
        let (server, ledger) = (grouped(self.on_server), grouped(self.in_ledger));
        let mut words = if self.on_server == self.in_ledger {
            format!("{place} {server} = ledger {ledger}")
        } else {
            format!("{place} {server}, ledger {ledger}")
        };
        for (count, what) in [
            (
                self.waiting,
                "wait on the server (too large, incomplete or asked for)",
            ),
            (self.coming, "are about to come"),
            (self.older, "older ones were never wanted"),
        ] {
            if count > 0 {
                words.push_str(&format!("; {} {what}", grouped(count)));
            }
        }
        if !self.missing.is_empty() {
            let named: Vec<_> = self.missing.iter().take(NAMED_MAX).collect();
            let named: Vec<_> = named.iter().map(ToString::to_string).collect();
            let more = if self.missing.len() > NAMED_MAX {
                ", …"
            } else {
                ""
            };
            words.push_str(&format!(
                "; {} missing ({}{more}); `mailbox collect --since DATE` collects them",
                grouped(self.missing.len()),
                named.join(", ")
            ));
        }
        words
    }
}

/// One comparison.
pub(super) struct Comparison<'c> {
    store: &'c Store,
    mailbox: &'c Mailbox,
    folder: &'c FolderName,
    cursor: &'c Cursor,
}

impl<'c> Comparison<'c> {
    pub(super) fn new(
        store: &'c Store,
        mailbox: &'c Mailbox,
        folder: &'c FolderName,
        cursor: &'c Cursor,
    ) -> Self {
        Self {
            store,
            mailbox,
            folder,
            cursor,
        }
    }

    pub(super) async fn run(
        &self,
        session: &mut Session,
        selected: &SelectedFolder,
    ) -> Result<Counted, CompareError> {
        let mut counted = Counted {
            place: self.folder.to_string(),
            ..Counted::default()
        };
        let wanted = self.wanted_history(session).await?;
        let end = selected.uid_next.map_or(u32::MAX, |next| next.get() - 1);
        let width = WINDOW_UIDS.max(end / WINDOWS_MAX);
        let mut first = 1;
        while first <= end && selected.exists > 0 {
            let last = first.saturating_add(width - 1).min(end);
            let there = search(session, first, last).await?;
            let known = known_among(
                self.store,
                self.mailbox.key,
                self.folder,
                self.cursor,
                &there,
            )?;
            for uid in there {
                self.judge(uid, &known, wanted.as_ref(), &mut counted);
            }
            let Some(next) = last.checked_add(1) else {
                break;
            };
            first = next;
        }
        Ok(counted)
    }

    fn judge(
        &self,
        uid: Uid,
        known: &BTreeSet<Uid>,
        wanted: Option<&BTreeSet<Uid>>,
        counted: &mut Counted,
    ) {
        if known.contains(&uid) {
            // A row of a mail that was passed is a row as well.
            counted.on_server += 1;
            counted.in_ledger += 1;
            counted.waiting += usize::from(self.cursor.pending.contains_key(&uid));
        } else if self.cursor.pending.contains_key(&uid) {
            counted.waiting += 1;
        } else if uid.get() > self.cursor.last_uid {
            counted.coming += 1;
        } else if self.is_history(uid) && !wanted.is_none_or(|wanted| wanted.contains(&uid)) {
            counted.older += 1;
        } else {
            counted.on_server += 1;
            if counted.missing.len() < MISSING_MAX {
                counted.missing.push(Missing::Uid(uid));
            }
        }
    }

    /// Where UIDs do not tell what was there before, any mail may be history.
    fn is_history(&self, uid: Uid) -> bool {
        self.cursor.imported_below == 0 || uid.get() < self.cursor.imported_below
    }

    /// What of the history is wanted; all of it when `None`.
    async fn wanted_history(
        &self,
        session: &mut Session,
    ) -> Result<Option<BTreeSet<Uid>>, ImapError> {
        let connected_at = self.mailbox.connected_at;
        let days = match self.mailbox.settings.history {
            History::All => return Ok(None),
            History::Days(days) => days,
            History::Nothing if self.cursor.imported_below == 0 => 0,
            History::Nothing => return Ok(Some(BTreeSet::new())),
        };
        let since = SearchKey::Since(first_day(connected_at, days));
        Ok(Some(
            session.uid_search(&[since]).await?.into_iter().collect(),
        ))
    }
}

async fn search(session: &mut Session, first: u32, last: u32) -> Result<Vec<Uid>, ImapError> {
    let (Some(first), Some(last)) = (Uid::new(first), Uid::new(last)) else {
        return Ok(Vec::new());
    };
    let mut found = session
        .uid_search(&[SearchKey::Among(UidSet::range(first, last))])
        .await?;
    found.retain(|uid| (first..=last).contains(uid));
    Ok(found)
}

/// Those of the ascending UIDs that have a row.
pub(super) fn known_among(
    store: &Store,
    mailbox: MailboxKey,
    folder: &FolderName,
    cursor: &Cursor,
    uids: &[Uid],
) -> Result<BTreeSet<Uid>, StoreError> {
    let mut known = BTreeSet::new();
    let (Some(first), Some(last)) = (uids.first(), uids.last()) else {
        return Ok(known);
    };
    let mut after = first.get() - 1;
    loop {
        let rows = store.ledger_uids(mailbox, folder, cursor.validity, after, ROWS_AT_ONCE)?;
        let is_end = rows.len() < ROWS_AT_ONCE;
        after = rows.last().map_or(after, |uid| uid.get());
        known.extend(rows.into_iter().filter(|uid| uid <= last));
        if is_end || after >= last.get() {
            return Ok(known);
        }
    }
}
