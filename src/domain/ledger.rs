//! The ledger: one row per arrival ever seen, with its fate. "Where is my mail?"

use jiff::Timestamp;

use super::address::Address;
use super::fingerprint::Fingerprint;
use super::folder::{FolderName, Uid, UidValidity};
use super::key::{LedgerKey, MailboxKey, MessageKey, WorkspaceKey};

/// By which way an arrival came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// An IMAP folder.
    Imap {
        /// Which.
        folder: FolderName,
        /// Its incarnation.
        validity: UidValidity,
        /// The mail's UID there.
        uid: Uid,
    },
    /// Our own SMTP listener.
    Smtp(Forwarded),
    /// A maildrop.
    Pop3 {
        /// What the server called it; empty where it gives no unique ids.
        uidl: String,
    },
}

/// What is known of the way of a mail that was handed to our listener. Besides the
/// receiving address, all of it is only what the peer said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Forwarded {
    /// Address of the peer; empty when it came through the local socket.
    pub peer: String,
    /// What the peer called itself.
    pub hello: String,
    /// Whether it came inside TLS.
    pub encrypted: bool,
    /// The envelope's sender; `None` is that of bounces.
    pub reverse_path: Option<Address>,
    /// The receiving address it was handed over for.
    pub recipient: Address,
    /// The address it was written to before it was forwarded, where anything tells.
    pub written_to: Option<Address>,
}

/// What became of an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Stored as this message.
    Stored(MessageKey),
    /// The same mail was there already; the second path is on record.
    Duplicate(MessageKey),
    /// One of our own replies, seen in a folder.
    Own(MessageKey),
    /// Larger than the limit: it waits on the server until somebody asks for it.
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The message that shows its beginning, where the server gave that.
        beginning: Option<MessageKey>,
    },
    /// Stored raw; it could not be read.
    Unreadable(MessageKey),
    /// A mail that the mailbox sent to itself to prove its way; counted and let go.
    Canary,
    /// The server listed it and has not given it: it is asked for again. The row makes
    /// room for another when it comes.
    NotGiven,
    /// It stands in Sent, was written elsewhere and belongs to no conversation.
    Elsewhere,
    /// A script put it aside.
    Ignored {
        /// The message.
        message: MessageKey,
        /// `routing.rhai:7` and the reason given.
        by: String,
    },
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its key.
    pub key: LedgerKey,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// The mailbox it came by.
    pub mailbox: MailboxKey,
    /// By which way.
    pub source: Source,
    /// When.
    pub at: Timestamp,
    /// What makes two arrivals one mail; absent when the mail was never fetched.
    pub fingerprint: Option<Fingerprint>,
    /// What became of it.
    pub fate: Fate,
}
