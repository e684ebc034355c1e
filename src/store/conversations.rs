//! Conversations and their messages: look-ups, changes by people, notes. Lists are
//! in `conversation_list`.

use jiff::Timestamp;

use super::counter::Counter;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::listing;
use super::public_id::{IdKind, by_public_id, put_public_id};
use super::table::{Order, Rows, Table, Transaction};
use super::{Store, feed, people, threading, waking};
use crate::domain::change::Event;
use crate::domain::conversation::{Conversation, Priority, Status, Tag};
use crate::domain::key::{ConversationKey, MessageKey, PublicId, TeamKey, UserKey, WorkspaceKey};
use crate::domain::message::{Direction, Head, Message};
use crate::domain::message_id::MessageId;

/// Characters of a note that lists show.
const PREVIEW_LENGTH_MAX: usize = 200;

/// What a person changes; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationChange {
    /// A new status.
    pub status: Option<Status>,
    /// A new team, or none.
    pub team: Option<Option<TeamKey>>,
    /// A new person, or nobody.
    pub assignee: Option<Option<UserKey>>,
    /// Tags put on.
    pub add_tags: Vec<Tag>,
    /// Tags taken off.
    pub remove_tags: Vec<Tag>,
    /// A new priority.
    pub priority: Option<Priority>,
    /// Onto the spam pile or off it.
    pub spam: Option<bool>,
}

impl ConversationChange {
    fn apply(&self, conversation: &mut Conversation) {
        conversation.status = self.status.unwrap_or(conversation.status);
        conversation.team = self.team.unwrap_or(conversation.team);
        conversation.assignee = self.assignee.unwrap_or(conversation.assignee);
        conversation.priority = self.priority.unwrap_or(conversation.priority);
        conversation.spam = self.spam.unwrap_or(conversation.spam);
        conversation
            .tags
            .retain(|tag| !self.remove_tags.contains(tag));
        add_tags(conversation, &self.add_tags);
    }
}

/// Puts tags on, each once; what goes beyond the most is left out and returned.
pub(super) fn add_tags(conversation: &mut Conversation, tags: &[Tag]) -> Vec<Tag> {
    let mut left_out = Vec::new();
    for tag in tags {
        if conversation.tags.contains(tag) {
        } else if conversation.tags.len() < Tag::COUNT_MAX {
            conversation.tags.push(tag.clone());
        } else {
            left_out.push(tag.clone());
        }
    }
    left_out
}

/// The next number people call a conversation by.
pub(super) fn next_number(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    conversation: ConversationKey,
) -> Result<u64, StoreError> {
    let counter = format!("last number of workspace {}", workspace.0);
    let last = transaction.pointer(Table::Meta, counter.as_bytes())?;
    let number = last.unwrap_or(0) + 1;
    transaction.point(Table::Meta, counter.as_bytes(), number)?;
    let key = Key::new(workspace.0).number(number);
    transaction.point(Table::Numbers, key.as_ref(), conversation.0)?;
    Ok(number)
}

pub(super) fn put_id(
    transaction: &Transaction<'_>,
    id: PublicId,
    key: ConversationKey,
) -> Result<(), StoreError> {
    put_public_id(transaction, IdKind::Conversation, id, key.0)
}

/// The rows by which a message is found.
pub(super) fn index_message(
    transaction: &Transaction<'_>,
    message: &Message,
) -> Result<(), StoreError> {
    let key = Key::new(message.conversation.0).number(message.key.0);
    transaction.put(Table::ConversationMessages, key.as_ref(), &[])?;
    put_public_id(transaction, IdKind::Message, message.id, message.key.0)
}

/// Counts a message in and makes it the last one. A note moves nothing.
pub(super) fn count_in(conversation: &mut Conversation, message: &Message) {
    conversation.message_count = conversation.message_count.saturating_add(1);
    if message.direction == Direction::Note {
        return;
    }
    conversation.last_at = conversation.last_at.max(message.arrived_at);
    conversation.last_direction = message.direction;
    conversation.preview.clone_from(&message.head.preview);
}

/// Writes a note into a conversation that the caller saves.
pub(super) fn put_note(
    transaction: &Transaction<'_>,
    conversation: &mut Conversation,
    text: &str,
    id: PublicId,
    now: Timestamp,
) -> Result<Message, StoreError> {
    let note = Message {
        key: MessageKey(transaction.next(Counter::Message)?),
        id,
        workspace: conversation.workspace,
        conversation: conversation.key,
        mailbox: conversation.mailbox,
        contact: conversation.contact,
        direction: Direction::Note,
        head: Head {
            preview: first_words(text),
            ..Head::default()
        },
        raw: None,
        size: text.len() as u64,
        written: Some(text.to_owned()),
        arrived_at: now,
        late: false,
        imported: false,
        new_participant: false,
    };
    transaction.put_record(Table::Messages, &note.key.0.to_be_bytes(), &note)?;
    index_message(transaction, &note)?;
    count_in(conversation, &note);
    Ok(note)
}

/// A conversation that is to be changed; where it was merged into, since the list in which
/// somebody chose it may be older than that.
pub(super) fn after_merges(
    transaction: &Transaction<'_>,
    key: ConversationKey,
) -> Result<Conversation, StoreError> {
    threading::after_merges(transaction, key)?.ok_or(StoreError::Missing {
        what: "conversation",
        key: key.0,
    })
}

/// The beginning of a text, on one line.
pub(super) fn first_words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(PREVIEW_LENGTH_MAX).collect()
}

impl Store {
    /// One conversation.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn conversation(&self, key: ConversationKey) -> Result<Option<Conversation>, StoreError> {
        self.read(|rows| rows.record(Table::Conversations, &key.0.to_be_bytes()))
    }

    /// Where the messages of a conversation stand now: itself, or where it was merged into.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn conversation_after_merges(
        &self,
        key: ConversationKey,
    ) -> Result<Option<Conversation>, StoreError> {
        self.read(|rows| threading::after_merges(rows, key))
    }

    /// One conversation, by its id outside.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn conversation_by_id(
        &self,
        workspace: WorkspaceKey,
        id: PublicId,
    ) -> Result<Option<Conversation>, StoreError> {
        self.read(|rows| {
            let Some(key) = by_public_id(rows, IdKind::Conversation, id)? else {
                return Ok(None);
            };
            let found: Option<Conversation> =
                rows.record(Table::Conversations, &key.to_be_bytes())?;
            Ok(found.filter(|found| found.workspace == workspace))
        })
    }

    /// One conversation, by what people call it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn conversation_by_number(
        &self,
        workspace: WorkspaceKey,
        number: u64,
    ) -> Result<Option<Conversation>, StoreError> {
        self.read(|rows| {
            let key = Key::new(workspace.0).number(number);
            let Some(key) = rows.pointer(Table::Numbers, key.as_ref())? else {
                return Ok(None);
            };
            rows.record(Table::Conversations, &key.to_be_bytes())
        })
    }

    /// The newest messages of a conversation, newest first; with `up_to` that one and those
    /// before it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn latest_messages(
        &self,
        conversation: ConversationKey,
        up_to: Option<MessageKey>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let prefix = conversation.0.to_be_bytes();
        // Keys are read as far as one that is left out.
        let behind = |last: MessageKey| Key::new(conversation.0).number(last.0.saturating_add(1));
        let behind = up_to.map(behind);
        self.read(|rows| {
            rows.keys(
                Table::ConversationMessages,
                &prefix,
                behind.as_ref().map(AsRef::as_ref),
                Order::Down,
                limit,
            )?
            .iter()
            .map(|key| rows.named(Table::Messages, number_at(key, 8), "message"))
            .collect()
        })
    }

    /// Messages of a conversation in the order they came, behind `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn messages(
        &self,
        conversation: ConversationKey,
        after: Option<MessageKey>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let prefix = conversation.0.to_be_bytes();
        let after = after.map(|message| Key::new(conversation.0).number(message.0));
        let after = after.as_ref().map(AsRef::as_ref);
        self.read(|rows| {
            rows.keys(
                Table::ConversationMessages,
                &prefix,
                after,
                Order::Up,
                limit,
            )?
            .iter()
            .map(|key| rows.named(Table::Messages, number_at(key, 8), "message"))
            .collect()
        })
    }

    /// One message.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn message(&self, key: MessageKey) -> Result<Option<Message>, StoreError> {
        self.read(|rows| rows.record(Table::Messages, &key.0.to_be_bytes()))
    }

    /// One message, by its id outside.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn message_by_id(
        &self,
        workspace: WorkspaceKey,
        id: PublicId,
    ) -> Result<Option<Message>, StoreError> {
        self.read(|rows| {
            let Some(key) = by_public_id(rows, IdKind::Message, id)? else {
                return Ok(None);
            };
            let found: Option<Message> = rows.record(Table::Messages, &key.to_be_bytes())?;
            Ok(found.filter(|found| found.workspace == workspace))
        })
    }

    /// One message, by its Message-ID.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn message_by_message_id(
        &self,
        workspace: WorkspaceKey,
        id: &MessageId,
    ) -> Result<Option<Message>, StoreError> {
        self.read(
            |rows| match threading::message_with_id(rows, workspace, id)? {
                Some(key) => rows.record(Table::Messages, &key.0.to_be_bytes()),
                None => Ok(None),
            },
        )
    }

    /// Changes what a person asked to be changed.
    ///
    /// # Errors
    /// When there is no such conversation, or nothing could be made durable.
    pub async fn change_conversation(
        &self,
        key: ConversationKey,
        change: ConversationChange,
        by: Option<UserKey>,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        tracing::debug!(?key, ?by, "a conversation is changed");
        self.write(move |transaction| {
            let before = after_merges(transaction, key)?;
            let key = before.key;
            let mut after = before.clone();
            change.apply(&mut after);
            if after != before {
                listing::save(transaction, Some(&before), &after)?;
                let event = Event::ConversationChanged { conversation: key };
                feed::append(transaction, after.workspace, now, event)?;
                let is_done = |one: &Conversation| one.status == Status::Closed || one.spam;
                if is_done(&after) && !is_done(&before) {
                    // Done is done: a timer set while it was open must not bring it back.
                    waking::cancel(transaction, key)?;
                }
            }
            Ok(after)
        })
        .await
    }

    /// Adds a note; it is never sent.
    ///
    /// # Errors
    /// When there is no such conversation, or it could not be made durable.
    pub async fn add_note(
        &self,
        key: ConversationKey,
        author: Option<UserKey>,
        text: String,
        now: Timestamp,
        random: [u8; 10],
    ) -> Result<Message, StoreError> {
        self.write(move |transaction| {
            let before = after_merges(transaction, key)?;
            let key = before.key;
            let mut after = before.clone();
            let id = PublicId::new(now, random);
            let mut note = put_note(transaction, &mut after, &text, id, now)?;
            people::sign_note(transaction, author, &mut note)?;
            listing::save(transaction, Some(&before), &after)?;
            let event = Event::ConversationChanged { conversation: key };
            feed::append(transaction, after.workspace, now, event)?;
            Ok(note)
        })
        .await
    }
}
