//! Answers: taking them. How they are doing afterwards is in `outbox`.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::body::{Body, Id};
use super::super::error::{Kind, Problem};
use super::failure::{of_replies, of_store};
use super::json::outgoing::{OutgoingBody, ReplyBody};
use crate::domain::user::Actor;
use crate::service::outbox::Outbox;
use crate::service::replies::Replies;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is that of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// 201 when taken, 200 when the same key had brought it before.
pub(super) async fn accept(
    State(replies): State<Replies>,
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(conversation): Id,
    headers: HeaderMap,
    Body(body): Body<ReplyBody>,
) -> Result<Response, Problem> {
    let key = match headers.get(IDEMPOTENCY_KEY) {
        Some(value) => Some(value.to_str().map_err(|_| {
            Problem::new(
                Kind::Unprocessable,
                "An Idempotency-Key has visible ASCII characters only.",
            )
        })?),
        None => None,
    };
    let accepted = replies
        .accept(&actor, conversation, body.into_request()?, key)
        .await
        .map_err(of_replies)?;
    let replayed = accepted.replayed;
    let shown = outbox.shown(accepted.outgoing);
    let shown = shown.map_err(|error| of_store(&error))?;
    let body = Json(OutgoingBody::new(&shown));
    if replayed {
        return Ok((
            StatusCode::OK,
            [(REPLAYED, HeaderValue::from_static("true"))],
            body,
        )
            .into_response());
    }
    Ok((StatusCode::CREATED, body).into_response())
}
