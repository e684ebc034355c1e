//! The beginning of a session: opens the folder, finds where reading goes on, and
//! which mails are above that.

use jiff::{SignedDuration, Timestamp};

use super::{SyncError, Task};
use crate::domain::folder::{Cursor, Uid};
use crate::domain::mailbox::History;
use crate::net::imap::Session;
use crate::protocol::imap::event::SelectedFolder;
use crate::protocol::imap::{SearchKey, SelectMode, UidSet};

/// Servers search by their own calendar day, which may begin up to a day from ours.
const DAY_OF_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// Where reading goes on.
#[derive(Debug)]
pub(super) struct Begun {
    /// How far the folder was read before.
    pub(super) cursor: Cursor,
    /// Mails to collect now, lowest first.
    pub(super) uids: Vec<Uid>,
}

/// Opens the folder and plans the catch-up.
pub(super) async fn begin(session: &mut Session, task: &Task) -> Result<Begun, SyncError> {
    let folder = &task.mailbox.settings.folder;
    let selected = session.select(folder, &SelectMode::ReadOnly).await?;
    task.record_life().await;
    let validity = selected.uid_validity.ok_or(SyncError::NoValidity)?;
    let stored = task.handles.store.cursor(task.key(), folder)?;
    match stored {
        Some(mut cursor) if cursor.validity == validity => {
            let uids = above(session, task, &mut cursor).await?;
            Ok(Begun { cursor, uids })
        }
        known => {
            if let Some(old) = known {
                tracing::warn!(
                    mailbox = %task.mailbox.settings.address, %folder, old = old.validity.get(), new = validity.get(),
                    "the server has renumbered the folder (UIDVALIDITY); it is compared anew by content"
                );
            }
            let (cursor, uids) =
                from_history(session, task, Cursor::start(validity), &selected).await?;
            task.handles
                .store
                .set_cursor(task.key(), folder.clone(), cursor.clone())
                .await?;
            Ok(Begun { cursor, uids })
        }
    }
}

/// Mails above the cursor, and pending ones whose time has come.
pub(super) async fn above(
    session: &mut Session,
    task: &Task,
    cursor: &mut Cursor,
) -> Result<Vec<Uid>, SyncError> {
    let mut uids = retry_pending(session, task, cursor).await?;
    if let Some(next) = cursor.next_uid() {
        let found = session
            .uid_search(&[SearchKey::Among(UidSet::starting_at(next))])
            .await?;
        // `n:*` names the last mail even when it is below `n` (RFC 9051 section 9, seq-range).
        uids.extend(found.into_iter().filter(|uid| *uid >= next));
    }
    uids.sort_unstable();
    uids.dedup();
    Ok(uids)
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

/// What of the mail already there is collected: by the mailbox's history choice,
/// both at the first connection and after the server has renumbered the folder.
async fn from_history(
    session: &mut Session,
    task: &Task,
    mut cursor: Cursor,
    selected: &SelectedFolder,
) -> Result<(Cursor, Vec<Uid>), SyncError> {
    let since = match task.mailbox.settings.history {
        History::All => None,
        History::Days(days) => Some(earlier(
            task.mailbox.connected_at,
            SignedDuration::from_hours(24 * i64::from(days)),
        )),
        History::Nothing => Some(task.mailbox.connected_at),
    };
    let first_time = task
        .handles
        .store
        .cursor(task.key(), &task.mailbox.settings.folder)?
        .is_none();
    let mut uids = match since {
        // Nothing old is wanted: what is there now is not even looked at.
        Some(_) if first_time && task.mailbox.settings.history == History::Nothing => Vec::new(),
        Some(since) => {
            let day = earlier(since, DAY_OF_SLACK)
                .to_zoned(jiff::tz::TimeZone::UTC)
                .date();
            session.uid_search(&[SearchKey::Since(day)]).await?
        }
        None => session.uid_search(&[SearchKey::All]).await?,
    };
    uids.sort_unstable();
    let before_first = uids.first().map(|uid| uid.get() - 1);
    let last_there = match selected.uid_next {
        Some(next) => next.get() - 1,
        None => session
            .uid_search(&[SearchKey::All])
            .await?
            .into_iter()
            .max()
            .map_or(0, Uid::get),
    };
    cursor.last_uid = before_first.unwrap_or(last_there);
    Ok((cursor, uids))
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}
