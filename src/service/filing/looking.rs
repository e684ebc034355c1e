//! Looks for the copy of a reply in the open Sent folder: by its ids, and where that finds
//! nothing by what the mails themselves say. There are servers whose search in headers
//! answers OK and finds nothing, and providers that write their own Message-ID into the copy.

use jiff::{SignedDuration, Timestamp};

use super::error::FileError;
use crate::domain::message::Head;
use crate::domain::message_id::MessageId;
use crate::domain::outbox::Outgoing;
use crate::mime;
use crate::net::imap::Session;
use crate::protocol::imap::{SearchKey, UidSet};
use crate::store::StoreError;

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
    is_of_another: impl Fn(&MessageId) -> Result<bool, StoreError>,
) -> Result<Option<Copy>, FileError> {
    let mut ours = vec![outgoing.message_id.clone()];
    ours.extend(outgoing.aliases.iter().cloned());
    for id in &ours {
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
    Ok(judge(&ours, head, heads, is_of_another)?)
}

/// Which of the mails is the copy. Ids of other replies of ours, by whatever name, are theirs.
fn judge(
    ours: &[MessageId],
    head: &Head,
    seen: impl Iterator<Item = Head>,
    is_of_another: impl Fn(&MessageId) -> Result<bool, StoreError>,
) -> Result<Option<Copy>, StoreError> {
    let mut renamed = None;
    for copy in seen {
        let Some(id) = &copy.message_id else { continue };
        if ours.contains(id) {
            return Ok(Some(Copy::Known));
        }
        if head.is_copied_by(&copy) && !id.may_be_issued() && !is_of_another(id)? {
            // Two that look the same: nobody can tell which of them it is.
            if renamed.replace(id.clone()).is_some() {
                return Ok(None);
            }
        }
    }
    Ok(renamed.map(Copy::Renamed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;

    fn head(id: &str, date: i64) -> Head {
        let address = |text: &str| Address::parse(text).expect("an address");
        Head {
            message_id: MessageId::parse(id),
            from: Some(address("help@shop.example").into()),
            to: vec![address("ann@example.net").into()],
            subject: "Re: Hello".to_owned(),
            date: Timestamp::from_second(date).ok(),
            ..Head::default()
        }
    }

    fn found(copies: &[Head]) -> Option<Copy> {
        let ours = head("ours@shop.example", 100);
        let taken = |id: &MessageId| Ok(id.as_str() == "taken@qq.com");
        judge(
            ours.message_id.as_slice(),
            &ours,
            copies.iter().cloned(),
            taken,
        )
        .expect("no trouble")
    }

    #[test]
    fn a_copy_is_known_by_its_id_or_by_everything_else() {
        let renamed = head("tencent_1@qq.com", 100);
        let id = renamed.message_id.clone().expect("an id");
        assert_eq!(found(&[head("ours@shop.example", 7)]), Some(Copy::Known));
        assert_eq!(
            found(std::slice::from_ref(&renamed)),
            Some(Copy::Renamed(id))
        );
        assert_eq!(
            found(&[head("tencent_1@qq.com", 101)]),
            None,
            "a second later"
        );
        assert_eq!(found(&[head("taken@qq.com", 100)]), None, "another reply");
        let twice = [renamed.clone(), head("tencent_2@qq.com", 100)];
        assert_eq!(found(&twice), None, "nobody can tell");
        let mut other = renamed;
        other.to.clear();
        assert_eq!(found(&[other]), None, "other recipients");
    }
}
