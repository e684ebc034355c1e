//! What hooks read in mails: a row per message, and per conversation what its newest
//! mail is.

use super::Store;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::conversation::{Conversation, Status, waiting_since};
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::key::{ConversationKey, MessageKey};
use crate::domain::message::{Kind, Message};

/// Messages before a notice that are looked at for somebody who waits.
const LOOK_BACK: usize = 50;

impl Store {
    /// What hooks read in a mail.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn extraction(&self, message: MessageKey) -> Result<Option<Extraction>, StoreError> {
        self.read(|rows| rows.record(Table::Extractions, &message.0.to_be_bytes()))
    }

    /// What the newest mail of a conversation is, where hooks said so. A notice does not
    /// count while somebody before it waits for an answer.
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
        // A notice must not hide that somebody before it waits.
        Some(sort) if !sort.wants_an_answer() && somebody_waits(transaction, message)? => {}
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

/// Somebody wrote before this mail, and nobody has answered since.
fn somebody_waits(transaction: &Transaction<'_>, message: &Message) -> Result<bool, StoreError> {
    let prefix = message.conversation.0.to_be_bytes();
    let this = Key::new(message.conversation.0).number(message.key.0);
    let before = transaction.keys(
        Table::ConversationMessages,
        &prefix,
        Some(this.as_ref()),
        Order::Down,
        LOOK_BACK,
    )?;
    let mut latest_first = Vec::with_capacity(before.len());
    for row in before {
        let one: Message = transaction.named(Table::Messages, number_at(&row, 8), "message")?;
        latest_first.push((one.direction, one.head.kind, one.arrived_at));
    }
    Ok(waiting_since(latest_first).is_some())
}

/// What the sort of its newest mail makes of a conversation: one that is nothing but a
/// copy of an answer given elsewhere is done, and a buyer opens it again, even where
/// the mail was taken for a machine's when it came.
pub(super) fn settle(
    conversation: &mut Conversation,
    message: &Message,
    found: Option<&Extraction>,
) {
    match found.and_then(|found| found.sort.as_ref()) {
        Some(MailSort::OwnAnswer) if conversation.message_count == 1 => {
            conversation.status = Status::Closed;
        }
        Some(MailSort::BuyerMessage)
            if message.head.kind == Kind::Personal && !message.imported =>
        {
            conversation.status = Status::Open;
        }
        Some(_) | None => {}
    }
}

/// The newest mail of a conversation is another one, since messages moved.
pub(super) fn follow_newest(
    transaction: &Transaction<'_>,
    conversation: ConversationKey,
    newest: Option<MessageKey>,
) -> Result<(), StoreError> {
    let found: Option<Extraction> = match newest {
        Some(message) => transaction.record(Table::Extractions, &message.0.to_be_bytes())?,
        None => None,
    };
    let row = conversation.0.to_be_bytes();
    match found.and_then(|found| found.sort) {
        Some(sort) => transaction.put_record(Table::NewestSorts, &row, &sort),
        None => {
            transaction.remove(Table::NewestSorts, &row)?;
            Ok(())
        }
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
