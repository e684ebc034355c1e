//! What surrounds the mail of a test, as its table says it. What it does not say is as with
//! the first mail of somebody who never wrote before.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Deserialize;
use toml::Spanned;

use super::super::moment::moment as read_moment;
use super::super::view::{
    ContactView, ContextView, ConversationView, Later, MailContent, MailView, MailboxView,
    OperatorView,
};
use super::word::{Wrong, direction, dmarc, priority, state, status, tag};
use crate::domain::address::Address;
use crate::domain::authentication::Verdict;
use crate::domain::extraction::Extraction;

/// When a mail comes in whose test does not say.
const NOW: &str = "2026-01-05T10:00:00";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ContextForm {
    now: Option<Spanned<String>>,
    mailbox: MailboxForm,
    conversation: ConversationForm,
    contact: ContactForm,
    operator: PersonForm,
    workspace: Option<String>,
    fields: BTreeMap<String, String>,
    late: bool,
    imported: bool,
    new_participant: bool,
    spam: bool,
    dmarc: Option<Spanned<String>>,
    envelope_recipient: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MailboxForm {
    id: Option<String>,
    slug: Option<String>,
    workspace: Option<String>,
    name: Option<String>,
    address: Option<String>,
    signature: Option<String>,
    preset: Option<String>,
    settings: BTreeMap<String, String>,
    state: Option<Spanned<String>>,
    state_before: Option<Spanned<String>>,
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConversationForm {
    language: Option<String>,
    number: Option<u64>,
    subject: Option<String>,
    status: Option<Spanned<String>>,
    priority: Option<Spanned<String>>,
    tags: Vec<Spanned<String>>,
    team: Option<String>,
    assignee: Option<String>,
    message_count: Option<u32>,
    first_at: Option<Spanned<String>>,
    last_at: Option<Spanned<String>>,
    last_direction: Option<Spanned<String>>,
    /// Empty: nobody waits.
    waiting_since: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ContactForm {
    name: Option<String>,
    address: Option<String>,
    addresses: Option<Vec<String>>,
    first_seen: Option<Spanned<String>>,
    conversation_count: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PersonForm {
    name: Option<String>,
    address: Option<String>,
}

/// A mail of which a table says what its bytes do not tell.
struct Told {
    content: Arc<dyn MailContent>,
    spam: bool,
    dmarc: Option<Verdict>,
    recipient: Option<Address>,
}

impl MailContent for Told {
    fn text(&self) -> String {
        self.content.text()
    }

    fn whole_text(&self) -> String {
        self.content.whole_text()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.content.header(name)
    }

    fn topmost(&self, names: &[&str]) -> Option<String> {
        self.content.topmost(names)
    }

    fn handed_over_for(&self) -> Option<Address> {
        self.recipient.clone()
    }

    fn was_junk(&self) -> bool {
        self.spam
    }

    fn dmarc(&self) -> Option<Verdict> {
        self.dmarc
    }
}

impl ContextForm {
    /// What the scripts are shown; the mail learns what is said of it here.
    pub(super) fn view(self, mail: &mut MailView, zone: &TimeZone) -> Result<ContextView, Wrong> {
        let now = match &self.now {
            Some(text) => moment(text, zone)?,
            None => read_moment(NOW, zone).map_err(|_| Wrong {
                at: 0..0,
                words: NO_TIME.to_owned(),
                help: None,
            })?,
        };
        self.learn(mail, &now)?;
        let to = mail.head.to.first();
        let written_to = to.map_or_else(String::new, |to| to.address.folded());
        let address = self.mailbox.address.clone().unwrap_or(written_to);
        let mut context = ContextView::of_sample(mail, &address, now);
        self.mailbox.onto(&mut context.mailbox)?;
        set(&mut context.workspace, self.workspace);
        context.contact = self.contact.onto(context.contact, zone)?;
        let conversation = context.conversation.unwrap_or_default();
        context.conversation = Some(self.conversation.onto(conversation, zone)?);
        if self.operator.name.is_some() || self.operator.address.is_some() {
            context.operator = Some(OperatorView {
                name: self.operator.name.unwrap_or_default(),
                address: self.operator.address.unwrap_or_default(),
            });
        }
        Ok(context)
    }

    fn learn(&self, mail: &mut MailView, now: &Zoned) -> Result<(), Wrong> {
        mail.arrived_at = now.timestamp();
        mail.late = self.late;
        mail.imported = self.imported;
        mail.new_participant = self.new_participant;
        if !self.fields.is_empty() {
            mail.fields = Arc::new(Extraction {
                fields: self.fields.clone().into_iter().collect(),
                ..Extraction::default()
            });
        }
        if !self.spam && self.dmarc.is_none() && self.envelope_recipient.is_none() {
            return Ok(());
        }
        let recipient = self.envelope_recipient.as_ref().map(|text| {
            Address::parse(text.get_ref()).map_err(|error| Wrong::at(text, error.to_string()))
        });
        mail.content = Arc::new(Told {
            content: Arc::clone(&mail.content),
            spam: self.spam,
            dmarc: self.dmarc.as_ref().map(dmarc).transpose()?,
            recipient: recipient.transpose()?,
        });
        Ok(())
    }
}

impl MailboxForm {
    fn onto(self, view: &mut MailboxView) -> Result<(), Wrong> {
        set(&mut view.id, self.id);
        set(&mut view.slug, self.slug);
        set(&mut view.workspace, self.workspace);
        set(&mut view.name, self.name);
        set(&mut view.signature, self.signature);
        set(&mut view.preset, self.preset);
        set(&mut view.reason, self.reason);
        view.settings = Arc::new(self.settings);
        view.state = self.state.as_ref().map(state).transpose()?.or(view.state);
        view.state_before = self.state_before.as_ref().map(state).transpose()?;
        Ok(())
    }
}

impl ConversationForm {
    fn onto(self, mut view: ConversationView, zone: &TimeZone) -> Result<ConversationView, Wrong> {
        if let Some(language) = self.language {
            view.language = Later::Known(language);
        }
        set(&mut view.number, self.number);
        set(&mut view.subject, self.subject);
        set(&mut view.message_count, self.message_count);
        if let Some(word) = &self.status {
            view.status = status(word)?;
        }
        if let Some(word) = &self.priority {
            view.priority = priority(word)?;
        }
        for word in &self.tags {
            view.tags.push(tag(word)?);
        }
        view.team = self.team.or(view.team);
        view.assignee = self.assignee.or(view.assignee);
        view.first_at = timestamp(self.first_at.as_ref(), zone)?.or(view.first_at);
        view.last_at = timestamp(self.last_at.as_ref(), zone)?.or(view.last_at);
        if let Some(word) = &self.last_direction {
            view.last_direction = Some(direction(word)?);
        }
        match &self.waiting_since {
            None => {}
            Some(text) if text.get_ref().is_empty() => view.waiting_since = Later::Known(None),
            Some(text) => view.waiting_since = Later::Known(Some(moment(text, zone)?.timestamp())),
        }
        Ok(view)
    }
}

impl ContactForm {
    fn onto(
        self,
        usual: Option<ContactView>,
        zone: &TimeZone,
    ) -> Result<Option<ContactView>, Wrong> {
        let nothing = self.name.is_none()
            && self.address.is_none()
            && self.addresses.is_none()
            && self.first_seen.is_none()
            && self.conversation_count.is_none();
        if nothing {
            return Ok(usual);
        }
        let mut contact = usual.unwrap_or_default();
        set(&mut contact.name, self.name);
        if let Some(address) = self.address {
            contact.addresses = vec![address.to_lowercase()];
            contact.address = address;
        }
        set(&mut contact.addresses, self.addresses);
        contact.first_seen = timestamp(self.first_seen.as_ref(), zone)?.or(contact.first_seen);
        set(&mut contact.conversation_count, self.conversation_count);
        Ok(Some(contact))
    }
}

fn set<T>(value: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *value = said;
    }
}

const NO_TIME: &str = "this is no time; write one such as 2026-11-28T09:00";

fn moment(text: &Spanned<String>, zone: &TimeZone) -> Result<Zoned, Wrong> {
    read_moment(text.get_ref(), zone).map_err(|_| Wrong::at(text, NO_TIME))
}

fn timestamp(text: Option<&Spanned<String>>, zone: &TimeZone) -> Result<Option<Timestamp>, Wrong> {
    let zoned = text.map(|text| moment(text, zone)).transpose()?;
    Ok(zoned.map(|zoned| zoned.timestamp()))
}
