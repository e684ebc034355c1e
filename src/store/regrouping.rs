//! Conversations joined into one or taken apart by a person, and that undone.
//!
//! Messages move, with the rows by which they are found; what was said and proved of
//! them hangs on the message and moves along. Whatever still names the conversation that
//! was merged away is led on by `threading::after_merges`.

mod error;
mod moving;

use std::collections::HashSet;

use jiff::Timestamp;

use self::moving::{announce, count_contact, keep, messages_of, move_back, move_message, recount};
use super::counter::Counter;
use super::error::StoreError;
use super::key::number_at;
use super::public_id::{IdKind, by_public_id};
use super::table::{Order, Rows, Table, Transaction};
use super::{Store, conversations, listing, outgoing_ids, threading, waking};
use crate::domain::conversation::{Conversation, Priority, Status};
use crate::domain::key::{ConversationKey, MessageKey, PublicId, RegroupingKey, UserKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Direction, Message};
use crate::domain::outbox::Purpose;
use crate::domain::regrouping::{Regrouping, RegroupingKind};

pub use self::error::RegroupError;
pub(super) use self::moving::forget;

impl Store {
    /// Moves all of `from` into `into`.
    ///
    /// # Errors
    /// See [`RegroupError`].
    pub async fn merge_conversations(
        &self,
        from: ConversationKey,
        into: ConversationKey,
        by: Option<UserKey>,
        now: Timestamp,
        random: [u8; 10],
    ) -> Result<Regrouping, RegroupError> {
        self.write(move |transaction| merge(transaction, from, into, by, now, random))
            .await
    }

    /// Makes a conversation of some messages of another. The ids are for the act and for
    /// the new conversation.
    ///
    /// # Errors
    /// See [`RegroupError`].
    pub async fn split_conversation(
        &self,
        from: ConversationKey,
        messages: Vec<MessageKey>,
        by: Option<UserKey>,
        now: Timestamp,
        random: [u8; 20],
    ) -> Result<Regrouping, RegroupError> {
        self.write(move |transaction| split(transaction, from, &messages, by, now, random))
            .await
    }

    /// Undoes one: what moved and has not moved on goes back. Mail that came since stays.
    ///
    /// # Errors
    /// See [`RegroupError`].
    pub async fn undo_regrouping(
        &self,
        key: RegroupingKey,
        by: Option<UserKey>,
        now: Timestamp,
    ) -> Result<Regrouping, RegroupError> {
        self.write(move |transaction| undo(transaction, key, by, now))
            .await
    }

    /// One, by its id outside.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn regrouping_by_id(&self, id: PublicId) -> Result<Option<Regrouping>, StoreError> {
        self.read(|rows| match by_public_id(rows, IdKind::Regrouping, id)? {
            Some(key) => rows.record(Table::Regroupings, &key.to_be_bytes()),
            None => Ok(None),
        })
    }

    /// Those that a conversation was part of, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn regroupings_of(
        &self,
        conversation: ConversationKey,
        limit: usize,
    ) -> Result<Vec<Regrouping>, StoreError> {
        let prefix = conversation.0.to_be_bytes();
        self.read(|rows| {
            rows.keys(Table::RegroupingsOf, &prefix, None, Order::Down, limit)?
                .iter()
                .map(|row| rows.named(Table::Regroupings, number_at(row, 8), "regrouping"))
                .collect()
        })
    }
}

fn found(
    transaction: &Transaction<'_>,
    key: ConversationKey,
) -> Result<Conversation, RegroupError> {
    let found: Option<Conversation> =
        transaction.record(Table::Conversations, &key.0.to_be_bytes())?;
    found.ok_or(RegroupError::NoConversation)
}

/// A conversation that may be joined or taken apart.
fn standing_alone(conversation: &Conversation) -> Result<(), RegroupError> {
    if conversation.merged_into.is_some() {
        return Err(RegroupError::Merged);
    }
    if !conversation.triaged {
        return Err(RegroupError::TooSoon);
    }
    Ok(())
}

fn merge(
    transaction: &Transaction<'_>,
    from: ConversationKey,
    into: ConversationKey,
    by: Option<UserKey>,
    now: Timestamp,
    random: [u8; 10],
) -> Result<Regrouping, RegroupError> {
    if from == into {
        return Err(RegroupError::Same);
    }
    let (before_from, before_into) = (found(transaction, from)?, found(transaction, into)?);
    if before_from.workspace != before_into.workspace {
        return Err(RegroupError::NoConversation);
    }
    if before_from.mailbox != before_into.mailbox {
        return Err(RegroupError::OtherMailbox);
    }
    standing_alone(&before_from)?;
    standing_alone(&before_into)?;
    let messages = messages_of(transaction, from)?;
    for key in &messages {
        move_message(transaction, *key, from, into)?;
    }
    let participants = threading::join_participants(transaction, from, into)?;
    let (mut after_from, mut after_into) = (before_from.clone(), before_into.clone());
    let tags = before_from.tags.iter();
    let tags: Vec<_> = tags
        .filter(|tag| !before_into.tags.contains(tag))
        .cloned()
        .collect();
    let left_out = conversations::add_tags(&mut after_into, &tags);
    if before_from.status == Status::Open {
        after_into.status = Status::Open;
    }
    after_from.merged_into = Some(into);
    after_from.status = Status::Closed;
    waking::cancel(transaction, from)?;
    let regrouping = Regrouping {
        key: RegroupingKey(transaction.next(Counter::Regrouping)?),
        id: PublicId::new(now, random),
        workspace: before_into.workspace,
        kind: RegroupingKind::Merge,
        from,
        into,
        messages,
        strangers: Vec::new(),
        participants,
        tags: tags
            .into_iter()
            .filter(|tag| !left_out.contains(tag))
            .collect(),
        status: before_from.status,
        at: now,
        by,
        undone_at: None,
    };
    recount(transaction, &mut after_from)?;
    recount(transaction, &mut after_into)?;
    listing::save(transaction, Some(&before_from), &after_from)?;
    listing::save(transaction, Some(&before_into), &after_into)?;
    keep(transaction, &regrouping)?;
    announce(transaction, &regrouping, regrouping.kind.done(), by, now)?;
    Ok(regrouping)
}

fn split(
    transaction: &Transaction<'_>,
    from: ConversationKey,
    messages: &[MessageKey],
    by: Option<UserKey>,
    now: Timestamp,
    random: [u8; 20],
) -> Result<Regrouping, RegroupError> {
    let before_from = found(transaction, from)?;
    standing_alone(&before_from)?;
    let all = messages_of(transaction, from)?;
    let wanted: HashSet<MessageKey> = messages.iter().copied().collect();
    let moving: Vec<MessageKey> = all
        .iter()
        .copied()
        .filter(|key| wanted.contains(key))
        .collect();
    if moving.len() != wanted.len() {
        return Err(RegroupError::NoMessage);
    }
    let moved = moving
        .iter()
        .map(|key| transaction.named(Table::Messages, key.0, "message"))
        .collect::<Result<Vec<Message>, _>>()?;
    let is_mail = |message: &Message| message.direction != Direction::Note;
    let a_mail_stays = a_mail_stays(transaction, &all, &wanted)?;
    // Whose conversation it becomes: who wrote first, else to whom we wrote.
    let inbound = moved
        .iter()
        .find(|message| message.direction == Direction::Inbound);
    let first = inbound.or_else(|| moved.iter().find(|message| is_mail(message)));
    let (true, Some(first)) = (a_mail_stays, first) else {
        return Err(RegroupError::Nothing);
    };
    let (mut act, mut new) = ([0; 10], [0; 10]);
    act.copy_from_slice(&random[..10]);
    new.copy_from_slice(&random[10..]);
    let into = ConversationKey(transaction.next(Counter::Conversation)?);
    let mut after_into = Conversation {
        key: into,
        id: PublicId::new(now, new),
        number: conversations::next_number(transaction, before_from.workspace, into)?,
        subject: first.head.subject.clone(),
        contact: first.contact,
        mailbox: first.mailbox,
        status: Status::Open,
        priority: Priority::Normal,
        assignee: before_from.assignee,
        team: before_from.team,
        tags: Vec::new(),
        first_at: first.arrived_at,
        last_at: first.arrived_at,
        last_direction: first.direction,
        preview: String::new(),
        message_count: 0,
        ..before_from.clone()
    };
    conversations::put_id(transaction, after_into.id, into)?;
    count_contact(transaction, &after_into, true)?;
    let strangers = moved
        .iter()
        .filter(|one| one.new_participant && one.contact == after_into.contact);
    let strangers: Vec<MessageKey> = strangers.map(|one| one.key).collect();
    let mailbox: Mailbox = transaction.named(Table::Mailboxes, after_into.mailbox.0, "mailbox")?;
    for mut message in moved {
        move_message(transaction, message.key, from, into)?;
        message.conversation = into;
        if strangers.contains(&message.key) {
            message.new_participant = false;
            transaction.put_record(Table::Messages, &message.key.0.to_be_bytes(), &message)?;
        }
        if is_mail(&message) {
            let trusted = !message.new_participant && !is_forward(transaction, &message)?;
            threading::index_participants(
                transaction,
                into,
                &message.head,
                trusted,
                &mailbox.settings,
            )?;
        }
    }
    let mut after_from = before_from.clone();
    recount(transaction, &mut after_from)?;
    recount(transaction, &mut after_into)?;
    listing::save(transaction, Some(&before_from), &after_from)?;
    listing::save(transaction, None, &after_into)?;
    let regrouping = Regrouping {
        key: RegroupingKey(transaction.next(Counter::Regrouping)?),
        id: PublicId::new(now, act),
        workspace: before_from.workspace,
        kind: RegroupingKind::Split,
        from,
        into,
        messages: moving,
        strangers,
        participants: Vec::new(),
        tags: Vec::new(),
        status: before_from.status,
        at: now,
        by,
        undone_at: None,
    };
    keep(transaction, &regrouping)?;
    announce(transaction, &regrouping, regrouping.kind.done(), by, now)?;
    Ok(regrouping)
}

/// Whoever is shown a message takes no part by that.
fn is_forward(transaction: &Transaction<'_>, message: &Message) -> Result<bool, StoreError> {
    let Some(id) = &message.head.message_id else {
        return Ok(false);
    };
    let own = outgoing_ids::with_message_id(transaction, message.workspace, id)?;
    let own = own.filter(|own| own.message == message.key);
    Ok(own.is_some_and(|own| matches!(own.purpose, Purpose::Forward(_))))
}

/// Whether somebody's words stay when these messages leave.
fn a_mail_stays(
    transaction: &Transaction<'_>,
    all: &[MessageKey],
    leaving: &HashSet<MessageKey>,
) -> Result<bool, StoreError> {
    for key in all.iter().filter(|key| !leaving.contains(key)) {
        let message: Message = transaction.named(Table::Messages, key.0, "message")?;
        if message.direction != Direction::Note {
            return Ok(true);
        }
    }
    Ok(false)
}

fn undo(
    transaction: &Transaction<'_>,
    key: RegroupingKey,
    by: Option<UserKey>,
    now: Timestamp,
) -> Result<Regrouping, RegroupError> {
    let mut regrouping: Regrouping = transaction.named(Table::Regroupings, key.0, "regrouping")?;
    if regrouping.undone_at.is_some() {
        return Err(RegroupError::Undone);
    }
    let (from, into) = (regrouping.from, regrouping.into);
    let (before_from, before_into) = (found(transaction, from)?, found(transaction, into)?);
    let as_it_was = match regrouping.kind {
        RegroupingKind::Merge => before_from.merged_into == Some(into),
        RegroupingKind::Split => before_from.merged_into.is_none(),
    };
    if !as_it_was || before_into.merged_into.is_some() {
        return Err(RegroupError::Overtaken);
    }
    let (mut after_from, mut after_into) = (before_from.clone(), before_into.clone());
    match regrouping.kind {
        RegroupingKind::Merge => {
            move_back(transaction, &regrouping, &regrouping.messages)?;
            threading::take_out(transaction, into, &regrouping.participants)?;
            after_into.tags.retain(|tag| !regrouping.tags.contains(tag));
            after_from.merged_into = None;
            after_from.status = regrouping.status;
        }
        RegroupingKind::Split => {
            // All of it, with what came since: a conversation that nobody wanted must not stay.
            let all = messages_of(transaction, into)?;
            // Who took part only there stays a stranger to the others.
            move_back(transaction, &regrouping, &all)?;
            for key in &regrouping.strangers {
                let mut message: Message = transaction.named(Table::Messages, key.0, "message")?;
                message.new_participant = true;
                transaction.put_record(Table::Messages, &key.0.to_be_bytes(), &message)?;
            }
            count_contact(transaction, &after_into, false)?;
            waking::cancel(transaction, into)?;
            if after_into.status == Status::Open {
                after_from.status = Status::Open;
            }
            after_into.merged_into = Some(from);
            after_into.status = Status::Closed;
        }
    }
    recount(transaction, &mut after_from)?;
    recount(transaction, &mut after_into)?;
    listing::save(transaction, Some(&before_from), &after_from)?;
    listing::save(transaction, Some(&before_into), &after_into)?;
    regrouping.undone_at = Some(now);
    transaction.put_record(Table::Regroupings, &key.0.to_be_bytes(), &regrouping)?;
    announce(transaction, &regrouping, regrouping.kind.undone(), by, now)?;
    Ok(regrouping)
}
