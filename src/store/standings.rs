//! How the last attempts of mailboxes went, kept so that a restart knows it.
//!
//! Invariant: a mailbox that is removed has no row here, whatever is still noted of it.
//! Invariant: what is kept is how things stand when it is written, not when it was asked
//! for: an older state never takes the place of a newer one.

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
        standing: impl Fn() -> MailboxStanding + Send + 'static,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let Some(found) = mailboxes::find(transaction, mailbox)? else {
                return Ok(());
            };
            put(transaction, mailbox, &standing())?;
            let event = Event::MailboxChanged { mailbox };
            feed::append(transaction, found.workspace, now, event)
        })
        .await
    }

    /// A mailbox's credentials were refused: keeps when, and how it stands otherwise.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn note_refusals(
        &self,
        mailbox: MailboxKey,
        refused_at: impl Fn() -> Vec<Timestamp> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            if mailboxes::find(transaction, mailbox)?.is_none() {
                return Ok(());
            }
            let kept = transaction.record(Table::Standings, &mailbox.0.to_be_bytes())?;
            let standing = MailboxStanding {
                refused_at: refused_at(),
                ..kept.unwrap_or_default()
            };
            put(transaction, mailbox, &standing)
        })
        .await
    }

    /// Keeps how mailboxes stand that nobody needs to hear of.
    ///
    /// # Errors
    /// When it cannot be made durable; those before the failure may be kept.
    pub async fn keep_standings(
        &self,
        mailboxes: &[MailboxKey],
        standing: impl Fn(MailboxKey) -> MailboxStanding + Clone + Send + 'static,
    ) -> Result<(), StoreError> {
        for some in mailboxes.chunks(AT_ONCE_MAX) {
            let (some, standing) = (some.to_vec(), standing.clone());
            self.write(move |transaction| {
                some.iter()
                    .try_for_each(|mailbox| match mailboxes::find(transaction, *mailbox)? {
                        Some(_) => put(transaction, *mailbox, &standing(*mailbox)),
                        None => Ok(()),
                    })
            })
            .await?;
        }
        Ok(())
    }
}
