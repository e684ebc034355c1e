//! A conversation as a row of the list and as the head of its page.

use super::super::language::Words;
use super::{Moment, marks};
use crate::domain::address::Address;
use crate::domain::conversation::Priority;
use crate::domain::extraction::MailSort;
use crate::domain::message::Direction;
use crate::domain::undelivered::AddressTrouble;
use crate::http::api::{priority_name, status_name};
use crate::service::conversations::Listed;
use crate::service::presets::Presets;

/// A conversation.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ConversationView {
    pub(in crate::http::ui) id: String,
    pub(in crate::http::ui) number: u64,
    pub(in crate::http::ui) subject: String,
    pub(in crate::http::ui) status: &'static str,
    /// Only when it is not the usual one.
    pub(in crate::http::ui) priority: Option<&'static str>,
    pub(in crate::http::ui) spam: bool,
    pub(in crate::http::ui) tags: Vec<String>,
    pub(in crate::http::ui) contact: String,
    pub(in crate::http::ui) contact_address: String,
    /// The first letter of the contact, for the round mark.
    pub(in crate::http::ui) letter: String,
    /// One of [`HUES`] colours, always the same for a contact.
    pub(in crate::http::ui) hue: u8,
    pub(in crate::http::ui) mailbox: Option<String>,
    pub(in crate::http::ui) team: Option<String>,
    pub(in crate::http::ui) assignee: Option<String>,
    pub(in crate::http::ui) preview: String,
    pub(in crate::http::ui) messages: u32,
    /// The last word is the contact's: it waits for us.
    pub(in crate::http::ui) waits_for_us: bool,
    /// What its newest mail is, when a marketplace wrote it and no buyer.
    pub(in crate::http::ui) newest: Option<String>,
    pub(in crate::http::ui) last_at: Moment,
}

/// How often mail to the addresses of a contact came back.
pub(in crate::http::ui) fn troubles_in_words(
    troubles: &[(Address, AddressTrouble)],
    words: Words,
) -> Vec<String> {
    let told = |(address, trouble): &(Address, AddressTrouble)| {
        let count = trouble.hard.saturating_add(trouble.soft).to_string();
        let values = [
            ("address", address.as_str()),
            ("count", &count),
            ("text", &trouble.text),
        ];
        words.with("contact.bounced", &values)
    };
    troubles.iter().map(told).collect()
}

/// Colours of the round marks; the stylesheet has a class for each.
const HUES: u8 = 6;

impl ConversationView {
    pub(in crate::http::ui) fn new(listed: &Listed, presets: &Presets, words: Words) -> Self {
        let conversation = &listed.conversation;
        let contact = listed
            .contact
            .as_ref()
            .map_or_else(|| "?".to_owned(), |contact| contact.shown().to_owned());
        let address = listed
            .contact
            .as_ref()
            .and_then(|contact| contact.addresses.first())
            .map(Address::to_string);
        let newest = listed.newest_sort.as_ref();
        let letters = contact
            .chars()
            .find(|c| c.is_alphanumeric())
            .map(|c| c.to_uppercase().collect());
        Self {
            id: conversation.id.to_string(),
            number: conversation.number,
            subject: conversation.subject.clone(),
            status: status_name(conversation.status),
            priority: (conversation.priority != Priority::Normal)
                .then(|| priority_name(conversation.priority)),
            spam: conversation.spam,
            tags: conversation
                .tags
                .iter()
                .map(|tag| tag.as_str().to_owned())
                .collect(),
            letter: letters.unwrap_or_else(|| "?".to_owned()),
            hue: contact.bytes().fold(0, u8::wrapping_add) % HUES,
            contact,
            contact_address: address.unwrap_or_default(),
            mailbox: listed
                .mailbox
                .as_ref()
                .map(|mailbox| mailbox.settings.name.clone()),
            team: listed.team.as_ref().map(|team| team.name.clone()),
            assignee: listed.assignee.as_ref().map(|user| user.name.clone()),
            preview: conversation.preview.clone(),
            messages: conversation.message_count,
            waits_for_us: conversation.last_direction == Direction::Inbound
                && newest.is_none_or(MailSort::wants_an_answer),
            newest: newest.and_then(|sort| {
                let mailbox = listed.mailbox.as_ref().map(|mailbox| &mailbox.settings);
                marks::newest(presets, words, mailbox, sort)
            }),
            last_at: Moment::new(conversation.last_at),
        }
    }
}
