//! A mailbox as a card.

use super::Moment;
use crate::domain::mailbox::{Condition, Mailbox, MailboxHealth, Server};
use crate::http::api::condition_name;

/// A mailbox.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct MailboxView {
    pub(in crate::http::ui) id: String,
    pub(in crate::http::ui) name: String,
    pub(in crate::http::ui) address: String,
    pub(in crate::http::ui) receiving: ConditionView,
    pub(in crate::http::ui) sending: ConditionView,
    pub(in crate::http::ui) incoming: Option<String>,
    pub(in crate::http::ui) outgoing: Option<String>,
    pub(in crate::http::ui) folder: Option<String>,
    pub(in crate::http::ui) last_sign_of_life: Option<Moment>,
    pub(in crate::http::ui) last_mail_at: Option<Moment>,
    pub(in crate::http::ui) catching_up: Option<u32>,
    pub(in crate::http::ui) too_large: usize,
    pub(in crate::http::ui) incomplete: usize,
    pub(in crate::http::ui) offline: bool,
}

/// How one direction is doing.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ConditionView {
    pub(in crate::http::ui) state: &'static str,
    pub(in crate::http::ui) reason: Option<String>,
    pub(in crate::http::ui) next_at: Option<Moment>,
    /// `3/10`.
    pub(in crate::http::ui) retry: Option<String>,
}

impl MailboxView {
    pub(in crate::http::ui) fn new(mailbox: &Mailbox, health: &MailboxHealth) -> Self {
        let settings = &mailbox.settings;
        Self {
            id: mailbox.id.to_string(),
            name: settings.name.clone(),
            address: settings.address.to_string(),
            receiving: ConditionView::new(&health.receiving),
            sending: ConditionView::of_sending(&health.sending),
            incoming: settings.way_in.server().map(shown),
            outgoing: settings.way_out.server().map(shown),
            folder: settings.imap().map(|way| way.folder.to_string()),
            last_sign_of_life: health.last_sign_of_life.map(Moment::new),
            last_mail_at: health.last_mail_at.map(Moment::new),
            catching_up: health.catching_up,
            too_large: health.held.too_large,
            incomplete: health.held.incomplete,
            offline: settings.offline(),
        }
    }
}

fn shown(server: &Server) -> String {
    format!("{}:{}", server.host, server.port)
}

impl ConditionView {
    /// Sending keeps no connection: what was never tried is not connecting.
    fn of_sending(condition: &Condition) -> Self {
        let mut view = Self::new(condition);
        if matches!(condition, Condition::Connecting) {
            view.state = "unused";
        }
        view
    }

    fn new(condition: &Condition) -> Self {
        let state = condition_name(condition);
        match condition {
            Condition::Connecting | Condition::Active | Condition::Offline | Condition::Unbound => {
                Self {
                    state,
                    reason: None,
                    next_at: None,
                    retry: None,
                }
            }
            Condition::Interrupted {
                reason,
                retry,
                retries_max,
                next_at,
            } => Self {
                state,
                reason: Some(reason.clone()),
                next_at: Some(Moment::new(*next_at)),
                retry: Some(format!("{retry}/{retries_max}")),
            },
            Condition::Error { reason, next_at } => Self {
                state,
                reason: Some(reason.clone()),
                next_at: Some(Moment::new(*next_at)),
                retry: None,
            },
            Condition::ReauthenticationNeeded { reason } => Self {
                state,
                reason: Some(reason.clone()),
                next_at: None,
                retry: None,
            },
        }
    }
}
