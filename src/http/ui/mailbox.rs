//! One mailbox: its settings as a form, and its removal, which is asked about.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::api::of_mailboxes;
use super::super::body::Id;
use super::super::download;
use super::super::error::Problem;
use super::language::Words;
use super::page::{Frame, render};
use super::view::mailbox::SettingsView;
use super::view::marks::said;
use crate::domain::key::PublicId;
use crate::domain::replying::ReplyChange;
use crate::domain::threading::ThreadingChange;
use crate::domain::user::{Actor, Role};
use crate::plugin::Plugin;
use crate::service::mailboxes::{Edit, Loss, MailboxError, Mailboxes, Removal};
use crate::service::presets::Presets;

#[derive(Template)]
#[template(path = "mailbox_edit.html")]
struct EditPage {
    frame: Frame,
    mailbox: SettingsView,
    overlays: Vec<OverlayChoice>,
    notice: Option<String>,
}

impl EditPage {
    /// Its plugin was taken away; saving other things does not take it off the mailbox.
    fn overlay_is_gone(&self) -> bool {
        let overlay = &self.mailbox.overlay;
        !overlay.is_empty() && self.overlays.iter().all(|one| one.id != *overlay)
    }
}

/// A preset that can lie over the provider's.
struct OverlayChoice {
    id: String,
    name: String,
    /// What it asks of the registered address.
    question: Option<String>,
}

fn overlays(presets: &Presets, words: Words) -> Vec<OverlayChoice> {
    let catalogue = presets.plugins().current();
    let overlays = catalogue.iter().filter(|plugin| plugin.preset.overlay);
    let choice = |plugin: &Plugin| {
        let question = plugin.preset.asks_registered_address.as_ref();
        OverlayChoice {
            id: plugin.preset.id.clone(),
            name: said(words, &plugin.preset.name).to_owned(),
            question: question.map(|question| said(words, question).to_owned()),
        }
    };
    overlays.map(choice).collect()
}

#[derive(Template)]
#[template(path = "mailbox_remove.html")]
struct RemovePage {
    frame: Frame,
    mailbox: SettingsView,
    loss: Loss,
    notice: Option<String>,
}

pub(super) async fn settings(
    State(mailboxes): State<Mailboxes>,
    State(presets): State<Presets>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
) -> Result<Response, Problem> {
    let (mailbox, _) = mailboxes.get(&actor, id).map_err(of_mailboxes)?;
    if !actor.may(Role::Manager, mailbox.workspace) {
        return Err(of_mailboxes(MailboxError::NotAllowed));
    }
    Ok(render(&EditPage {
        overlays: overlays(&presets, frame.words),
        frame,
        mailbox: SettingsView::new(&mailbox),
        notice: None,
    }))
}

/// The fields of the form; those that a mailbox of its kind has not are absent.
#[derive(Deserialize)]
pub(super) struct SettingsForm {
    form_token: String,
    name: Option<String>,
    slug: Option<String>,
    address: Option<String>,
    from_name: Option<String>,
    aliases: Option<String>,
    signature: Option<String>,
    rescue_address: Option<String>,
    overlay: Option<String>,
    registered_address: Option<String>,
    code_created_on: Option<String>,
    check_interval: Option<String>,
    attempts_max: Option<String>,
    incoming: Option<String>,
    incoming_security: Option<String>,
    folder: Option<String>,
    outgoing: Option<String>,
    outgoing_security: Option<String>,
    sent_folder: Option<String>,
    /// The boxes below were shown: those that are absent were not ticked.
    replies: Option<String>,
    /// The same of those about the folder of copies.
    copies: Option<String>,
    sender_name: Option<String>,
    quote_history: Option<String>,
    with_html: Option<String>,
    tagged_reply_to: Option<String>,
    create_sent: Option<String>,
    watch_sent: Option<String>,
    reopen: Option<String>,
    reopen_days: Option<String>,
    same_subject_days: Option<String>,
}

impl SettingsForm {
    fn replies(&self) -> ReplyChange {
        let ticked =
            |shown: &Option<String>, box_: &Option<String>| shown.as_ref().map(|_| box_.is_some());
        ReplyChange {
            quote_history: ticked(&self.replies, &self.quote_history),
            with_html: ticked(&self.replies, &self.with_html),
            sender_name: self.sender_name.clone(),
            tagged_reply_to: ticked(&self.replies, &self.tagged_reply_to),
            create_sent: ticked(&self.copies, &self.create_sent),
            watch_sent: ticked(&self.copies, &self.watch_sent),
        }
    }

    fn threading(&self) -> ThreadingChange {
        ThreadingChange {
            reopen: self.reopen.clone(),
            reopen_days: self.reopen_days.clone(),
            same_subject_days: self.same_subject_days.clone(),
        }
    }

    fn edit(&self) -> Edit {
        let outgoing = self.outgoing.clone().filter(|text| !text.trim().is_empty());
        let lines = |text: &String| text.lines().map(str::to_owned).collect();
        Edit {
            name: self.name.clone(),
            slug: self.slug.clone(),
            address: self.address.clone(),
            from_name: self.from_name.clone(),
            aliases: self.aliases.as_ref().map(lines),
            signature: self.signature.clone(),
            rescue_address: self.rescue_address.clone(),
            // Without an overlay there is nothing to be registered at.
            registered_address: self
                .registered_address
                .clone()
                .filter(|_| self.overlay.as_deref() != Some("")),
            overlay: self.overlay.clone(),
            code_created_on: self.code_created_on.clone(),
            check_interval: self.check_interval.clone(),
            attempts_max: self.attempts_max.clone(),
            incoming: self.incoming.clone(),
            incoming_security: self.incoming_security.clone(),
            folder: self.folder.clone(),
            outgoing_security: self
                .outgoing_security
                .clone()
                .filter(|_| outgoing.is_some()),
            outgoing,
            sent_folder: self.sent_folder.clone(),
            replies: self.replies(),
            threading: self.threading(),
            ..Edit::default()
        }
    }

    /// What was typed stays in the form when it was refused.
    fn typed_into(self, view: &mut SettingsView) {
        if let Some(replies) = self.replies().over(view.replies) {
            view.replies = replies;
        }
        view.threading.take_typed(self.threading());
        let fields = [
            (&mut view.name, self.name),
            (&mut view.slug, self.slug),
            (&mut view.address, self.address),
            (&mut view.from_name, self.from_name),
            (&mut view.aliases, self.aliases),
            (&mut view.signature, self.signature),
            (&mut view.rescue_address, self.rescue_address),
            (&mut view.overlay, self.overlay),
            (&mut view.registered_address, self.registered_address),
            (&mut view.code_created_on, self.code_created_on),
            (&mut view.check_interval, self.check_interval),
            (&mut view.attempts_max, self.attempts_max),
            (&mut view.outgoing, self.outgoing),
            (&mut view.sent_folder, self.sent_folder),
        ];
        for (field, typed) in fields {
            if let Some(typed) = typed {
                *field = typed;
            }
        }
        view.incoming = self.incoming.or_else(|| view.incoming.take());
        view.folder = self.folder.or_else(|| view.folder.take());
    }
}

pub(super) async fn edit(
    State(mailboxes): State<Mailboxes>,
    State(presets): State<Presets>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<SettingsForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let error = match mailboxes.edit(&actor, id, form.edit(), |_| ()).await {
        Ok(_) => return Ok(back_to(id)),
        Err(
            error @ (MailboxError::Wrong(_)
            | MailboxError::Trial(_)
            | MailboxError::Credentials(_)
            | MailboxError::Change(_)),
        ) => error,
        Err(error) => return Err(of_mailboxes(error)),
    };
    let (mailbox, _) = mailboxes.get(&actor, id).map_err(of_mailboxes)?;
    let mut view = SettingsView::new(&mailbox);
    form.typed_into(&mut view);
    refused(render(&EditPage {
        overlays: overlays(&presets, frame.words),
        notice: Some(frame.words.sentence(&error)),
        mailbox: view,
        frame,
    }))
}

pub(super) async fn ask_removal(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
) -> Result<Response, Problem> {
    removal_page(&mailboxes, &actor, id, frame, None)
}

fn removal_page(
    mailboxes: &Mailboxes,
    actor: &Actor,
    id: PublicId,
    frame: Frame,
    notice: Option<String>,
) -> Result<Response, Problem> {
    let (mailbox, loss) = mailboxes.loss(actor, id).map_err(of_mailboxes)?;
    Ok(render(&RemovePage {
        frame,
        mailbox: SettingsView::new(&mailbox),
        loss,
        notice,
    }))
}

/// The form under the question.
#[derive(Deserialize)]
pub(super) struct RemovalForm {
    form_token: String,
    /// The address, typed.
    confirm: String,
    #[serde(default)]
    with_conversations: bool,
}

pub(super) async fn remove(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<RemovalForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let removal = Removal {
        confirmed: Some(form.confirm),
        with_conversations: form.with_conversations,
    };
    match mailboxes.remove(&actor, id, &removal).await {
        Ok(_) => Ok(Redirect::to("/mailboxes").into_response()),
        Err(MailboxError::NotConfirmed(..)) => {
            let words = frame.t("remove.not_the_address").to_owned();
            refused(removal_page(&mailboxes, &actor, id, frame, Some(words))?)
        }
        Err(error) => Err(of_mailboxes(error)),
    }
}

pub(super) async fn export(
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (mailbox, _) = mailboxes.get(&actor, id).map_err(of_mailboxes)?;
    let export = mailboxes.export(&actor, id).map_err(of_mailboxes)?;
    Ok(download::mbox(export, mailbox.settings.slug.as_str()))
}

fn refused(mut page: Response) -> Result<Response, Problem> {
    *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(page)
}

fn back_to(id: PublicId) -> Response {
    Redirect::to(&format!("/mailboxes#mailbox-{id}")).into_response()
}
