//! Files that wait for a mail to take them along: durable before anybody is told their
//! id, taken away when nobody came for them.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::public_id::{IdKind, by_public_id, put_public_id, remove_public_id};
use super::raw;
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::key::{PublicId, WorkspaceKey};
use crate::domain::upload::Upload;

/// Forgotten files that are taken away at once.
const SWEPT_AT_ONCE: usize = 1_000;

fn found(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    id: PublicId,
) -> Result<Option<Upload>, StoreError> {
    let Some(raw) = by_public_id(rows, IdKind::Upload, id)? else {
        return Ok(None);
    };
    let upload: Option<Upload> = rows.record(Table::Uploads, &raw.to_be_bytes())?;
    Ok(upload.filter(|upload| upload.workspace == workspace))
}

fn forget(transaction: &Transaction<'_>, upload: &Upload) -> Result<(), StoreError> {
    remove_public_id(transaction, IdKind::Upload, upload.id)?;
    transaction.remove(Table::Uploads, &upload.raw.0.to_be_bytes())?;
    Ok(())
}

/// Whether there is a file of that id.
pub(super) fn is_there(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    id: PublicId,
) -> Result<bool, StoreError> {
    Ok(found(transaction, workspace, id)?.is_some())
}

/// A mail takes the file along: its bytes are the mail's from now on.
pub(super) fn take(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    id: PublicId,
) -> Result<Option<Upload>, StoreError> {
    let upload = found(transaction, workspace, id)?;
    if let Some(upload) = &upload {
        forget(transaction, upload)?;
    }
    Ok(upload)
}

/// Takes away what waited longer than its life.
fn sweep(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let all: Vec<Upload> =
        transaction.records(Table::Uploads, &[], None, Order::Up, SWEPT_AT_ONCE)?;
    let ended = all.iter().filter(|upload| upload.ends_at() <= now);
    let mut count = 0;
    for upload in ended {
        forget(transaction, upload)?;
        raw::remove(transaction, upload.raw)?;
        count += 1;
    }
    Ok(count)
}

impl Store {
    /// Keeps a file whose bytes a [`RawWriter`](super::RawWriter) has made durable. `false`
    /// when too many wait already; its bytes are gone then.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn keep_upload(&self, upload: Upload) -> Result<bool, StoreError> {
        self.write(move |transaction| {
            sweep(transaction, upload.at)?;
            let waiting = transaction.keys(
                Table::Uploads,
                &[],
                None,
                Order::Up,
                Upload::WAITING_MAX + 1,
            )?;
            if waiting.len() >= Upload::WAITING_MAX {
                raw::remove(transaction, upload.raw)?;
                return Ok(false);
            }
            raw::adopt(transaction, upload.raw)?;
            let key = upload.raw.0;
            transaction.put_record(Table::Uploads, &key.to_be_bytes(), &upload)?;
            put_public_id(transaction, IdKind::Upload, upload.id, key)?;
            Ok(true)
        })
        .await
    }

    /// A file that waits.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn upload(
        &self,
        workspace: WorkspaceKey,
        id: PublicId,
    ) -> Result<Option<Upload>, StoreError> {
        self.read(|rows| found(rows, workspace, id))
    }

    /// Takes away what waited longer than its life; how many that were.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn sweep_uploads(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.write(move |transaction| sweep(transaction, now)).await
    }
}
