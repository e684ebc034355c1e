//! The first page: what to know before, and which provider.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::super::super::api::of_saving;
use super::super::super::error::Problem;
use super::super::page::{Frame, render};
use super::provider::ProviderView;
use crate::domain::mailbox::OTHER_PRESET;
use crate::domain::user::{Actor, Role};
use crate::service::connect::SaveError;
use crate::service::presets::Presets;

#[derive(Template)]
#[template(path = "connect_start.html")]
struct StartPage {
    frame: Frame,
    providers: Vec<ProviderView>,
}

pub(in crate::http::ui) async fn start(
    State(presets): State<Presets>,
    Extension(actor): Extension<Actor>,
    frame: Frame,
) -> Result<Response, Problem> {
    allowed(&actor)?;
    let words = frame.words;
    let catalogue = presets.plugins().current();
    let mut providers: Vec<ProviderView> = catalogue
        .iter()
        .filter(|plugin| !plugin.preset.overlay && plugin.preset.id != OTHER_PRESET)
        .map(|plugin| ProviderView::new(plugin, words))
        .collect();
    providers.sort_by_key(|provider| rank(&provider.id));
    Ok(render(&StartPage { frame, providers }))
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
