//! Work that runs by itself and tells its steps, as server-sent events: for trials and
//! examinations, by the API and on pages.
//!
//! Invariant: a stream ends with the work, or with the gateway.

use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch;

use super::error::Problem;
use super::options::HEARTBEAT;
use super::streams::Streams;
use crate::domain::user::Actor;

/// What is to be told after so many events.
pub(super) enum Next {
    /// This.
    Tell(Event),
    /// Nothing yet.
    Wait,
    /// This, and nothing after it.
    End(Event),
}

/// Tells what `next` makes of the progress, beginning with what is over already.
///
/// # Errors
/// When too many streams are open.
pub(super) fn follow<T: Send + Sync + 'static>(
    progress: watch::Receiver<T>,
    streams: Streams,
    actor: &Actor,
    next: impl Fn(&T, usize) -> Next + Clone + Send + 'static,
) -> Result<Response, Problem> {
    let place = streams.place(actor)?;
    let state = (progress, streams.shutdown, place, Some(0_usize));
    let events = stream::unfold(state, move |(mut progress, shutdown, place, told)| {
        let next = next.clone();
        async move {
            let told = told?;
            loop {
                let shown = next(&progress.borrow_and_update(), told);
                let (event, told) = match shown {
                    Next::Tell(event) => (event, Some(told + 1)),
                    Next::End(event) => (event, None),
                    Next::Wait => {
                        tokio::select! {
                            changed = progress.changed() => changed.ok()?,
                            () = shutdown.cancelled() => return None,
                        }
                        continue;
                    }
                };
                return Some((
                    Ok::<_, Infallible>(event),
                    (progress, shutdown, place, told),
                ));
            }
        }
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(events).keep_alive(heartbeat).into_response())
}

/// An event whose data is a JSON body of ours.
pub(super) fn event(name: &str, body: impl serde::Serialize) -> Event {
    // Our bodies are plain structures with string keys, so they always serialize.
    Event::default()
        .event(name)
        .json_data(body)
        .unwrap_or_default()
}
