//! Looks for the copy of a reply in the open Sent folder: by its ids, and where that finds
//! nothing by what the mails themselves say. There are servers whose search in headers
//! answers OK and finds nothing, and providers that write their own Message-ID into the copy.

use jiff::{SignedDuration, Timestamp};

use crate::domain::message::Head;
use crate::domain::message_id::MessageId;
use crate::domain::outbox::Outgoing;
use crate::mime;
use crate::net::imap::{ImapError, Session};
use crate::protocol::imap::{SearchKey, UidSet};

/// Mails of the folder that are looked at, last first.
const LOOKED_AT_MAX: usize = 50;
/// Servers search by their own calendar day.
const DAY_OF_SLACK: SignedDuration = SignedDuration::from_hours(24);
/// What of a mail tells whether it is the copy.
const FIELDS: [&str; 6] = ["Message-ID", "From", "To", "Cc", "Subject", "Date"];

/// A copy in the folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Copy {
    /// It bears an id that we know.
    Known,
    /// It is the same mail with an id that the provider gave it.
    Renamed(MessageId),
}

/// Looks for the copy. `head` is that of the reply as it was composed.
pub(super) async fn look(
    session: &mut Session,
    outgoing: &Outgoing,
    head: &Head,
    is_evidence: bool,
) -> Result<Option<Copy>, ImapError> {
    for id in std::iter::once(&outgoing.message_id).chain(&outgoing.aliases) {
        let key = SearchKey::Header {
            name: "Message-ID".to_owned(),
            value: id.as_str().to_owned(),
        };
        if !session.uid_search(&[key]).await?.is_empty() {
            return Ok(Some(Copy::Known));
        }
    }
    let since = outgoing.accepted_at.checked_sub(DAY_OF_SLACK);
    let since = since.unwrap_or(Timestamp::MIN);
    let since = since.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut uids = session.uid_search(&[SearchKey::Since(since)]).await?;
    uids.drain(..uids.len().saturating_sub(LOOKED_AT_MAX));
    let Some(set) = UidSet::of(uids) else {
        return Ok(None);
    };
    let headers = session.uid_fetch_headers(&set, &FIELDS).await?;
    let heads = headers.iter().map(|header| mime::read_bytes(header).head);
    Ok(judge(outgoing, head, heads, is_evidence))
}

/// Which of the mails is the copy. For evidence the very second has to be right: a person may
/// have written the same to the same people a moment later.
fn judge(
    outgoing: &Outgoing,
    head: &Head,
    seen: impl Iterator<Item = Head>,
    is_evidence: bool,
) -> Option<Copy> {
    let mut renamed = None;
    for copy in seen {
        let Some(id) = &copy.message_id else { continue };
        if *id == outgoing.message_id || outgoing.aliases.contains(id) {
            return Some(Copy::Known);
        }
        let same = head.is_copied_by(&copy) && (!is_evidence || head.date == copy.date);
        if same && !id.may_be_issued() {
            // Two that look the same: nobody can tell which of them it is.
            if renamed.replace(id.clone()).is_some() {
                return None;
            }
        }
    }
    renamed.map(Copy::Renamed)
}
