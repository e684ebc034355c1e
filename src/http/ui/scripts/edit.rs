//! `/scripts/edit`: a file is changed beside a mail, and what the scripts would decide on it
//! is shown; without the page's script by a button, with it as somebody types.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::super::api::{of_console, of_rehearsal};
use super::super::super::body::{Asked, id_in};
use super::super::super::download::percent_encoded;
use super::super::super::error::{Kind, Problem};
use super::super::page::{Frame, render};
use super::super::view::Moment;
use super::super::view::scripts::{AnswerView, ChangedView, ProblemView, RoutedView, side_name};
use super::Desk;
use crate::domain::address::NamedAddress;
use crate::domain::key::PublicId;
use crate::domain::slug::Slug;
use crate::domain::user::{Actor, Role};
use crate::script::{Diagnostic, entry, override_of};
use crate::service::console::difference::difference;
use crate::service::console::{ConsoleError, Saved, TestsRun, mark_of};
use crate::service::rehearsal::{Candidate, LAST_USUAL, Question, RehearsalError, Rehearsed};
use crate::service::script_editing::EditError;

/// The query.
#[derive(Debug, Deserialize)]
pub(in crate::http::ui) struct EditQuery {
    #[serde(default = "usual_file")]
    file: String,
    /// The slug of a mailbox whose own file of that name is meant.
    #[serde(default)]
    of: String,
    /// A mail to try on; the latest when absent.
    #[serde(default)]
    mail: String,
    /// What was typed has just been saved.
    #[serde(default)]
    saved: bool,
}

/// What the page sends.
#[derive(Debug, Deserialize)]
pub(in crate::http::ui) struct EditForm {
    form_token: String,
    file: String,
    text: String,
    /// Of the text that was there when the page was opened.
    mark: String,
    #[serde(default)]
    mail: String,
}

#[derive(Template)]
#[template(path = "script_edit.html")]
struct EditPage {
    frame: Frame,
    file: String,
    text: String,
    mark: String,
    mail: String,
    mails: Vec<MailChoice>,
    /// Saving is possible from here, and this reader may.
    may_save: bool,
    came: Came,
}

/// A mail to be picked.
struct MailChoice {
    id: String,
    subject: String,
    from: String,
    at: Moment,
}

/// What came of what was asked.
#[derive(Default)]
struct Came {
    saved: bool,
    notice: Option<String>,
    problems: Vec<ProblemView>,
    routed: Option<RoutedView>,
    /// What the function of this file answers, where it is not that of routes.
    answer: Option<AnswerView>,
    took_us: u128,
    /// What somebody else saved meanwhile, against what was typed.
    conflict: Option<Vec<(&'static str, String)>>,
    tests: Option<TestsView>,
    rehearsed: Option<RehearsedView>,
}

struct TestsView {
    count: usize,
    failed: usize,
    took_ms: u128,
}

struct RehearsedView {
    mails: usize,
    changed: usize,
    errors_old: usize,
    errors_new: usize,
    took_ms: u128,
    items: Vec<ChangedView>,
}

/// What stands in the form.
struct Typed {
    file: String,
    text: String,
    mark: String,
    mail: String,
}

fn must_be_administrator(actor: &Actor) -> Result<(), Problem> {
    if actor.may(Role::Administrator, actor.workspace()) {
        Ok(())
    } else {
        Err(Problem::new(Kind::Forbidden, &EditError::NotAllowed))
    }
}

pub(in crate::http::ui) async fn show(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<EditQuery>,
    frame: Frame,
) -> Result<Response, Problem> {
    must_be_administrator(&actor)?;
    let file = if query.of.is_empty() {
        query.file
    } else {
        let slug = Slug::parse(&query.of).ok_or_else(Problem::not_found)?;
        let own = override_of(&slug, &query.file);
        let mailbox = desk.console.mailbox_of(&own).map_err(of_console)?;
        mailbox.ok_or_else(Problem::not_found)?;
        own
    };
    // A file that is not there yet begins empty.
    let text = desk.console.text(&actor, &file).await;
    let text = text.map_err(of_console)?.unwrap_or_default();
    let typed = Typed {
        mark: mark_of(&text),
        text: text.replace("\r\n", "\n"),
        file,
        mail: query.mail,
    };
    let came = Came {
        saved: query.saved,
        ..Came::default()
    };
    page(&desk, &actor, frame, typed, came).await
}

/// The page; whatever came of something else, the decision on the mail is shown beside it.
async fn page(
    desk: &Desk,
    actor: &Actor,
    mut frame: Frame,
    mut typed: Typed,
    mut came: Came,
) -> Result<Response, Problem> {
    let mails = desk
        .console
        .latest(actor, &typed.file)
        .map_err(of_console)?;
    if typed.mail.is_empty() {
        typed.mail = mails
            .first()
            .map(|mail| mail.id.to_string())
            .unwrap_or_default();
    }
    let mut choices: Vec<MailChoice> = mails.iter().map(MailChoice::new).collect();
    let mail = picked(&typed.mail)?;
    if let Some(id) = mail.filter(|id| !mails.iter().any(|mail| mail.id == *id)) {
        let more = desk.console.mail(actor, id).map_err(of_console)?;
        choices.insert(0, MailChoice::new(&more));
    }
    let tried = desk
        .console
        .try_on(actor, &typed.file, typed.text.clone(), mail)
        .await;
    match tried {
        Ok(shown) => {
            came.problems
                .extend(shown.problems.iter().map(ProblemView::new));
            let answer = shown.answered.as_ref();
            came.answer = answer.map(|answer| AnswerView::new(answer, frame.words));
            if let Some(tried) = shown.tried {
                came.took_us = tried.took.as_micros();
                came.routed = Some(RoutedView::new(&tried.routed));
            }
        }
        Err(ConsoleError::Edit(EditError::Wrong(problems))) => {
            came.problems.extend(problems.iter().map(ProblemView::new));
        }
        Err(error) => return Err(of_console(error)),
    }
    let is_refused = came.notice.is_some() || came.conflict.is_some();
    frame.here = place_of(&typed.file, &typed.mail);
    let mut response = render(&EditPage {
        may_save: desk.editing.may_edit(actor),
        mails: choices,
        file: typed.file,
        text: typed.text,
        mark: typed.mark,
        mail: typed.mail,
        came,
        frame,
    });
    if is_refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// What most people come to change.
fn usual_file() -> String {
    entry::ROUTING.to_owned()
}

/// Where a file is edited beside a mail.
fn place_of(file: &str, mail: &str) -> String {
    format!(
        "/scripts/edit?file={}&mail={}",
        percent_encoded(file),
        percent_encoded(mail)
    )
}

fn picked(mail: &str) -> Result<Option<PublicId>, Problem> {
    if mail.is_empty() {
        return Ok(None);
    }
    id_in("mail", mail).map(Some)
}

impl MailChoice {
    fn new(mail: &crate::domain::message::Message) -> Self {
        let from = mail.head.from.as_ref().map(NamedAddress::shown);
        Self {
            id: mail.id.to_string(),
            subject: mail.head.subject.clone(),
            from: from.unwrap_or_default().to_owned(),
            at: Moment::new(mail.arrived_at),
        }
    }
}

impl EditForm {
    /// Browsers send CRLF; scripts are written with lines.
    fn typed(self) -> Typed {
        Typed {
            file: self.file,
            text: self.text.replace("\r\n", "\n"),
            mark: self.mark,
            mail: self.mail,
        }
    }
}

pub(in crate::http::ui) async fn try_on(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
    Form(form): Form<EditForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    must_be_administrator(&actor)?;
    page(&desk, &actor, frame, form.typed(), Came::default()).await
}

pub(in crate::http::ui) async fn save(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
    Form(form): Form<EditForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    must_be_administrator(&actor)?;
    let mut typed = form.typed();
    let saved = desk
        .console
        .save(&actor, &typed.file, typed.text.clone(), &typed.mark)
        .await;
    let mut came = Came::default();
    match saved {
        Ok(Saved::Written(_)) => {
            let here = place_of(&typed.file, &typed.mail);
            return Ok(Redirect::to(&format!("{here}&saved=true")).into_response());
        }
        Ok(Saved::Changed(theirs)) => {
            let lines = difference(&theirs.replace("\r\n", "\n"), &typed.text);
            let lines = lines
                .into_iter()
                .map(|(side, line)| (side_name(side), line));
            came.conflict = Some(lines.collect());
            // Who has seen the difference may save on top of it.
            typed.mark = mark_of(&theirs);
        }
        // They stand below, each at its line; failing tests are only known here.
        Err(ConsoleError::Edit(EditError::Wrong(problems))) => {
            came.notice = Some(frame.t("script_edit.not_saved").to_owned());
            came.problems = of_tests(&problems);
        }
        Err(ConsoleError::Edit(error @ EditError::Store(_))) => {
            return Err(of_console(ConsoleError::Edit(error)));
        }
        Err(error) => came.notice = Some(frame.words.sentence(&error)),
    }
    page(&desk, &actor, frame, typed, came).await
}

pub(in crate::http::ui) async fn test(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
    Form(form): Form<EditForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    must_be_administrator(&actor)?;
    let typed = form.typed();
    let ran = desk
        .console
        .test(&actor, &typed.file, typed.text.clone())
        .await;
    let mut came = Came::default();
    match ran {
        Ok(ran) => came.take_tests(&ran),
        Err(ConsoleError::Edit(EditError::Wrong(_))) => {}
        Err(error) => return Err(of_console(error)),
    }
    page(&desk, &actor, frame, typed, came).await
}

/// Those in the tests: the others stand at their lines in the editor.
fn of_tests(problems: &[Diagnostic]) -> Vec<ProblemView> {
    let of_tests = problems.iter().filter(|one| one.file.starts_with("tests/"));
    of_tests.map(ProblemView::new).collect()
}

impl Came {
    fn take_tests(&mut self, ran: &TestsRun) {
        self.problems = of_tests(&ran.problems);
        if ran.count > 0 || self.problems.is_empty() && ran.problems.is_empty() {
            self.tests = Some(TestsView {
                count: ran.count,
                failed: ran.failed,
                took_ms: ran.took.as_millis(),
            });
        }
    }
}

pub(in crate::http::ui) async fn rehearse(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
    Form(form): Form<EditForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    must_be_administrator(&actor)?;
    let typed = form.typed();
    let mut came = Came::default();
    // Of a file of one mailbox, mails of others say nothing.
    let mailbox = match desk.console.mailbox_of(&typed.file) {
        Ok(mailbox) => mailbox,
        Err(error @ ConsoleError::NoMailbox(_)) => {
            came.notice = Some(frame.words.sentence(&error));
            return page(&desk, &actor, frame, typed, came).await;
        }
        Err(error) => return Err(of_console(error)),
    };
    let question = Question {
        candidate: Candidate::Changed(vec![(typed.file.clone(), Some(typed.text.clone()))]),
        last: Some(LAST_USUAL),
        since: None,
        mailbox: mailbox.map(|mailbox| mailbox.id.to_string()),
    };
    match desk.rehearsals.rehearse(&actor, question).await {
        Ok(done) => came.rehearsed = Some(RehearsedView::new(&done)),
        // They stand below, each at its line.
        Err(RehearsalError::Wrong(_)) => {}
        Err(error) => return Err(of_rehearsal(error)),
    }
    page(&desk, &actor, frame, typed, came).await
}

impl RehearsedView {
    fn new(done: &Rehearsed) -> Self {
        Self {
            mails: done.mails,
            changed: done.changed,
            errors_old: done.errors_old,
            errors_new: done.errors_new,
            took_ms: done.took.as_millis(),
            items: done.listed.iter().map(ChangedView::new).collect(),
        }
    }
}
