//! `/mailboxes`: connected addresses, trial connections, adding. What becomes of one
//! later is in `lifecycle`.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;

use super::super::body::{Body, Which};
use super::super::error::Problem;
use super::failure::{of_beginning, of_mailboxes, of_saving, of_wish};
use super::json::mailbox::{MailboxBody, ProposalBody};
use super::json::message::ItemsBody;
use super::json::probe::ProbeBody;
use crate::domain::mailbox::MailboxHealth;
use crate::domain::user::Actor;
use crate::service::connect::Connect;
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
    Which(which): Which,
) -> Result<Json<MailboxBody>, Problem> {
    let id = mailboxes.find(&actor, &which).map_err(of_mailboxes)?.id;
    let (mailbox, health) = mailboxes.get(&actor, id).map_err(of_mailboxes)?;
    Ok(Json(MailboxBody::new(&mailbox, &health)))
}

/// Tries the connection and, when every step passes, saves it.
pub(super) async fn add(
    State(connect): State<Connect>,
    Extension(actor): Extension<Actor>,
    Body(body): Body<ProposalBody>,
) -> Result<(StatusCode, Json<MailboxBody>), Problem> {
    let _place = connect.place(&actor).map_err(of_beginning)?;
    let wish = body.into_wish();
    let proposal = connect
        .propose(&wish, &connect.known(&wish).await)
        .map_err(of_wish)?;
    let mailbox = connect
        .save(&actor, proposal, |_| ())
        .await
        .map_err(of_saving)?;
    let health = MailboxHealth {
        receiving_address: connect.receiving_address(&mailbox),
        ..MailboxHealth::default()
    };
    let body = MailboxBody::new(&mailbox, &health);
    Ok((StatusCode::CREATED, Json(body)))
}

/// Tries a connection; saves nothing. A failed step is an answer, not an error.
pub(super) async fn probe(
    State(connect): State<Connect>,
    Extension(actor): Extension<Actor>,
    Body(body): Body<ProposalBody>,
) -> Result<Json<ProbeBody>, Problem> {
    let _place = connect.place(&actor).map_err(of_beginning)?;
    let wish = body.into_wish();
    let proposal = connect
        .propose(&wish, &connect.known(&wish).await)
        .map_err(of_wish)?;
    let steps = connect.probe(&actor, &proposal, |_| ()).await;
    let steps = steps.map_err(of_saving)?;
    Ok(Json(ProbeBody::new(&steps)))
}
