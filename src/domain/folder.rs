//! Folders on an IMAP server, and how far each has been read.
//!
//! A UID means something only together with its UIDVALIDITY (RFC 9051 section
//! 2.3.1.1), so both are types. `\Seen` appears nowhere here: it decides nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::domain::saying::{Said, Saying};

/// Unique identifier of a mail in one folder (RFC 9051 section 2.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub NonZeroU32);

/// The incarnation of a folder; when it changes, every known UID is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UidValidity(pub NonZeroU32);

/// Modification sequence (RFC 7162 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(pub u64);

impl Uid {
    /// `None` for zero, which no mail has.
    #[must_use]
    pub fn new(value: u32) -> Option<Self> {
        NonZeroU32::new(value).map(Self)
    }

    /// The number as on the wire.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl UidValidity {
    /// `None` for zero, which is not a valid UIDVALIDITY.
    #[must_use]
    pub fn new(value: u32) -> Option<Self> {
        NonZeroU32::new(value).map(Self)
    }

    /// The number as on the wire.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A folder's name as people read it: UTF-8, hierarchy delimiter included.
///
/// The wire form (modified UTF-7, RFC 3501 section 5.1.3) stays in `protocol/imap`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderName(String);

impl Said for FolderName {
    fn saying(&self) -> Saying {
        Saying::words(self)
    }
}

impl FolderName {
    /// Longest name that is accepted, in bytes.
    pub const LENGTH_MAX: usize = 1024;

    /// `None` for an empty, overlong or control-carrying name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let fits = !name.is_empty() && name.len() <= Self::LENGTH_MAX;
        (fits && !name.chars().any(char::is_control)).then_some(Self(name))
    }

    /// The folder every IMAP server has (RFC 9051 section 5.1).
    #[must_use]
    pub fn inbox() -> Self {
        Self("INBOX".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a mail below the cursor has not been stored yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingReason {
    /// The server answered without its body, or cut it.
    Incomplete,
    /// Larger than the limit; waits for "fetch anyway".
    TooLarge,
    /// A person has asked for it, although it was passed before.
    Wanted,
    /// A person has asked for it, however large it is.
    Anyway,
}

/// A mail that is remembered although the cursor has passed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Why it waits.
    pub reason: PendingReason,
    /// How often it has been tried.
    pub attempts: u16,
    /// Not tried again before this.
    pub retry_at: Timestamp,
}

/// How far a folder has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The incarnation that the UIDs below belong to.
    pub validity: UidValidity,
    /// Highest UID that is durable or pending; 0 before the first.
    pub last_uid: u32,
    /// UIDs at or below `last_uid` that are not durable.
    pub pending: BTreeMap<Uid, Pending>,
    /// UIDs below this were in the folder before the mailbox was connected. Counted
    /// by UID, since two clocks never agree to the second; 0 when that is not known,
    /// as after the server has renumbered the folder.
    pub imported_below: u32,
}

impl Cursor {
    /// Most UIDs that may be pending at once; beyond it the folder waits and says so.
    pub const PENDING_MAX: usize = 10_000;

    /// Begins at the first mail of a folder.
    #[must_use]
    pub fn start(validity: UidValidity) -> Self {
        Self {
            validity,
            last_uid: 0,
            pending: BTreeMap::new(),
            imported_below: 0,
        }
    }

    /// The first UID that has never been looked at; `None` when none can follow.
    #[must_use]
    pub fn next_uid(&self) -> Option<Uid> {
        self.last_uid.checked_add(1).and_then(Uid::new)
    }

    /// Records that `uid` is durable.
    pub fn pass(&mut self, uid: Uid) {
        self.pending.remove(&uid);
        self.last_uid = self.last_uid.max(uid.get());
    }

    /// Records that `uid` is passed although it is not durable.
    pub fn defer(&mut self, uid: Uid, pending: Pending) {
        self.pending.insert(uid, pending);
        self.last_uid = self.last_uid.max(uid.get());
    }

    /// Pending UIDs whose time has come.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = Uid> + '_ {
        self.pending
            .iter()
            .filter(move |(_, pending)| {
                pending.reason != PendingReason::TooLarge && pending.retry_at <= now
            })
            .map(|(uid, _)| *uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(value: u32) -> Uid {
        Uid(NonZeroU32::new(value).expect("tests use UIDs above zero"))
    }

    #[test]
    fn a_deferred_mail_is_passed_but_not_forgotten() {
        let mut cursor = Cursor::start(UidValidity::new(7).expect("not zero"));
        let at = Timestamp::UNIX_EPOCH;
        cursor.defer(
            uid(3),
            Pending {
                reason: PendingReason::Incomplete,
                attempts: 1,
                retry_at: at,
            },
        );
        cursor.pass(uid(4));
        assert_eq!(cursor.next_uid(), Some(uid(5)));
        assert_eq!(cursor.due(at).collect::<Vec<_>>(), [uid(3)]);
        cursor.pass(uid(3));
        assert_eq!(cursor.due(at).count(), 0);
        assert_eq!(cursor.last_uid, 4);
    }

    #[test]
    fn names_with_controls_are_no_names() {
        assert!(FolderName::new("INBOX\r\nA1 DELETE x").is_none());
        assert!(FolderName::new("已发送").is_some());
    }
}
