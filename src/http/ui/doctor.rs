//! Examining a mailbox: the findings as they come, and what to do about them.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::response::sse::Event;
use axum::response::{Redirect, Response};

use super::super::api::{check_name, examined_name, of_mailboxes};
use super::super::body::Id;
use super::super::error::Problem;
use super::super::steps::{Next, follow as follow_steps};
use super::super::streams::Streams;
use super::conversation::BareForm;
use super::language::Words;
use super::page::{Frame, render};
use super::view::Moment;
use crate::domain::user::Actor;
use crate::service::doctor::{Doctor, Finding};

#[derive(Template)]
#[template(path = "doctor.html")]
struct DoctorPage {
    frame: Frame,
    id: String,
    address: String,
    begun_at: Option<Moment>,
    findings: Vec<FindingView>,
    is_over: bool,
}

struct FindingView {
    /// Key of its name: `doctor.check.*`.
    check: &'static str,
    verdict: &'static str,
    words: String,
    took: String,
}

pub(super) async fn show(
    State(doctor): State<Doctor>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
) -> Result<Response, Problem> {
    let (mailbox, last) = doctor.last(&actor, id).map_err(of_mailboxes)?;
    let last = last.map(|last| last.borrow().clone());
    let findings = last.as_ref().map(|last| last.findings.as_slice());
    Ok(render(&DoctorPage {
        id: id.to_string(),
        address: mailbox.settings.address.to_string(),
        begun_at: last.as_ref().map(|last| Moment::new(last.begun_at)),
        findings: findings
            .unwrap_or_default()
            .iter()
            .map(|finding| FindingView::new(finding, frame.words))
            .collect(),
        is_over: last.is_none_or(|last| last.is_over),
        frame,
    }))
}

pub(super) async fn begin(
    State(doctor): State<Doctor>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Redirect, Problem> {
    frame.session.check(&form.form_token)?;
    doctor.begin(&actor, id).map_err(of_mailboxes)?;
    Ok(Redirect::to(&format!("/mailboxes/{id}/doctor")))
}

/// Tells whenever something more was found, and ends with the examination.
pub(super) async fn follow(
    State(doctor): State<Doctor>,
    State(streams): State<Streams>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (_, last) = doctor.last(&actor, id).map_err(of_mailboxes)?;
    let last = last.ok_or_else(Problem::not_found)?;
    follow_steps(last, streams, &actor, |examination, told| {
        let event = |count: usize| Event::default().event("step").data(count.to_string());
        match examination.findings.len() {
            found if told < found => Next::Tell(event(told + 1)),
            found if examination.is_over => Next::End(event(found)),
            _ => Next::Wait,
        }
    })
}

impl FindingView {
    fn new(finding: &Finding, words: Words) -> Self {
        Self {
            check: check_name(finding.check),
            verdict: examined_name(finding.verdict),
            words: words.say(&finding.words),
            took: format!("{:.1} s", finding.took.as_secs_f64()),
        }
    }
}
