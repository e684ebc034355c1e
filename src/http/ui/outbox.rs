//! The outbox, and what people say of a reply on its way, here and on the page of its
//! conversation.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Query, State};
use axum::response::{Redirect, Response};
use serde::Deserialize;

use super::super::api::of_outbox;
use super::super::body::Id;
use super::super::error::Problem;
use super::language::Words;
use super::page::{Frame, render};
use super::view::Moment;
use super::view::outgoing::OutgoingView;
use crate::domain::address::NamedAddress;
use crate::domain::key::PublicId;
use crate::domain::order::Order;
use crate::domain::user::Actor;
use crate::service::outbox::{ALL_OPEN, Outbox, Shown};

/// Replies of one page.
const PAGE: usize = 50;
/// Everything, as the query says it.
const ALL: &str = "all";
/// What can be chosen.
const STATES: [&str; 8] = [
    ALL_OPEN,
    "scheduled",
    "deferred",
    "uncertain",
    "failed",
    "bounced",
    "sent",
    ALL,
];

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    frame: Frame,
    states: [&'static str; 8],
    state: String,
    rows: Vec<Row>,
    next: Option<String>,
}

/// A reply of the list.
struct Row {
    outgoing: OutgoingView,
    conversation: Option<(String, u64)>,
    mailbox: String,
    to: String,
    subject: String,
    accepted_at: Moment,
}

impl Row {
    fn new(shown: &Shown, words: Words) -> Self {
        let outgoing = &shown.outgoing;
        let to = outgoing.to.iter().map(NamedAddress::shown);
        let mailbox = shown.mailbox.as_ref();
        Self {
            outgoing: OutgoingView::new(shown, words),
            conversation: shown
                .conversation
                .map(|(id, number)| (id.to_string(), number)),
            mailbox: mailbox
                .map(|mailbox| mailbox.settings.name.clone())
                .unwrap_or_default(),
            to: to.collect::<Vec<_>>().join(", "),
            subject: outgoing.subject.clone(),
            accepted_at: Moment::new(outgoing.accepted_at),
        }
    }
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: Option<String>,
    after: Option<String>,
}

pub(super) async fn show(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Query(asked): Query<Asked>,
    frame: Frame,
) -> Result<Response, Problem> {
    let state = asked.state.unwrap_or_else(|| ALL_OPEN.to_owned());
    let only = Some(state.as_str()).filter(|state| *state != ALL);
    let page = outbox
        .list(&actor, only, None, asked.after.as_deref(), PAGE)
        .map_err(of_outbox)?;
    let rows = page.items.iter().map(|one| Row::new(one, frame.words));
    Ok(render(&OutboxPage {
        states: STATES,
        rows: rows.collect(),
        next: page.next,
        state,
        frame,
    }))
}

/// A word on a reply.
#[derive(Debug, Deserialize)]
pub(super) struct OrderForm {
    form_token: String,
    /// `outbox`, when it was said there.
    #[serde(default)]
    at: String,
    /// Its text shall come back to where it was written.
    #[serde(default)]
    undo: bool,
}

impl OrderForm {
    fn back(&self, shown: &Shown) -> Redirect {
        match shown.conversation {
            Some((place, _)) if self.undo => {
                let undone = shown.outgoing.id;
                Redirect::to(&format!("/conversations/{place}?undone={undone}#reply"))
            }
            Some((place, _)) if self.at != "outbox" => {
                Redirect::to(&format!("/conversations/{place}#last"))
            }
            _ => Redirect::to("/outbox"),
        }
    }
}

async fn order(
    outbox: &Outbox,
    actor: &Actor,
    id: PublicId,
    frame: &Frame,
    form: &OrderForm,
    order: Order,
) -> Result<Redirect, Problem> {
    frame.session.check(&form.form_token)?;
    let shown = outbox.order(actor, id, order).await.map_err(of_outbox)?;
    Ok(form.back(&shown))
}

pub(super) async fn cancel(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<OrderForm>,
) -> Result<Redirect, Problem> {
    order(&outbox, &actor, id, &frame, &form, Order::Cancel).await
}

pub(super) async fn retry(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<OrderForm>,
) -> Result<Redirect, Problem> {
    order(&outbox, &actor, id, &frame, &form, Order::Retry).await
}

pub(super) async fn arrived(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<OrderForm>,
) -> Result<Redirect, Problem> {
    order(&outbox, &actor, id, &frame, &form, Order::Arrived).await
}

pub(super) async fn again(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<OrderForm>,
) -> Result<Redirect, Problem> {
    order(&outbox, &actor, id, &frame, &form, Order::Again).await
}

/// Sends what a script held back.
pub(super) async fn release(
    State(outbox): State<Outbox>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<OrderForm>,
) -> Result<Redirect, Problem> {
    frame.session.check(&form.form_token)?;
    let shown = outbox.release(&actor, id).await.map_err(of_outbox)?;
    Ok(form.back(&shown))
}
