//! What the stages behind composing share: the exact bytes of a reply, and the lane
//! in which everything that leaves by one mailbox stands.

use crate::domain::key::OutgoingKey;
use crate::domain::outbox::Outgoing;
use crate::store::{Store, StoreError};

/// Largest mail that is handed over, in bytes.
const MAIL_SIZE_MAX: u64 = 64 * 1024 * 1024;

/// The bytes as they were composed; `None` when they are not there.
pub(super) fn bytes_of(store: &Store, outgoing: &Outgoing) -> Result<Option<Vec<u8>>, StoreError> {
    let raw = outgoing.raw.map(|key| store.raw(key, MAIL_SIZE_MAX));
    Ok(raw.transpose()?.flatten())
}

/// One connection at a time per mailbox: providers count them.
pub(super) fn mailbox_lane(store: &Store, key: OutgoingKey) -> Result<u64, StoreError> {
    let outgoing = store.outgoing(key)?;
    Ok(outgoing.map_or(0, |outgoing| outgoing.mailbox.0))
}
