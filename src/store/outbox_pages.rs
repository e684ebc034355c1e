//! The outbox in pages: what is under way first, then what waits, then what has ended,
//! each the newest first.

use super::Store;
use super::conversation_list::Page;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::outbox::Class;
use super::table::{Order, Rows, Table};
use crate::domain::key::{MailboxKey, WorkspaceKey};
use crate::domain::outbox::Outgoing;

/// Rows looked at for one page: of a hundred thousand ended replies few may fit a filter.
const LOOK_THROUGH_MAX: usize = 2_000;
/// Rows read in one go.
const STRIDE: usize = 200;

/// Which replies a page shall hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxWanted {
    /// Only those that are not at their end.
    pub open: bool,
    /// Only those that are.
    pub ended: bool,
    /// Only those of this mailbox.
    pub mailbox: Option<MailboxKey>,
}

impl OutboxWanted {
    fn classes(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |class| match class {
            Class::Sending | Class::Waiting => !self.ended,
            Class::Ended => !self.open,
        })
    }
}

/// A place in the list, as it is handed out: the class and the key.
fn place_of(row: &[u8]) -> String {
    format!("{}-{}", row[8], !number_at(row, 9))
}

fn place(text: &str) -> Option<(u8, u64)> {
    let (class, key) = text.split_once('-')?;
    Some((class.parse().ok()?, key.parse().ok()?))
}

fn page(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    wanted: OutboxWanted,
    fits: &impl Fn(&Outgoing) -> bool,
    after: Option<(u8, u64)>,
    limit: usize,
) -> Result<Page<Outgoing>, StoreError> {
    let mut items = Vec::new();
    let mut looked = 0;
    for class in wanted.classes() {
        let class = class as u8;
        let prefix = Key::new(workspace.0).byte(class);
        let mut last = match after {
            Some((at, _)) if class < at => continue,
            Some((at, key)) if class == at => Some(prefix.clone().number(!key).as_ref().to_vec()),
            _ => None,
        };
        loop {
            let keys = rows.keys(
                Table::Outbox,
                prefix.as_ref(),
                last.as_deref(),
                Order::Up,
                STRIDE,
            )?;
            let ended = keys.len() < STRIDE;
            for row in keys {
                let outgoing: Outgoing =
                    rows.named(Table::Outgoing, !number_at(&row, 9), "reply")?;
                looked += 1;
                let of_mailbox = wanted.mailbox.is_none_or(|only| only == outgoing.mailbox);
                if of_mailbox && fits(&outgoing) {
                    items.push(outgoing);
                }
                if items.len() >= limit || looked >= LOOK_THROUGH_MAX {
                    let next = Some(place_of(&row));
                    return Ok(Page { items, next });
                }
                last = Some(row);
            }
            if ended {
                break;
            }
        }
    }
    Ok(Page { items, next: None })
}

impl Store {
    /// A page of the outbox, from behind `after`. A page may hold fewer than `limit` and
    /// still have a next one: only so many rows are looked at.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outbox_page(
        &self,
        workspace: WorkspaceKey,
        wanted: OutboxWanted,
        fits: impl Fn(&Outgoing) -> bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Outgoing>, StoreError> {
        // A place that nobody handed out is none: the list begins at its beginning.
        let after = after.and_then(place);
        self.read(|rows| page(rows, workspace, wanted, &fits, after, limit))
    }
}
