//! Mails of a maildrop (RFC 1939) that are known, from one session to the next.
//!
//! A maildrop has no cursor: it is a set, and the numbers of its mails end with the
//! session. Each mail that was ever listed has a row.

use jiff::{SignedDuration, Timestamp};

use super::folder::{Cursor, Pending};
use super::mailbox::Pop3Keep;

/// What tells a mail from the others of its maildrop: a hash of its UIDL, or where that
/// is missing or not unique, of its header, its size, and how many like it stand before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailIdentity(pub [u8; 16]);

/// A hash of a header, by which a mail is known again when its UIDL has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeaderHash(pub [u8; 16]);

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailState {
    /// It was there when the mailbox was connected, and whether it is wanted depends on
    /// its date.
    Waiting,
    /// It was there when the mailbox was connected, and is not wanted. Never deleted.
    Passed,
    /// It is durable here.
    Stored,
    /// It was not taken in.
    Pending(Pending),
}

/// What is known of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaildropRow {
    /// What became of it.
    pub state: MailState,
    /// Since when.
    pub at: Timestamp,
    /// Its header, where that was ever seen.
    pub header: Option<HeaderHash>,
    /// Its size as the server counts, in bytes; 0 where that is not known.
    pub size: u64,
    /// The server has not listed it since then.
    pub gone_since: Option<Timestamp>,
}

impl MaildropRow {
    /// A row of a mail that is there.
    #[must_use]
    pub fn new(state: MailState, at: Timestamp, header: Option<HeaderHash>) -> Self {
        Self {
            state,
            at,
            header,
            size: 0,
            gone_since: None,
        }
    }

    /// The same, of a mail of that size.
    #[must_use]
    pub fn of_size(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    /// Whether the mail may be deleted on its server now: it is durable here, and the
    /// mailbox says so.
    #[must_use]
    pub fn may_be_deleted(&self, keep: Pop3Keep, now: Timestamp) -> bool {
        let stored = self.state == MailState::Stored;
        match keep {
            Pop3Keep::Leave => false,
            Pop3Keep::DeleteOnceStored => stored,
            Pop3Keep::Days(days) => {
                let age = now.duration_since(self.at);
                stored && age >= SignedDuration::from_hours(24 * i64::from(days))
            }
        }
    }
}

/// Where reading of a mailbox begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At a place of a folder.
    Folder(Cursor),
    /// Behind the mails that are in a maildrop.
    Maildrop(Vec<(MailIdentity, MaildropRow)>),
}

impl Begin {
    /// The place in a folder.
    #[must_use]
    pub fn folder(self) -> Option<Cursor> {
        match self {
            Self::Folder(cursor) => Some(cursor),
            Self::Maildrop(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::folder::PendingReason;

    #[test]
    fn only_what_is_durable_is_deleted_and_only_where_wanted() {
        let at = Timestamp::UNIX_EPOCH;
        let later = at + SignedDuration::from_hours(48);
        let row = |state| MaildropRow::new(state, at, None);
        let stored = row(MailState::Stored);
        assert!(!stored.may_be_deleted(Pop3Keep::Leave, later));
        assert!(stored.may_be_deleted(Pop3Keep::DeleteOnceStored, at));
        assert!(stored.may_be_deleted(Pop3Keep::Days(2), later));
        assert!(!stored.may_be_deleted(Pop3Keep::Days(3), later));
        let pending = MailState::Pending(Pending {
            reason: PendingReason::TooLarge,
            attempts: 0,
            retry_at: Timestamp::MAX,
        });
        for state in [MailState::Waiting, MailState::Passed, pending] {
            assert!(!row(state.clone()).may_be_deleted(Pop3Keep::DeleteOnceStored, later));
            assert!(!row(state).may_be_deleted(Pop3Keep::Days(0), later));
        }
    }
}
