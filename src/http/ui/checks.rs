//! One mailbox under examination by its own mails: the test mail, the canary, and what
//! was said at its servers.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, FromRef, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::api::{of_canary, of_mailboxes, of_proving};
use super::super::body::Id;
use super::super::download;
use super::super::error::Problem;
use super::super::handles::Wired;
use super::conversation::BareForm;
use super::page::{Frame, render};
use super::view::proof::{CanaryView, TestView};
use crate::domain::key::PublicId;
use crate::domain::user::{Actor, Role};
use crate::service::diary_reading::DiaryReading;
use crate::service::mailboxes::Mailboxes;
use crate::service::proving::canary::CanaryError;
use crate::service::proving::{Proving, ProvingError};

/// The latest lines of a log that a page shows; the file has all of them.
const LINES_SHOWN_MAX: usize = 200;

#[derive(Template)]
#[template(path = "mailbox_checks.html")]
struct ChecksPage {
    frame: Frame,
    id: String,
    name: String,
    address: String,
    /// The reader may begin tests and see what was said.
    manages: bool,
    /// A person has switched it off, so nothing would come back.
    is_off: bool,
    test: Option<TestView>,
    canary: CanaryView,
    log: Option<LogView>,
    /// Why the last thing that was asked was not done.
    notice: Option<String>,
}

/// What was said at its servers.
struct LogView {
    is_on: bool,
    count: usize,
    /// The latest.
    lines: Vec<String>,
}

/// The services of the page.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    mailboxes: Mailboxes,
    proving: Proving,
    diary: DiaryReading,
}

impl FromRef<Wired> for Desk {
    fn from_ref(wired: &Wired) -> Self {
        Self {
            mailboxes: Mailboxes::from_ref(wired),
            proving: Proving::from_ref(wired),
            diary: DiaryReading::from_ref(wired),
        }
    }
}

pub(super) async fn show(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
) -> Result<Response, Problem> {
    page(&desk, &actor, id, frame, None)
}

fn page(
    desk: &Desk,
    actor: &Actor,
    id: PublicId,
    mut frame: Frame,
    notice: Option<String>,
) -> Result<Response, Problem> {
    frame.here = format!("/mailboxes/{id}");
    let (mailbox, health) = desk.mailboxes.get(actor, id).map_err(of_mailboxes)?;
    let settings = &mailbox.settings;
    let manages = actor.may(Role::Manager, mailbox.workspace);
    let log = if manages {
        let said = desk.diary.dialogues(actor, id).map_err(of_mailboxes)?;
        let count = said.lines.len();
        let latest = said
            .lines
            .iter()
            .skip(count.saturating_sub(LINES_SHOWN_MAX));
        Some(LogView {
            is_on: said.on,
            count,
            lines: latest.map(ToString::to_string).collect(),
        })
    } else {
        None
    };
    Ok(render(&ChecksPage {
        id: mailbox.id.to_string(),
        name: settings.name.clone(),
        address: settings.address.to_string(),
        manages,
        is_off: settings.offline(),
        test: health
            .proofs
            .test
            .as_ref()
            .map(|test| TestView::new(test, frame.words)),
        canary: CanaryView::new(settings.canary_every, &health.proofs.canary, frame.words),
        log,
        notice,
        frame,
    }))
}

/// The page again, with why nothing was done.
fn refused(
    desk: &Desk,
    actor: &Actor,
    id: PublicId,
    frame: Frame,
    words: String,
) -> Result<Response, Problem> {
    let mut response = page(desk, actor, id, frame, Some(words))?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

fn back_to(id: PublicId, part: &str) -> Response {
    Redirect::to(&format!("/mailboxes/{id}#{part}")).into_response()
}

/// Sends a test mail; how it goes appears on the page by itself.
pub(super) async fn test(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let why = match desk.proving.start(&actor, id).await {
        // One that is under way is what was asked for.
        Ok(_) | Err(ProvingError::UnderWay) => return Ok(back_to(id, "test")),
        Err(ProvingError::Offline) => frame.t("test.offline").to_owned(),
        Err(error @ ProvingError::NotRunning) => frame.words.sentence(&error),
        Err(error) => return Err(of_proving(error)),
    };
    refused(&desk, &actor, id, frame, why)
}

/// How often the canary flies.
#[derive(Deserialize)]
pub(super) struct CanaryForm {
    form_token: String,
    #[serde(default)]
    minutes: String,
    /// The button beside it: no longer.
    #[serde(default)]
    off: bool,
}

pub(super) async fn canary(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<CanaryForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let every = if form.off {
        None
    } else {
        let Ok(minutes) = form.minutes.trim().parse::<u64>() else {
            let words = frame.t("canary.range").to_owned();
            return refused(&desk, &actor, id, frame, words);
        };
        Some(Duration::from_secs(minutes.saturating_mul(60)))
    };
    match desk.proving.set_canary(&actor, id, every).await {
        Ok(_) => Ok(back_to(id, "canary")),
        Err(CanaryError::Every) => {
            let words = frame.t("canary.range").to_owned();
            refused(&desk, &actor, id, frame, words)
        }
        Err(error) => Err(of_canary(error)),
    }
}

/// Whether what is said is kept.
#[derive(Deserialize)]
pub(super) struct LogForm {
    form_token: String,
    #[serde(default)]
    on: bool,
}

pub(super) async fn switch_log(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<LogForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let switched = desk.diary.switch(&actor, id, form.on);
    switched.map_err(of_mailboxes)?;
    Ok(back_to(id, "log"))
}

/// All that was kept, as a file.
pub(super) async fn log_file(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let said = desk.diary.dialogues(&actor, id).map_err(of_mailboxes)?;
    let lines = said.lines.iter().map(|line| format!("{line}\n"));
    let name = format!("{}.log.txt", said.mailbox.settings.slug);
    Ok(download::text(lines.collect(), &name))
}
