//! Replies: accepted before the API says yes, found by id, resolved by evidence.
//! What happens while one is sent stands in `outbox_attempts`.

use jiff::{SignedDuration, Timestamp};

use super::counter::Counter;
use super::error::StoreError;
use super::key::{Key, hash16, number_at};
use super::outgoing_ids::{forget_id, point_id, with_message_id};
use super::public_id::{IdKind, by_public_id, put_public_id, remove_public_id};
use super::table::{Order, Rows, Table, Transaction};
use super::uploads::NewFile;
use super::{Store, conversations, feed, jobs, last_word, listing, mailboxes, threading, uploads};
use crate::domain::address::NamedAddress;
use crate::domain::change::Event;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::job::Work;
use crate::domain::key::{
    ConversationKey, MessageKey, OutgoingKey, PublicId, UserKey, WorkspaceKey,
};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Direction, Head, Message};
use crate::domain::message_id::MessageId;
use crate::domain::outbox::{Filing, Outgoing, OutgoingFile, OutgoingState, Purpose};
use crate::fault::{Point, reach};

/// Replies are composed at most so long before they leave.
const COMPOSED_AHEAD_MAX: SignedDuration = SignedDuration::from_mins(10);

/// A reply to be accepted.
#[derive(Clone, Debug)]
pub struct NewReply {
    /// Where it belongs.
    pub conversation: ConversationKey,
    /// Who wrote it; `None` for a machine.
    pub author: Option<UserKey>,
    /// Its Message-ID, for ever.
    pub message_id: MessageId,
    /// The mail it answers.
    pub in_reply_to: Option<MessageKey>,
    /// The sender.
    pub from: NamedAddress,
    /// The To field.
    pub to: Vec<NamedAddress>,
    /// The Cc field.
    pub cc: Vec<NamedAddress>,
    /// Recipients no header names.
    pub bcc: Vec<NamedAddress>,
    /// The subject.
    pub subject: String,
    /// What was written.
    pub text: String,
    /// Whether the answered mail is quoted below.
    pub quote_history: bool,
    /// Sent by a machine.
    pub automatic: bool,
    /// Not before this.
    pub send_at: Timestamp,
    /// When it was asked for.
    pub accepted_at: Timestamp,
    /// The caller's key, and the hash of the request it stands for.
    pub idempotency: Option<(String, [u8; 32])>,
    /// What it is in its conversation.
    pub purpose: Purpose,
    /// Files that leave with it, in their order.
    pub files: Vec<NewFile>,
    /// For the ids outside: ten bytes for the reply, ten for its message.
    pub random: [u8; 20],
}

/// A reply that is durable.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// It.
    pub outgoing: Outgoing,
    /// The same request was accepted before; nothing new was made.
    pub replayed: bool,
}

/// Why a reply was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The key was used for another request.
    #[error("this idempotency key was used for another request; use a new key for a new reply")]
    IdempotencyConflict,
    /// There is no such conversation.
    #[error("there is no such conversation")]
    NoSuchConversation,
    /// A file that was handed in is not there any more.
    #[error("there is no such upload; it may have been used already, or have waited too long")]
    NoSuchUpload(PublicId),
    /// No Message-ID can be made for its mailbox.
    #[error("no Message-ID can be made for the domain of this mailbox")]
    NoMessageId,
    /// Its mailbox was removed.
    #[error("the mailbox of this conversation was removed; replies cannot leave by it")]
    MailboxRemoved,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rows of the outbox: what is under way first, then what waits, then the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Sending = 0,
    Waiting = 1,
    Ended = 2,
}

impl Class {
    pub(super) const ALL: [Self; 3] = [Self::Sending, Self::Waiting, Self::Ended];

    fn of(state: &OutgoingState) -> Self {
        match state {
            OutgoingState::Sending => Self::Sending,
            OutgoingState::Queued
            | OutgoingState::Held { .. }
            | OutgoingState::Deferred { .. }
            | OutgoingState::Uncertain { .. } => Self::Waiting,
            OutgoingState::Sent
            | OutgoingState::Failed { .. }
            | OutgoingState::Bounced { .. }
            | OutgoingState::Cancelled => Self::Ended,
        }
    }
}

fn outbox_key(outgoing: &Outgoing) -> Key {
    Key::new(outgoing.workspace.0)
        .byte(Class::of(&outgoing.state) as u8)
        .number(!outgoing.key.0)
}

/// Writes a reply, its place in the outbox, and the change.
pub(super) fn save(
    transaction: &Transaction<'_>,
    before: Option<&Outgoing>,
    after: &Outgoing,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (old, new) = (before.map(outbox_key), outbox_key(after));
    if old.as_ref() != Some(&new) {
        if let Some(old) = old {
            transaction.remove(Table::Outbox, old.as_ref())?;
        }
        transaction.put(Table::Outbox, new.as_ref(), &[])?;
    }
    transaction.put_record(Table::Outgoing, &after.key.0.to_be_bytes(), after)?;
    let event = Event::OutgoingChanged {
        outgoing: after.key,
        conversation: after.conversation,
    };
    feed::append(transaction, after.workspace, now, event)
}

/// Reads, changes and writes a reply.
pub(super) fn update<T>(
    transaction: &Transaction<'_>,
    key: OutgoingKey,
    now: Timestamp,
    change: impl FnOnce(&mut Outgoing) -> Result<T, StoreError>,
) -> Result<(Outgoing, T), StoreError> {
    let before: Outgoing = transaction.named(Table::Outgoing, key.0, "reply")?;
    let mut after = before.clone();
    let answer = change(&mut after)?;
    if after != before {
        save(transaction, Some(&before), &after, now)?;
        if after.is_unanswered() && !before.is_unanswered() {
            last_word::taken_back(transaction, &after)?;
        }
    }
    Ok((after, answer))
}

/// A reply that leaves soon is composed at once. One that is scheduled bears the date, the
/// signature and the answers of scripts of the day it leaves.
fn compose_at(reply: &NewReply) -> Timestamp {
    if reply.send_at.duration_since(reply.accepted_at) > COMPOSED_AHEAD_MAX {
        reply.send_at
    } else {
        reply.accepted_at
    }
}

fn idempotency_key(workspace: WorkspaceKey, key: &str) -> Key {
    Key::new(workspace.0).bytes(&hash16(key.as_bytes()))
}

/// What the same request brought before.
pub(super) fn replayed(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    reply: &NewReply,
) -> Result<Option<Accepted>, AcceptError> {
    let Some((key, request)) = &reply.idempotency else {
        return Ok(None);
    };
    let key = idempotency_key(workspace, key);
    let Some(row) = transaction.get(Table::Idempotency, key.as_ref())? else {
        return Ok(None);
    };
    if row.get(8..) != Some(request.as_slice()) {
        return Err(AcceptError::IdempotencyConflict);
    }
    let outgoing = transaction.named(Table::Outgoing, number_at(&row, 0), "reply")?;
    Ok(Some(Accepted {
        outgoing,
        replayed: true,
    }))
}

pub(super) fn accept(
    transaction: &Transaction<'_>,
    reply: &NewReply,
) -> Result<Accepted, AcceptError> {
    // A colleague may have merged it while somebody wrote.
    let before = threading::after_merges(transaction, reply.conversation)?
        .ok_or(AcceptError::NoSuchConversation)?;
    if let Some(accepted) = replayed(transaction, before.workspace, reply)? {
        return Ok(accepted);
    }
    mailboxes::connected(transaction, before.mailbox).map_err(|error| match error {
        StoreError::Missing { .. } => AcceptError::MailboxRemoved,
        other => other.into(),
    })?;
    let files = uploads::take_all(transaction, before.workspace, &reply.files)?;
    let files = files.map_err(AcceptError::NoSuchUpload)?;
    let (outgoing, message) = rows_of(transaction, reply, files, &before)?;
    transaction.put_record(Table::Messages, &message.key.0.to_be_bytes(), &message)?;
    conversations::index_message(transaction, &message)?;
    put_public_id(transaction, IdKind::Outgoing, outgoing.id, outgoing.key.0)?;
    point_id(
        transaction,
        before.workspace,
        &outgoing.message_id,
        outgoing.key,
    )?;
    threading::index_ids(
        transaction,
        before.workspace,
        before.key,
        message.key,
        &message.head,
    )?;
    let is_forward = matches!(reply.purpose, Purpose::Forward(_));
    let mut after = before.clone();
    let answers = !reply.automatic && !is_forward;
    if !answers {
        // It answers nothing: whoever wrote still waits, and the list shows their words.
        after.message_count = after.message_count.saturating_add(1);
    } else {
        conversations::count_in(&mut after, &message);
    }
    if answers && after.status == Status::Open {
        // Somebody answered: now it waits for the contact.
        after.status = Status::Pending;
    }
    listing::save(transaction, Some(&before), &after)?;
    save(transaction, None, &outgoing, reply.accepted_at)?;
    jobs::add(
        transaction,
        outgoing.workspace,
        outgoing.conversation,
        Work::Compose(outgoing.key),
        compose_at(reply),
    )?;
    if let Some((key, request)) = &reply.idempotency {
        let key = idempotency_key(before.workspace, key);
        let row = Key::new(outgoing.key.0).bytes(request);
        transaction.put(Table::Idempotency, key.as_ref(), row.as_ref())?;
    }
    Ok(Accepted {
        outgoing,
        replayed: false,
    })
}

/// The reply and the message the desk shows for it.
fn rows_of(
    transaction: &Transaction<'_>,
    reply: &NewReply,
    files: Vec<OutgoingFile>,
    conversation: &Conversation,
) -> Result<(Outgoing, Message), StoreError> {
    let (mut first, mut second) = ([0; 10], [0; 10]);
    first.copy_from_slice(&reply.random[..10]);
    second.copy_from_slice(&reply.random[10..]);
    let message = Message {
        key: MessageKey(transaction.next(Counter::Message)?),
        id: PublicId::new(reply.accepted_at, second),
        workspace: conversation.workspace,
        conversation: conversation.key,
        mailbox: conversation.mailbox,
        contact: conversation.contact,
        direction: Direction::Outbound,
        head: Head {
            message_id: Some(reply.message_id.clone()),
            from: Some(reply.from.clone()),
            to: reply.to.clone(),
            cc: reply.cc.clone(),
            subject: reply.subject.clone(),
            preview: conversations::first_words(&reply.text),
            ..Head::default()
        },
        raw: None,
        size: 0,
        written: Some(reply.text.clone()),
        arrived_at: reply.accepted_at,
        late: false,
        imported: false,
        new_participant: false,
    };
    let outgoing = Outgoing {
        key: OutgoingKey(transaction.next(Counter::Outgoing)?),
        id: PublicId::new(reply.accepted_at, first),
        workspace: conversation.workspace,
        conversation: conversation.key,
        message: message.key,
        mailbox: conversation.mailbox,
        author: reply.author,
        message_id: reply.message_id.clone(),
        in_reply_to: reply.in_reply_to,
        to: reply.to.clone(),
        cc: reply.cc.clone(),
        bcc: reply.bcc.clone(),
        subject: reply.subject.clone(),
        text: reply.text.clone(),
        quote_history: reply.quote_history,
        automatic: reply.automatic,
        send_at: reply.send_at,
        accepted_at: reply.accepted_at,
        raw: None,
        state: OutgoingState::Queued,
        attempts: 0,
        recipients: Vec::new(),
        filing: Filing::Waiting,
        hold: None,
        purpose: reply.purpose,
        files,
        aliases: Vec::new(),
        history: Vec::new(),
        in_doubt: false,
    };
    Ok((outgoing, message))
}

fn of_class(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    class: Class,
    limit: usize,
) -> Result<Vec<Outgoing>, StoreError> {
    let prefix = Key::new(workspace.0).byte(class as u8);
    rows.keys(Table::Outbox, prefix.as_ref(), None, Order::Up, limit)?
        .iter()
        .map(|key| rows.named(Table::Outgoing, !number_at(key, 9), "reply"))
        .collect()
}

/// Replies of a mailbox whose fate is open.
pub(super) fn of_mailbox(rows: &impl Rows, mailbox: &Mailbox) -> Result<Vec<Outgoing>, StoreError> {
    let mut found = Vec::new();
    for class in [Class::Sending, Class::Waiting] {
        found.extend(of_class(rows, mailbox.workspace, class, usize::MAX)?);
    }
    found.retain(|outgoing: &Outgoing| outgoing.mailbox == mailbox.key);
    Ok(found)
}

/// Takes a reply away with every row by which it is found.
pub(super) fn remove(transaction: &Transaction<'_>, outgoing: &Outgoing) -> Result<(), StoreError> {
    jobs::finish_of(transaction, outgoing.key)?;
    uploads::drop_files(transaction, outgoing)?;
    transaction.remove(Table::Outbox, outbox_key(outgoing).as_ref())?;
    for id in std::iter::once(&outgoing.message_id).chain(&outgoing.aliases) {
        forget_id(transaction, outgoing.workspace, id)?;
    }
    let aliases = Head {
        references: outgoing.aliases.clone(),
        ..Head::default()
    };
    let (workspace, place) = (outgoing.workspace, outgoing.conversation);
    threading::forget_ids(transaction, workspace, place, &aliases)?;
    remove_public_id(transaction, IdKind::Outgoing, outgoing.id)?;
    transaction.remove(Table::Outgoing, &outgoing.key.0.to_be_bytes())?;
    Ok(())
}

impl Store {
    /// Accepts a reply: durable when this answers.
    ///
    /// # Errors
    /// When it was not accepted; nothing will be sent then.
    pub async fn accept_reply(&self, reply: NewReply) -> Result<Accepted, AcceptError> {
        reach(Point::ReplyAsked);
        let writing = self.write(move |transaction| accept(transaction, &reply));
        let accepted = writing.await?;
        reach(Point::ReplyKept);
        Ok(accepted)
    }

    /// One reply.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outgoing(&self, key: OutgoingKey) -> Result<Option<Outgoing>, StoreError> {
        self.read(|rows| rows.record(Table::Outgoing, &key.0.to_be_bytes()))
    }

    /// One reply, by its id outside.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outgoing_by_id(&self, id: PublicId) -> Result<Option<Outgoing>, StoreError> {
        self.read(|rows| match by_public_id(rows, IdKind::Outgoing, id)? {
            Some(key) => rows.record(Table::Outgoing, &key.to_be_bytes()),
            None => Ok(None),
        })
    }

    /// One reply, by its Message-ID.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outgoing_by_message_id(
        &self,
        workspace: WorkspaceKey,
        id: &MessageId,
    ) -> Result<Option<Outgoing>, StoreError> {
        self.read(|rows| with_message_id(rows, workspace, id))
    }
}
