//! `/events`: the feed from a cursor, as JSON (with an optional wait) or as
//! server-sent events, by what the client accepts.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::super::body::Asked;
use super::super::error::Problem;
use super::super::options::WAIT_MAX;
use super::super::stream;
use super::super::streams::Streams;
use super::failure::of_store;
use crate::domain::key::Sequence;
use crate::domain::user::Actor;
use crate::service::feed::Feed;
use crate::wire::event::EventBody;

/// Events of one reading when nobody says otherwise.
const LIMIT_DEFAULT: usize = 100;
/// Most events of one reading.
const LIMIT_MAX: usize = 1_000;

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    after: Option<u64>,
    limit: Option<usize>,
    /// Seconds to wait when there is nothing new.
    wait: Option<u64>,
}

/// What a reading answers: ask again with `after` set to `next`.
#[derive(Debug, Serialize)]
struct EventsBody {
    events: Vec<EventBody>,
    next: u64,
}

pub(super) async fn read(
    State(feed): State<Feed>,
    State(streams): State<Streams>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accepts.contains("text/event-stream") {
        let after = stream::last_event_id(&headers).or_else(|| query.after.map(Sequence));
        return stream::open(feed, streams, actor, after);
    }
    let after = Sequence(query.after.unwrap_or(0));
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    let wait = Duration::from_secs(query.wait.unwrap_or(0)).min(WAIT_MAX);
    let reading = read_or_wait(&feed, &actor, after, limit, wait).await?;
    let events = reading
        .entries
        .iter()
        .map(|entry| EventBody::new(&entry.change, &entry.subjects))
        .collect();
    Ok(Json(EventsBody {
        events,
        next: reading.next.0,
    })
    .into_response())
}

/// Reads; when there is nothing for this actor, waits for more until the time is over.
async fn read_or_wait(
    feed: &Feed,
    actor: &Actor,
    after: Sequence,
    limit: usize,
    wait: Duration,
) -> Result<crate::service::feed::Reading, Problem> {
    let deadline = tokio::time::Instant::now() + wait;
    let mut after = after;
    loop {
        let reading = feed
            .read(actor, after, limit)
            .map_err(|error| of_store(&error))?;
        after = reading.next;
        let waited = reading.entries.is_empty()
            && tokio::time::timeout_at(deadline, feed.wait(after))
                .await
                .is_ok();
        if !waited {
            return Ok(reading);
        }
    }
}
