//! What left by a mailbox within a day, read off the outbox after a restart.

use jiff::Timestamp;

use super::pace::DAY;
use crate::domain::mailbox::Mailbox;
use crate::domain::outbox::{Outgoing, OutgoingState};
use crate::store::{OutboxWanted, Store, StoreError};

/// Replies read in one go to know what left within a day, and how often at most: after a
/// restart, for a mailbox whose provider has a limit.
const RECALL_PAGE: usize = 500;
const RECALL_PAGES_MAX: usize = 20;

/// When mails of a mailbox left, as far as the outbox tells.
pub(super) fn sent_within_a_day(
    store: &Store,
    mailbox: &Mailbox,
    now: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    let wanted = OutboxWanted {
        ended: true,
        mailbox: Some(mailbox.key),
        ..OutboxWanted::default()
    };
    let fits = |outgoing: &Outgoing| {
        let at = ended_at(outgoing);
        outgoing.state == OutgoingState::Sent && now.duration_since(at) < DAY
    };
    let mut times = Vec::new();
    let mut place: Option<String> = None;
    for _ in 0..RECALL_PAGES_MAX {
        let after = place.as_deref();
        let page = store.outbox_page(mailbox.workspace, wanted, fits, after, RECALL_PAGE)?;
        times.extend(page.items.iter().map(ended_at));
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    Ok(times)
}

/// When the last thing became known of a reply.
fn ended_at(outgoing: &Outgoing) -> Timestamp {
    let last = outgoing.history.last();
    last.map_or(outgoing.send_at, |known| known.at)
}
