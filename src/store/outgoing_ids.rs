//! By which Message-IDs a reply of ours is found: its own, and those it bears elsewhere.

use super::error::StoreError;
use super::key::{Key, hash16};
use super::table::{Rows, Table, Transaction};
use crate::domain::key::{OutgoingKey, WorkspaceKey};
use crate::domain::message_id::MessageId;
use crate::domain::outbox::Outgoing;

fn id_key(workspace: WorkspaceKey, id: &MessageId) -> Key {
    Key::new(workspace.0).bytes(&hash16(id.as_str().as_bytes()))
}

/// The reply of ours with that Message-ID.
pub(super) fn with_message_id(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    id: &MessageId,
) -> Result<Option<Outgoing>, StoreError> {
    match rows.pointer(Table::OutgoingIds, id_key(workspace, id).as_ref())? {
        Some(key) => rows.record(Table::Outgoing, &key.to_be_bytes()),
        None => Ok(None),
    }
}

/// Lets a reply be found by an id.
pub(super) fn point_id(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    id: &MessageId,
    outgoing: OutgoingKey,
) -> Result<(), StoreError> {
    let key = id_key(workspace, id);
    transaction.point(Table::OutgoingIds, key.as_ref(), outgoing.0)
}

/// It is found by that id no longer.
pub(super) fn forget_id(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    id: &MessageId,
) -> Result<(), StoreError> {
    transaction.remove(Table::OutgoingIds, id_key(workspace, id).as_ref())?;
    Ok(())
}
