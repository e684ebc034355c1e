//! A value every store seals when it is made, to tell wrong keys at once.

use super::error::StoreError;
use super::seal::Keys;
use super::table::{Rows, Table, Transaction};

const MARK: &[u8] = b"postern";
const MARK_KEY: &[u8] = b"seal mark";

/// Leaves the mark by which [`check`] knows these keys.
pub(super) fn leave(keys: &Keys, transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let sealed = keys.seal(MARK_KEY, MARK)?;
    transaction.put(Table::Meta, MARK_KEY, &sealed)
}

/// Whether the database was made with these keys.
pub(super) fn check(keys: &Keys, transaction: &Transaction<'_>) -> Result<(), StoreError> {
    match transaction.get(Table::Meta, MARK_KEY)? {
        Some(sealed) => {
            keys.unseal(MARK_KEY, &sealed)?;
            Ok(())
        }
        None => leave(keys, transaction),
    }
}
