//! `/scripts/decisions`: the mails in whose decision a line took part.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::super::api::of_conversations;
use super::super::super::body::{Asked, PAGE_DEFAULT};
use super::super::super::error::Problem;
use super::super::page::{Frame, render};
use super::super::view::Moment;
use crate::domain::address::NamedAddress;
use crate::domain::answered::in_words;
use crate::domain::user::Actor;
use crate::service::conversations::Conversations;
use crate::service::conversations::decided::Decided;
use crate::wire::decision::hexadecimal;

/// The query.
#[derive(Debug, Deserialize)]
pub(in crate::http::ui) struct LineQuery {
    file: String,
    line: u32,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "script_decisions.html")]
struct DecisionsPage {
    frame: Frame,
    file: String,
    line: u32,
    rows: Vec<Row>,
    next: Option<String>,
}

/// A mail.
struct Row {
    conversation: String,
    number: u64,
    message: String,
    subject: String,
    from: String,
    at: Moment,
    words: String,
    /// Which version that was.
    version: Option<String>,
}

pub(in crate::http::ui) async fn show(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<LineQuery>,
    frame: Frame,
) -> Result<Response, Problem> {
    let page = conversations
        .decided_by(
            &actor,
            &query.file,
            query.line,
            query.before.as_deref(),
            PAGE_DEFAULT,
        )
        .map_err(of_conversations)?;
    Ok(render(&DecisionsPage {
        rows: page.items.iter().map(row).collect(),
        next: page.next,
        file: query.file,
        line: query.line,
        frame,
    }))
}

fn row(decided: &Decided) -> Row {
    let head = &decided.message.head;
    let from = head.from.as_ref().map(NamedAddress::shown);
    let version = decided.decision.version;
    Row {
        conversation: decided.conversation.id.to_string(),
        number: decided.conversation.number,
        message: decided.message.id.to_string(),
        subject: head.subject.clone(),
        from: from.unwrap_or_default().to_owned(),
        at: Moment::new(decided.decision.at),
        words: in_words(&decided.decision.routing),
        version: version.map(|version| hexadecimal(&version.0)),
    }
}
