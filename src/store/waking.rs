//! Conversations that scripts want to be asked about again: at most one row each, which
//! names the job that waits.

use jiff::{SignedDuration, Timestamp};

use super::error::StoreError;
use super::jobs;
use super::table::{Rows, Table, Transaction};
use crate::domain::conversation::Conversation;
use crate::domain::job::Work;
use crate::domain::key::{ConversationKey, JobKey, MessageKey};

/// Wakes the scripts after a while; an earlier wish of the conversation is forgotten.
pub(super) fn set(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
    message: MessageKey,
    now: Timestamp,
    after: SignedDuration,
) -> Result<(), StoreError> {
    cancel(transaction, conversation.key)?;
    let due = now.checked_add(after).unwrap_or(Timestamp::MAX);
    let (workspace, key) = (conversation.workspace, conversation.key);
    let job = jobs::add(transaction, workspace, key, Work::Wake(message), due)?;
    transaction.point(Table::Wakes, &key.0.to_be_bytes(), job.0)
}

/// Lets them sleep.
pub(super) fn cancel(
    transaction: &Transaction<'_>,
    conversation: ConversationKey,
) -> Result<(), StoreError> {
    let row = conversation.0.to_be_bytes();
    if let Some(job) = transaction.pointer(Table::Wakes, &row)? {
        jobs::finish(transaction, JobKey(job))?;
        transaction.remove(Table::Wakes, &row)?;
    }
    Ok(())
}
