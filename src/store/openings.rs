//! Conversations that we begin: conversation, contact and first mail in one transaction.

use super::counter::Counter;
use super::error::StoreError;
use super::outbox::{self, AcceptError, Accepted, NewReply};
use super::table::Transaction;
use super::{Store, contacts, conversations, listing, mailboxes};
use crate::domain::conversation::{Conversation, Priority, Status};
use crate::domain::key::{ConversationKey, MailboxKey, PublicId};
use crate::domain::message::Direction;
use crate::domain::message_id::{MessageId, SigningKey};

/// A conversation to be begun.
#[derive(Clone, Debug)]
pub struct NewOpening {
    /// By which mailbox.
    pub mailbox: MailboxKey,
    /// Its id outside.
    pub id: PublicId,
    /// That of the contact, where they are new.
    pub contact_id: PublicId,
    /// For the Message-ID.
    pub random: [u8; 12],
    /// Its first mail; conversation and Message-ID are made here.
    pub first: NewReply,
}

impl Store {
    /// Begins a conversation: durable, with its first mail, when this answers.
    ///
    /// # Errors
    /// When it was not begun; nothing is there then. [`AcceptError::NoMessageId`] when the
    /// domain of the mailbox cannot stand in one.
    pub async fn accept_opening(&self, opening: NewOpening) -> Result<Accepted, AcceptError> {
        let shared = std::sync::Arc::clone(self.shared());
        self.write(move |transaction| {
            let key = shared.keys.signing().ok_or(AcceptError::NoMessageId)?;
            begin(transaction, key, &opening)
        })
        .await
    }
}

fn begin(
    transaction: &Transaction<'_>,
    signing: &SigningKey,
    opening: &NewOpening,
) -> Result<Accepted, AcceptError> {
    let first = &opening.first;
    let mailbox =
        mailboxes::connected(transaction, opening.mailbox).map_err(|error| match error {
            StoreError::Missing { .. } => AcceptError::MailboxRemoved,
            other => other.into(),
        })?;
    if let Some(accepted) = outbox::replayed(transaction, mailbox.workspace, first)? {
        return Ok(accepted);
    }
    let now = first.accepted_at;
    let mut contact = contacts::contact_of(
        transaction,
        mailbox.workspace,
        first.to.first(),
        opening.contact_id,
        now,
    )?;
    contact.conversation_count += 1;
    contacts::put_contact(transaction, &contact)?;
    let key = ConversationKey(transaction.next(Counter::Conversation)?);
    let number = conversations::next_number(transaction, mailbox.workspace, key)?;
    conversations::put_id(transaction, opening.id, key)?;
    let conversation = Conversation {
        key,
        id: opening.id,
        workspace: mailbox.workspace,
        number,
        subject: first.subject.clone(),
        contact: contact.key,
        mailbox: mailbox.key,
        // Its first mail makes it one that waits for the contact.
        status: Status::Open,
        priority: Priority::Normal,
        assignee: first.author,
        team: None,
        tags: Vec::new(),
        spam: false,
        // No mail has come that a script could decide on.
        triaged: true,
        first_at: now,
        last_at: now,
        last_direction: Direction::Outbound,
        preview: String::new(),
        message_count: 0,
        merged_into: None,
    };
    listing::save(transaction, None, &conversation)?;
    let domain = mailbox.settings.address.domain();
    let id = MessageId::issue(mailbox.workspace, key, opening.random, signing, domain);
    let reply = NewReply {
        conversation: key,
        message_id: id.ok_or(AcceptError::NoMessageId)?,
        ..first.clone()
    };
    outbox::accept(transaction, &reply)
}
