//! How the last attempts of mailboxes went, kept so that a restart knows it.
//!
//! Invariant: a mailbox that is removed has no row here, whatever is still noted of it.

use jiff::Timestamp;

use super::error::StoreError;
use super::table::{Rows, Table, Transaction};
use super::{Store, feed, mailboxes};
use crate::domain::change::Event;
use crate::domain::condition::MailboxStanding;
use crate::domain::key::MailboxKey;

/// Mailboxes noted in one transaction.
const AT_ONCE_MAX: usize = 1_000;

fn put(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    standing: &MailboxStanding,
) -> Result<(), StoreError> {
    transaction.put_record(Table::Standings, &mailbox.0.to_be_bytes(), standing)
}

impl Store {
    /// How the last attempts of a mailbox went, as far as it was noted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn standing(&self, mailbox: MailboxKey) -> Result<Option<MailboxStanding>, StoreError> {
        self.read(|rows| rows.record(Table::Standings, &mailbox.0.to_be_bytes()))
    }

    /// A mailbox's condition has changed: keeps how it stands and tells the feed.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn note_condition(
        &self,
        mailbox: MailboxKey,
        standing: MailboxStanding,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let Some(found) = mailboxes::find(transaction, mailbox)? else {
                return Ok(());
            };
            put(transaction, mailbox, &standing)?;
            let event = Event::MailboxChanged { mailbox };
            feed::append(transaction, found.workspace, now, event)
        })
        .await
    }

    /// Keeps how mailboxes stand that nobody needs to hear of.
    ///
    /// # Errors
    /// When it cannot be made durable; those before the failure may be kept.
    pub async fn keep_standings(
        &self,
        standings: &[(MailboxKey, MailboxStanding)],
    ) -> Result<(), StoreError> {
        for some in standings.chunks(AT_ONCE_MAX) {
            let some = some.to_vec();
            self.write(move |transaction| {
                some.iter().try_for_each(|(mailbox, standing)| {
                    match mailboxes::find(transaction, *mailbox)? {
                        Some(_) => put(transaction, *mailbox, standing),
                        None => Ok(()),
                    }
                })
            })
            .await?;
        }
        Ok(())
    }
}
