//! Keys of stored rows, and the ids shown outside.
//!
//! A key is a number of one gateway's store; it never leaves the process. What
//! people and programs see is a [`PublicId`], or a conversation's number.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}

keys! {
    /// One tenant.
    WorkspaceKey
    /// A person who signs in.
    UserKey
    /// A group of operators.
    TeamKey
    /// An API token or login link (only its hash is stored).
    TokenKey
    /// A connected support address.
    MailboxKey
    /// A person who writes.
    ContactKey
    /// A thread as the desk sees it.
    ConversationKey
    /// A stored mail or note. Not the header: that is `MessageId`.
    MessageKey
    /// The exact bytes of a mail.
    RawKey
    /// What a script answered.
    DecisionKey
    /// A reply on its way out.
    OutgoingKey
    /// A piece of durable work.
    JobKey
    /// A row of the ledger.
    LedgerKey
    /// A notice about a mailbox.
    NoticeKey
    /// A joining or taking apart of conversations.
    RegroupingKey
}

/// Position in the feed. Grows by one per change, without gaps, over the whole gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl WorkspaceKey {
    /// The workspace that exists from the start.
    pub const DEFAULT: Self = Self(1);
}

/// An id shown outside: a UUID of version 7 (RFC 9562 section 5.7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId(Uuid);

impl PublicId {
    /// Makes an id from the time and ten random bytes.
    #[must_use]
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Takes back what [`PublicId::as_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes, as stored.
    #[must_use]
    pub fn as_bytes(&self) -> [u8; 16] {
        *self.0.as_bytes()
    }

    /// Reads the hyphenated form; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
