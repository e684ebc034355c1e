//! The list: tabs by status with counts, a filter by mailbox, newest first.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::api::{of_conversations, of_mailboxes, status_named};
use super::super::body::{Asked, id_in};
use super::super::error::Problem;
use super::page::{Frame, render};
use super::view::conversation::ConversationView;
use crate::domain::user::Actor;
use crate::service::conversations::{Conversations, Counts, Wanted};
use crate::service::mailboxes::Mailboxes;
use crate::service::presets::Presets;

/// Rows of a page.
const ROWS: usize = 50;
const TAB_NAMES: [&str; 5] = ["open", "pending", "snoozed", "closed", "spam"];

/// The query.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    status: Option<String>,
    /// Empty when all are wanted.
    mailbox: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "conversations.html")]
struct ListPage {
    frame: Frame,
    tabs: Vec<Tab>,
    status: String,
    mailbox: String,
    mailboxes: Vec<(String, String)>,
    rows: Vec<ConversationView>,
    next: Option<String>,
    /// Not the first page.
    further: bool,
}

struct Tab {
    name: &'static str,
    count: u64,
}

pub(super) async fn list(
    State(conversations): State<Conversations>,
    State(mailboxes): State<Mailboxes>,
    State(presets): State<Presets>,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<ListQuery>,
    frame: Frame,
) -> Result<Response, Problem> {
    let status = query.status.unwrap_or_else(|| "open".to_owned());
    let mailbox = query.mailbox.unwrap_or_default();
    let spam = status == "spam";
    let wanted = Wanted {
        status: if spam {
            None
        } else {
            Some(status_named(&status)?)
        },
        mailbox: if mailbox.is_empty() {
            None
        } else {
            Some(id_in("mailbox", &mailbox)?)
        },
        spam,
        ..Wanted::default()
    };
    let page = conversations
        .list(&actor, &wanted, query.after.as_deref(), ROWS)
        .map_err(of_conversations)?;
    let counts = conversations.counts(&actor).map_err(of_conversations)?;
    let all = mailboxes.list(&actor).map_err(of_mailboxes)?;
    Ok(render(&ListPage {
        tabs: tabs(&counts),
        mailboxes: all
            .iter()
            .map(|(one, _)| (one.id.to_string(), one.settings.name.clone()))
            .collect(),
        rows: page
            .items
            .iter()
            .map(|listed| ConversationView::new(listed, &presets, frame.words))
            .collect(),
        next: page.next,
        further: query.after.is_some(),
        frame,
        status,
        mailbox,
    }))
}

fn tabs(counts: &Counts) -> Vec<Tab> {
    let counts = [
        counts.open,
        counts.pending,
        counts.snoozed,
        counts.closed,
        counts.spam,
    ];
    TAB_NAMES
        .into_iter()
        .zip(counts)
        .map(|(name, count)| Tab { name, count })
        .collect()
}
