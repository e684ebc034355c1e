//! Collecting from the folder that is open: the fetching half and the storing half, side
//! by side.

use tokio::sync::mpsc;

use super::collect::{Wanted, collect};
use super::intake::{PIECES_MAX, Stored, Storing};
use super::task::{SyncError, Task};
use crate::domain::folder::{Cursor, FolderName, PendingReason, Uid};
use crate::net::imap::Session;

/// Runs the two halves side by side. What the storing half has taken is durable
/// when this returns, also when the connection broke.
pub(super) async fn collect_and_store(
    session: &mut Session,
    task: &Task,
    folder: &FolderName,
    cursor: Cursor,
    uids: &[Uid],
) -> Result<Cursor, SyncError> {
    let handles = &task.handles;
    let anyway = cursor.pending.iter();
    let anyway = anyway.filter(|(_, pending)| pending.reason == PendingReason::Anyway);
    let wanted = Wanted {
        mail_size_max: handles.options.mail_size_max,
        anyway: anyway.map(|(uid, _)| *uid).collect(),
    };
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let storing = Storing::new(
        task.folder(folder),
        handles.store.clone(),
        handles.clock.clone(),
        handles.random,
        cursor,
    );
    let storing = tokio::spawn(storing.run(receiver));
    let board = &handles.board;
    let progress = |left| {
        board.catching_up(
            task.key(),
            u32::try_from(left).ok().filter(|left| *left > 0),
        )
    };
    let collected = collect(session, uids, wanted, &sender, progress).await;
    drop(sender);
    let stored = match storing.await {
        Ok(stored) => stored,
        Err(error) => return Err(crate::store::StoreError::worker_lost("storing", &error).into()),
    };
    board.catching_up(task.key(), None);
    if task.sent().as_ref() != Some(folder) {
        board.mail_came(task.key(), handles.clock.now());
    }
    // Trouble of the store comes first: it is why the other half gave up.
    let Stored { cursor, unfinished } = stored?;
    match (&collected, unfinished) {
        (Err(_), Some(uid)) => task.suspicion().lost_at(folder, cursor.validity, uid),
        (Err(_), None) => {}
        (Ok(()), _) => task.suspicion().clear(),
    }
    collected?;
    Ok(cursor)
}
