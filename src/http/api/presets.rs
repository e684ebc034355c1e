//! `/presets`: what is known about providers, and what is wrong in the installation's
//! own plugins. `/mailboxes/suggest`: what an address probably needs.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::super::body::Asked;
use super::super::error::{Kind, Problem};
use super::failure::of_store;
use super::json::preset::{PresetBody, PresetsBody, SuggestionBody};
use crate::domain::address::Address;
use crate::domain::user::{Actor, Role};
use crate::service::connect::Connect;
use crate::service::presets::Presets;

/// Presets change with a reload of the plugins alone; pages may keep a mark for a while.
const ICON_LIFE: &str = "private, max-age=3600";

fn allow(actor: &Actor, role: Role, words: &'static str) -> Result<(), Problem> {
    let may = actor.may(role, actor.workspace());
    may.then_some(())
        .ok_or_else(|| Problem::new(Kind::Forbidden, words))
}

pub(super) async fn list(
    State(presets): State<Presets>,
    Extension(actor): Extension<Actor>,
) -> Result<Json<PresetsBody>, Problem> {
    allow(
        &actor,
        Role::Operator,
        "Only operators may see the presets.",
    )?;
    let plugins = presets.plugins();
    Ok(Json(PresetsBody::new(
        &plugins.current(),
        &plugins.problems(),
    )))
}

pub(super) async fn get(
    State(presets): State<Presets>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<PresetBody>, Problem> {
    allow(
        &actor,
        Role::Operator,
        "Only operators may see the presets.",
    )?;
    let plugin = presets.get(&id).ok_or_else(Problem::not_found)?;
    Ok(Json(PresetBody::new(&plugin)))
}

/// The mark of a provider, for pages as well.
pub(in crate::http) async fn icon(
    State(presets): State<Presets>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    allow(
        &actor,
        Role::Operator,
        "Only operators may see the presets.",
    )?;
    let plugin = presets.get(&id).ok_or_else(Problem::not_found)?;
    let icon = plugin.icon.ok_or_else(Problem::not_found)?;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, ICON_LIFE),
        // An SVG that is opened by itself is a document: nothing in it may run or load.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ),
    ];
    Ok((headers, icon))
}

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuggestQuery {
    address: String,
    /// The plugin a person chose.
    preset: Option<String>,
}

pub(super) async fn suggest(
    State(connect): State<Connect>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<SuggestQuery>,
) -> Result<Json<SuggestionBody>, Problem> {
    let words = "Connecting a mailbox needs a mailbox manager or an administrator.";
    allow(&actor, Role::Manager, words)?;
    let address = Address::typed(query.address.trim());
    let address = address
        .map_err(|error| Problem::new(Kind::Unprocessable, format!("`address`: {error}.")))?;
    let suggestion = connect.suggest(&address, query.preset.as_deref()).await;
    let remarks = connect.remarks(&address, &suggestion);
    let remarks = remarks.map_err(|error| of_store(&error))?;
    Ok(Json(SuggestionBody::new(&address, &suggestion, &remarks)))
}
