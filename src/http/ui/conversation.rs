//! One conversation: reading it, answering, notes, status and tags.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, FromRef, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::api::{
    of_collecting, of_conversations, of_outbox, of_store, status_named, tag_named,
};
use super::super::body::Id;
use super::super::download;
use super::super::error::Problem;
use super::super::handles::Wired;
use super::language::Words;
use super::page::{Frame, render};
use super::refused::Kept;
use super::view::conversation::{ConversationView, troubles_in_words};
use super::view::marks::FieldsView;
use super::view::message::{DecisionView, MessageView, proves};
use super::view::outgoing::OutgoingView;
use super::view::regrouping::RegroupingView;
use super::view::size;
use crate::domain::decision::Decision;
use crate::domain::key::PublicId;
use crate::domain::message::Message;
use crate::domain::outbox::OutgoingState;
use crate::domain::user::{Actor, Role, User};
use crate::service::collecting::Collecting;
use crate::service::conversations::{ConversationError, Conversations, Edit, PAGE_MAX};
use crate::service::outbox::Outbox;
use crate::service::people::People;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::replies::{Replies, ReplyPlan, ReplyRequest, typed_people};
use crate::service::script_editing::ScriptEditing;
use crate::wire::decision::hexadecimal;

/// What a mail's own HTML may do: show itself. It has its own policy because a
/// frame inherits nothing from the page around it.
const FRAME_POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'",
);

#[derive(Template)]
#[template(path = "conversation.html", escape = "html")]
struct ConversationPage {
    frame: Frame,
    conversation: ConversationView,
    /// Addresses of the contact that mail came back from.
    troubles: Vec<String>,
    /// Scripts may be tried on its mails.
    may_try: bool,
    messages: Vec<MessageView>,
    teams: Vec<(String, String)>,
    people: Vec<(String, String)>,
    /// Sent with the reply form, so that pressing twice sends once.
    reply_key: String,
    /// There are more messages than one page shows.
    cut: bool,
    /// What was written and not taken.
    kept: Kept,
    /// Who gets the reply, when nothing else is said; absent when it cannot leave at all.
    plan: Option<PlanView>,
    /// What it was part of.
    regroupings: Vec<RegroupingView>,
}

/// Who a reply goes to, and what that changes.
struct PlanView {
    to: String,
    cc: String,
    from: String,
    senders: Vec<(String, String)>,
    quotes: bool,
    new: String,
    dropped: String,
    elsewhere: String,
    new_participant: bool,
}

impl PlanView {
    fn new(plan: &ReplyPlan, kept: &Kept) -> Self {
        let from = plan.from.address.to_string();
        Self {
            to: kept.to.clone().unwrap_or_else(|| typed_people(&plan.to)),
            cc: kept.cc.clone().unwrap_or_else(|| typed_people(&plan.cc)),
            from: kept.from.clone().unwrap_or(from),
            senders: plan
                .senders
                .iter()
                .map(|one| {
                    (
                        one.address.to_string(),
                        typed_people(std::slice::from_ref(one)),
                    )
                })
                .collect(),
            quotes: plan.quotes,
            new: typed_people(&plan.changes.new),
            dropped: typed_people(&plan.changes.dropped),
            elsewhere: typed_people(&plan.reply_to_elsewhere),
            new_participant: plan.new_participant,
        }
    }
}

/// What knows something of the messages of a conversation.
#[derive(Clone)]
pub(super) struct Readers {
    conversations: Conversations,
    collecting: Collecting,
    presets: Presets,
    people: People,
    outbox: Outbox,
    random: Random,
    editing: ScriptEditing,
    replies: Replies,
}

impl Readers {
    pub(super) fn conversations(&self) -> &Conversations {
        &self.conversations
    }
}

impl FromRef<Wired> for Readers {
    fn from_ref(wired: &Wired) -> Self {
        Self {
            conversations: Conversations::from_ref(wired),
            collecting: Collecting::from_ref(wired),
            presets: Presets::from_ref(wired),
            people: People::from_ref(wired),
            outbox: Outbox::from_ref(wired),
            random: Random::from_ref(wired),
            editing: ScriptEditing::from_ref(wired),
            replies: Replies::from_ref(wired),
        }
    }
}

pub(super) async fn show(
    State(readers): State<Readers>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Query(asked): Query<Undone>,
    mut frame: Frame,
) -> Result<Response, Problem> {
    let conversations = &readers.conversations;
    let found = conversations.get(&actor, id).map_err(of_conversations)?;
    if let Some(into) = found.merged_into {
        return Ok(Redirect::to(&format!("/conversations/{into}")).into_response());
    }
    let mut kept = Kept::default();
    if let Some(undone) = asked.undone.as_deref().and_then(PublicId::parse) {
        let shown = readers.outbox.get(&actor, undone).map_err(of_outbox)?;
        let here = shown.conversation.is_some_and(|(place, _)| place == id);
        if here && shown.outgoing.state == OutgoingState::Cancelled {
            kept.reply = shown.outgoing.text;
        }
        frame.here = format!("/conversations/{id}");
    }
    page(&readers, &actor, id, frame, kept)
}

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Undone {
    /// A reply that was taken back a moment ago: its text goes back into its field.
    undone: Option<String>,
}

fn page(
    readers: &Readers,
    actor: &Actor,
    id: PublicId,
    frame: Frame,
    kept: Kept,
) -> Result<Response, Problem> {
    let Readers {
        conversations,
        presets,
        people,
        random,
        ..
    } = readers;
    let listed = conversations.get(actor, id).map_err(of_conversations)?;
    let page = conversations
        .messages(actor, id, None, PAGE_MAX)
        .map_err(of_conversations)?;
    let users = people.users(actor).map_err(|error| of_store(&error))?;
    let teams = people.teams(actor).map_err(|error| of_store(&error))?;
    let reply_key: [u8; 16] = random.bytes().map_err(|error| Problem::internal(&error))?;
    let messages = page
        .items
        .iter()
        .map(|message| {
            let mut view = view(readers, actor, &users, message, frame.words)?;
            let found = conversations.extraction(message);
            let found = found.map_err(of_conversations)?;
            view.found = found.map(|found| FieldsView::new(presets, frame.words, &found));
            Ok(view)
        })
        .collect::<Result<_, Problem>>()?;
    // A conversation is read whatever keeps answers from leaving; the form says why then.
    let plan = readers
        .replies
        .plan(actor, id, &ReplyRequest::default())
        .inspect_err(|error| tracing::debug!(%error, "a reply cannot be planned"))
        .ok();
    let troubles = listed.contact.as_ref().map(|it| conversations.troubles(it));
    let troubles = troubles.transpose().map_err(of_conversations)?;
    let troubles = troubles.unwrap_or_default();
    Ok(render(&ConversationPage {
        conversation: ConversationView::new(&listed, presets, frame.words),
        troubles: troubles_in_words(&troubles, frame.words),
        may_try: actor.may(Role::Administrator, actor.workspace()),
        messages,
        teams: teams
            .iter()
            .map(|team| (team.id.to_string(), team.name.clone()))
            .collect(),
        people: users
            .iter()
            .map(|user| (user.id.to_string(), user.name.clone()))
            .collect(),
        plan: plan.as_ref().map(|plan| PlanView::new(plan, &kept)),
        reply_key: hexadecimal(&reply_key),
        cut: page.next.is_some(),
        kept,
        regroupings: conversations
            .regroupings(actor, id)
            .map_err(of_conversations)?
            .iter()
            .filter_map(|act| RegroupingView::new(act, id))
            .collect(),
        frame,
    }))
}

/// The page again, at its own place, with what was written still in its field.
pub(super) fn refused(
    readers: &Readers,
    actor: &Actor,
    id: PublicId,
    mut frame: Frame,
    kept: Kept,
) -> Result<Response, Problem> {
    frame.here = format!("/conversations/{id}");
    let mut response = page(readers, actor, id, frame, kept)?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

fn view(
    readers: &Readers,
    actor: &Actor,
    users: &[User],
    message: &Message,
    words: Words,
) -> Result<MessageView, Problem> {
    let Readers {
        conversations,
        collecting,
        ..
    } = readers;
    let text = conversations.text(message).map_err(of_conversations)?;
    let decisions = conversations
        .decisions(actor, message.id)
        .map_err(of_conversations)?;
    let decisions = decisions
        .iter()
        .map(|decision| DecisionView::new(decision, &sources_of(readers, actor, decision), words))
        .collect();
    let outgoing = conversations
        .outgoing_of(message)
        .map_err(of_conversations)?;
    let writer = outgoing.as_ref().and_then(|outgoing| outgoing.author);
    let writer = users
        .iter()
        .find(|user| Some(user.key) == writer)
        .map(|user| user.name.as_str());
    let found = conversations
        .authentication(message)
        .map_err(of_conversations)?;
    let shown = outgoing.map(|outgoing| readers.outbox.shown(outgoing));
    let shown = shown.transpose().map_err(|error| of_store(&error))?;
    let outgoing = shown.map(|shown| OutgoingView::new(&shown, words));
    let mut view = MessageView::new(message, text, decisions, outgoing, writer);
    view.proves = found.as_ref().map(proves);
    let rest = collecting.rest_of(message).map_err(of_collecting)?;
    if rest.is_some() {
        view.mark_cut(message);
    }
    view.rest = rest.map(|rest| (size(rest.size), rest.is_coming));
    Ok(view)
}

/// The scripts that decided; without them the decision is told in fewer words.
fn sources_of(readers: &Readers, actor: &Actor, decision: &Decision) -> Vec<(String, String)> {
    let found = decision
        .version
        .map(|version| readers.editing.version(actor, version));
    match found {
        Some(Ok(sources)) => sources.files,
        Some(Err(error)) => {
            tracing::debug!(%error, "the scripts of a decision are not shown");
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Lets the rest of a mail be fetched.
pub(super) async fn fetch(
    State(conversations): State<Conversations>,
    State(collecting): State<Collecting>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Redirect, Problem> {
    frame.session.check(&form.form_token)?;
    let message = conversations.message(&actor, id);
    let message = message.map_err(of_conversations)?;
    let place = conversations
        .conversation_of(&message)
        .map_err(of_conversations)?;
    let begun = collecting.fetch_anyway(&actor, id).await;
    begun.map_err(of_collecting)?;
    let place = place.id;
    Ok(Redirect::to(&format!(
        "/conversations/{place}#message-{id}"
    )))
}

/// A note.
#[derive(Debug, Deserialize)]
pub(super) struct NoteForm {
    form_token: String,
    text: String,
}

pub(super) async fn note(
    State(readers): State<Readers>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<NoteForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let text = form.text.replace("\r\n", "\n");
    let error = match readers.conversations.add_note(&actor, id, &text).await {
        Ok(_) => return Ok(back(id).into_response()),
        Err(error @ (ConversationError::EmptyNote | ConversationError::LongNote)) => error,
        Err(error) => return Err(of_conversations(error)),
    };
    let kept = Kept {
        note: text,
        note_refused: Some(frame.words.sentence(&error)),
        ..Kept::default()
    };
    refused(&readers, &actor, id, frame, kept)
}

/// A change. Fields that are absent leave things as they are; an empty team or
/// assignee takes it away.
#[derive(Debug, Deserialize)]
pub(super) struct EditForm {
    form_token: String,
    status: Option<String>,
    team: Option<String>,
    assignee: Option<String>,
    add_tag: Option<String>,
    remove_tag: Option<String>,
    spam: Option<bool>,
}

pub(super) async fn edit(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<EditForm>,
) -> Result<Redirect, Problem> {
    frame.session.check(&form.form_token)?;
    let edit = Edit {
        status: form.status.as_deref().map(status_named).transpose()?,
        team: form.team.as_deref().map(chosen).transpose()?,
        assignee: form.assignee.as_deref().map(chosen).transpose()?,
        add_tags: form
            .add_tag
            .as_deref()
            .map(tag_named)
            .transpose()?
            .into_iter()
            .collect(),
        remove_tags: form
            .remove_tag
            .as_deref()
            .map(tag_named)
            .transpose()?
            .into_iter()
            .collect(),
        spam: form.spam,
        priority: None,
    };
    conversations
        .edit(&actor, id, edit)
        .await
        .map_err(of_conversations)?;
    Ok(back(id))
}

fn chosen(text: &str) -> Result<Option<PublicId>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    super::super::body::id_in("choice", text).map(Some)
}

/// A form with nothing but its token.
#[derive(Debug, Deserialize)]
pub(super) struct BareForm {
    pub(super) form_token: String,
}

pub(super) fn back(conversation: PublicId) -> Redirect {
    Redirect::to(&format!("/conversations/{conversation}#last"))
}

/// The original HTML of a mail, for the sandboxed frame.
pub(super) async fn frame(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let message = conversations
        .message(&actor, id)
        .map_err(of_conversations)?;
    let html = conversations
        .html(&message)
        .map_err(of_conversations)?
        .ok_or_else(Problem::not_found)?;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, FRAME_POLICY),
        (
            header::X_FRAME_OPTIONS,
            HeaderValue::from_static("SAMEORIGIN"),
        ),
    ];
    // Light paper also in the dark: mails are written for it.
    let page = format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><style>html{{color-scheme:light;background:#fff}}\
         body{{margin:16px;font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}}img{{max-width:100%}}</style></head><body>{}</body></html>",
        html.html
    );
    Ok((headers, Html(page)).into_response())
}

pub(super) async fn raw(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let raw = conversations.raw(&actor, id).map_err(of_conversations)?;
    Ok(download::raw(conversations, raw, &id.to_string()))
}

pub(super) async fn attachment(
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Path((_, place)): Path<(String, usize)>,
) -> Result<Response, Problem> {
    let file = conversations
        .file(&actor, id, place)
        .map_err(of_conversations)?;
    Ok(download::file(file))
}
