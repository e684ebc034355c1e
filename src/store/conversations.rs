//! Conversations and their messages: lists, look-ups, changes by people, notes.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::error::StoreError;
use super::listing::{self, Facet, Shelf, count_on, list_prefix};
use super::table::{Counter, Key, Order, Rows, Table, Transaction, number_at};
use super::{Store, feed, threading};
use crate::domain::change::Event;
use crate::domain::conversation::{Conversation, Priority, Status, Tag};
use crate::domain::key::{
    ContactKey, ConversationKey, MailboxKey, MessageKey, PublicId, TeamKey, UserKey, WorkspaceKey,
};
use crate::domain::message::{Direction, Head, Message};
use crate::domain::message_id::MessageId;

/// Most rows one page looks at when a filter drops many; the page is shorter then
/// and its cursor leads on.
const LOOKED_AT_MAX: usize = 2_000;
/// Characters of a note that lists show.
const PREVIEW_LENGTH_MAX: usize = 200;

/// The sorts of public ids, as stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum IdKind {
    Message = 0,
    Conversation = 1,
    Outgoing = 2,
    Mailbox = 3,
}

fn id_key(kind: IdKind, id: PublicId) -> Key {
    Key::default().byte(kind as u8).bytes(&id.as_bytes())
}

pub(super) fn put_public_id(
    transaction: &Transaction<'_>,
    kind: IdKind,
    id: PublicId,
    key: u64,
) -> Result<(), StoreError> {
    transaction.point(Table::PublicIds, id_key(kind, id).as_ref(), key)
}

pub(super) fn by_public_id(
    rows: &impl Rows,
    kind: IdKind,
    id: PublicId,
) -> Result<Option<u64>, StoreError> {
    rows.pointer(Table::PublicIds, id_key(kind, id).as_ref())
}

/// Which conversations a list shows. Nothing set: all that are triaged and no spam.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// With this status.
    pub status: Option<Status>,
    /// That came in by this mailbox.
    pub mailbox: Option<MailboxKey>,
    /// That this team looks after.
    pub team: Option<TeamKey>,
    /// With this tag.
    pub tag: Option<Tag>,
    /// That this person looks after.
    pub assignee: Option<UserKey>,
    /// The spam pile instead of the others.
    pub spam: bool,
    /// With this contact.
    pub contact: Option<ContactKey>,
}

impl ConversationFilter {
    /// The narrowest list that holds everything wanted.
    fn facet(&self) -> Facet {
        if let Some(contact) = self.contact {
            Facet::Contact(contact.0)
        } else if let Some(tag) = &self.tag {
            Facet::tag(tag)
        } else if let Some(user) = self.assignee {
            Facet::Assignee(user.0)
        } else if let Some(team) = self.team {
            Facet::Team(team.0)
        } else if let Some(mailbox) = self.mailbox {
            Facet::Mailbox(mailbox.0)
        } else {
            Facet::All
        }
    }

    fn shelves(&self) -> Vec<Shelf> {
        match self.status {
            _ if self.spam => vec![Shelf::Spam],
            Some(status) => vec![Shelf::of(status)],
            None => vec![Shelf::Open, Shelf::Pending, Shelf::Snoozed, Shelf::Closed],
        }
    }

    fn wants(&self, conversation: &Conversation) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        is(self.status.as_ref(), Some(&conversation.status))
            && is(self.mailbox.as_ref(), Some(&conversation.mailbox))
            && is(self.contact.as_ref(), Some(&conversation.contact))
            && is(self.team.as_ref(), conversation.team.as_ref())
            && is(self.assignee.as_ref(), conversation.assignee.as_ref())
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| conversation.tags.contains(tag))
    }
}

/// Some of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// These.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Triaged conversations by where they lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Wait for us.
    pub open: u64,
    /// Wait for the contact.
    pub pending: u64,
    /// Put off.
    pub snoozed: u64,
    /// Done.
    pub closed: u64,
    /// On the spam pile, whatever their status.
    pub spam: u64,
}

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

/// The beginning of a text, on one line.
pub(super) fn first_words(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(PREVIEW_LENGTH_MAX).collect()
}

fn page_cursor(row: &[u8]) -> String {
    let suffix = row.len().saturating_sub(16);
    row[suffix..]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn parse_cursor(text: &str) -> Result<[u8; 16], StoreError> {
    let number = u128::from_str_radix(text, 16)
        .ok()
        .filter(|_| text.len() == 32);
    number.map(u128::to_be_bytes).ok_or(StoreError::BadCursor)
}

/// The rows of several shelves, merged: newest first, whatever the status.
fn merged(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    filter: &ConversationFilter,
    after: Option<[u8; 16]>,
    limit: usize,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut suffixes = Vec::new();
    for shelf in filter.shelves() {
        let prefix = list_prefix(workspace, filter.facet(), shelf);
        let start = after.map(|suffix| prefix.clone().bytes(&suffix));
        let mut taken = 0;
        rows.walk(
            Table::Lists,
            prefix.as_ref(),
            start.as_ref().map(AsRef::as_ref),
            Order::Up,
            &mut |row, _| {
                suffixes.push(row[prefix.as_ref().len()..].to_vec());
                taken += 1;
                if taken < limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        )?;
    }
    suffixes.sort_unstable();
    suffixes.truncate(limit);
    Ok(suffixes)
}

fn list(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    filter: &ConversationFilter,
    mut after: Option<[u8; 16]>,
    limit: usize,
) -> Result<Page<Conversation>, StoreError> {
    let mut page = Page {
        items: Vec::new(),
        next: None,
    };
    let mut looked_at = 0;
    while page.items.len() < limit && looked_at < LOOKED_AT_MAX {
        let suffixes = merged(rows, workspace, filter, after, limit + 1)?;
        let mut left = suffixes.len();
        for suffix in suffixes.into_iter().take(limit) {
            if page.items.len() == limit {
                break;
            }
            looked_at += 1;
            left -= 1;
            let key = !number_at(&suffix, 8);
            let conversation: Conversation =
                rows.named(Table::Conversations, key, "conversation")?;
            if filter.wants(&conversation) {
                page.items.push(conversation);
            }
            page.next = Some(page_cursor(&suffix));
            after = suffix.try_into().ok();
        }
        if left == 0 {
            // The last row has been looked at: nothing lies behind it.
            page.next = None;
            break;
        }
    }
    Ok(page)
}

impl Store {
    /// A list, newest first, behind the cursor of an earlier page.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] for a cursor that no page gave.
    pub fn conversations(
        &self,
        workspace: WorkspaceKey,
        filter: &ConversationFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Conversation>, StoreError> {
        let after = after.map(parse_cursor).transpose()?;
        self.read(|rows| list(rows, workspace, filter, after, limit))
    }

    /// One conversation.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn conversation(&self, key: ConversationKey) -> Result<Option<Conversation>, StoreError> {
        self.read(|rows| rows.record(Table::Conversations, &key.0.to_be_bytes()))
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

    /// How many conversations lie where.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn counts(&self, workspace: WorkspaceKey) -> Result<Counts, StoreError> {
        self.read(|rows| {
            let on = |shelf| count_on(rows, workspace, Facet::All, shelf);
            Ok(Counts {
                open: on(Shelf::Open)?,
                pending: on(Shelf::Pending)?,
                snoozed: on(Shelf::Snoozed)?,
                closed: on(Shelf::Closed)?,
                spam: on(Shelf::Spam)?,
            })
        })
    }

    /// The newest messages of a conversation, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn latest_messages(
        &self,
        conversation: ConversationKey,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let prefix = conversation.0.to_be_bytes();
        self.read(|rows| {
            rows.keys(
                Table::ConversationMessages,
                &prefix,
                None,
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
            let before: Conversation =
                transaction.named(Table::Conversations, key.0, "conversation")?;
            let mut after = before.clone();
            change.apply(&mut after);
            if after != before {
                listing::save(transaction, Some(&before), &after)?;
                let event = Event::ConversationChanged { conversation: key };
                feed::append(transaction, after.workspace, now, event)?;
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
            let before: Conversation =
                transaction.named(Table::Conversations, key.0, "conversation")?;
            let mut after = before.clone();
            let id = PublicId::new(now, random);
            let mut note = put_note(transaction, &mut after, &text, id, now)?;
            super::people::sign_note(transaction, author, &mut note)?;
            listing::save(transaction, Some(&before), &after)?;
            let event = Event::ConversationChanged { conversation: key };
            feed::append(transaction, after.workspace, now, event)?;
            Ok(note)
        })
        .await
    }
}
