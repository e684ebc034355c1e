//! How many automatic mails there were of late: a row per mail and per thing that is
//! counted, taken away once it is too old to count.

use jiff::{SignedDuration, Timestamp};

use super::error::StoreError;
use super::key::{Key, hash16};
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::address::Address;
use crate::domain::automatic::{self, Cap};
use crate::domain::conversation::Conversation;
use crate::domain::key::MessageKey;

/// Old rows that are taken away with one new one; more than one mail adds.
const PRUNED_AT_ONCE: usize = 64;

/// Counts one more automatic mail, unless there were too many.
pub(super) fn admit(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
    sender: &Address,
    answered: MessageKey,
    now: Timestamp,
) -> Result<Option<Cap>, StoreError> {
    let (workspace, mailbox) = (conversation.workspace.0, conversation.mailbox.0);
    let sender = hash16(sender.folded().as_bytes());
    let counted = [
        (
            Key::default().byte(0).number(conversation.key.0),
            automatic::CONVERSATION_PERIOD,
        ),
        (
            Key::default().byte(1).number(workspace).bytes(&sender),
            automatic::PERIOD,
        ),
        (Key::default().byte(2).number(mailbox), automatic::PERIOD),
    ];
    let mut counts = [0; 3];
    for (count, (prefix, period)) in counts.iter_mut().zip(&counted) {
        *count = within(transaction, prefix, *period, now)?;
    }
    if let Some(cap) = automatic::capped(counts[0], counts[1], counts[2]) {
        return Ok(Some(cap));
    }
    for (prefix, _) in counted {
        let row = prefix.time(now).number(answered.0);
        transaction.put(Table::AutomaticMails, row.as_ref(), &[])?;
    }
    Ok(None)
}

/// Rows that still count; those that no longer do go.
fn within(
    transaction: &Transaction<'_>,
    prefix: &Key,
    period: SignedDuration,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let begin = now.checked_sub(period).unwrap_or(Timestamp::MIN);
    let edge = prefix.clone().time(begin);
    let prefix = prefix.as_ref();
    let table = Table::AutomaticMails;
    for row in transaction.keys(table, prefix, None, Order::Up, PRUNED_AT_ONCE)? {
        if row.as_slice() >= edge.as_ref() {
            break;
        }
        transaction.remove(table, &row)?;
    }
    let most = automatic::MAILBOX_MAX;
    let after = Some(edge.as_ref());
    Ok(transaction
        .keys(table, prefix, after, Order::Up, most)?
        .len())
}
