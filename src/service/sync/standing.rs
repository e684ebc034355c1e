//! Keeps what a restart must know of how mailboxes stand.
//!
//! A change of condition is kept when it happens, with its entry in the feed; signs of
//! life only now and then, all in one write: an idle mailbox costs the disk nothing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::board::Board;
use crate::store::Store;

/// How old the last sign of life may be that a crash leaves.
const KEEP_EVERY: Duration = Duration::from_secs(5 * 60);

/// Keeps the board's changes until `shutdown`, and once more then.
pub async fn run(board: Board, store: Store, shutdown: CancellationToken) {
    loop {
        let stopped = tokio::select! {
            () = shutdown.cancelled() => true,
            () = tokio::time::sleep(KEEP_EVERY) => false,
        };
        let unkept = board.unkept();
        let now = board.clone();
        let standing = move |key| now.standing(key);
        if let Err(error) = store.keep_standings(&unkept, standing).await {
            tracing::warn!(%error, "how mailboxes stand could not be kept; a restart may know an older state");
        }
        if stopped {
            return;
        }
    }
}
