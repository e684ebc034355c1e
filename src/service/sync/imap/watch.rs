//! After the catch-up: IDLE, or one long-lived connection that asks now and then.
//!
//! What is new is collected the moment the server says so; the folder is also
//! looked through at every renewal, because some servers accept IDLE and say nothing.

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::begin::{Begun, above};
use super::collect::{Wanted, collect};
use super::intake::{PIECES_MAX, Stored, Storing};
use super::task::{SyncError, Task};
use crate::domain::folder::{Cursor, PendingReason, Uid};
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
    loop {
        if !uids.is_empty() {
            let wanted = std::mem::take(&mut uids);
            cursor = Box::pin(collect_and_store(session, task, cursor, &wanted)).await?;
        }
        if wait_for_news(session, task, &mut idles, refresh, shutdown).await? == Wake::Stop {
            return Ok(());
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
            () = refresh.notified() => {}
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
    if woken == Wake::Look {
        // Servers may show new mail only with the answer to a command that comes after it.
        session.noop().await?;
    }
    Ok(woken)
}

/// Runs the two halves side by side. What the storing half has taken is durable
/// when this returns, also when the connection broke.
async fn collect_and_store(
    session: &mut Session,
    task: &Task,
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
        task.folder(),
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
    board.mail_came(task.key(), handles.clock.now());
    // Trouble of the store comes first: it is why the other half gave up.
    let Stored { cursor, unfinished } = stored?;
    match (&collected, unfinished) {
        (Err(_), Some(uid)) => task.suspicion().lost_at(cursor.validity, uid),
        (Err(_), None) => {}
        (Ok(()), _) => task.suspicion().clear(),
    }
    collected?;
    Ok(cursor)
}
