//! When a mail joins an older conversation of its mailbox, asked and told.

use serde::{Deserialize, Serialize};

use crate::domain::threading::{ThreadingChange, ThreadingRules};

/// The settings; asked for, those that are absent stay.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThreadingBody {
    /// `thread_only`, `recent` or `one_per_contact`.
    reopen: Option<String>,
    /// How old the contact's last conversation may be.
    reopen_days: Option<i64>,
    /// How old a conversation with the same contact and subject may be; 0 for never.
    same_subject_days: Option<i64>,
}

impl From<ThreadingBody> for ThreadingChange {
    fn from(body: ThreadingBody) -> Self {
        Self {
            reopen: body.reopen,
            reopen_days: body.reopen_days.map(|days| days.to_string()),
            same_subject_days: body.same_subject_days.map(|days| days.to_string()),
        }
    }
}

impl From<ThreadingRules> for ThreadingBody {
    fn from(rules: ThreadingRules) -> Self {
        Self {
            reopen: Some(rules.reopen.word().to_owned()),
            reopen_days: Some(rules.reopen_days()),
            same_subject_days: Some(rules.same_subject_days()),
        }
    }
}
