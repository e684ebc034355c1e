//! Replies on their way: the list, one, and what people say of it.

use axum::Json;
use axum::extract::{Extension, State};
use serde::Deserialize;

use super::super::body::{Asked, Id, PAGE_DEFAULT, id_in};
use super::super::error::Problem;
use super::failure::of_outbox;
use super::json::message::PageBody;
use super::json::outgoing::{OutgoingBody, OutgoingRow};
use crate::domain::key::PublicId;
use crate::domain::order::Order;
use crate::domain::user::Actor;
use crate::service::outbox::Outbox;

/// The query of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutboxQuery {
    state: Option<String>,
    mailbox: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<OutboxQuery>,
) -> Result<Json<PageBody<OutgoingRow>>, Problem> {
    let mailbox = query.mailbox.as_deref();
    let mailbox = mailbox.map(|text| id_in("mailbox", text)).transpose()?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    let (state, after) = (query.state.as_deref(), query.after.as_deref());
    let page = outbox
        .list(&actor, state, mailbox, after, limit)
        .map_err(of_outbox)?;
    Ok(Json(PageBody {
        items: page.items.iter().map(OutgoingRow::new).collect(),
        next: page.next,
    }))
}

pub(super) async fn get(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    let shown = outbox.get(&actor, id).map_err(of_outbox)?;
    Ok(Json(OutgoingBody::new(&shown)))
}

async fn order(
    outbox: &Outbox,
    actor: &Actor,
    id: PublicId,
    order: Order,
) -> Result<Json<OutgoingBody>, Problem> {
    let shown = outbox.order(actor, id, order).await.map_err(of_outbox)?;
    Ok(Json(OutgoingBody::new(&shown)))
}

pub(super) async fn cancel(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    order(&outbox, &actor, id, Order::Cancel).await
}

pub(super) async fn retry(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    order(&outbox, &actor, id, Order::Retry).await
}

pub(super) async fn arrived(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    order(&outbox, &actor, id, Order::Arrived).await
}

pub(super) async fn again(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    order(&outbox, &actor, id, Order::Again).await
}

/// Sends what a script held back.
pub(super) async fn release(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Json<OutgoingBody>, Problem> {
    let shown = outbox.release(&actor, id).await.map_err(of_outbox)?;
    Ok(Json(OutgoingBody::new(&shown)))
}
