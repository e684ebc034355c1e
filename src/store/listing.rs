//! The rows by which conversations are listed and counted. Every write of a
//! conversation goes through [`save`], which brings them up to date in the same
//! transaction: only what differs is written.
//!
//! Invariant: a conversation that is untriaged or was merged away has no row here.

use std::collections::BTreeSet;

use super::error::StoreError;
use super::key::{Key, hash16, number_at};
use super::table::{Rows, Table, Transaction};
use crate::domain::conversation::{Conversation, Status, Tag};
use crate::domain::key::WorkspaceKey;

/// What a list can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Facet {
    All,
    Mailbox(u64),
    Team(u64),
    Assignee(u64),
    Contact(u64),
    Tag(u64),
}

impl Facet {
    pub(super) fn tag(tag: &Tag) -> Self {
        Self::Tag(number_at(&hash16(tag.as_str().as_bytes()), 0))
    }

    fn key(self, workspace: WorkspaceKey) -> Key {
        let (byte, number) = match self {
            Self::All => (0, 0),
            Self::Mailbox(key) => (1, key),
            Self::Team(key) => (2, key),
            Self::Assignee(key) => (3, key),
            Self::Contact(key) => (4, key),
            Self::Tag(hash) => (5, hash),
        };
        Key::new(workspace.0).byte(byte).number(number)
    }

    /// Lists of one contact or tag are looked through, not counted.
    fn is_counted(self) -> bool {
        !matches!(self, Self::Contact(_) | Self::Tag(_))
    }
}

/// Where a listed conversation lies: its status, or the spam pile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shelf {
    Open,
    Pending,
    Snoozed,
    Closed,
    Spam,
}

impl Shelf {
    pub(super) const ALL: [Self; 5] = [
        Self::Open,
        Self::Pending,
        Self::Snoozed,
        Self::Closed,
        Self::Spam,
    ];

    pub(super) fn of(status: Status) -> Self {
        match status {
            Status::Open => Self::Open,
            Status::Pending => Self::Pending,
            Status::Snoozed => Self::Snoozed,
            Status::Closed => Self::Closed,
        }
    }
}

/// First bytes of the list rows of one facet and shelf.
pub(super) fn list_prefix(workspace: WorkspaceKey, facet: Facet, shelf: Shelf) -> Key {
    facet.key(workspace).byte(shelf as u8)
}

fn shelf_of(conversation: &Conversation) -> Option<Shelf> {
    if !conversation.triaged || conversation.merged_into.is_some() {
        None
    } else if conversation.spam {
        Some(Shelf::Spam)
    } else {
        Some(Shelf::of(conversation.status))
    }
}

fn facets(conversation: &Conversation) -> Vec<Facet> {
    let mut facets = vec![
        Facet::All,
        Facet::Mailbox(conversation.mailbox.0),
        Facet::Contact(conversation.contact.0),
    ];
    facets.extend(conversation.team.map(|team| Facet::Team(team.0)));
    facets.extend(conversation.assignee.map(|user| Facet::Assignee(user.0)));
    facets.extend(conversation.tags.iter().map(Facet::tag));
    facets
}

/// The list rows a conversation wants to have.
fn list_rows(conversation: &Conversation) -> BTreeSet<Key> {
    let Some(shelf) = shelf_of(conversation) else {
        return BTreeSet::new();
    };
    facets(conversation)
        .into_iter()
        .map(|facet| {
            list_prefix(conversation.workspace, facet, shelf)
                .newest_first(conversation.last_at)
                .number(!conversation.key.0)
        })
        .collect()
}

/// The counts a conversation takes part in.
fn count_rows(conversation: &Conversation) -> BTreeSet<Key> {
    let Some(shelf) = shelf_of(conversation) else {
        return BTreeSet::new();
    };
    facets(conversation)
        .into_iter()
        .filter(|facet| facet.is_counted())
        .map(|facet| list_prefix(conversation.workspace, facet, shelf))
        .collect()
}

/// Writes a conversation and every row that follows from it. `before` is what the
/// store holds of it now.
pub(super) fn save(
    transaction: &Transaction<'_>,
    before: Option<&Conversation>,
    after: &Conversation,
) -> Result<(), StoreError> {
    if before == Some(after) {
        return Ok(());
    }
    let (old, new) = (before.map(list_rows).unwrap_or_default(), list_rows(after));
    for row in old.difference(&new) {
        transaction.remove(Table::Lists, row.as_ref())?;
    }
    for row in new.difference(&old) {
        transaction.put(Table::Lists, row.as_ref(), &[])?;
    }
    let (old, new) = (
        before.map(count_rows).unwrap_or_default(),
        count_rows(after),
    );
    for row in old.difference(&new) {
        count_out(transaction, row)?;
    }
    for row in new.difference(&old) {
        let count = count(transaction, row)?.saturating_add(1);
        transaction.point(Table::Counts, row.as_ref(), count)?;
    }
    transaction.put_record(Table::Conversations, &after.key.0.to_be_bytes(), after)
}

/// Takes a conversation away with every row that follows from it.
pub(super) fn remove(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
) -> Result<(), StoreError> {
    for row in list_rows(conversation) {
        transaction.remove(Table::Lists, row.as_ref())?;
    }
    for row in count_rows(conversation) {
        count_out(transaction, &row)?;
    }
    transaction.remove(Table::Conversations, &conversation.key.0.to_be_bytes())?;
    Ok(())
}

fn count_out(transaction: &Transaction<'_>, row: &Key) -> Result<(), StoreError> {
    let count = count(transaction, row)?.saturating_sub(1);
    if count == 0 {
        transaction.remove(Table::Counts, row.as_ref())?;
        return Ok(());
    }
    transaction.point(Table::Counts, row.as_ref(), count)
}

fn count(rows: &impl Rows, key: &Key) -> Result<u64, StoreError> {
    Ok(rows.pointer(Table::Counts, key.as_ref())?.unwrap_or(0))
}

/// How many conversations lie on one shelf of a facet.
pub(super) fn count_on(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    facet: Facet,
    shelf: Shelf,
) -> Result<u64, StoreError> {
    count(rows, &list_prefix(workspace, facet, shelf))
}
