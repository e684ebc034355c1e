//! `/mailboxes/probes`: trial connections that run by themselves, and their steps, as
//! JSON or as server-sent events while they happen. `/mailboxes/sign-ins`: signing in at
//! the provider first, with a code that is typed in any browser (RFC 8628).

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::body::{Asked, Body, Id, Which};
use super::super::error::Problem;
use super::super::steps::{Next, event, follow};
use super::super::streams::Streams;
use super::failure::{of_beginning, of_mailboxes, of_sign_in};
use super::json::mailbox::ProposalBody;
use super::json::probe::{AttemptBody, BegunBody, SignInBody, StepBody};
use crate::domain::key::PublicId;
use crate::domain::user::Actor;
use crate::service::connect::Connect;
use crate::service::connect::attempts::Progress;
use crate::service::mailboxes::Mailboxes;
use crate::service::signing_in::{Mark, Purpose, SigningIn};

/// What becomes of a trial that passes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeQuery {
    /// It is connected then.
    #[serde(default)]
    save: bool,
}

/// Begins a trial and answers with its id.
pub(super) async fn begin(
    State(connect): State<Connect>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<ProbeQuery>,
    Body(body): Body<ProposalBody>,
) -> Result<Response, Problem> {
    let wish = body.into_wish();
    let known = connect.known(&wish).await;
    let begun = if query.save {
        connect.begin(&actor, wish, known, None)
    } else {
        connect.begin_trial(&actor, wish, known)
    };
    let id = begun.map_err(of_beginning)?;
    let place = format!("/api/v1/mailboxes/probes/{id}");
    let body = Json(BegunBody::new(id));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], body).into_response())
}

/// How far it is; as a stream when the client asks for one.
pub(super) async fn get(
    State(connect): State<Connect>,
    State(streams): State<Streams>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let attempt = connect.attempt(&actor, id).ok_or_else(Problem::not_found)?;
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|one| one.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.contains("text/event-stream")) {
        return follow(attempt.progress, streams, &actor, next);
    }
    let progress = attempt.progress.borrow().clone();
    Ok(Json(AttemptBody::new(&progress)).into_response())
}

/// An event `step` for each step, at once those that are over, and `end` at the end.
fn next(progress: &Progress, told: usize) -> Next {
    if let Some(step) = progress.steps.get(told) {
        return Next::Tell(event("step", StepBody::new(step)));
    }
    if progress.end.is_some() {
        return Next::End(event("end", AttemptBody::new(progress)));
    }
    Next::Wait
}

/// Programs have no session of a browser: only a code brings their sign-ins to an end.
fn mark() -> Mark {
    Mark::of("api")
}

/// Begins the sign-in of a mailbox that is to be connected.
pub(super) async fn sign_in(
    State(connect): State<Connect>,
    State(signing_in): State<SigningIn>,
    Extension(actor): Extension<Actor>,
    Body(body): Body<ProposalBody>,
) -> Result<Response, Problem> {
    let wish = body.into_wish();
    let known = connect.known(&wish).await;
    let purpose = Purpose::Connect(Box::new((wish, known)));
    begin_sign_in(&signing_in, &actor, purpose).await
}

/// Who signs in, when that is another account than before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgainBody {
    account: Option<String>,
}

/// Begins the sign-in of a mailbox that is connected.
pub(super) async fn sign_in_again(
    State(mailboxes): State<Mailboxes>,
    State(signing_in): State<SigningIn>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Body(body): Body<AgainBody>,
) -> Result<Response, Problem> {
    let mailbox = mailboxes.find(&actor, &which).map_err(of_mailboxes)?.id;
    let account = body.account;
    let purpose = Purpose::Again { mailbox, account };
    begin_sign_in(&signing_in, &actor, purpose).await
}

async fn begin_sign_in(
    signing_in: &SigningIn,
    actor: &Actor,
    purpose: Purpose,
) -> Result<Response, Problem> {
    let id = signing_in.begin(actor, mark(), purpose, false);
    let id = id.map_err(of_sign_in)?;
    let begun = signing_in.begin_code(actor, mark(), id).await;
    begun.map_err(of_sign_in)?;
    let body = state(signing_in, actor, id)?;
    let place = format!("/api/v1/mailboxes/sign-ins/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(body)).into_response())
}

/// How a sign-in is doing.
pub(super) async fn sign_in_state(
    State(signing_in): State<SigningIn>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<SignInBody>, Problem> {
    Ok(Json(state(&signing_in, &actor, id)?))
}

fn state(signing_in: &SigningIn, actor: &Actor, id: PublicId) -> Result<SignInBody, Problem> {
    let shown = signing_in.show(actor, mark(), id).map_err(of_sign_in)?;
    let device = shown.device.as_ref().ok_or_else(Problem::not_found)?;
    let progress = device.borrow().clone();
    Ok(SignInBody::new(id, &shown.account, &progress))
}
