//! The feed for pages: the same stream as the API's, opened by the session.

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::super::error::Problem;
use super::super::stream;
use super::super::streams::Streams;
use crate::domain::user::Actor;
use crate::service::feed::Feed;

pub(super) async fn follow(
    State(feed): State<Feed>,
    State(streams): State<Streams>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    stream::open(feed, streams, actor, stream::last_event_id(&headers))
}
