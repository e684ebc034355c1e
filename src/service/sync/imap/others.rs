//! Further folders, the spam folder and Sent where they are read: asked by STATUS now and then,
//! and opened only when there is something in them.

use super::begin::begin;
use super::gather::collect_and_store;
use super::task::{SyncError, Task};
use crate::domain::folder::FolderName;
use crate::net::imap::{ImapError, Session};

/// Collects what is new in them. The answer is whether one of them is the open folder
/// now. A folder that the server refuses costs the others nothing.
pub(super) async fn look_at_others(session: &mut Session, task: &Task) -> Result<bool, SyncError> {
    let mut opened = false;
    task.find_sent(session).await?;
    let sent = task.sent();
    let others = task
        .others()
        .filter(|folder| Some(*folder) != sent.as_ref());
    for folder in others.chain(&sent) {
        match look_at(session, task, folder).await {
            Ok(has_opened) => opened |= has_opened,
            Err(SyncError::Imap(ImapError::Refused { refusal, .. })) => {
                opened = true;
                tracing::warn!(
                    mailbox = %task.mailbox.settings.address, %folder, %refusal,
                    "a further folder of the mailbox cannot be read; is it still there?"
                );
            }
            Err(error) => return Err(error),
        }
    }
    Ok(opened)
}

async fn look_at(
    session: &mut Session,
    task: &Task,
    folder: &FolderName,
) -> Result<bool, SyncError> {
    let status = session.status(folder).await?;
    let now = task.handles.clock.now();
    let known = task.handles.store.cursor(task.key(), folder)?;
    let is_read = known.is_some_and(|cursor| {
        // What the server does not tell may be news.
        Some(cursor.validity) == status.uid_validity
            && status.uid_next.is_some()
            && status.uid_next <= cursor.next_uid()
            && cursor.due(now).next().is_none()
    });
    if is_read {
        return Ok(false);
    }
    let begun = begin(session, task, folder).await?;
    if !begun.uids.is_empty() {
        collect_and_store(session, task, folder, begun.cursor, &begun.uids).await?;
    }
    Ok(true)
}
