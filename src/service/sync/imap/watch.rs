//! After the catch-up: IDLE, or one long-lived connection that asks now and then.
//!
//! What is new is collected the moment the server says so; the folder is also
//! looked through at every renewal, because some servers accept IDLE and say nothing.
//! Further folders are asked about now and then, on the same connection.

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::begin::{Begun, above, begin};
use super::gather::collect_and_store;
use super::others::look_at_others;
use super::task::{SyncError, Task};
use crate::net::imap::{ImapError, Session};

/// Collects, watches, and collects again, until the gateway stops.
pub(super) async fn watch(
    session: &mut Session,
    task: &Task,
    begun: Begun,
    refresh: &Notify,
    shutdown: &CancellationToken,
) -> Result<(), SyncError> {
    let Begun {
        mut cursor,
        mut uids,
    } = begun;
    // A server that offers IDLE and refuses it is asked now and then, like one without:
    // a new login would not change its mind.
    let mut idles = session.capabilities().has("IDLE");
    let folder = &task.way.folder;
    let mut others_due = Instant::now();
    loop {
        if !uids.is_empty() {
            let wanted = std::mem::take(&mut uids);
            let collected = collect_and_store(session, task, folder, cursor, &wanted);
            cursor = Box::pin(collected).await?;
        }
        if task.others().next().is_some() && Instant::now() >= others_due {
            let other_open = Box::pin(look_at_others(session, task)).await?;
            others_due = Instant::now() + task.others_interval();
            if other_open {
                let begun = Box::pin(begin(session, task, folder)).await?;
                (cursor, uids) = (begun.cursor, begun.uids);
                continue;
            }
        }
        match wait_for_news(session, task, &mut idles, refresh, shutdown).await? {
            Wake::Stop => return Ok(()),
            // Somebody waits for it: every folder is looked at.
            Wake::Asked => others_due = Instant::now(),
            Wake::Look => {}
        }
        // Before the look, not after it: what is announced while the server searches
        // may be missing from its answer.
        session.take_news();
        uids = Box::pin(above(session, task, &mut cursor)).await?;
        Box::pin(task.record_life()).await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Look,
    /// A person wants to see what is new.
    Asked,
    Stop,
}

async fn wait_for_news(
    session: &mut Session,
    task: &Task,
    idles: &mut bool,
    refresh: &Notify,
    shutdown: &CancellationToken,
) -> Result<Wake, SyncError> {
    let mut woken = Wake::Look;
    let wake = async {
        tokio::select! {
            () = shutdown.cancelled() => woken = Wake::Stop,
            () = refresh.notified() => woken = Wake::Asked,
        }
    };
    if *idles {
        match session.idle(wake).await {
            Ok(_) => {}
            Err(ImapError::Refused { refusal, .. }) => {
                tracing::warn!(mailbox = %task.mailbox.settings.address, %refusal, "IDLE is refused; the server is asked now and then");
                *idles = false;
            }
            Err(error) => return Err(error.into()),
        }
        return Ok(woken);
    }
    // One connection that stays, never a login per look (PAINS P8).
    tokio::select! {
        () = wake => {}
        () = tokio::time::sleep(task.check_interval()) => {}
    }
    if woken != Wake::Stop {
        // Servers may show new mail only with the answer to a command that comes after it.
        session.noop().await?;
    }
    Ok(woken)
}
