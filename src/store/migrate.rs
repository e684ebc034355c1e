//! From one schema to the next, each step one transaction together with its number.
//!
//! Schema 1 is the first; a step from n to n+1 is added to [`STEPS`] and a file of
//! every released schema is kept for tests.

use super::counter::Counter;
use super::error::StoreError;
use super::key::Key;
use super::record;
use super::table::{Rows, Table, Transaction};
use crate::domain::key::WorkspaceKey;

/// The schema this program writes.
pub(super) const SCHEMA: u32 = 1;

/// Brings the store from the schema of its place, counted from 1, to the next.
type Step = fn(&Transaction<'_>) -> Result<(), StoreError>;
const STEPS: &[Step] = &[];

const SCHEMA_KEY: &str = "schema";

/// Name of the workspace that exists from the start.
const DEFAULT_WORKSPACE: &str = "default";

/// The schema of the file.
pub(super) fn schema(transaction: &Transaction<'_>) -> Result<u32, StoreError> {
    let number = transaction
        .pointer(Table::Meta, SCHEMA_KEY.as_bytes())?
        .unwrap_or(0);
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Fills an empty file.
pub(super) fn create(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    for table in Table::ALL {
        transaction.create(*table)?;
    }
    let default = WorkspaceKey(transaction.next(Counter::Workspace)?);
    transaction.put(
        Table::Workspaces,
        Key::new(default.0).as_ref(),
        &record::encode(&DEFAULT_WORKSPACE.to_owned()),
    )?;
    set_schema(transaction, SCHEMA)
}

/// Takes every step that is missing.
pub(super) fn to_current(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let from = schema(transaction)?;
    for table in Table::ALL {
        // A table without rows is no change of schema; snapshots want it to be there.
        transaction.create(*table)?;
    }
    let done = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
    for step in STEPS.iter().skip(done) {
        step(transaction)?;
    }
    if from < SCHEMA {
        set_schema(transaction, SCHEMA)?;
    }
    Ok(())
}

fn set_schema(transaction: &Transaction<'_>, schema: u32) -> Result<(), StoreError> {
    transaction.point(Table::Meta, SCHEMA_KEY.as_bytes(), u64::from(schema))
}
