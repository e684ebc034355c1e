//! Files that wait for a mail to take them along: durable before anybody is told their
//! id, taken away when nobody came for them.

use std::collections::HashSet;

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::public_id::{IdKind, by_public_id, put_public_id, remove_public_id};
use super::raw;
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::key::{PublicId, RawKey, WorkspaceKey};
use crate::domain::outbox::{Outgoing, OutgoingFile};
use crate::domain::upload::Upload;

/// Forgotten files that are taken away at once.
const SWEPT_AT_ONCE: usize = 1_000;

/// A file that leaves with a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewFile {
    /// One that somebody has handed in.
    Upload {
        /// Which.
        id: PublicId,
        /// Set when the HTML shows it.
        content_id: Option<String>,
    },
    /// One whose bytes a [`RawWriter`](super::RawWriter) has just made durable.
    Stored(OutgoingFile),
}

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

fn forget(transaction: &Transaction<'_>, id: PublicId, raw: RawKey) -> Result<(), StoreError> {
    remove_public_id(transaction, IdKind::Upload, id)?;
    transaction.remove(Table::Uploads, &raw.0.to_be_bytes())?;
    Ok(())
}

/// The files of a reply become its own; `Err` is one that is not there, or named twice. All
/// of them are looked for before one is touched.
pub(super) fn take_all(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    files: &[NewFile],
) -> Result<Result<Vec<OutgoingFile>, PublicId>, StoreError> {
    let mut seen = HashSet::new();
    let mut taken = Vec::with_capacity(files.len());
    for file in files {
        taken.push(match file {
            NewFile::Stored(file) => file.clone(),
            NewFile::Upload { id, content_id } => match found(transaction, workspace, *id)? {
                Some(upload) if seen.insert(*id) => OutgoingFile {
                    name: upload.name,
                    content_type: upload.content_type,
                    raw: upload.raw,
                    size: upload.size,
                    content_id: content_id.clone(),
                },
                _ => return Ok(Err(*id)),
            },
        });
    }
    for (file, taken) in files.iter().zip(&taken) {
        match file {
            NewFile::Stored(_) => raw::adopt(transaction, taken.raw)?,
            NewFile::Upload { id, .. } => forget(transaction, *id, taken.raw)?,
        }
    }
    Ok(Ok(taken))
}

/// The bytes of its files go: they stand in the composed mail, or nobody needs them.
pub(super) fn drop_files(
    transaction: &Transaction<'_>,
    outgoing: &Outgoing,
) -> Result<(), StoreError> {
    for file in &outgoing.files {
        raw::remove(transaction, file.raw)?;
    }
    Ok(())
}

/// Takes away what waited longer than its life.
fn sweep(transaction: &Transaction<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let all: Vec<Upload> =
        transaction.records(Table::Uploads, &[], None, Order::Up, SWEPT_AT_ONCE)?;
    let ended = all.iter().filter(|upload| upload.ends_at() <= now);
    let mut count = 0;
    for upload in ended {
        forget(transaction, upload.id, upload.raw)?;
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
