//! `/conversations`: lists, one, its messages, changes and notes.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::{Json, response::IntoResponse};
use serde::Deserialize;

use super::super::body::{Asked, Body, Id, PAGE_DEFAULT, id_in};
use super::super::error::Problem;
use super::failure::of_conversations;
use super::json::conversation::{ConversationBody, CountsBody, EditBody, status_named};
use super::json::message::{MessageBody, PageBody};
use crate::domain::user::Actor;
use crate::service::conversations::{Conversations, Wanted};

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    status: Option<String>,
    mailbox: Option<String>,
    team: Option<String>,
    assignee: Option<String>,
    tag: Option<String>,
    #[serde(default)]
    spam: bool,
    after: Option<String>,
    limit: Option<usize>,
}

impl ListQuery {
    fn wanted(&self) -> Result<Wanted, Problem> {
        let id = |field: &str, text: &Option<String>| {
            text.as_deref().map(|text| id_in(field, text)).transpose()
        };
        Ok(Wanted {
            status: self.status.as_deref().map(status_named).transpose()?,
            mailbox: id("mailbox", &self.mailbox)?,
            team: id("team", &self.team)?,
            assignee: id("assignee", &self.assignee)?,
            tag: self
                .tag
                .as_deref()
                .map(super::json::conversation::tag_named)
                .transpose()?,
            spam: self.spam,
        })
    }
}

pub(super) async fn list(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<ListQuery>,
) -> Result<impl IntoResponse, Problem> {
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    let page = conversations
        .list(&actor, &query.wanted()?, query.after.as_deref(), limit)
        .map_err(of_conversations)?;
    Ok(Json(PageBody {
        items: page.items.iter().map(ConversationBody::new).collect(),
        next: page.next,
    }))
}

pub(super) async fn counts(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
) -> Result<impl IntoResponse, Problem> {
    let counts = conversations.counts(&actor).map_err(of_conversations)?;
    Ok(Json(CountsBody::new(&counts)))
}

pub(super) async fn get(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<impl IntoResponse, Problem> {
    let found = conversations.get(&actor, id).map_err(of_conversations)?;
    let mut body = ConversationBody::new(&found);
    if let Some(contact) = &found.contact {
        let troubles = conversations.troubles(contact).map_err(of_conversations)?;
        body = body.with_bounces(&troubles);
    }
    Ok(Json(body))
}

/// The query of a conversation's messages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessagesQuery {
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn messages(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Asked(query): Asked<MessagesQuery>,
) -> Result<impl IntoResponse, Problem> {
    let after = query
        .after
        .as_deref()
        .map(|text| id_in("after", text))
        .transpose()?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    let page = conversations
        .messages(&actor, id, after, limit)
        .map_err(of_conversations)?;
    let items = page
        .items
        .iter()
        .map(|message| {
            let read = conversations.extraction(message)?;
            let elsewhere = conversations.is_written_elsewhere(message)?;
            let body = MessageBody::new(message, id).elsewhere(elsewhere);
            Ok(body.read(read.as_ref()))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(of_conversations)?;
    Ok(Json(PageBody {
        items,
        next: page.next,
    }))
}

pub(super) async fn edit(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Body(body): Body<EditBody>,
) -> Result<impl IntoResponse, Problem> {
    let edited = conversations
        .edit(&actor, id, body.into_edit()?)
        .await
        .map_err(of_conversations)?;
    Ok(Json(ConversationBody::new(&edited)))
}

/// A note.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoteBody {
    text: String,
}

pub(super) async fn add_note(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Body(note): Body<NoteBody>,
) -> Result<impl IntoResponse, Problem> {
    let message = conversations
        .add_note(&actor, id, &note.text)
        .await
        .map_err(of_conversations)?;
    Ok((StatusCode::CREATED, Json(MessageBody::new(&message, id))))
}
