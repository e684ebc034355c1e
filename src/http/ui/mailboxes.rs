//! The mailboxes: how each is doing, with look-now and the switch.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::response::{Redirect, Response};

use super::super::api::of_mailboxes;
use super::super::body::Id;
use super::super::error::Problem;
use super::conversation::BareForm;
use super::page::{Frame, render};
use super::view::mailbox::MailboxView;
use crate::domain::user::{Actor, Role};
use crate::service::mailboxes::Mailboxes;

#[derive(Template)]
#[template(path = "mailboxes.html")]
struct MailboxesPage {
    frame: Frame,
    mailboxes: Vec<MailboxView>,
    /// The reader may switch mailboxes off and on.
    manages: bool,
}

pub(super) async fn list(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
) -> Result<Response, Problem> {
    let all = mailboxes.list(&actor).map_err(of_mailboxes)?;
    Ok(render(&MailboxesPage {
        frame,
        mailboxes: all
            .iter()
            .map(|(mailbox, health)| MailboxView::new(mailbox, health))
            .collect(),
        manages: actor.may(Role::Manager, actor.workspace()),
    }))
}

pub(super) async fn refresh(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Redirect, Problem> {
    frame.session.check(&form.form_token)?;
    mailboxes.refresh(&actor, id).map_err(of_mailboxes)?;
    Ok(Redirect::to("/mailboxes"))
}

pub(super) async fn offline(
    mailboxes: State<Mailboxes>,
    actor: Extension<Actor>,
    id: Id,
    frame: Frame,
    form: Form<BareForm>,
) -> Result<Redirect, Problem> {
    switch(mailboxes, actor, id, frame, form, true).await
}

pub(super) async fn online(
    mailboxes: State<Mailboxes>,
    actor: Extension<Actor>,
    id: Id,
    frame: Frame,
    form: Form<BareForm>,
) -> Result<Redirect, Problem> {
    switch(mailboxes, actor, id, frame, form, false).await
}

async fn switch(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
    offline: bool,
) -> Result<Redirect, Problem> {
    frame.session.check(&form.form_token)?;
    mailboxes
        .set_offline(&actor, id, offline)
        .await
        .map_err(of_mailboxes)?;
    Ok(Redirect::to("/mailboxes"))
}
