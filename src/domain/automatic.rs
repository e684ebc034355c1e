//! Which mail may be answered by a machine, and how often: rules that no script reaches.
//!
//! Invariant: a mail that is not surely a person's is never answered automatically, and
//! whatever slips through runs into the caps, so that two machines cannot write to each
//! other for ever.

use std::fmt;

use jiff::SignedDuration;

use super::address::Address;
use super::message::{Direction, Kind, Message};

/// Automatic mails into one conversation within [`CONVERSATION_PERIOD`].
pub const CONVERSATION_MAX: usize = 1;
/// How long a conversation remembers.
pub const CONVERSATION_PERIOD: SignedDuration = SignedDuration::from_hours(24);
/// Automatic mails to one sender within [`PERIOD`].
pub const SENDER_MAX: usize = 3;
/// Automatic mails out of one mailbox within [`PERIOD`].
pub const MAILBOX_MAX: usize = 100;
/// How long senders and mailboxes remember.
pub const PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// Why a mail is not answered by a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// It did not come in.
    Ours,
    /// It was there before the mailbox was connected.
    Imported,
    /// It reached us long after it was sent.
    Late,
    /// A machine, a list or a bounce wrote it.
    Automatic,
    /// Nobody is named as its sender.
    NoSender,
    /// One of our own mailboxes wrote it.
    OwnAddress,
    /// The domain of its sender says that it did not send it.
    NotProven,
    /// Its sender had no part in the conversation: the text would tell a stranger of it.
    Stranger,
}

/// Why an automatic mail has to wait for a quieter time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// The conversation has had its own.
    Conversation,
    /// The sender has had enough.
    Sender,
    /// The mailbox has sent enough.
    Mailbox,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "it did not come in from outside",
            Self::Imported => "the mail was there before the mailbox was connected",
            Self::Late => "the mail reached us long after it was sent",
            Self::Automatic => "a machine, a list or a bounce wrote the mail",
            Self::NoSender => "the mail names no sender",
            Self::OwnAddress => "the mail comes from one of our own mailboxes",
            Self::NotProven => "the domain of its sender disowns the mail (DMARC)",
            Self::Stranger => "its sender is new in this conversation",
        })
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conversation => write!(
                f,
                "this conversation had {CONVERSATION_MAX} automatic mail within {} hours",
                CONVERSATION_PERIOD.as_hours()
            ),
            Self::Sender => write!(
                f,
                "this sender had {SENDER_MAX} automatic mails within the hour"
            ),
            Self::Mailbox => write!(
                f,
                "this mailbox sent {MAILBOX_MAX} automatic mails within the hour"
            ),
        }
    }
}

/// Whom an automatic answer to the mail would go to. It is the author and nobody else: a
/// Reply-To may name a list, or a person who never wrote to us.
///
/// # Errors
/// Why it gets none.
pub fn answerable(
    message: &Message,
    is_own: impl Fn(&Address) -> bool,
) -> Result<&Address, Unanswered> {
    if message.direction != Direction::Inbound {
        return Err(Unanswered::Ours);
    }
    if message.imported {
        return Err(Unanswered::Imported);
    }
    if message.late {
        return Err(Unanswered::Late);
    }
    if message.head.kind != Kind::Personal {
        return Err(Unanswered::Automatic);
    }
    let from = message.head.from.as_ref().ok_or(Unanswered::NoSender)?;
    if is_own(&from.address) {
        return Err(Unanswered::OwnAddress);
    }
    if message.new_participant {
        return Err(Unanswered::Stranger);
    }
    Ok(&from.address)
}

/// What stops one more automatic mail, given how many there were.
#[must_use]
pub fn capped(in_conversation: usize, to_sender: usize, out_of_mailbox: usize) -> Option<Cap> {
    if in_conversation >= CONVERSATION_MAX {
        return Some(Cap::Conversation);
    }
    if to_sender >= SENDER_MAX {
        return Some(Cap::Sender);
    }
    (out_of_mailbox >= MAILBOX_MAX).then_some(Cap::Mailbox)
}
