//! `/mailboxes/{id}/doctor`: examining a mailbox, and what was found, as JSON or as
//! server-sent events while it is measured.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::body::Which;
use super::super::error::Problem;
use super::super::steps::{Next, event, follow};
use super::super::streams::Streams;
use super::failure::of_mailboxes;
use super::json::doctor::{ExaminationBody, FindingBody};
use crate::domain::user::Actor;
use crate::service::doctor::{Doctor, Examination};
use crate::service::mailboxes::Mailboxes;

/// Begins an examination, or answers with the one that runs.
pub(super) async fn begin(
    State(doctor): State<Doctor>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<(StatusCode, Json<ExaminationBody>), Problem> {
    let id = mailboxes.find(&actor, &which).map_err(of_mailboxes)?.id;
    let (_, begun) = doctor.begin(&actor, id).map_err(of_mailboxes)?;
    let body = ExaminationBody::new(&begun.borrow());
    Ok((StatusCode::ACCEPTED, Json(body)))
}

/// The last examination since the gateway started.
pub(super) async fn get(
    State(doctor): State<Doctor>,
    State(mailboxes): State<Mailboxes>,
    State(streams): State<Streams>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = mailboxes.find(&actor, &which).map_err(of_mailboxes)?.id;
    let (_, last) = doctor.last(&actor, id).map_err(of_mailboxes)?;
    let last = last.ok_or_else(Problem::not_found)?;
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|one| one.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.contains("text/event-stream")) {
        return follow(last, streams, &actor, next);
    }
    let body = ExaminationBody::new(&last.borrow());
    Ok(Json(body).into_response())
}

/// An event `finding` for each, at once those that are there, and `end` at the end.
fn next(examination: &Examination, told: usize) -> Next {
    if let Some(finding) = examination.findings.get(told) {
        return Next::Tell(event("finding", FindingBody::new(finding)));
    }
    if examination.is_over {
        return Next::End(event("end", ExaminationBody::new(examination)));
    }
    Next::Wait
}
