//! Answers: taking them. How they are doing afterwards is in `outbox`.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::super::body::{Body, Id};
use super::super::error::{Kind, Problem};
use super::failure::{of_mailboxes, of_replies, of_store};
use super::json::outgoing::OutgoingBody;
use super::json::reply_request::{ForwardBody, OpeningBody, PlanBody, ReplyBody, ReplyPlanBody};
use crate::domain::user::Actor;
use crate::service::mailboxes::Mailboxes;
use crate::service::outbox::Outbox;
use crate::service::replies::{Accepted, Replies};

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
    let key = key_in(&headers)?;
    let accepted = replies
        .accept(&actor, conversation, body.into_request()?, key)
        .await
        .map_err(of_replies)?;
    taken(&outbox, accepted)
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
    State(outbox): State<Outbox>,
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
    taken(&outbox, accepted)
}

/// Shows a message to an outsider.
pub(super) async fn forward(
    State(replies): State<Replies>,
    State(outbox): State<Outbox>,
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
    taken(&outbox, accepted)
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

fn taken(outbox: &Outbox, accepted: Accepted) -> Result<Response, Problem> {
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
