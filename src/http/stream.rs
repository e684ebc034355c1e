//! The feed as server-sent events (WHATWG HTML, section 9.2), for the API and for pages.
//!
//! Invariant: a stream ends with the gateway, and after [`LIFE_MAX`], so that a
//! revoked token stops reading; clients come back with `Last-Event-ID`.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::Problem;
use super::options::HEARTBEAT;
use super::streams::{StreamPlace, Streams};
use crate::domain::key::Sequence;
use crate::domain::user::Actor;
use crate::service::feed::{Entry, Feed};
use crate::wire::event::EventBody;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Longest life of one stream.
const LIFE_MAX: Duration = Duration::from_secs(3_600);
/// Changes read from the store at a time.
const BATCH: usize = 100;
/// What a client shall wait before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// Where a client that comes back had got to.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<Sequence> {
    headers
        .get(LAST_EVENT_ID)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Sequence)
}

/// Opens a stream after a place in the feed, or at its end.
///
/// # Errors
/// When too many streams are open.
pub(super) fn open(
    feed: Feed,
    streams: Streams,
    actor: Actor,
    after: Option<Sequence>,
) -> Result<Response, Problem> {
    let place = streams.place(&actor)?;
    let after = match after {
        Some(after) => after,
        None => feed.last().map_err(|error| Problem::internal(&error))?,
    };
    let follower = Follower {
        feed,
        actor,
        after,
        ready: VecDeque::new(),
        greeted: false,
        shutdown: streams.shutdown,
        ends_at: Instant::now() + LIFE_MAX,
        _place: place,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((event, follower))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(events).keep_alive(heartbeat).into_response())
}

struct Follower {
    feed: Feed,
    actor: Actor,
    after: Sequence,
    ready: VecDeque<Entry>,
    greeted: bool,
    shutdown: CancellationToken,
    ends_at: Instant,
    _place: StreamPlace,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Event, axum::Error>> {
        if !self.greeted {
            self.greeted = true;
            // Sent at once, so that the client knows the stream stands; it carries the cursor.
            return Some(Ok(Event::default()
                .id(self.after.0.to_string())
                .event("hello")
                .retry(RETRY)
                .data("{}")));
        }
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Some(shown(&entry));
            }
            let reading = match self.feed.read(&self.actor, self.after, BATCH) {
                Ok(reading) => reading,
                Err(error) => {
                    tracing::error!(%error, "the feed cannot be read");
                    return None;
                }
            };
            let moved = reading.next > self.after;
            self.after = reading.next;
            self.ready.extend(reading.entries);
            if !moved && !self.more().await {
                return None;
            }
        }
    }

    /// Waits; `false` when the stream shall end.
    async fn more(&self) -> bool {
        tokio::select! {
            () = self.feed.wait(self.after) => true,
            () = self.shutdown.cancelled() => false,
            () = tokio::time::sleep_until(self.ends_at) => false,
        }
    }
}

fn shown(entry: &Entry) -> Result<Event, axum::Error> {
    Event::default()
        .id(entry.change.sequence.0.to_string())
        .event(entry.change.event.name())
        .json_data(EventBody::new(&entry.change, &entry.subjects))
}
