//! `/mailboxes/{id}/test` and `/canary`: mails a mailbox sends to itself.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::super::body::{Body, Which};
use super::super::error::Problem;
use super::failure::{of_canary, of_mailboxes, of_proving};
use super::json::proof::ProofsBody;
use super::lifecycle::found;
use crate::domain::user::Actor;
use crate::service::mailboxes::Mailboxes;
use crate::service::proving::Proving;

pub(super) async fn get(
    State(proving): State<Proving>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<Json<ProofsBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let proofs = proving.proofs(&actor, id).map_err(of_mailboxes)?;
    Ok(Json(ProofsBody::new(&proofs)))
}

/// Sends a test mail; what comes of it is read with GET, or told by `mailbox.changed`.
pub(super) async fn start(
    State(proving): State<Proving>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<(StatusCode, Json<ProofsBody>), Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    proving.start(&actor, id).await.map_err(of_proving)?;
    let proofs = proving.proofs(&actor, id).map_err(of_mailboxes)?;
    Ok((StatusCode::ACCEPTED, Json(ProofsBody::new(&proofs))))
}

/// How often the canary flies; `null` ends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryAsked {
    every_seconds: Option<u64>,
}

pub(super) async fn set_canary(
    State(proving): State<Proving>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Body(body): Body<CanaryAsked>,
) -> Result<Json<ProofsBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let every = body.every_seconds.map(Duration::from_secs);
    let set = proving.set_canary(&actor, id, every).await;
    set.map_err(of_canary)?;
    let proofs = proving.proofs(&actor, id).map_err(of_mailboxes)?;
    Ok(Json(ProofsBody::new(&proofs)))
}
