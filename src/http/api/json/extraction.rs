//! What plugins read in mails.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::extraction::{Extraction, MailSort};

/// What a plugin read in a mail.
#[derive(Debug, Serialize)]
pub(super) struct ExtractionBody {
    plugin: String,
    /// `buyer_message`, `notice`, `own_answer` or `undeliverable`.
    kind: Option<&'static str>,
    /// What a notice is about.
    notice: Option<String>,
    fields: BTreeMap<String, String>,
    /// Why there are no fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl ExtractionBody {
    pub(super) fn new(found: &Extraction) -> Self {
        Self {
            plugin: found.plugin.clone(),
            kind: found.sort.as_ref().map(MailSort::name),
            notice: notice_of(found.sort.as_ref()),
            fields: found.fields.iter().cloned().collect(),
            failure: found.failure.clone(),
        }
    }
}

/// What a notice is about; nothing for anything else.
pub(super) fn notice_of(sort: Option<&MailSort>) -> Option<String> {
    let about = sort.map(MailSort::notice).unwrap_or_default();
    (!about.is_empty()).then(|| about.to_owned())
}
