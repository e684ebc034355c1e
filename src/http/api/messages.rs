//! `/messages`: one, its exact bytes, its text, its files, the decisions on it.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::IntoResponse;

use super::super::body::Id;
use super::super::download;
use super::super::error::Problem;
use super::failure::of_conversations;
use super::json::decision::DecisionBody;
use super::json::message::{ItemsBody, MessageBody, TextBody};
use crate::domain::decision::Decision;
use crate::domain::user::Actor;
use crate::service::conversations::Conversations;

pub(super) async fn get(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<impl IntoResponse, Problem> {
    let message = conversations
        .message(&actor, id)
        .map_err(of_conversations)?;
    let conversation = conversations
        .conversation_of(&message)
        .map_err(of_conversations)?;
    let found = conversations
        .authentication(&message)
        .map_err(of_conversations)?;
    let elsewhere = conversations
        .is_written_elsewhere(&message)
        .map_err(of_conversations)?;
    let body = MessageBody::new(&message, conversation.id).elsewhere(elsewhere);
    let read = conversations
        .extraction(&message)
        .map_err(of_conversations)?;
    Ok(Json(body.checked(found.as_ref()).read(read.as_ref())))
}

pub(super) async fn raw(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<impl IntoResponse, Problem> {
    let raw = conversations.raw(&actor, id).map_err(of_conversations)?;
    Ok(download::raw(conversations, raw, &id.to_string()))
}

pub(super) async fn text(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<impl IntoResponse, Problem> {
    let message = conversations
        .message(&actor, id)
        .map_err(of_conversations)?;
    let text = conversations.text(&message).map_err(of_conversations)?;
    Ok(Json(TextBody::new(&text)))
}

pub(super) async fn decisions(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<impl IntoResponse, Problem> {
    let decisions = conversations
        .decisions(&actor, id)
        .map_err(of_conversations)?;
    let body = |decision: &Decision| {
        let reason = conversations.reason_of(decision)?;
        Ok(DecisionBody::new(decision, reason.as_ref()))
    };
    let items: Result<Vec<_>, _> = decisions.iter().map(body).collect();
    let items = items.map_err(of_conversations)?;
    Ok(Json(ItemsBody { items }))
}

pub(super) async fn attachment(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Path((_, place)): Path<(String, usize)>,
) -> Result<impl IntoResponse, Problem> {
    let file = conversations
        .file(&actor, id, place)
        .map_err(of_conversations)?;
    Ok(download::file(file))
}
