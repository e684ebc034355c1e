//! "Where is my mail?": what became of every mail a mailbox has seen, counting that
//! against its server, and collecting what is not here.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, FromRef, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::api::{of_collecting, of_mailboxes};
use super::super::body::Id;
use super::super::error::Problem;
use super::super::handles::Wired;
use super::conversation::BareForm;
use super::language::Words;
use super::page::{Frame, render};
use super::view::ledger::{CollectedView, CountedView, EntryView};
use crate::domain::key::{LedgerKey, PublicId};
use crate::domain::user::{Actor, Role};
use crate::service::collecting::{Collecting, CollectingError, begin_of, day};
use crate::service::ledger::{Ledger, Question};
use crate::service::mailboxes::Mailboxes;

/// Mails of one page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "mailbox_ledger.html")]
struct LedgerPage {
    frame: Frame,
    id: String,
    address: String,
    /// The reader may count and collect, and there is a server to count at.
    counts: bool,
    asked: Asked,
    entries: Vec<EntryView>,
    /// Where the next page begins.
    next: Option<u64>,
    counted: Option<CountedView>,
    collected: Option<CollectedView>,
    /// The day that collecting was asked from.
    since: String,
    /// Why it was not done.
    notice: Option<String>,
}

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    search: String,
    /// `2026-01-31`.
    since: String,
    before: Option<u64>,
}

/// What came of something that was asked of the server.
#[derive(Default)]
struct Answered {
    counted: Option<CountedView>,
    collected: Option<CollectedView>,
    since: String,
    notice: Option<String>,
}

/// The services of the page.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    mailboxes: Mailboxes,
    ledger: Ledger,
    collecting: Collecting,
}

impl FromRef<Wired> for Desk {
    fn from_ref(wired: &Wired) -> Self {
        Self {
            mailboxes: Mailboxes::from_ref(wired),
            ledger: Ledger::from_ref(wired),
            collecting: Collecting::from_ref(wired),
        }
    }
}

pub(super) async fn show(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    Query(asked): Query<Asked>,
    frame: Frame,
) -> Result<Response, Problem> {
    page(&desk, &actor, id, frame, asked, Answered::default()).await
}

async fn page(
    desk: &Desk,
    actor: &Actor,
    id: PublicId,
    frame: Frame,
    asked: Asked,
    answered: Answered,
) -> Result<Response, Problem> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut notice = answered.notice;
    let since = match given(&asked.since).map(|text| day(&text)) {
        None => None,
        Some(Ok(day)) => begin_of(day),
        Some(Err(_)) => {
            notice = Some(frame.t("ledger.no_day").to_owned());
            None
        }
    };
    let question = Question {
        message_id: None,
        text: given(&asked.search),
        since,
        before: asked.before.map(LedgerKey),
        limit: PAGE,
    };
    let found = desk.ledger.page(actor, id, question).await;
    let found = found.map_err(of_mailboxes)?;
    let (mailbox, _) = desk.mailboxes.get(actor, id).map_err(of_mailboxes)?;
    let manages = actor.may(Role::Manager, mailbox.workspace);
    let is_refused = notice.is_some();
    let mut response = render(&LedgerPage {
        id: mailbox.id.to_string(),
        address: mailbox.settings.address.to_string(),
        counts: manages && mailbox.settings.way_in.server().is_some(),
        asked,
        entries: found
            .entries
            .iter()
            .map(|entry| EntryView::new(frame.words, entry))
            .collect(),
        next: found.next.map(|row| row.0),
        counted: answered.counted,
        collected: answered.collected,
        since: answered.since,
        notice,
        frame,
    });
    if is_refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// At its own place, with what came of it.
async fn answered(
    desk: &Desk,
    actor: &Actor,
    id: PublicId,
    mut frame: Frame,
    answered: Answered,
) -> Result<Response, Problem> {
    frame.here = format!("/mailboxes/{id}/ledger");
    page(desk, actor, id, frame, Asked::default(), answered).await
}

/// What the server said is told: it is why.
fn words_of(words: Words, error: CollectingError) -> Result<String, Problem> {
    match error {
        error @ (CollectingError::Forwarded(_)
        | CollectingError::Maildrop(_)
        | CollectingError::Renumbered(_)
        | CollectingError::Enter(_)
        | CollectingError::Imap(_)) => Ok(words.sentence(&error)),
        error => Err(of_collecting(error)),
    }
}

pub(super) async fn count(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let mut came = Answered::default();
    match desk.collecting.count(&actor, id).await {
        Ok((mailbox, counted)) => {
            let is_folder = mailbox.settings.imap().is_some();
            came.counted = Some(CountedView::new(&counted, is_folder));
        }
        Err(error) => came.notice = Some(words_of(frame.words, error)?),
    }
    answered(&desk, &actor, id, frame, came).await
}

/// From when on.
#[derive(Deserialize)]
pub(super) struct CollectForm {
    form_token: String,
    #[serde(default)]
    since: String,
    /// The other button: only say how much that is.
    #[serde(default)]
    only_look: bool,
}

pub(super) async fn collect(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<CollectForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let mut came = Answered {
        since: form.since.clone(),
        ..Answered::default()
    };
    let Ok(since) = day(form.since.trim()) else {
        came.notice = Some(frame.t("ledger.no_day").to_owned());
        return answered(&desk, &actor, id, frame, came).await;
    };
    let collected = desk.collecting.collect(&actor, id, since, form.only_look);
    match collected.await {
        Ok((_, collected)) => {
            let view = CollectedView::new(&collected, since.to_string(), form.only_look);
            came.collected = Some(view);
        }
        Err(error) => came.notice = Some(words_of(frame.words, error)?),
    }
    answered(&desk, &actor, id, frame, came).await
}
