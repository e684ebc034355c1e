//! What forwarded mail tells of a mailbox: that a provider asks whether it may forward,
//! and that one mail comes by two ways.

use super::delivery::Arrival;
use super::error::StoreError;
use super::table::{Rows, Table, Transaction};
use super::{Store, ledger, mailboxes};
use crate::domain::forwarded::{ArrivedTwice, Way};
use crate::domain::forwarding::{came_by_two_ways, confirmation_code};
use crate::domain::key::{MailboxKey, MessageKey};
use crate::domain::ledger::{Fate, Source};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::Message;

/// Remembers a mail by which a provider asks; else it is a mail like any other.
pub(super) fn note_question(
    transaction: &Transaction<'_>,
    mailbox: &Mailbox,
    source: &Source,
    message: &Message,
) -> Result<(), StoreError> {
    if !matches!(source, Source::Smtp(_)) || confirmation_code(&message.head).is_none() {
        return Ok(());
    }
    let key = mailbox.key.0.to_be_bytes();
    transaction.point(Table::ForwardingConfirmations, &key, message.key.0)?;
    mailboxes::announce(transaction, mailbox, message.arrived_at)
}

/// A mail that is here has come again; remembers it when that is by a way of its own.
pub(super) fn came_again(
    transaction: &Transaction<'_>,
    mailbox: &Mailbox,
    message: MessageKey,
    arrival: &Arrival,
) -> Result<(), StoreError> {
    let rows = ledger::rows_of(transaction, message)?;
    let kept = rows.into_iter().find(|row| {
        matches!(
            row.fate,
            Fate::Stored(_) | Fate::Unreadable(_) | Fate::Ignored { .. }
        )
    });
    let Some(kept) = kept else { return Ok(()) };
    let before = mailboxes::find(transaction, kept.mailbox)?;
    let Some(before) = before else { return Ok(()) };
    let first = (&before.settings.address, &kept.source);
    let second = (&mailbox.settings.address, &arrival.source);
    if !came_by_two_ways(&arrival.head, first, second) {
        return Ok(());
    }
    note_two_ways(transaction, &before, mailbox, |count| ArrivedTwice {
        first: Way {
            mailbox: before.key,
            source: kept.source.clone(),
        },
        second: Way {
            mailbox: mailbox.key,
            source: arrival.source.clone(),
        },
        message,
        at: arrival.arrived_at,
        count,
    })
}

fn note_two_ways(
    transaction: &Transaction<'_>,
    first: &Mailbox,
    second: &Mailbox,
    twice: impl Fn(u64) -> ArrivedTwice,
) -> Result<(), StoreError> {
    let further = (second.key != first.key).then_some(second);
    for mailbox in [Some(first), further].into_iter().flatten() {
        let key = mailbox.key.0.to_be_bytes();
        let known: Option<ArrivedTwice> = transaction.record(Table::ArrivedTwice, &key)?;
        let count = known.as_ref().map_or(0, |known| known.count);
        let twice = twice(count.saturating_add(1));
        transaction.put_record(Table::ArrivedTwice, &key, &twice)?;
        if known.is_none() {
            mailboxes::announce(transaction, mailbox, twice.at)?;
        }
    }
    Ok(())
}

impl Store {
    /// The last mail by which a provider asked whether it may forward to the mailbox.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn forwarding_question(&self, mailbox: MailboxKey) -> Result<Option<Message>, StoreError> {
        self.read(|rows| {
            let key = mailbox.0.to_be_bytes();
            match rows.pointer(Table::ForwardingConfirmations, &key)? {
                Some(message) => rows.record(Table::Messages, &message.to_be_bytes()),
                None => Ok(None),
            }
        })
    }

    /// That mail came to the mailbox by two ways, where it did.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn arrived_twice(&self, mailbox: MailboxKey) -> Result<Option<ArrivedTwice>, StoreError> {
        self.read(|rows| rows.record(Table::ArrivedTwice, &mailbox.0.to_be_bytes()))
    }
}
