//! What hooks read in mails: a row per message, and per conversation what its newest
//! mail is.

use super::Store;
use super::error::StoreError;
use super::table::{Rows, Table, Transaction};
use crate::domain::conversation::{Conversation, Status};
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::key::{ConversationKey, MessageKey};
use crate::domain::message::Message;

impl Store {
    /// What hooks read in a mail.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn extraction(&self, message: MessageKey) -> Result<Option<Extraction>, StoreError> {
        self.read(|rows| rows.record(Table::Extractions, &message.0.to_be_bytes()))
    }

    /// What the newest mail of a conversation is, where hooks said so.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest_sort(
        &self,
        conversation: ConversationKey,
    ) -> Result<Option<MailSort>, StoreError> {
        self.read(|rows| rows.record(Table::NewestSorts, &conversation.0.to_be_bytes()))
    }
}

/// Keeps what was read with the message, whose kind follows from it.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    message: &mut Message,
    found: Option<&Extraction>,
) -> Result<(), StoreError> {
    let conversation = message.conversation.0.to_be_bytes();
    let sort = found.and_then(|found| found.sort.as_ref());
    match sort {
        Some(sort) => transaction.put_record(Table::NewestSorts, &conversation, sort)?,
        None => {
            transaction.remove(Table::NewestSorts, &conversation)?;
        }
    }
    let Some(found) = found else { return Ok(()) };
    let key = message.key.0.to_be_bytes();
    transaction.put_record(Table::Extractions, &key, found)?;
    let kind = sort.map_or(message.head.kind, |sort| sort.kind(message.head.kind));
    if kind != message.head.kind {
        message.head.kind = kind;
        transaction.put_record(Table::Messages, &key, message)?;
    }
    Ok(())
}

/// A conversation that is nothing but a copy of an answer given elsewhere is done.
pub(super) fn settle(conversation: &mut Conversation, found: Option<&Extraction>) {
    let sort = found.and_then(|found| found.sort.as_ref());
    if sort == Some(&MailSort::OwnAnswer) && conversation.message_count == 1 {
        conversation.status = Status::Closed;
    }
}

pub(super) fn remove_of_message(
    transaction: &Transaction<'_>,
    message: MessageKey,
) -> Result<(), StoreError> {
    transaction.remove(Table::Extractions, &message.0.to_be_bytes())?;
    Ok(())
}

pub(super) fn remove_of_conversation(
    transaction: &Transaction<'_>,
    conversation: ConversationKey,
) -> Result<(), StoreError> {
    transaction.remove(Table::NewestSorts, &conversation.0.to_be_bytes())?;
    Ok(())
}
