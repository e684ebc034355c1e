//! After the catch-up: IDLE, or one long-lived connection that asks now and then.
//!
//! What is new is collected the moment the server says so; the folder is also
//! looked through at every renewal, because some servers accept IDLE and say nothing.
//! Further folders are asked about now and then, on the same connection.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::begin::{Begun, above, begin};
use super::gather::collect_and_store;
use super::others::look_at_others;
use super::task::{SyncError, Task};
use crate::net::imap::{ImapError, Session};

/// A look is in vain when it comes sooner than this and finds nothing.
const HASTE: Duration = Duration::from_secs(1);
/// So many in a row are an accident: other programs move mail as well.
const LOOKS_IN_VAIN_MAX: u32 = 3;
/// The longest pause that follows more of them.
const PAUSE_MAX: Duration = Duration::from_secs(60);

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
    let mut looks_in_vain = 0_u32;
    loop {
        if !uids.is_empty() {
            let wanted = std::mem::take(&mut uids);
            let collected = collect_and_store(session, task, folder, cursor, &wanted);
            cursor = Box::pin(collected).await?;
        }
        if task.has_others() && Instant::now() >= others_due {
            let other_open = Box::pin(look_at_others(session, task)).await?;
            others_due = Instant::now() + task.others_interval();
            if other_open {
                let begun = Box::pin(begin(session, task, folder)).await?;
                (cursor, uids) = (begun.cursor, begun.uids);
                continue;
            }
        }
        let waited_since = Instant::now();
        let woken = wait_for_news(session, task, &mut idles, refresh, shutdown).await?;
        match woken {
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
        let in_vain = woken == Wake::Look && uids.is_empty() && waited_since.elapsed() < HASTE;
        looks_in_vain = if in_vain {
            looks_in_vain.saturating_add(1)
        } else {
            0
        };
        if let Some(pause) = pause_after(looks_in_vain) {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = refresh.notified() => others_due = Instant::now(),
                () = Box::pin(tokio::time::sleep(pause)) => {}
            }
        }
    }
}

/// A server that ends IDLE at once, or tells of mail that is not there, would have the
/// folder looked through without end: the looks grow apart instead.
fn pause_after(looks_in_vain: u32) -> Option<Duration> {
    let beyond = looks_in_vain.checked_sub(LOOKS_IN_VAIN_MAX)?;
    let seconds = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds).min(PAUSE_MAX))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_in_vain_grow_apart_and_never_further_than_a_minute() {
        for (looks, seconds) in [
            (0, None),
            (2, None),
            (3, Some(1)),
            (4, Some(2)),
            (8, Some(32)),
        ] {
            assert_eq!(
                pause_after(looks),
                seconds.map(Duration::from_secs),
                "{looks}"
            );
        }
        for looks in [9, 70, u32::MAX] {
            assert_eq!(pause_after(looks), Some(PAUSE_MAX));
        }
    }
}
