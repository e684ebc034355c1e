//! One task per IMAP mailbox: connect, catch up from the cursor, then watch; and
//! after trouble wait as its condition says and begin again.
//!
//! Invariant: every wait has an end, and one mailbox's trouble never touches another.

mod begin;
mod collect;
mod gather;
mod intake;
mod others;
mod suspicion;
mod task;
mod watch;

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::task::{SyncError, Task};
use super::keeper::{Handles, wait_to_retry};
use crate::domain::mailbox::{ImapWay, Mailbox};

/// Keeps a mailbox connected until `shutdown`. A call of `refresh` means: look now.
pub(super) fn run(
    mailbox: Mailbox,
    way: ImapWay,
    handles: Arc<Handles>,
    refresh: Arc<Notify>,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send {
    let task = Task {
        mailbox,
        way,
        handles,
        suspicion: Mutex::default(),
        sent: Mutex::default(),
    };
    keep(Box::new(task), refresh, shutdown)
}

/// There may be ten thousand of these. What is needed only now and then (opening,
/// collecting, leaving) is boxed, so that a mailbox at rest does not hold room for it.
async fn keep(task: Box<Task>, refresh: Arc<Notify>, shutdown: CancellationToken) {
    let key = task.key();
    if let Some(held) = task.handles.board.receiving_held(key) {
        let clock = &task.handles.clock;
        let waited = wait_to_retry(clock, &held, &refresh, &shutdown).await;
        if waited.is_none() {
            return;
        }
    }
    loop {
        let ended = tokio::select! {
            () = shutdown.cancelled() => return,
            ended = connect_and_watch(&task, &refresh, &shutdown) => ended,
        };
        let Err(error) = ended else { return };
        let condition = Box::pin(task.record_failure(&error)).await;
        drop(error);
        if wait_to_retry(&task.handles.clock, &condition, &refresh, &shutdown)
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
    refresh: &Notify,
    shutdown: &CancellationToken,
) -> Result<(), SyncError> {
    let mut session = Box::pin(task.open()).await?;
    task.handles
        .board
        .opened(task.key(), task.handles.clock.now());
    let begun = Box::pin(begin::begin(&mut session, task, &task.way.folder)).await?;
    let watched = watch::watch(&mut session, task, begun, refresh, shutdown).await;
    if watched.is_ok() {
        Box::pin(session.logout()).await;
    }
    watched
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that a mailbox's task may take while it waits for mail; its connection's
    /// buffers come on top.
    const AT_REST_MAX: usize = 4_000;

    fn size_of_future<A, B, C, F: Future>(_: impl FnOnce(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_mailbox_at_rest_holds_no_room_for_what_it_seldom_does() {
        let size = size_of_future(keep) + size_of::<Task>();
        assert!(size <= AT_REST_MAX, "{size} bytes");
    }
}
