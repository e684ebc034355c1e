//! `/mailboxes/{id}`: a connected mailbox is changed, switched, given a login,
//! exported, removed. It is named by its id, its slug or its address.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::body::{Asked, Body, Which};
use super::super::download;
use super::super::error::Problem;
use super::failure::{of_links, of_mailboxes};
use super::json::change::{ChangeBody, ChangedBody, LoginsBody};
use super::json::mailbox::MailboxBody;
use crate::domain::key::PublicId;
use crate::domain::user::Actor;
use crate::service::mailboxes::{Changed, Mailboxes, Removal};
use crate::service::reauthentication::Links;

pub(super) fn found(
    mailboxes: &Mailboxes,
    actor: &Actor,
    which: &str,
) -> Result<PublicId, Problem> {
    let found = mailboxes.find(actor, which);
    Ok(found.map_err(of_mailboxes)?.id)
}

fn shown(mailboxes: &Mailboxes, actor: &Actor, id: PublicId) -> Result<MailboxBody, Problem> {
    let (mailbox, health) = mailboxes.get(actor, id).map_err(of_mailboxes)?;
    Ok(MailboxBody::new(&mailbox, &health))
}

fn changed(
    mailboxes: &Mailboxes,
    actor: &Actor,
    changed: Changed,
) -> Result<Json<ChangedBody>, Problem> {
    let mailbox = shown(mailboxes, actor, changed.mailbox.id)?;
    Ok(Json(ChangedBody::new(mailbox, changed.reading)))
}

/// Changes what the body names; servers, address and logins are tried first.
pub(super) async fn edit(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Body(body): Body<ChangeBody>,
) -> Result<Json<ChangedBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let edit = body.into_edit();
    let done = mailboxes.edit(&actor, id, edit, |_| ()).await;
    changed(&mailboxes, &actor, done.map_err(of_mailboxes)?)
}

/// Another receiving address; the one before is good for some days more.
pub(super) async fn rotate_address(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<Json<MailboxBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let rotated = mailboxes.rotate_address(&actor, id).await;
    rotated.map_err(of_mailboxes)?;
    Ok(Json(shown(&mailboxes, &actor, id)?))
}

pub(super) async fn unbind(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<Json<MailboxBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    mailboxes.unbind(&actor, id).await.map_err(of_mailboxes)?;
    Ok(Json(shown(&mailboxes, &actor, id)?))
}

pub(super) async fn bind(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Body(body): Body<LoginsBody>,
) -> Result<Json<ChangedBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let done = mailboxes.bind(&actor, id, body.into(), |_| ()).await;
    changed(&mailboxes, &actor, done.map_err(of_mailboxes)?)
}

/// With an empty body the stored login is tried again.
pub(super) async fn reauthenticate(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Body(body): Body<LoginsBody>,
) -> Result<Json<ChangedBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let done = mailboxes
        .reauthenticate(&actor, id, body.into(), |_| ())
        .await;
    changed(&mailboxes, &actor, done.map_err(of_mailboxes)?)
}

/// A link by which somebody gives a mailbox a new login. It is told once.
#[derive(Serialize)]
pub(super) struct LinkBody {
    url: String,
    expires_at: String,
}

/// Makes such a link.
pub(super) async fn make_link(
    State(mailboxes): State<Mailboxes>,
    State(links): State<Links>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<(StatusCode, Json<LinkBody>), Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let made = links.make(&actor, id).await.map_err(of_links)?;
    let body = LinkBody {
        url: made.url.expose().to_owned(),
        expires_at: made.expires_at.to_string(),
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// The query of a removal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RemovalQuery {
    /// The mailbox's address, as a sign that the loss is meant.
    confirm: Option<String>,
    #[serde(default)]
    with_conversations: bool,
}

pub(super) async fn remove(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Asked(query): Asked<RemovalQuery>,
) -> Result<StatusCode, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let removal = Removal {
        confirmed: query.confirm,
        with_conversations: query.with_conversations,
    };
    mailboxes
        .remove(&actor, id, &removal)
        .await
        .map_err(of_mailboxes)?;
    Ok(StatusCode::NO_CONTENT)
}

/// All its mails as one mbox file.
pub(super) async fn export(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<Response, Problem> {
    let mailbox = mailboxes.find(&actor, &which).map_err(of_mailboxes)?;
    let export = mailboxes.export(&actor, mailbox.id).map_err(of_mailboxes)?;
    Ok(download::mbox(export, mailbox.settings.slug.as_str()))
}

pub(super) async fn refresh(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<StatusCode, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    mailboxes.refresh(&actor, id).map_err(of_mailboxes)?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn offline(
    mailboxes: State<Mailboxes>,
    actor: Extension<Actor>,
    which: Which,
) -> Result<Json<MailboxBody>, Problem> {
    switch(mailboxes, actor, which, true).await
}

pub(super) async fn online(
    mailboxes: State<Mailboxes>,
    actor: Extension<Actor>,
    which: Which,
) -> Result<Json<MailboxBody>, Problem> {
    switch(mailboxes, actor, which, false).await
}

async fn switch(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    offline: bool,
) -> Result<Json<MailboxBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    mailboxes
        .set_offline(&actor, id, offline)
        .await
        .map_err(of_mailboxes)?;
    Ok(Json(shown(&mailboxes, &actor, id)?))
}
