//! `/mailboxes`: connected addresses, trial connections, adding and removing.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;

use super::super::body::{Body, Id};
use super::super::error::Problem;
use super::failure::{of_mailboxes, of_saving, of_wish};
use super::json::mailbox::{MailboxBody, ProbeBody, ProposalBody};
use super::json::message::ItemsBody;
use crate::domain::mailbox::MailboxHealth;
use crate::domain::user::Actor;
use crate::service::connect::Connect;
use crate::service::connect::wish::Known;
use crate::service::mailboxes::Mailboxes;

pub(super) async fn list(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<ItemsBody<MailboxBody>>, Problem> {
    let all = mailboxes.list(&actor).map_err(of_mailboxes)?;
    Ok(Json(ItemsBody {
        items: all
            .iter()
            .map(|(mailbox, health)| MailboxBody::new(mailbox, health))
            .collect(),
    }))
}

pub(super) async fn get(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<MailboxBody>, Problem> {
    let (mailbox, health) = mailboxes.get(&actor, id).map_err(of_mailboxes)?;
    Ok(Json(MailboxBody::new(&mailbox, &health)))
}

/// Tries the connection and, when every step passes, saves it.
pub(super) async fn add(
    State(connect): State<Connect>,
    Extension(actor): Extension<Actor>,
    Body(body): Body<ProposalBody>,
) -> Result<(StatusCode, Json<MailboxBody>), Problem> {
    let wish = body.into_wish();
    let proposal = connect.propose(&wish, &Known::default()).map_err(of_wish)?;
    let mailbox = connect
        .save(&actor, proposal, |_| ())
        .await
        .map_err(of_saving)?;
    Ok((
        StatusCode::CREATED,
        Json(MailboxBody::new(&mailbox, &MailboxHealth::default())),
    ))
}

/// Tries a connection; saves nothing. A failed step is an answer, not an error.
pub(super) async fn probe(
    State(connect): State<Connect>,
    Extension(actor): Extension<Actor>,
    Body(body): Body<ProposalBody>,
) -> Result<Json<ProbeBody>, Problem> {
    let wish = body.into_wish();
    let proposal = connect.propose(&wish, &Known::default()).map_err(of_wish)?;
    let steps = connect.probe(&actor, &proposal, |_| ()).await;
    let steps = steps.map_err(of_saving)?;
    Ok(Json(ProbeBody::new(&steps)))
}

pub(super) async fn remove(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    mailboxes.remove(&actor, id).await.map_err(of_mailboxes)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn refresh(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    mailboxes.refresh(&actor, id).map_err(of_mailboxes)?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn offline(
    mailboxes: State<Mailboxes>,
    actor: Extension<Actor>,
    id: Id,
) -> Result<Json<MailboxBody>, Problem> {
    switch(mailboxes, actor, id, true).await
}

pub(super) async fn online(
    mailboxes: State<Mailboxes>,
    actor: Extension<Actor>,
    id: Id,
) -> Result<Json<MailboxBody>, Problem> {
    switch(mailboxes, actor, id, false).await
}

async fn switch(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    offline: bool,
) -> Result<Json<MailboxBody>, Problem> {
    mailboxes
        .set_offline(&actor, id, offline)
        .await
        .map_err(of_mailboxes)?;
    let (mailbox, health) = mailboxes.get(&actor, id).map_err(of_mailboxes)?;
    Ok(Json(MailboxBody::new(&mailbox, &health)))
}
