//! Answers: taking them, how they are doing, stopping them.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::body::{Body, Id};
use super::super::error::{Kind, Problem};
use super::failure::{of_conversations, of_mailboxes, of_replies, of_store};
use super::json::outgoing::{
    ForwardBody, OpeningBody, OutgoingBody, PlanBody, ReplyBody, ReplyPlanBody,
};
use crate::domain::key::PublicId;
use crate::domain::outbox::Outgoing;
use crate::domain::saying::saying;
use crate::domain::user::Actor;
use crate::service::conversations::Conversations;
use crate::service::mailboxes::Mailboxes;
use crate::service::replies::{Accepted, Replies};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is that of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// 201 when taken, 200 when the same key had brought it before.
pub(super) async fn accept(
    State(replies): State<Replies>,
    Extension(actor): Extension<Actor>,
    Id(conversation): Id,
    headers: HeaderMap,
    Body(body): Body<ReplyBody>,
) -> Result<Response, Problem> {
    let key = key_in(&headers)?;
    let accepted = replies
        .accept(&actor, conversation, body.into_request()?, key)
        .await
        .map_err(of_replies)?;
    Ok(taken(&accepted, conversation))
}

/// What a reply would be.
pub(super) async fn plan(
    State(replies): State<Replies>,
    Extension(actor): Extension<Actor>,
    Id(conversation): Id,
    Body(body): Body<PlanBody>,
) -> Result<Json<ReplyPlanBody>, Problem> {
    let plan = replies.plan(&actor, conversation, &body.into_request()?);
    Ok(Json(ReplyPlanBody::new(&plan.map_err(of_replies)?)))
}

/// Begins a conversation.
pub(super) async fn open(
    State(replies): State<Replies>,
    State(mailboxes): State<Mailboxes>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    Body(body): Body<OpeningBody>,
) -> Result<Response, Problem> {
    let key = key_in(&headers)?;
    let mailbox = mailboxes.find(&actor, &body.mailbox);
    let mailbox = mailbox.map_err(of_mailboxes)?;
    let accepted = replies
        .open(&actor, &mailbox, body.into_request()?, key)
        .await
        .map_err(of_replies)?;
    let conversation = conversations.id_of(&actor, accepted.outgoing.conversation);
    Ok(taken(&accepted, conversation.map_err(of_conversations)?))
}

/// Shows a message to an outsider.
pub(super) async fn forward(
    State(replies): State<Replies>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(message): Id,
    headers: HeaderMap,
    Body(body): Body<ForwardBody>,
) -> Result<Response, Problem> {
    let key = key_in(&headers)?;
    let accepted = replies
        .forward(&actor, message, body.into_request()?, key)
        .await
        .map_err(of_replies)?;
    let conversation = conversations
        .id_of(&actor, accepted.outgoing.conversation)
        .map_err(of_conversations)?;
    Ok(taken(&accepted, conversation))
}

fn key_in(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let key = headers.get(IDEMPOTENCY_KEY).map(HeaderValue::to_str);
    key.transpose().map_err(|_| {
        Problem::new(
            Kind::Unprocessable,
            "An Idempotency-Key has visible ASCII characters only.",
        )
    })
}

fn taken(accepted: &Accepted, conversation: PublicId) -> Response {
    let body = Json(OutgoingBody::new(&accepted.outgoing, conversation));
    if accepted.replayed {
        return (
            StatusCode::OK,
            [(REPLAYED, HeaderValue::from_static("true"))],
            body,
        )
            .into_response();
    }
    (StatusCode::CREATED, body).into_response()
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
