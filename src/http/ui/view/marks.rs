//! What a plugin read in mails, in words of the page's language.

use super::super::language::Words;
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::mailbox::MailboxSettings;
use crate::domain::preset::Field;
use crate::domain::refusal::Bilingual;
use crate::plugin::Plugin;
use crate::service::presets::Presets;
use crate::text;

/// A text of a plugin in the page's language.
pub(in crate::http::ui) fn said(words: Words, texts: &Bilingual) -> &str {
    match words.language() {
        text::Language::Zh => &texts.zh,
        text::Language::En => &texts.en,
    }
}

/// What stands on a message.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct FieldsView {
    /// Names and values.
    pub(in crate::http::ui) fields: Vec<(String, String)>,
    /// Only when no buyer wrote it.
    pub(in crate::http::ui) sort: Option<String>,
    /// Why there are no fields.
    pub(in crate::http::ui) failure: Option<String>,
}

impl FieldsView {
    pub(in crate::http::ui) fn new(presets: &Presets, words: Words, found: &Extraction) -> Self {
        let plugin = presets.get(&found.plugin);
        let plugin = plugin.as_ref();
        let fields = found.fields.iter().map(|(name, value)| {
            let label = plugin.and_then(|plugin| label(words, &plugin.preset.fields, name));
            (label.unwrap_or_else(|| name.clone()), value.clone())
        });
        Self {
            fields: fields.collect(),
            sort: found
                .sort
                .as_ref()
                .and_then(|sort| shown(words, plugin, sort)),
            failure: found.failure.clone(),
        }
    }
}

/// What the newest mail of a conversation is, when no buyer wrote it.
pub(in crate::http::ui) fn newest(
    presets: &Presets,
    words: Words,
    mailbox: Option<&MailboxSettings>,
    sort: &MailSort,
) -> Option<String> {
    let plugin = mailbox.and_then(|mailbox| {
        let overlay = mailbox.overlay.as_deref();
        presets.get(overlay.unwrap_or(&mailbox.preset))
    });
    shown(words, plugin.as_ref(), sort)
}

fn shown(words: Words, plugin: Option<&Plugin>, sort: &MailSort) -> Option<String> {
    if sort.wants_an_answer() {
        return None;
    }
    let own = plugin.and_then(|plugin| label(words, &plugin.preset.notices, sort.notice()));
    Some(own.unwrap_or_else(|| words.t(&format!("mail.{}", sort.name())).to_owned()))
}

fn label(words: Words, fields: &[Field], name: &str) -> Option<String> {
    let found = fields.iter().find(|field| field.key == name);
    found.map(|field| said(words, &field.label).to_owned())
}
