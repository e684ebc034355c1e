//! The conversations of a removed mailbox are taken away: rows, indexes, bytes.
//!
//! In portions, so that nobody waits behind a hundred thousand mails; what a crash
//! interrupts is marked and goes on at the next start. Feed entries stay: they name
//! what is no longer there.

use super::error::StoreError;
use super::key::{Key, number_at};
use super::listing::{self, Facet, Shelf, list_prefix};
use super::public_id::{IdKind, remove_public_id};
use super::table::{Order, Rows, Table, Transaction};
use super::{
    Store, contacts, decision_lines, extractions, jobs, ledger, outbox, outgoing_ids, raw,
    regrouping, threading, waking,
};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::job::WorkKind;
use crate::domain::key::{ConversationKey, MailboxKey};
use crate::domain::ledger::{Fate, LedgerRow};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::Message;

/// Conversations taken away in one transaction.
const CONVERSATIONS_AT_ONCE: usize = 20;
/// Rows of the ledger looked at or taken away in one transaction.
const ROWS_AT_ONCE: usize = 500;

impl Store {
    /// Removed mailboxes whose conversations are still to be taken away.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn purges(&self) -> Result<Vec<MailboxKey>, StoreError> {
        self.read(|rows| {
            let keys = rows.keys(Table::Purges, &[], None, Order::Up, usize::MAX)?;
            Ok(keys
                .iter()
                .map(|key| MailboxKey(number_at(key, 0)))
                .collect())
        })
    }

    /// Takes some of them away; `false` when nothing was left.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn purge_some(&self, mailbox: MailboxKey) -> Result<bool, StoreError> {
        self.write(move |transaction| purge_some(transaction, mailbox))
            .await
    }
}

fn purge_some(transaction: &Transaction<'_>, key: MailboxKey) -> Result<bool, StoreError> {
    let mailbox: Mailbox = transaction.named(Table::Mailboxes, key.0, "mailbox")?;
    let mut some = listed(transaction, &mailbox)?;
    if some.is_empty() {
        some = not_listed(transaction, &mailbox)?;
    }
    if !some.is_empty() {
        end_jobs(transaction, &some)?;
        for conversation in &some {
            remove(transaction, conversation)?;
        }
        return Ok(true);
    }
    if ledger::forget_some(transaction, key, ROWS_AT_ONCE)? {
        return Ok(true);
    }
    threading::forget_last(transaction, mailbox.workspace, key)?;
    transaction.remove(Table::Purges, &key.0.to_be_bytes())?;
    Ok(false)
}

fn listed(rows: &impl Rows, mailbox: &Mailbox) -> Result<Vec<Conversation>, StoreError> {
    let mut found = Vec::new();
    for shelf in Shelf::ALL {
        let prefix = list_prefix(mailbox.workspace, Facet::Mailbox(mailbox.key.0), shelf);
        let left = CONVERSATIONS_AT_ONCE - found.len();
        for row in rows.keys(Table::Lists, prefix.as_ref(), None, Order::Up, left)? {
            // Behind the prefix: the inverted time and the inverted key.
            let key = !number_at(&row, prefix.as_ref().len() + 8);
            found.push(rows.named(Table::Conversations, key, "conversation")?);
        }
    }
    Ok(found)
}

/// Conversations that no script has decided on yet stand in no list; the ledger has
/// their first mail.
fn not_listed(
    transaction: &Transaction<'_>,
    mailbox: &Mailbox,
) -> Result<Vec<Conversation>, StoreError> {
    let prefix = mailbox.key.0.to_be_bytes();
    let rows: Vec<LedgerRow> =
        transaction.records(Table::Ledger, &prefix, None, Order::Up, ROWS_AT_ONCE)?;
    let mut found: Vec<Conversation> = Vec::new();
    for row in rows {
        let (Fate::Stored(key) | Fate::Unreadable(key) | Fate::Ignored { message: key, .. }) =
            row.fate
        else {
            continue;
        };
        let Some(message) = transaction.record::<Message>(Table::Messages, &key.0.to_be_bytes())?
        else {
            continue;
        };
        let known = |one: &Conversation| one.key == message.conversation;
        if found.iter().any(known) {
            continue;
        }
        let conversation: Conversation =
            transaction.named(Table::Conversations, message.conversation.0, "conversation")?;
        if conversation.mailbox == mailbox.key {
            found.push(conversation);
        }
        if found.len() == CONVERSATIONS_AT_ONCE {
            break;
        }
    }
    Ok(found)
}

fn end_jobs(transaction: &Transaction<'_>, of: &[Conversation]) -> Result<(), StoreError> {
    let ours = |key: ConversationKey| of.iter().any(|conversation| conversation.key == key);
    for kind in [
        WorkKind::Triage,
        WorkKind::Compose,
        WorkKind::Submit,
        WorkKind::File,
        WorkKind::Authenticate,
    ] {
        for job in jobs::of_kind(transaction, kind)? {
            if ours(job.conversation) {
                jobs::finish(transaction, job.key)?;
            }
        }
    }
    Ok(())
}

fn remove(transaction: &Transaction<'_>, conversation: &Conversation) -> Result<(), StoreError> {
    let prefix = conversation.key.0.to_be_bytes();
    let rows = transaction.keys(
        Table::ConversationMessages,
        &prefix,
        None,
        Order::Up,
        usize::MAX,
    )?;
    for row in rows {
        let message: Message = transaction.named(Table::Messages, number_at(&row, 8), "message")?;
        remove_message(transaction, &message)?;
        transaction.remove(Table::ConversationMessages, &row)?;
    }
    waking::cancel(transaction, conversation.key)?;
    threading::forget_participants(transaction, conversation.key)?;
    for merged in regrouping::forget(transaction, conversation.key)? {
        remove(transaction, &merged)?;
    }
    extractions::remove_of_conversation(transaction, conversation.key)?;
    let number = Key::new(conversation.workspace.0).number(conversation.number);
    transaction.remove(Table::Numbers, number.as_ref())?;
    remove_public_id(transaction, IdKind::Conversation, conversation.id)?;
    let contact: Option<Contact> =
        transaction.record(Table::Contacts, &conversation.contact.0.to_be_bytes())?;
    if let Some(mut contact) = contact {
        contact.conversation_count = contact.conversation_count.saturating_sub(1);
        contacts::put_contact(transaction, &contact)?;
    }
    listing::remove(transaction, conversation)
}

fn remove_message(transaction: &Transaction<'_>, message: &Message) -> Result<(), StoreError> {
    let (workspace, key) = (message.workspace, message.key.0.to_be_bytes());
    if let Some(id) = &message.head.message_id {
        // A reply of ours has the bytes that its message has.
        let own = outgoing_ids::with_message_id(transaction, workspace, id)?;
        if let Some(own) = own.filter(|own| own.message == message.key) {
            outbox::remove(transaction, &own)?;
        }
    }
    if let Some(raw) = message.raw {
        raw::remove(transaction, raw)?;
    }
    threading::forget_ids(transaction, workspace, message.conversation, &message.head)?;
    ledger::forget(transaction, message.key)?;
    decision_lines::remove_of_message(transaction, message.key)?;
    transaction.remove(Table::Authentications, &key)?;
    extractions::remove_of_message(transaction, message.key)?;
    remove_public_id(transaction, IdKind::Message, message.id)?;
    transaction.remove(Table::Messages, &key)?;
    Ok(())
}
