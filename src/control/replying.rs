//! How a mailbox replies, as the commands say it.

use serde::{Deserialize, Serialize};

use crate::domain::replying::{ReplyChange, ReplySettings};

/// New settings; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct RepliesForm {
    /// The answered mail is quoted below.
    pub quote_history: Option<bool>,
    /// HTML goes along.
    pub with_html: Option<bool>,
    /// `identity`, `operator` or `operator_and_identity`.
    pub sender_name: Option<String>,
    /// Reply-To carries a token.
    pub tagged_reply_to: Option<bool>,
    /// A missing Sent folder is made.
    pub create_sent: Option<bool>,
    /// The Sent folder is read.
    pub watch_sent: Option<bool>,
}

impl From<RepliesForm> for ReplyChange {
    fn from(form: RepliesForm) -> Self {
        Self {
            quote_history: form.quote_history,
            with_html: form.with_html,
            sender_name: form.sender_name,
            tagged_reply_to: form.tagged_reply_to,
            create_sent: form.create_sent,
            watch_sent: form.watch_sent,
        }
    }
}

/// In a few words, for `postern mailbox show`.
pub(super) fn words(settings: &ReplySettings, has_folders: bool) -> String {
    let sender = settings.sender_name.word().replace('_', " ");
    let mut words = vec![
        if settings.with_html {
            "text and HTML"
        } else {
            "text only"
        }
        .to_owned(),
        if settings.quote_history {
            "history quoted"
        } else {
            "history not quoted"
        }
        .to_owned(),
        format!("under the name of {sender}"),
    ];
    if settings.tagged_reply_to {
        words.push("Reply-To with a token".to_owned());
    }
    if has_folders && !settings.create_sent {
        words.push("a missing Sent folder is not made".to_owned());
    }
    if has_folders && !settings.watch_sent {
        words.push("Sent is not read".to_owned());
    }
    words.join(", ")
}
