//! `/scripts/source`: one file with its line numbers, as it is or as a version had it that
//! decided on a mail.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::super::api::{of_console, of_editing};
use super::super::super::body::Asked;
use super::super::super::error::Problem;
use super::super::page::{Frame, render};
use super::{Desk, must_be_operator};
use crate::domain::user::Actor;
use crate::wire::decision::version_of;

/// The query.
#[derive(Debug, Deserialize)]
pub(in crate::http::ui) struct SourceQuery {
    file: String,
    /// Of a decision; the file in the folder when absent.
    #[serde(default)]
    version: String,
}

#[derive(Template)]
#[template(path = "script_source.html")]
struct SourcePage {
    frame: Frame,
    file: String,
    /// Of a decision.
    version: Option<String>,
    lines: Vec<String>,
    may_edit: bool,
}

pub(in crate::http::ui) async fn show(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<SourceQuery>,
    frame: Frame,
) -> Result<Response, Problem> {
    must_be_operator(&actor)?;
    let text = if query.version.is_empty() {
        let found = desk.console.text(&actor, &query.file).await;
        found.map_err(of_console)?
    } else {
        let version = version_of(&query.version).ok_or_else(Problem::not_found)?;
        let found = desk.editing.version(&actor, version);
        let files = found.map_err(of_editing)?.files;
        let found = files.into_iter().find(|(name, _)| *name == query.file);
        found.map(|(_, text)| text)
    };
    let text = text.ok_or_else(Problem::not_found)?;
    Ok(render(&SourcePage {
        version: Some(query.version).filter(|version| !version.is_empty()),
        lines: text.lines().map(str::to_owned).collect(),
        may_edit: desk.editing.may_edit(&actor),
        file: query.file,
        frame,
    }))
}
