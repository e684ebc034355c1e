//! The mailboxes: how each is doing, with look-now, the switch, and a field for a
//! new password. Settings and removal are in `mailbox`.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, FromRef, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::api::{of_links, of_mailboxes};
use super::super::body::Id;
use super::super::error::Problem;
use super::super::handles::Wired;
use super::conversation::BareForm;
use super::language::Words;
use super::page::{Frame, render};
use super::view::mailbox::{LinkView, MailboxView, OverlayLine};
use super::view::marks::said;
use crate::domain::key::PublicId;
use crate::domain::mailbox::Mailbox;
use crate::domain::secret::Secret;
use crate::domain::user::{Actor, Role};
use crate::service::alerts::{Alerts, Worry};
use crate::service::mailboxes::{Changed, GivenLogins, MailboxError, Mailboxes};
use crate::service::oauth_clients::NoSignIn;
use crate::service::presets::Presets;
use crate::service::reauthentication::{Links, MadeLink};
use crate::service::signing_in::SigningIn;

#[derive(Template)]
#[template(path = "mailboxes.html")]
struct MailboxesPage {
    frame: Frame,
    mailboxes: Vec<MailboxView>,
    /// The reader may change mailboxes.
    manages: bool,
    /// Why people would not hear of a sick mailbox.
    worries: Vec<Worry>,
}

/// What the list is made of.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    mailboxes: Mailboxes,
    signing_in: SigningIn,
    alerts: Alerts,
    links: Links,
    presets: Presets,
}

impl FromRef<Wired> for Desk {
    fn from_ref(wired: &Wired) -> Self {
        Self {
            mailboxes: Mailboxes::from_ref(wired),
            signing_in: SigningIn::from_ref(wired),
            alerts: Alerts::from_ref(wired),
            links: Links::from_ref(wired),
            presets: Presets::from_ref(wired),
        }
    }
}

pub(super) async fn list(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
) -> Result<Response, Problem> {
    page(&desk, &actor, frame, None)
}

/// What stands at a mailbox after something was asked of it.
enum Remark {
    /// Why it was not done.
    Notice(String),
    /// A link that was made.
    Link(MadeLink),
}

/// The page; with words for one of the mailboxes when something was not done.
fn page(
    desk: &Desk,
    actor: &Actor,
    frame: Frame,
    remark: Option<(PublicId, Remark)>,
) -> Result<Response, Problem> {
    let all = desk.mailboxes.list(actor).map_err(of_mailboxes)?;
    let worries = desk.alerts.worries(actor);
    let mut views: Vec<MailboxView> = all
        .iter()
        .map(|(mailbox, health)| MailboxView {
            signs_in: signs_in(&desk.signing_in, mailbox),
            overlay: overlay_of(&desk.presets, frame.words, mailbox),
            ..MailboxView::new(mailbox, health, frame.words)
        })
        .collect();
    if let Some((id, remark)) = remark {
        let id = id.to_string();
        if let Some(view) = views.iter_mut().find(|view| view.id == id) {
            match remark {
                Remark::Notice(words) => view.notice = Some(words),
                Remark::Link(made) => {
                    view.link = Some(LinkView {
                        url: made.url.expose().to_owned(),
                        is_local: made.is_local,
                    });
                }
            }
        }
    }
    Ok(render(&MailboxesPage {
        frame,
        mailboxes: views,
        manages: actor.may(Role::Manager, actor.workspace()),
        worries: worries.map_err(|error| Problem::internal(&error))?,
    }))
}

/// What lies over the provider of a mailbox; its id where the plugin is gone.
fn overlay_of(presets: &Presets, words: Words, mailbox: &Mailbox) -> Option<OverlayLine> {
    let id = mailbox.settings.overlay.as_ref()?;
    let plugin = presets.get(id);
    let name = plugin.map_or_else(
        || id.clone(),
        |one| said(words, &one.preset.name).to_owned(),
    );
    Some(OverlayLine::new(mailbox, name))
}

/// Whether its provider has a sign-in; why one cannot begin, its page says.
fn signs_in(signing_in: &SigningIn, mailbox: &Mailbox) -> bool {
    let provider = signing_in.clients().for_sign_in(&mailbox.settings.preset);
    !matches!(provider, Err(NoSignIn::NoModule))
}

fn back_to(id: PublicId) -> Response {
    Redirect::to(&format!("/mailboxes#mailbox-{id}")).into_response()
}

pub(super) async fn refresh(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    mailboxes.refresh(&actor, id).map_err(of_mailboxes)?;
    Ok(back_to(id))
}

pub(super) async fn offline(
    mailboxes: State<Mailboxes>,
    actor: Extension<Actor>,
    id: Id,
    frame: Frame,
    form: Form<BareForm>,
) -> Result<Response, Problem> {
    switch(mailboxes, actor, id, frame, form, true).await
}

pub(super) async fn online(
    mailboxes: State<Mailboxes>,
    actor: Extension<Actor>,
    id: Id,
    frame: Frame,
    form: Form<BareForm>,
) -> Result<Response, Problem> {
    switch(mailboxes, actor, id, frame, form, false).await
}

async fn switch(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
    offline: bool,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    mailboxes
        .set_offline(&actor, id, offline)
        .await
        .map_err(of_mailboxes)?;
    Ok(back_to(id))
}

pub(super) async fn rotate_address(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let rotated = mailboxes.rotate_address(&actor, id).await;
    rotated.map_err(of_mailboxes)?;
    Ok(back_to(id))
}

pub(super) async fn unbind(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    mailboxes.unbind(&actor, id).await.map_err(of_mailboxes)?;
    Ok(back_to(id))
}

/// Makes a link that somebody else gives the mailbox a new login by; it stands at the
/// mailbox until the page is left.
pub(super) async fn make_link(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let made = desk.links.make(&actor, id).await.map_err(of_links)?;
    page(&desk, &actor, frame, Some((id, Remark::Link(made))))
}

/// A login as a card asks for it.
#[derive(Deserialize)]
pub(super) struct LoginForm {
    form_token: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    /// The button beside it: the stored password is tried again.
    #[serde(default)]
    stored: bool,
}

impl LoginForm {
    fn into_logins(self) -> GivenLogins {
        let user = Some(self.user.trim().to_owned()).filter(|user| !user.is_empty());
        let password = Some(self.password).filter(|password| !password.is_empty());
        GivenLogins {
            user,
            password: password.map(Secret::new),
            ..GivenLogins::default()
        }
    }
}

pub(super) async fn reauthenticate(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<LoginForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let mailboxes = &desk.mailboxes;
    let done = if form.stored {
        let stored = GivenLogins::default();
        mailboxes.reauthenticate(&actor, id, stored, |_| ()).await
    } else if form.password.is_empty() {
        Err(MailboxError::NoPassword)
    } else {
        let given = form.into_logins();
        mailboxes.reauthenticate(&actor, id, given, |_| ()).await
    };
    told(&desk, &actor, frame, id, done)
}

pub(super) async fn bind(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<LoginForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let given = form.into_logins();
    let done = desk.mailboxes.bind(&actor, id, given, |_| ()).await;
    told(&desk, &actor, frame, id, done)
}

/// What a trial found stands at the mailbox it was about.
fn told(
    desk: &Desk,
    actor: &Actor,
    frame: Frame,
    id: PublicId,
    done: Result<Changed, MailboxError>,
) -> Result<Response, Problem> {
    match done {
        Ok(_) => Ok(back_to(id)),
        Err(
            error @ (MailboxError::Trial(_)
            | MailboxError::Credentials(_)
            | MailboxError::NoPassword),
        ) => {
            let notice = Some((id, Remark::Notice(frame.words.sentence(&error))));
            let mut response = page(desk, actor, frame, notice)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(of_mailboxes(error)),
    }
}
