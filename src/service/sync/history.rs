//! Where reading of a folder begins: at the first connection by the mailbox's
//! history choice, and again when the server has renumbered the folder.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::folder::{Cursor, Uid, UidValidity};
use crate::domain::mailbox::History;
use crate::net::imap::{ImapError, Session};
use crate::protocol::imap::SearchKey;
use crate::protocol::imap::event::SelectedFolder;

/// Servers search by their own calendar day, which may begin up to a day from ours.
const DAY_OF_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// The cursor of a folder that is connected now: what is in it is history, what
/// comes from here on is new.
pub async fn first_cursor(
    session: &mut Session,
    selected: &SelectedFolder,
    validity: UidValidity,
    history: History,
    now: Timestamp,
) -> Result<Cursor, ImapError> {
    let end = next_uid(session, selected).await?;
    let begin = match history {
        History::Nothing => end,
        History::All => 1,
        History::Days(days) => first_since(session, first_day(now, days))
            .await?
            .unwrap_or(end),
    };
    Ok(Cursor {
        last_uid: begin - 1,
        imported_below: end,
        ..Cursor::start(validity)
    })
}

/// The cursor of a folder whose UIDs are all new although its mails may not be.
/// What was read before is recognised by content; what was never wanted is not read.
pub async fn renumbered_cursor(
    session: &mut Session,
    selected: &SelectedFolder,
    validity: UidValidity,
    history: History,
    connected_at: Timestamp,
) -> Result<Cursor, ImapError> {
    let since = match history {
        History::All => None,
        History::Nothing => Some(first_day(connected_at, 0)),
        History::Days(days) => Some(first_day(connected_at, days)),
    };
    let begin = match since {
        None => 1,
        Some(since) => match first_since(session, since).await? {
            Some(first) => first,
            None => next_uid(session, selected).await?,
        },
    };
    Ok(Cursor {
        last_uid: begin - 1,
        ..Cursor::start(validity)
    })
}

/// The UID the next mail will have, at least 1.
async fn next_uid(session: &mut Session, selected: &SelectedFolder) -> Result<u32, ImapError> {
    if let Some(next) = selected.uid_next {
        return Ok(next.get());
    }
    let all = session.uid_search(&[SearchKey::All]).await?;
    Ok(all.last().map_or(1, |last| last.get().saturating_add(1)))
}

/// The first day of history that is wanted.
pub(in crate::service) fn first_day(connected_at: Timestamp, days: u16) -> Date {
    let back = SignedDuration::from_hours(24 * i64::from(days)) + DAY_OF_SLACK;
    let since = connected_at.checked_sub(back).unwrap_or(Timestamp::MIN);
    since.to_zoned(TimeZone::UTC).date()
}

async fn first_since(session: &mut Session, day: Date) -> Result<Option<u32>, ImapError> {
    let found = session.uid_search(&[SearchKey::Since(day)]).await?;
    Ok(found.first().copied().map(Uid::get))
}
