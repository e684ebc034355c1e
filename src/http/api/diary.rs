//! `/mailboxes/{id}/log` and `/attempts`: what was said and tried at its servers.

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::body::{Asked, Body, PAGE_DEFAULT, Which};
use super::super::download;
use super::super::error::Problem;
use super::failure::of_mailboxes;
use super::json::diary::{AttemptBody, AttemptsBody, LogBody};
use super::lifecycle::found;
use crate::domain::user::Actor;
use crate::service::diary_reading::DiaryReading;
use crate::service::mailboxes::Mailboxes;

pub(super) async fn log(
    State(diary): State<DiaryReading>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<Json<LogBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let dialogues = diary.dialogues(&actor, id).map_err(of_mailboxes)?;
    Ok(Json(LogBody::new(&dialogues)))
}

/// The same as a file.
pub(super) async fn text(
    State(diary): State<DiaryReading>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<Response, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
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
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Body(body): Body<SwitchBody>,
) -> Result<Json<LogBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
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
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Asked(query): Asked<AttemptsQuery>,
) -> Result<Json<AttemptsBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
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
