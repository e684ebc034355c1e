//! `/decisions`: which mails a line of a script decided.

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::super::body::{Asked, PAGE_DEFAULT};
use super::super::error::Problem;
use super::failure::of_conversations;
use super::json::decision::DecidedBody;
use super::json::message::PageBody;
use crate::domain::user::Actor;
use crate::service::conversations::Conversations;
use crate::service::conversations::decided::Decided;

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LineQuery {
    file: String,
    line: u32,
    before: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn by_line(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<LineQuery>,
) -> Result<impl IntoResponse, Problem> {
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    let before = query.before.as_deref();
    let page = conversations
        .decided_by(&actor, &query.file, query.line, before, limit)
        .map_err(of_conversations)?;
    let body = |decided: &Decided| {
        let reason = conversations.reason_of(&decided.decision)?;
        Ok(DecidedBody::new(decided, reason.as_ref()))
    };
    let items: Result<Vec<_>, _> = page.items.iter().map(body).collect();
    Ok(Json(PageBody {
        items: items.map_err(of_conversations)?,
        next: page.next,
    }))
}
