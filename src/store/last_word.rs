//! Who has said the last word in a conversation, as its lists show it. A reply that was
//! stopped, or could not be sent, says nothing.

use super::error::StoreError;
use super::key::number_at;
use super::outgoing_ids::with_message_id;
use super::table::{Order, Rows, Table, Transaction};
use super::{listing, threading};
use crate::domain::conversation::{Conversation, Status};
use crate::domain::message::{Direction, Message};
use crate::domain::outbox::{Outgoing, OutgoingState, Purpose};

/// Messages looked at for the last one that counts.
const LOOK_BACK: usize = 100;

/// The newest messages that say something, newest first.
pub(super) fn newest(
    rows: &impl Rows,
    conversation: &Conversation,
) -> Result<Vec<Message>, StoreError> {
    let prefix = conversation.key.0.to_be_bytes();
    let table = Table::ConversationMessages;
    let mut found = Vec::new();
    for row in rows.keys(table, &prefix, None, Order::Down, LOOK_BACK)? {
        let message: Message = rows.named(Table::Messages, number_at(&row, 8), "message")?;
        if counts(rows, &message)? {
            found.push(message);
        }
    }
    Ok(found)
}

fn counts(rows: &impl Rows, message: &Message) -> Result<bool, StoreError> {
    if message.direction == Direction::Note {
        return Ok(false);
    }
    let (Direction::Outbound, Some(id)) = (message.direction, &message.head.message_id) else {
        return Ok(true);
    };
    let own = with_message_id(rows, message.workspace, id)?;
    Ok(!own.is_some_and(|own| own.message == message.key && own.is_unanswered()))
}

/// Shows the last word of these in the lists.
pub(super) fn show(conversation: &mut Conversation, newest: &[Message]) {
    if let Some(last) = newest.first() {
        conversation.last_at = last.arrived_at;
        conversation.last_direction = last.direction;
        conversation.preview.clone_from(&last.head.preview);
    }
}

/// A reply answers nobody after all: whoever wrote waits again. One that a person stopped
/// gives back what it had changed; one that failed is brought before somebody.
pub(super) fn taken_back(
    transaction: &Transaction<'_>,
    outgoing: &Outgoing,
) -> Result<(), StoreError> {
    if outgoing.automatic || matches!(outgoing.purpose, Purpose::Forward(_)) {
        return Ok(());
    }
    let Some(before) = threading::after_merges(transaction, outgoing.conversation)? else {
        return Ok(());
    };
    let newest = newest(transaction, &before)?;
    let waits = newest
        .first()
        .is_some_and(|last| last.direction == Direction::Inbound);
    let failed = matches!(outgoing.state, OutgoingState::Failed { .. });
    let mut after = before.clone();
    show(&mut after, &newest);
    if failed || (waits && after.status == Status::Pending) {
        after.status = Status::Open;
    }
    listing::save(transaction, Some(&before), &after)
}
