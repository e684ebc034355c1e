//! The feed: what happened, in order, written with what made it happen.

use jiff::Timestamp;

use super::Store;
use super::counter::Counter;
use super::error::StoreError;
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::change::{Change, Event};
use crate::domain::key::{Sequence, WorkspaceKey};

/// Appends a change; listeners hear of it when the transaction is durable.
pub(super) fn append(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    at: Timestamp,
    event: Event,
) -> Result<(), StoreError> {
    let sequence = Sequence(transaction.next(Counter::Feed)?);
    let change = Change {
        sequence,
        at,
        workspace,
        event,
    };
    transaction.put_record(Table::Feed, &sequence.0.to_be_bytes(), &change)
}

impl Store {
    /// Changes behind `after`, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes(&self, after: Sequence, limit: usize) -> Result<Vec<Change>, StoreError> {
        let after = after.0.to_be_bytes();
        self.read(|rows| rows.records(Table::Feed, &[], Some(&after), Order::Up, limit))
    }

    /// The place of the last change; 0 before the first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn last_sequence(&self) -> Result<Sequence, StoreError> {
        self.read(|rows| {
            let last = rows.pointer(Table::Meta, Counter::Feed.key().as_ref())?;
            Ok(Sequence(last.unwrap_or(0)))
        })
    }

    /// Puts an event on the feed that no other write brings with it.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn note_change(
        &self,
        workspace: WorkspaceKey,
        event: Event,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| append(transaction, workspace, now, event.clone()))
            .await
    }
}
