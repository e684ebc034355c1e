//! Attempts at servers: numbered rows per mailbox without gaps, the oldest taken away
//! with every new one, so that they neither outlive their month nor their bound.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::attempt::{Attempt, ROWS_MAX};
use crate::domain::key::MailboxKey;

/// Old rows that are taken away with one new one.
const PRUNED_AT_ONCE: usize = 64;

fn row_key(mailbox: MailboxKey, number: u64) -> Key {
    Key::new(mailbox.0).number(number)
}

fn newest(rows: &impl Rows, mailbox: MailboxKey) -> Result<u64, StoreError> {
    let prefix = mailbox.0.to_be_bytes();
    let keys = rows.keys(Table::MailboxAttempts, &prefix, None, Order::Down, 1)?;
    Ok(keys.first().map_or(0, |key| number_at(key, 8)))
}

fn note(
    transaction: &Transaction<'_>,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<(), StoreError> {
    let last = newest(transaction, attempt.mailbox)?;
    let last_key = row_key(attempt.mailbox, last);
    let before: Option<Attempt> = transaction.record(Table::MailboxAttempts, last_key.as_ref())?;
    if let Some(mut row) = before
        && row.take_in(attempt)
    {
        return transaction.put_record(Table::MailboxAttempts, last_key.as_ref(), &row);
    }
    let key = row_key(attempt.mailbox, last + 1);
    transaction.put_record(Table::MailboxAttempts, key.as_ref(), attempt)?;
    prune(transaction, attempt.mailbox, last + 1, now)
}

fn prune(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    last: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let prefix = mailbox.0.to_be_bytes();
    let oldest = transaction.keys(
        Table::MailboxAttempts,
        &prefix,
        None,
        Order::Up,
        PRUNED_AT_ONCE,
    )?;
    for key in oldest {
        let beyond = last - number_at(&key, 8) >= ROWS_MAX;
        let row: Option<Attempt> = transaction.record(Table::MailboxAttempts, &key)?;
        if !beyond && !row.is_some_and(|row| row.is_old(now)) {
            break;
        }
        transaction.remove(Table::MailboxAttempts, &key)?;
    }
    Ok(())
}

/// Takes everything of a mailbox away.
pub(super) fn remove_of(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
) -> Result<(), StoreError> {
    let prefix = mailbox.0.to_be_bytes();
    for key in transaction.keys(Table::MailboxAttempts, &prefix, None, Order::Up, usize::MAX)? {
        transaction.remove(Table::MailboxAttempts, &key)?;
    }
    Ok(())
}

impl Store {
    /// Keeps attempts, in the order they were made.
    ///
    /// # Errors
    /// When they cannot be made durable.
    pub async fn note_attempts(
        &self,
        attempts: Vec<Attempt>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            attempts
                .iter()
                .try_for_each(|attempt| note(transaction, attempt, now))
        })
        .await
    }

    /// Attempts of a mailbox with their numbers, the latest first, before the number `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn attempts(
        &self,
        mailbox: MailboxKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Attempt)>, StoreError> {
        let prefix = mailbox.0.to_be_bytes();
        let before = before.map(|number| row_key(mailbox, number));
        self.read(|rows| {
            let keys = rows.keys(
                Table::MailboxAttempts,
                &prefix,
                before.as_ref().map(AsRef::as_ref),
                Order::Down,
                limit,
            )?;
            keys.iter()
                .map(|key| {
                    let number = number_at(key, 8);
                    let row = rows.record(Table::MailboxAttempts, key)?;
                    let row = row.ok_or(StoreError::Missing {
                        what: "attempt",
                        key: number,
                    })?;
                    Ok((number, row))
                })
                .collect()
        })
    }
}
