//! Public ids: by which name outside a row of ours is found.

use super::error::StoreError;
use super::key::Key;
use super::table::{Rows, Table, Transaction};
use crate::domain::key::PublicId;

/// The sorts of public ids, as stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum IdKind {
    Message = 0,
    Conversation = 1,
    Outgoing = 2,
    Mailbox = 3,
    Regrouping = 4,
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

pub(super) fn remove_public_id(
    transaction: &Transaction<'_>,
    kind: IdKind,
    id: PublicId,
) -> Result<(), StoreError> {
    transaction.remove(Table::PublicIds, id_key(kind, id).as_ref())?;
    Ok(())
}

pub(super) fn by_public_id(
    rows: &impl Rows,
    kind: IdKind,
    id: PublicId,
) -> Result<Option<u64>, StoreError> {
    rows.pointer(Table::PublicIds, id_key(kind, id).as_ref())
}
