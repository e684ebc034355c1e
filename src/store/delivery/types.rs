//! What is delivered, and what became of it.

use jiff::Timestamp;

use crate::domain::fingerprint::Fingerprint;
use crate::domain::folder::{Cursor, FolderName};
use crate::domain::key::{ConversationKey, MailboxKey, MessageKey, RawKey};
use crate::domain::ledger::Source;
use crate::domain::maildrop::{MailIdentity, MaildropRow};
use crate::domain::message::Head;
use crate::store::raw::CompressedRaw;

/// The bytes of an arrival.
#[derive(Debug)]
pub enum ArrivalRaw {
    /// Here.
    Whole(CompressedRaw),
    /// Sent ahead through a [`RawWriter`](crate::store::RawWriter).
    Stored(RawKey),
}

/// A mail that came, read and compressed.
#[derive(Debug)]
pub struct Arrival {
    /// By which way.
    pub source: Source,
    /// Its bytes.
    pub raw: ArrivalRaw,
    /// How many.
    pub size: u64,
    /// The size of the whole mail, when these are only its beginning.
    pub whole_size: Option<u64>,
    /// What it says of itself.
    pub head: Head,
    /// What makes two arrivals one mail.
    pub fingerprint: Fingerprint,
    /// When it came to us.
    pub arrived_at: Timestamp,
    /// It waited long on the server before.
    pub late: bool,
    /// It was there before the mailbox was connected.
    pub imported: bool,
    /// For the ids outside: ten bytes for the message, ten for a new conversation.
    pub random: [u8; 20],
}

/// A mail that stays on the server for now, beginning and all.
#[derive(Clone, Debug)]
pub struct Passed {
    /// Where it stands.
    pub source: Source,
    /// Why it stays.
    pub why: Why,
    /// When that was seen.
    pub at: Timestamp,
}

/// Why a mail was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It has so many bytes.
    TooLarge(u64),
    /// The server listed it and did not give it.
    NotGiven,
}

/// What one commit shall make durable for a mailbox.
#[derive(Debug)]
pub struct Delivery {
    /// Which.
    pub mailbox: MailboxKey,
    /// They lay in the provider's folder for spam.
    pub is_junk: bool,
    /// They lay in the folder for what was sent.
    pub is_sent: bool,
    /// Further mailboxes the same mails were addressed to; they get the path on record.
    pub also_for: Vec<MailboxKey>,
    /// Mails, in the order they came.
    pub arrivals: Vec<Arrival>,
    /// How far the folder has been read with them.
    pub cursor: Option<(FolderName, Cursor)>,
    /// What became of mails of a maildrop with them.
    pub maildrop: Vec<(MailIdentity, MaildropRow)>,
    /// Mails that were passed.
    pub passed: Vec<Passed>,
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is stored.
    Stored {
        /// As this.
        message: MessageKey,
        /// In this conversation.
        conversation: ConversationKey,
    },
    /// This message was the same mail.
    Duplicate(MessageKey),
    /// It is this reply of ours.
    Own(MessageKey),
    /// The mailbox sent it to itself, to be counted.
    Canary,
    /// It was sent from elsewhere and belongs to no conversation.
    Elsewhere,
}
