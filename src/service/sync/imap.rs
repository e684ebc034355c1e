//! One task per IMAP mailbox: connect, catch up from the cursor, then watch; and
//! after trouble wait as its condition says and begin again.
//!
//! Invariant: every wait has an end, and one mailbox's trouble never touches another.

mod begin;
mod collect;
mod intake;
mod suspicion;
mod task;
mod watch;

use std::sync::Mutex;

use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

use self::task::{SyncError, Task};
use super::keeper::{Handles, wait_to_retry};
use crate::domain::mailbox::{ImapWay, Mailbox};

/// Keeps a mailbox connected until `shutdown`. A change of `refresh` means: look now.
pub(super) async fn run(
    mailbox: Mailbox,
    way: ImapWay,
    handles: Handles,
    mut refresh: signal::Receiver<u64>,
    shutdown: CancellationToken,
) {
    let key = mailbox.key;
    let task = Task {
        mailbox,
        way,
        handles,
        suspicion: Mutex::default(),
    };
    if let Some(held) = task.handles.board.receiving_held(key) {
        let clock = &task.handles.clock;
        let waited = wait_to_retry(clock, &held, &mut refresh, &shutdown).await;
        if waited.is_none() {
            return;
        }
    }
    loop {
        let ended = tokio::select! {
            () = shutdown.cancelled() => return,
            ended = connect_and_watch(&task, &mut refresh, &shutdown) => ended,
        };
        let Err(error) = ended else { return };
        let condition = task.record_failure(&error).await;
        if wait_to_retry(&task.handles.clock, &condition, &mut refresh, &shutdown)
            .await
            .is_none()
        {
            return;
        }
        tracing::debug!(mailbox = key.0, "trying again");
    }
}

/// Ends with `Ok` only when the gateway stops.
async fn connect_and_watch(
    task: &Task,
    refresh: &mut signal::Receiver<u64>,
    shutdown: &CancellationToken,
) -> Result<(), SyncError> {
    let mut session = task.open().await?;
    task.handles
        .board
        .opened(task.key(), task.handles.clock.now());
    let begun = begin::begin(&mut session, task).await?;
    let watched = watch::watch(&mut session, task, begun, refresh, shutdown).await;
    if watched.is_ok() {
        session.logout().await;
    }
    watched
}
