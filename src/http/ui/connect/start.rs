//! The first page: what to know before, and which provider.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::super::api::of_saving;
use super::super::super::error::Problem;
use super::super::page::{Frame, render};
use super::provider::ProviderView;
use crate::domain::key::PublicId;
use crate::domain::mailbox::OTHER_PRESET;
use crate::domain::user::{Actor, Role};
use crate::service::connect::SaveError;
use crate::service::presets::Presets;

#[derive(Template)]
#[template(path = "connect_start.html")]
struct StartPage {
    frame: Frame,
    providers: Vec<ProviderView>,
    /// What was typed, and what is wrong with it.
    address: String,
    problem: Option<String>,
    /// The mailbox that has the address already.
    taken: Option<PublicId>,
}

pub(in crate::http::ui) async fn start(
    State(presets): State<Presets>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
) -> Result<Response, Problem> {
    allowed(&actor)?;
    Ok(render(&StartPage::new(&presets, frame)))
}

/// The page again, with what is wrong with the address.
pub(super) fn problem_page(
    presets: &Presets,
    frame: Frame,
    address: &str,
    problem: String,
    taken: Option<PublicId>,
) -> Response {
    let page = StartPage {
        address: address.to_owned(),
        problem: Some(problem),
        taken,
        ..StartPage::new(presets, frame)
    };
    (StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response()
}

impl StartPage {
    fn new(presets: &Presets, frame: Frame) -> Self {
        let words = frame.words;
        let catalogue = presets.plugins().current();
        let mut providers: Vec<ProviderView> = catalogue
            .iter()
            .filter(|plugin| !plugin.preset.overlay && plugin.preset.id != OTHER_PRESET)
            .map(|plugin| ProviderView::new(plugin, words))
            .collect();
        providers.sort_by_key(|provider| rank(&provider.id));
        Self {
            frame,
            providers,
            address: String::new(),
            problem: None,
            taken: None,
        }
    }
}

/// Only managers come this far.
pub(super) fn allowed(actor: &Actor) -> Result<(), Problem> {
    if actor.may(Role::Manager, actor.workspace()) {
        return Ok(());
    }
    Err(of_saving(SaveError::NotAllowed))
}

/// What most teams look for stands first; the rest by name.
fn rank(id: &str) -> (usize, String) {
    const FIRST: [&str; 12] = [
        "qq",
        "exmail",
        "netease-163",
        "netease-126",
        "gmail",
        "google-workspace",
        "outlook",
        "office365",
        "feishu",
        "aliyun-enterprise",
        "yahoo",
        "icloud",
    ];
    let place = FIRST.iter().position(|first| *first == id);
    (place.unwrap_or(FIRST.len()), id.to_owned())
}
