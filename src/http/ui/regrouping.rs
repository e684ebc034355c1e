//! Merging and splitting on the page of a conversation.

use axum::Form;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::api::of_conversations;
use super::super::body::{Id, id_in};
use super::super::error::Problem;
use super::conversation::{BareForm, Readers, refused};
use super::page::Frame;
use super::refused::Kept;
use crate::domain::key::PublicId;
use crate::domain::user::Actor;
use crate::service::conversations::regrouping::Act;
use crate::service::conversations::{ConversationError, Conversations};

/// The number of the conversation that goes into this one, as somebody typed it.
#[derive(Debug, Deserialize)]
pub(super) struct MergeForm {
    form_token: String,
    number: String,
}

pub(super) async fn merge(
    State(readers): State<Readers>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<MergeForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let number = form.number.trim().trim_start_matches('#').parse();
    let other = match number {
        Ok(number) => conversations.by_number(&actor, number),
        Err(_) => Err(ConversationError::NotFound),
    };
    let merged = match other {
        Ok(other) => {
            let other = other.conversation.id;
            conversations.merge(&actor, id, other).await
        }
        Err(error) => Err(error),
    };
    done(&readers, &actor, id, frame, merged)
}

/// Which message leaves, and whether what came after it goes along.
#[derive(Debug, Deserialize)]
pub(super) struct SplitForm {
    form_token: String,
    message: String,
    #[serde(default)]
    and_later: String,
}

pub(super) async fn split(
    State(readers): State<Readers>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<SplitForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let message = id_in("message", &form.message)?;
    let split = if form.and_later.is_empty() {
        conversations.split(&actor, id, &[message]).await
    } else {
        conversations.split_from(&actor, id, message).await
    };
    done(&readers, &actor, id, frame, split)
}

pub(super) async fn undo(
    State(readers): State<Readers>,
    State(conversations): State<Conversations>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let place = conversations.place_of_act(&actor, id);
    let place = place.map_err(of_conversations)?;
    let undone = conversations.undo_regrouping(&actor, id).await;
    done(&readers, &actor, place, frame, undone)
}

/// To where the messages stand now, or the page again with the reason.
fn done(
    readers: &Readers,
    actor: &Actor,
    id: PublicId,
    frame: Frame,
    act: Result<Act, ConversationError>,
) -> Result<Response, Problem> {
    let why = match act {
        Ok(act) => {
            let undone = act.regrouping.undone_at.is_some();
            let place = if undone { act.from } else { act.into };
            let place = place.map_or(id, |place| place.id);
            return Ok(Redirect::to(&format!("/conversations/{place}#side")).into_response());
        }
        Err(error @ (ConversationError::NotFound | ConversationError::Regrouping(_))) => {
            frame.words.sentence(&error)
        }
        Err(error) => return Err(of_conversations(error)),
    };
    let kept = Kept {
        regrouping_refused: Some(why),
        ..Kept::default()
    };
    refused(readers, actor, id, frame, kept)
}
