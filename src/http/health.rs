//! `/healthz` and `/readyz`, for whatever watches the process. No token: they tell
//! nothing but yes or no.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use super::handles::Wired;
use crate::service::feed::Feed;

pub(super) fn routes() -> Router<Wired> {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
}

/// Ready when the store answers and takes writes.
async fn ready(State(feed): State<Feed>) -> (StatusCode, &'static str) {
    match feed.is_writable() {
        true => (StatusCode::OK, "ready\n"),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store takes no writes; the log says why\n",
        ),
    }
}
