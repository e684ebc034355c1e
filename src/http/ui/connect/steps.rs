//! The trial, step by step while it runs, and how it ended.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::response::sse::Event;

use super::super::super::body::Id;
use super::super::super::error::Problem;
use super::super::super::steps::{Next, follow as follow_steps};
use super::super::super::streams::Streams;
use super::super::language::Words;
use super::super::page::{Frame, render};
use crate::domain::mailbox::WayIn;
use crate::domain::user::Actor;
use crate::service::connect::attempts::{End, Progress};
use crate::service::connect::wish::Protocol;
use crate::service::connect::{Connect, Step, StepResult};
use crate::service::mailboxes::Mailboxes;

#[derive(Template)]
#[template(path = "connect_steps.html")]
struct StepsPage {
    frame: Frame,
    id: String,
    address: String,
    steps: Vec<StepView>,
    /// The step that is under way, when one is.
    running: Option<&'static str>,
    connected: Option<String>,
    /// Where mail is to be forwarded to, when it comes that way: `Some(None)` while the
    /// gateway takes none.
    forwarded: Option<Option<String>>,
    failed: Option<String>,
}

struct StepView {
    /// Key of its name: `connect.step.*`.
    name: &'static str,
    passed: bool,
    words: String,
    took: String,
}

pub(in crate::http::ui) async fn show(
    State(connect): State<Connect>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
) -> Result<Response, Problem> {
    let attempt = connect.attempt(&actor, id).ok_or_else(Problem::not_found)?;
    let progress = attempt.progress.borrow().clone();
    let (mut connected, mut forwarded, mut failed) = (None, None, None);
    match &progress.end {
        Some(End::Connected { mailbox }) => {
            connected = Some(mailbox.to_string());
            // It may have been removed since.
            let found = mailboxes.get(&actor, *mailbox).ok();
            forwarded = found.and_then(|(mailbox, health)| {
                let is_forwarded = matches!(mailbox.settings.way_in, WayIn::Forwarding(_));
                is_forwarded.then_some(health.receiving_address)
            });
        }
        Some(End::Failed(said)) => failed = Some(frame.words.say(said)),
        // A trial of a program, whose person is looking on.
        Some(End::Passed) | None => {}
    }
    let is_forwarded = matches!(attempt.wish.protocol(), Ok(Protocol::Forwarding));
    let steps = progress.steps.iter();
    Ok(render(&StepsPage {
        id: id.to_string(),
        address: attempt.wish.address,
        steps: steps
            .map(|step| StepView::new(step, frame.words, is_forwarded))
            .collect(),
        running: progress
            .end
            .is_none()
            .then(|| next(&progress, is_forwarded)),
        connected,
        forwarded,
        failed,
        frame,
    }))
}

/// Tells whenever the attempt has come further, and ends with it.
pub(in crate::http::ui) async fn follow(
    State(connect): State<Connect>,
    State(streams): State<Streams>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let attempt = connect.attempt(&actor, id).ok_or_else(Problem::not_found)?;
    follow_steps(attempt.progress, streams, &actor, |progress, told| {
        let event = |count: usize| Event::default().event("step").data(count.to_string());
        match progress.steps.len() {
            steps if told < steps => Next::Tell(event(told + 1)),
            steps if progress.end.is_some() => Next::End(event(steps)),
            _ => Next::Wait,
        }
    })
}

/// `is_forwarded`: no server is asked for mail; the first step is the address it comes to.
fn key(step: Step, is_forwarded: bool) -> &'static str {
    match step {
        Step::Incoming if is_forwarded => "connect.step.receiving_address",
        Step::Incoming => "connect.step.incoming",
        Step::Folder => "connect.step.folder",
        Step::Outgoing => "connect.step.outgoing",
    }
}

fn next(progress: &Progress, is_forwarded: bool) -> &'static str {
    let step = match progress.steps.last().map(|step| step.step) {
        None => Step::Incoming,
        Some(Step::Incoming) if !is_forwarded => Step::Folder,
        Some(Step::Incoming | Step::Folder | Step::Outgoing) => Step::Outgoing,
    };
    key(step, is_forwarded)
}

impl StepView {
    fn new(result: &StepResult, words: Words, is_forwarded: bool) -> Self {
        let (Ok(said) | Err(said)) = &result.outcome;
        Self {
            name: key(result.step, is_forwarded),
            passed: result.outcome.is_ok(),
            words: words.say(said),
            took: format!("{:.1} s", result.took.as_secs_f64()),
        }
    }
}
