//! How a mailbox replies, asked and told.

use serde::{Deserialize, Serialize};

use crate::domain::replying::{ReplyChange, ReplySettings};

/// The settings; asked for, those that are absent stay.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplySettingsBody {
    quote_history: Option<bool>,
    with_html: Option<bool>,
    /// `identity`, `operator` or `operator_and_identity`.
    sender_name: Option<String>,
    tagged_reply_to: Option<bool>,
    create_sent: Option<bool>,
    watch_sent: Option<bool>,
}

impl From<ReplySettingsBody> for ReplyChange {
    fn from(body: ReplySettingsBody) -> Self {
        Self {
            quote_history: body.quote_history,
            with_html: body.with_html,
            sender_name: body.sender_name,
            tagged_reply_to: body.tagged_reply_to,
            create_sent: body.create_sent,
            watch_sent: body.watch_sent,
        }
    }
}

impl From<ReplySettings> for ReplySettingsBody {
    fn from(settings: ReplySettings) -> Self {
        Self {
            quote_history: Some(settings.quote_history),
            with_html: Some(settings.with_html),
            sender_name: Some(settings.sender_name.word().to_owned()),
            tagged_reply_to: Some(settings.tagged_reply_to),
            create_sent: Some(settings.create_sent),
            watch_sent: Some(settings.watch_sent),
        }
    }
}
