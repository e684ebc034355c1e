//! Lists of conversations in pages, and their counts: from index rows, never by a scan.

use std::ops::ControlFlow;

use super::Store;
use super::error::StoreError;
use super::key::number_at;
use super::listing::{Facet, Shelf, count_on, list_prefix};
use super::table::{Order, Rows, Table};
use crate::domain::conversation::{Conversation, Status, Tag};
use crate::domain::key::{ContactKey, MailboxKey, TeamKey, UserKey, WorkspaceKey};

/// Most rows one page looks at when a filter drops many; the page is shorter then
/// and its cursor leads on.
const LOOKED_AT_MAX: usize = 2_000;

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

fn page_cursor(row: &[u8]) -> String {
    let suffix = row.len().saturating_sub(16);
    row[suffix..]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn parse_cursor(text: &str) -> Result<[u8; 16], StoreError> {
    // `from_str_radix` alone would also take a sign.
    let right = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = right.then(|| u128::from_str_radix(text, 16).ok()).flatten();
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
}
