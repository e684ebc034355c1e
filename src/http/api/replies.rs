//! Answers: taking them, how they are doing, stopping them.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::body::{Body, Id};
use super::super::error::{Kind, Problem};
use super::failure::{of_conversations, of_replies, of_store};
use super::json::outgoing::{OutgoingBody, ReplyBody};
use crate::domain::key::PublicId;
use crate::domain::outbox::Outgoing;
use crate::domain::saying::saying;
use crate::domain::user::Actor;
use crate::service::conversations::Conversations;
use crate::service::replies::Replies;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is that of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// 201 when taken, 200 when the same key had brought it before.
pub(super) async fn accept(
    State(replies): State<Replies>,
    State(conversations): State<Conversations>,
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
    let body = shown(&conversations, &actor, &accepted.outgoing)?;
    if accepted.replayed {
        return Ok((
            StatusCode::OK,
            [(REPLAYED, HeaderValue::from_static("true"))],
            body,
        )
            .into_response());
    }
    Ok((StatusCode::CREATED, body).into_response())
}

pub(super) async fn get(
    State(replies): State<Replies>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    let outgoing = find(&replies, &actor, id)?;
    shown(&conversations, &actor, &outgoing)
}

pub(super) async fn cancel(
    State(replies): State<Replies>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    find(&replies, &actor, id)?;
    let cancelled = replies
        .cancel(&actor, id)
        .await
        .map_err(|error| of_store(&error))?;
    if !cancelled {
        return Err(Problem::new(Kind::Conflict, saying!("problem.too_late")));
    }
    shown(&conversations, &actor, &find(&replies, &actor, id)?)
}

/// Sends what a script held back.
pub(super) async fn release(
    State(replies): State<Replies>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    find(&replies, &actor, id)?;
    let released = replies
        .release(&actor, id)
        .await
        .map_err(|error| of_store(&error))?;
    if !released {
        return Err(Problem::new(Kind::Conflict, saying!("problem.not_held")));
    }
    shown(&conversations, &actor, &find(&replies, &actor, id)?)
}

fn find(replies: &Replies, actor: &Actor, id: PublicId) -> Result<Outgoing, Problem> {
    let found = replies
        .outgoing(actor, id)
        .map_err(|error| of_store(&error))?;
    found.ok_or_else(Problem::not_found)
}

fn shown(
    conversations: &Conversations,
    actor: &Actor,
    outgoing: &Outgoing,
) -> Result<Json<OutgoingBody>, Problem> {
    let conversation = conversations
        .id_of(actor, outgoing.conversation)
        .map_err(of_conversations)?;
    Ok(Json(OutgoingBody::new(outgoing, conversation)))
}
