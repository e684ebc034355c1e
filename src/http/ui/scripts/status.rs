//! `/scripts`: the live version, what is wrong with the files, and which there are.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::super::super::api::{of_console, of_editing};
use super::super::super::error::Problem;
use super::super::page::{Frame, render};
use super::super::view::Moment;
use super::super::view::scripts::ProblemView;
use super::{Desk, must_be_operator};
use crate::domain::user::Actor;
use crate::script::{entry, is_override};
use crate::wire::decision::hexadecimal;

/// Digits of a version that are shown.
const VERSION_SHOWN: usize = 8;

#[derive(Template)]
#[template(path = "scripts.html")]
struct StatusPage {
    frame: Frame,
    /// Whole, and as it is shown.
    version: Option<(String, String)>,
    live_since: Option<Moment>,
    is_refused: bool,
    problems: Vec<ProblemView>,
    /// What goes on failing: how often, and the last time.
    failing: Vec<(String, String)>,
    may_edit: bool,
    /// Files that mean something by their name, and whether they are there.
    entries: Vec<(&'static str, bool)>,
    /// Files for one mailbox or workspace.
    overrides: Vec<String>,
    /// Slugs and addresses of mailboxes that may get such a file.
    mailboxes: Vec<(String, String)>,
    /// Whatever else is there.
    others: Vec<String>,
    tests: Vec<String>,
    /// Why the folder cannot be read.
    unread: Option<String>,
}

pub(in crate::http::ui) async fn show(
    State(desk): State<Desk>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
) -> Result<Response, Problem> {
    must_be_operator(&actor)?;
    let live = desk.scripts.current();
    let version = live.map(|live| hexadecimal(&live.version().0));
    let mut unread = None;
    let sources = match desk.editing.sources(&actor).await {
        Ok(sources) => sources.files,
        Err(error) => {
            unread = Some(frame.words.sentence(&error));
            Vec::new()
        }
    };
    let tests = match desk.console.tests(&actor).await {
        Ok(tests) => tests,
        Err(error) => {
            unread.get_or_insert_with(|| frame.words.sentence(&error));
            Vec::new()
        }
    };
    let problems = desk.editing.problems().map_err(of_editing)?;
    let is_there = |name: &str| sources.iter().any(|(file, _)| file == name);
    let others = sources.iter().map(|(name, _)| name);
    let failing = desk.asking.failing().into_iter().map(|one| {
        let count = one.count.to_string();
        let values = [("function", one.function), ("count", count.as_str())];
        (frame.words.with("scripts.failing", &values), one.last.words)
    });
    let failing = failing.collect();
    let others = others.filter(|name| !entry::ALL.contains(&name.as_str()));
    let (overrides, others) = others.cloned().partition(|name| is_override(name));
    let mailboxes = desk.console.mailboxes(&actor).map_err(of_console)?;
    let mailboxes = mailboxes.into_iter().map(|mailbox| {
        let settings = mailbox.settings;
        (settings.slug.to_string(), settings.address.to_string())
    });
    Ok(render(&StatusPage {
        failing,
        version: version.map(|all| (all.clone(), all.chars().take(VERSION_SHOWN).collect())),
        live_since: desk.scripts.live_since().map(Moment::new),
        is_refused: desk.scripts.is_refused(),
        problems: problems.iter().map(ProblemView::new).collect(),
        may_edit: desk.editing.may_edit(&actor),
        entries: entry::ALL.map(|name| (name, is_there(name))).to_vec(),
        overrides,
        mailboxes: mailboxes.collect(),
        others,
        tests: tests.into_iter().map(|(name, _)| name).collect(),
        unread,
        frame,
    }))
}
