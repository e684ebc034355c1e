//! `/mailboxes/{id}/ledger`, `/count` and `/collect`: where mails went.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::super::body::{Asked, Body, Id, PAGE_DEFAULT, Which};
use super::super::error::{Kind, Problem};
use super::failure::{of_collecting, of_mailboxes};
use super::json::ledger::{CollectedBody, CountedBody, LedgerBody, OnItsWayBody};
use super::lifecycle::found;
use crate::domain::key::LedgerKey;
use crate::domain::message_id::MessageId;
use crate::domain::user::Actor;
use crate::service::collecting::{Collecting, begin_of, day};
use crate::service::ledger::{Ledger, Question};
use crate::service::mailboxes::Mailboxes;

/// The query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerQuery {
    message_id: Option<String>,
    search: Option<String>,
    /// `2026-01-31`.
    since: Option<String>,
    before: Option<u64>,
    limit: Option<usize>,
}

fn unusable(words: String) -> Problem {
    Problem::new(Kind::Unprocessable, words)
}

pub(super) async fn page(
    State(ledger): State<Ledger>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Asked(query): Asked<LedgerQuery>,
) -> Result<Json<LedgerBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let message_id = query.message_id.as_deref().map(|text| {
        MessageId::parse(text).ok_or_else(|| unusable("`message_id` is no Message-ID.".to_owned()))
    });
    let since = query.since.as_deref().map(day).transpose();
    let question = Question {
        message_id: message_id.transpose()?,
        text: query.search,
        since: since.map_err(unusable)?.and_then(begin_of),
        before: query.before.map(LedgerKey),
        limit: query.limit.unwrap_or(PAGE_DEFAULT),
    };
    let page = ledger.page(&actor, id, question).await;
    let page = page.map_err(of_mailboxes)?;
    Ok(Json(LedgerBody::new(&page)))
}

pub(super) async fn count(
    State(collecting): State<Collecting>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
) -> Result<Json<CountedBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let counted = collecting.count(&actor, id).await;
    let (_, counted) = counted.map_err(of_collecting)?;
    Ok(Json(CountedBody::new(&counted)))
}

/// From when on, and whether it is only a look.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CollectBody {
    /// `2026-01-31`.
    since: String,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn collect(
    State(collecting): State<Collecting>,
    State(mailboxes): State<Mailboxes>,
    Extension(actor): Extension<Actor>,
    Which(which): Which,
    Body(body): Body<CollectBody>,
) -> Result<Json<CollectedBody>, Problem> {
    let id = found(&mailboxes, &actor, &which)?;
    let since = day(&body.since).map_err(unusable)?;
    let collected = collecting.collect(&actor, id, since, body.dry_run).await;
    let (_, collected) = collected.map_err(of_collecting)?;
    Ok(Json(CollectedBody::new(&collected, since)))
}

/// Fetches the rest of a mail that was left on its server because of its size.
pub(super) async fn fetch(
    State(collecting): State<Collecting>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
) -> Result<(StatusCode, Json<OnItsWayBody>), Problem> {
    let begun = collecting.fetch_anyway(&actor, id).await;
    let body = OnItsWayBody::new(&begun.map_err(of_collecting)?);
    Ok((StatusCode::ACCEPTED, Json(body)))
}
