//! `/mailboxes/{id}/log` and `/attempts`: what was said and tried at its servers.

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::body::{Asked, Body, Id, PAGE_DEFAULT};
use super::super::download;
use super::super::error::Problem;
use super::failure::of_mailboxes;
use super::json::diary::{AttemptBody, AttemptsBody, LogBody};
use crate::domain::user::Actor;
use crate::service::diary_reading::DiaryReading;

pub(super) async fn log(
    State(diary): State<DiaryReading>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<LogBody>, Problem> {
    let dialogues = diary.dialogues(&actor, id).map_err(of_mailboxes)?;
    Ok(Json(LogBody::new(&dialogues)))
}

/// The same as a file.
pub(super) async fn text(
    State(diary): State<DiaryReading>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let dialogues = diary.dialogues(&actor, id).map_err(of_mailboxes)?;
    let lines = dialogues.lines.iter().map(|line| format!("{line}\n"));
    let name = format!("{}.log.txt", dialogues.mailbox.settings.slug);
    Ok(download::text(lines.collect(), &name))
}

/// What the switch is set to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchBody {
    on: bool,
}

pub(super) async fn switch(
    State(diary): State<DiaryReading>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Body(body): Body<SwitchBody>,
) -> Result<Json<LogBody>, Problem> {
    diary.switch(&actor, id, body.on).map_err(of_mailboxes)?;
    let dialogues = diary.dialogues(&actor, id).map_err(of_mailboxes)?;
    Ok(Json(LogBody::new(&dialogues)))
}

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttemptsQuery {
    /// Rows before this number.
    before: Option<u64>,
    limit: Option<usize>,
}

pub(super) async fn attempts(
    State(diary): State<DiaryReading>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Asked(query): Asked<AttemptsQuery>,
) -> Result<Json<AttemptsBody>, Problem> {
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    let rows = diary
        .attempts(&actor, id, query.before, limit)
        .map_err(of_mailboxes)?;
    Ok(Json(AttemptsBody {
        next: (rows.len() >= limit)
            .then(|| rows.last().map(|(number, _)| *number))
            .flatten(),
        items: rows.iter().map(|(_, row)| AttemptBody::new(row)).collect(),
    }))
}
