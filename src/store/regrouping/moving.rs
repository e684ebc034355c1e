//! Messages that change their conversation, with the rows by which they are found, and
//! what of the two conversations follows from it.

use jiff::Timestamp;

use super::super::error::StoreError;
use super::super::key::{Key, number_at};
use super::super::public_id::{IdKind, put_public_id, remove_public_id};
use super::super::table::{Order, Rows, Table, Transaction};
use super::super::{contacts, extractions, feed, last_word, outgoing_ids, threading};
use super::error::RegroupError;
use crate::domain::change::Event;
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::key::{ConversationKey, MessageKey, UserKey};
use crate::domain::message::{Direction, Head, Message};
use crate::domain::regrouping::{MESSAGES_MAX, Regrouped, Regrouping};

/// What has moved on or is gone stays where it is.
pub(super) fn move_back(
    transaction: &Transaction<'_>,
    regrouping: &Regrouping,
    messages: &[MessageKey],
) -> Result<(), StoreError> {
    for key in messages {
        let row = Key::new(regrouping.into.0).number(key.0);
        if transaction
            .get(Table::ConversationMessages, row.as_ref())?
            .is_some()
        {
            move_message(transaction, *key, regrouping.into, regrouping.from)?;
        }
    }
    Ok(())
}

pub(super) fn messages_of(
    transaction: &Transaction<'_>,
    conversation: ConversationKey,
) -> Result<Vec<MessageKey>, RegroupError> {
    let prefix = conversation.0.to_be_bytes();
    let most = MESSAGES_MAX + 1;
    let rows = transaction.keys(Table::ConversationMessages, &prefix, None, Order::Up, most)?;
    if rows.len() > MESSAGES_MAX {
        return Err(RegroupError::TooMany);
    }
    Ok(rows
        .iter()
        .map(|row| MessageKey(number_at(row, 8)))
        .collect())
}

/// Moves a message with the rows by which it is found, and the reply it stands for.
pub(super) fn move_message(
    transaction: &Transaction<'_>,
    key: MessageKey,
    from: ConversationKey,
    into: ConversationKey,
) -> Result<(), StoreError> {
    let mut message: Message = transaction.named(Table::Messages, key.0, "message")?;
    message.conversation = into;
    transaction.put_record(Table::Messages, &key.0.to_be_bytes(), &message)?;
    let row = |conversation: ConversationKey| Key::new(conversation.0).number(key.0);
    transaction.remove(Table::ConversationMessages, row(from).as_ref())?;
    transaction.put(Table::ConversationMessages, row(into).as_ref(), &[])?;
    threading::move_ids(transaction, &message, from, into)?;
    if message.direction != Direction::Outbound {
        return Ok(());
    }
    let Some(id) = &message.head.message_id else {
        return Ok(());
    };
    let own = outgoing_ids::with_message_id(transaction, message.workspace, id)?;
    if let Some(mut own) = own.filter(|own| own.message == key) {
        own.conversation = into;
        for alias in &own.aliases {
            // Answers may name the reply by what its provider calls it.
            message.head = Head {
                message_id: Some(alias.clone()),
                ..Head::default()
            };
            threading::move_ids(transaction, &message, from, into)?;
        }
        transaction.put_record(Table::Outgoing, &own.key.0.to_be_bytes(), &own)?;
    }
    Ok(())
}

/// Brings what a list shows of a conversation in line with its messages.
pub(super) fn recount(
    transaction: &Transaction<'_>,
    conversation: &mut Conversation,
) -> Result<(), StoreError> {
    let prefix = conversation.key.0.to_be_bytes();
    let table = Table::ConversationMessages;
    let all = transaction.keys(table, &prefix, None, Order::Up, usize::MAX)?;
    conversation.message_count = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let named = |row: &Vec<u8>| -> Result<Message, StoreError> {
        transaction.named(Table::Messages, number_at(row, 8), "message")
    };
    if let Some(first) = all.first() {
        conversation.first_at = named(first)?.arrived_at;
    }
    let newest = last_word::newest(transaction, conversation)?;
    last_word::show(conversation, &newest);
    if newest.is_empty() {
        conversation.preview.clear();
    }
    let mut inbound = newest.iter();
    let inbound = inbound.find(|one| one.direction == Direction::Inbound);
    let newest_sort = inbound.map(|message| message.key);
    extractions::follow_newest(transaction, conversation.key, newest_sort)
}

pub(super) fn keep(
    transaction: &Transaction<'_>,
    regrouping: &Regrouping,
) -> Result<(), StoreError> {
    let key = regrouping.key.0;
    transaction.put_record(Table::Regroupings, &key.to_be_bytes(), regrouping)?;
    put_public_id(transaction, IdKind::Regrouping, regrouping.id, key)?;
    for side in [regrouping.from, regrouping.into] {
        let row = Key::new(side.0).number(key);
        transaction.put(Table::RegroupingsOf, row.as_ref(), &[])?;
    }
    Ok(())
}

pub(super) fn announce(
    transaction: &Transaction<'_>,
    regrouping: &Regrouping,
    how: Regrouped,
    by: Option<UserKey>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let workspace = regrouping.workspace;
    for conversation in [regrouping.from, regrouping.into] {
        let event = Event::ConversationChanged { conversation };
        feed::append(transaction, workspace, now, event)?;
    }
    let event = Event::ConversationRegrouped {
        how,
        conversation: regrouping.into,
        other: regrouping.from,
        by,
    };
    feed::append(transaction, workspace, now, event)
}

pub(super) fn count_contact(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
    one_more: bool,
) -> Result<(), StoreError> {
    let key = conversation.contact.0.to_be_bytes();
    let Some(mut contact) = transaction.record::<Contact>(Table::Contacts, &key)? else {
        return Ok(());
    };
    let count = contact.conversation_count;
    contact.conversation_count = if one_more {
        count.saturating_add(1)
    } else {
        count.saturating_sub(1)
    };
    contacts::put_contact(transaction, &contact)
}

/// Forgets what a conversation that goes was part of; gives those that were merged into
/// it, which go with it.
pub(in crate::store) fn forget(
    transaction: &Transaction<'_>,
    conversation: ConversationKey,
) -> Result<Vec<Conversation>, StoreError> {
    let prefix = conversation.0.to_be_bytes();
    let mut merged = Vec::new();
    for row in transaction.keys(Table::RegroupingsOf, &prefix, None, Order::Up, usize::MAX)? {
        let key = number_at(&row, 8);
        let known: Option<Regrouping> =
            transaction.record(Table::Regroupings, &key.to_be_bytes())?;
        transaction.remove(Table::RegroupingsOf, &row)?;
        // Its other side comes later, or has been here.
        let Some(known) = known else { continue };
        remove_public_id(transaction, IdKind::Regrouping, known.id)?;
        transaction.remove(Table::Regroupings, &key.to_be_bytes())?;
        for side in [known.from, known.into] {
            let other: Option<Conversation> =
                transaction.record(Table::Conversations, &side.0.to_be_bytes())?;
            merged.extend(other.filter(|other| other.merged_into == Some(conversation)));
        }
    }
    Ok(merged)
}
