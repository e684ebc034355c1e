//! `/conversations/{id}/merge`, `/conversations/{id}/split`, and what they did.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::{Json, response::IntoResponse};
use serde::{Deserialize, Serialize};

use super::super::body::{Body, Id, id_in};
use super::super::error::Problem;
use super::failure::of_conversations;
use crate::domain::conversation::Conversation;
use crate::domain::key::PublicId;
use crate::domain::regrouping::RegroupingKind;
use crate::domain::user::Actor;
use crate::service::conversations::Conversations;
use crate::service::conversations::regrouping::Act;

/// An act.
#[derive(Debug, Serialize)]
struct ActBody {
    id: String,
    kind: &'static str,
    /// Where the messages stood.
    from: Option<PlaceBody>,
    /// Where they went.
    into: Option<PlaceBody>,
    message_count: usize,
    at: String,
    by: Option<String>,
    undone_at: Option<String>,
}

/// A conversation, in short.
#[derive(Debug, Serialize)]
struct PlaceBody {
    id: String,
    number: u64,
    subject: String,
}

impl PlaceBody {
    fn new(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.to_string(),
            number: conversation.number,
            subject: conversation.subject.clone(),
        }
    }
}

impl ActBody {
    fn new(act: &Act) -> Self {
        let regrouping = &act.regrouping;
        Self {
            id: regrouping.id.to_string(),
            kind: kind_name(regrouping.kind),
            from: act.from.as_ref().map(PlaceBody::new),
            into: act.into.as_ref().map(PlaceBody::new),
            message_count: regrouping.messages.len(),
            at: regrouping.at.to_string(),
            by: act.by.as_ref().map(|user| user.name.clone()),
            undone_at: regrouping.undone_at.map(|at| at.to_string()),
        }
    }
}

fn kind_name(kind: RegroupingKind) -> &'static str {
    match kind {
        RegroupingKind::Merge => "merge",
        RegroupingKind::Split => "split",
    }
}

/// What goes into the conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeBody {
    conversation: String,
}

pub(super) async fn merge(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Body(body): Body<MergeBody>,
) -> Result<impl IntoResponse, Problem> {
    let other = id_in("conversation", &body.conversation)?;
    let act = conversations
        .merge(&actor, id, other)
        .await
        .map_err(of_conversations)?;
    Ok(Json(ActBody::new(&act)))
}

/// What leaves the conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SplitBody {
    messages: Vec<String>,
}

pub(super) async fn split(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Body(body): Body<SplitBody>,
) -> Result<impl IntoResponse, Problem> {
    let messages = body
        .messages
        .iter()
        .map(|text| id_in("messages", text))
        .collect::<Result<Vec<PublicId>, Problem>>()?;
    let act = conversations
        .split(&actor, id, &messages)
        .await
        .map_err(of_conversations)?;
    Ok((StatusCode::CREATED, Json(ActBody::new(&act))))
}

pub(super) async fn list(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<impl IntoResponse, Problem> {
    let acts = conversations
        .regroupings(&actor, id)
        .map_err(of_conversations)?;
    let items: Vec<ActBody> = acts.iter().map(ActBody::new).collect();
    Ok(Json(serde_json::json!({ "items": items })))
}

pub(super) async fn undo(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<impl IntoResponse, Problem> {
    let act = conversations
        .undo_regrouping(&actor, id)
        .await
        .map_err(of_conversations)?;
    Ok(Json(ActBody::new(&act)))
}
