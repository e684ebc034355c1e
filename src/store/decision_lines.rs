//! Which mails a line of a script decided: a row per line of a trace, written with the
//! decision and taken away with it. Absent: decisions made before there was an index.

use std::collections::BTreeSet;

use super::Store;
use super::conversation_list::Page;
use super::error::StoreError;
use super::key::{Key, hash16, number_at};
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::decision::Decision;
use crate::domain::key::{MessageKey, WorkspaceKey};

/// Where a line stands; behind it come the inverted keys of decisions.
fn prefix(workspace: WorkspaceKey, file: &str, line: u32) -> Key {
    Key::new(workspace.0)
        .bytes(&hash16(file.as_bytes()))
        .bytes(&line.to_be_bytes())
}

fn rows_of(decision: &Decision) -> Vec<Key> {
    let gate = decision.gating.iter().flat_map(|gating| &gating.trace);
    let steps = decision.trace.iter().chain(gate);
    let lines: BTreeSet<(&str, u32)> = steps
        .filter(|step| step.line > 0)
        .map(|step| (step.file.as_str(), step.line))
        .collect();
    lines
        .into_iter()
        .map(|(file, line)| prefix(decision.workspace, file, line).number(!decision.key.0))
        .collect()
}

/// Makes the decision findable by its lines.
pub(super) fn index(transaction: &Transaction<'_>, decision: &Decision) -> Result<(), StoreError> {
    rows_of(decision).iter().try_for_each(|row| {
        transaction.point(Table::DecisionLines, row.as_ref(), decision.message.0)
    })
}

/// Takes the decisions on a mail away, with their lines.
pub(super) fn remove_of_message(
    transaction: &Transaction<'_>,
    message: MessageKey,
) -> Result<(), StoreError> {
    let of_message = message.0.to_be_bytes();
    let decisions: Vec<Decision> =
        transaction.records(Table::Decisions, &of_message, None, Order::Up, usize::MAX)?;
    for decision in &decisions {
        for row in rows_of(decision) {
            transaction.remove(Table::DecisionLines, row.as_ref())?;
        }
    }
    transaction.remove_all(Table::Decisions, &of_message)
}

fn parse_cursor(text: &str) -> Result<u64, StoreError> {
    // `from_str_radix` alone would also take a sign.
    let right = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = right.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    number.ok_or(StoreError::BadCursor)
}

impl Store {
    /// Decisions in which a line of a file took part, the newest first, from before the
    /// cursor of an earlier page.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] for a cursor that no page gave.
    pub fn decisions_at(
        &self,
        workspace: WorkspaceKey,
        file: &str,
        line: u32,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page<Decision>, StoreError> {
        let prefix = prefix(workspace, file, line);
        let place = prefix.as_ref().len();
        let after = before.map(parse_cursor).transpose()?;
        let after = after.map(|inverted| prefix.clone().number(inverted));
        self.read(|rows| {
            let after = after.as_ref().map(AsRef::as_ref);
            let mut found = rows.keys(
                Table::DecisionLines,
                prefix.as_ref(),
                after,
                Order::Up,
                limit.saturating_add(1),
            )?;
            let more = found.len() > limit;
            found.truncate(limit);
            let next = found.last().filter(|_| more);
            let next = next.map(|row| format!("{:016x}", number_at(row, place)));
            let mut items = Vec::with_capacity(found.len());
            for row in found {
                let message = rows.pointer(Table::DecisionLines, &row)?.unwrap_or(0);
                let decision = Key::new(message).number(!number_at(&row, place));
                items.extend(rows.record(Table::Decisions, decision.as_ref())?);
            }
            Ok(Page { items, next })
        })
    }
}
