//! What forwarded mail tells of a mailbox: two ways of one mail, and what a provider asks.
//! How that is found out is in `forwarding`.

use jiff::Timestamp;

use super::address::Address;
use super::key::{MailboxKey, MessageKey};
use super::ledger::Source;

/// One of the ways a mail came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Into which mailbox.
    pub mailbox: MailboxKey,
    /// By which way.
    pub source: Source,
}

/// One mail came by two ways of which one should be switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivedTwice {
    /// How it came first, and was kept.
    pub first: Way,
    /// How it came again.
    pub second: Way,
    /// The last such mail.
    pub message: MessageKey,
    /// When it came again.
    pub at: Timestamp,
    /// How many mails did.
    pub count: u64,
}

/// The same in words, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoWays {
    /// How it came first: `by IMAP from INBOX of help@shop.example`.
    pub first: String,
    /// How it came again.
    pub second: String,
    /// When, the last time.
    pub at: Timestamp,
    /// How many mails did.
    pub count: u64,
}

/// A provider asks whether mail may be forwarded to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// What is to be typed at the provider.
    pub code: String,
    /// Or opened, by a person who has asked for the forwarding. Nobody else opens it.
    pub link: Option<String>,
    /// The account that forwards, as the mail says.
    pub account: Option<Address>,
    /// When it came.
    pub at: Timestamp,
}
