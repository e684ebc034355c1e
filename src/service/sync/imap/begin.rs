//! The beginning of a session: opens the folder, finds where reading goes on, and
//! which mails are above that.

use super::intake::source;
use super::task::{SyncError, Task};
use crate::domain::folder::{Cursor, FolderName, Uid};
use crate::domain::mailbox::History;
use crate::net::imap::Session;
use crate::protocol::imap::{SearchKey, SelectMode, UidSet};
use crate::service::sync::history::{first_cursor, first_day, renumbered_cursor};
use crate::service::sync::pending::put_aside;
use crate::store::{Delivery, Passed, Why};

/// Where reading goes on.
#[derive(Debug)]
pub(super) struct Begun {
    /// How far the folder was read before.
    pub(super) cursor: Cursor,
    /// Mails to collect now, lowest first.
    pub(super) uids: Vec<Uid>,
}

/// Opens the folder and plans the catch-up.
pub(super) async fn begin(
    session: &mut Session,
    task: &Task,
    folder: &FolderName,
) -> Result<Begun, SyncError> {
    let settings = &task.mailbox.settings;
    let selected = session.select(folder, &SelectMode::ReadOnly).await?;
    task.record_life().await;
    let validity = selected.uid_validity.ok_or(SyncError::NoValidity)?;
    let connected_at = task.mailbox.connected_at;
    let known = task.handles.store.cursor(task.key(), folder)?;
    let mut cursor = match known.clone() {
        Some(cursor) if cursor.validity == validity => cursor,
        Some(old) => {
            tracing::warn!(
                mailbox = %settings.address, %folder, old = old.validity.get(), new = validity.get(),
                "the server has renumbered the folder (UIDVALIDITY); it is compared anew by content"
            );
            renumbered_cursor(session, &selected, validity, settings.history, connected_at).await?
        }
        None => first_cursor(session, &selected, validity, settings.history, connected_at).await?,
    };
    let passed = pass_poison(task, folder, &mut cursor);
    if known.as_ref() != Some(&cursor) {
        // Where reading begins is decided once: mail that comes while the connection is
        // lost again is new all the same.
        let delivery = Delivery {
            mailbox: task.key(),
            is_junk: false,
            is_sent: false,
            also_for: Vec::new(),
            arrivals: Vec::new(),
            cursor: Some((folder.clone(), cursor.clone())),
            maildrop: Vec::new(),
            passed: passed.into_iter().collect(),
        };
        task.handles.store.deliver(delivery).await?;
    }
    let uids = above(session, task, &mut cursor).await?;
    Ok(Begun { cursor, uids })
}

/// Puts the mail aside at which connection after connection has ended, so that those
/// behind it are collected.
fn pass_poison(task: &Task, folder: &FolderName, cursor: &mut Cursor) -> Option<Passed> {
    let uid = task.suspicion().take_poison(folder, cursor)?;
    let settings = &task.mailbox.settings;
    tracing::error!(
        mailbox = %settings.address, %folder, %uid,
        "every connection ends when this mail is fetched; it is put aside and tried again tomorrow"
    );
    let at = task.handles.clock.now();
    cursor.defer(uid, put_aside(at));
    Some(Passed {
        source: source(folder, cursor, uid),
        why: Why::NotGiven,
        at,
    })
}

/// Mails above the cursor, and pending ones whose time has come.
pub(super) async fn above(
    session: &mut Session,
    task: &Task,
    cursor: &mut Cursor,
) -> Result<Vec<Uid>, SyncError> {
    let mut uids = retry_pending(session, task, cursor).await?;
    if let Some(next) = cursor.next_uid() {
        let above = SearchKey::Among(UidSet::starting_at(next));
        let mut found = session.uid_search(&[above]).await?;
        // `n:*` names the last mail even when it is below `n` (RFC 9051 section 9, seq-range).
        found.retain(|uid| *uid >= next);
        forget_unwanted(session, task, cursor, &mut found).await?;
        uids.extend(found);
    }
    uids.sort_unstable();
    uids.dedup();
    Ok(uids)
}

/// Takes history away that is older than wanted: UIDs and dates need not be in the
/// same order.
async fn forget_unwanted(
    session: &mut Session,
    task: &Task,
    cursor: &Cursor,
    uids: &mut Vec<Uid>,
) -> Result<(), SyncError> {
    let History::Days(days) = task.mailbox.settings.history else {
        return Ok(());
    };
    let is_history = |uid: &Uid| uid.get() < cursor.imported_below;
    let Some(old) = UidSet::of(uids.iter().copied().filter(is_history)) else {
        return Ok(());
    };
    let since = SearchKey::Since(first_day(task.mailbox.connected_at, days));
    let wanted = session.uid_search(&[SearchKey::Among(old), since]).await?;
    uids.retain(|uid| !is_history(uid) || wanted.binary_search(uid).is_ok());
    Ok(())
}

/// Pending mails that are still there. Those that are gone are forgotten.
async fn retry_pending(
    session: &mut Session,
    task: &Task,
    cursor: &mut Cursor,
) -> Result<Vec<Uid>, SyncError> {
    let due: Vec<Uid> = cursor.due(task.handles.clock.now()).collect();
    let Some(set) = UidSet::of(due.iter().copied()) else {
        return Ok(Vec::new());
    };
    let there = session.uid_search(&[SearchKey::Among(set)]).await?;
    cursor
        .pending
        .retain(|uid, _| !due.contains(uid) || there.contains(uid));
    Ok(there)
}
