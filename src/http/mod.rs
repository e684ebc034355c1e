//! The HTTP door: pages, the API and the feed, on one listener.
//!
//! Invariant: whoever asks passes `guard` (host, forgery, headers) and `auth` (the
//! one place that makes an actor) before a handler runs; what an actor may see
//! is decided by the services. Nothing here knows the store.
//! Deliberately absent: TLS (a reverse proxy's work, or loopback), the wall
//! clock, and the OpenAPI description (still to come).

mod api;
mod auth;
mod body;
mod cookie;
mod deadline;
mod download;
pub mod error;
mod guard;
mod handles;
mod health;
pub mod options;
mod patience;
mod serve;
mod steps;
mod stream;
mod streams;
mod ui;
mod wrong_tokens;

#[cfg(test)]
mod tests;

use std::any::Any;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use error::{Kind, Problem};

use crate::domain::saying::saying;

pub use handles::Handles;
pub use options::Options;

use crate::net::places::Places;

/// Where the door stands when nobody says otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8460";

/// Serves until the stop signal; returns when open requests have ended, or their
/// time is over.
pub async fn run(
    listener: TcpListener,
    options: Options,
    handles: Handles,
    shutdown: CancellationToken,
) {
    let entrance = serve::Entrance {
        places: Places::new(options::CONNECTIONS_MAX, options.connections_per_client_max),
        proxies: options.proxies.clone(),
        unread_max: options::UNREAD_TIME_MAX,
    };
    let router = router(options, handles, shutdown.clone());
    serve::serve(listener, router, entrance, shutdown).await;
}

/// Everything behind the listener. Tests call it without a socket.
pub fn router(options: Options, handles: Handles, shutdown: CancellationToken) -> Router {
    let door = auth::Door {
        people: handles.people.clone(),
        wrong_tokens: wrong_tokens::WrongTokens::default(),
    };
    let state = handles::Wired::new(handles, options.clone(), door.clone(), shutdown);
    Router::new()
        .merge(health::routes())
        .nest("/api/v1", api::routes(&door))
        .merge(ui::routes(&door, &state))
        .with_state(state)
        .layer(DefaultBodyLimit::max(options::BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(options, guard::refuse_foreign_host))
        .layer(from_fn(guard::add_headers))
}

/// A panic costs its request, never the door.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::new(Kind::Internal, saying!("problem.internal")).into_response()
}
