//! Conversations.

use serde::{Deserialize, Deserializer, Serialize};

use super::super::super::body::{id_in, shortened};
use super::super::super::error::{Kind, Problem};
use super::NamedBody;
use super::extraction::notice_of;
use crate::domain::address::Address;
use crate::domain::contact::Contact;
use crate::domain::conversation::{Priority, Status, Tag};
use crate::domain::extraction::MailSort;
use crate::domain::key::PublicId;
use crate::domain::message::Direction;
use crate::domain::saying::saying;
use crate::domain::undelivered::AddressTrouble;
use crate::service::conversations::Counts;
use crate::service::conversations::{Edit, Listed};

/// A conversation.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ConversationBody {
    id: String,
    number: u64,
    subject: String,
    status: &'static str,
    priority: &'static str,
    spam: bool,
    tags: Vec<String>,
    contact: Option<ContactBody>,
    mailbox: Option<NamedBody>,
    team: Option<NamedBody>,
    assignee: Option<NamedBody>,
    preview: String,
    message_count: u32,
    last_direction: &'static str,
    /// What the newest mail is, where a plugin told: `buyer_message`, `notice`,
    /// `own_answer` or `undeliverable`. Never a notice while a person before it waits.
    newest_mail: Option<&'static str>,
    /// What the newest mail is about, when it is a notice.
    newest_notice: Option<String>,
    first_at: String,
    last_at: String,
    /// Where its messages stand now, when it was merged away.
    #[serde(skip_serializing_if = "Option::is_none")]
    merged_into: Option<String>,
}

/// With whom.
#[derive(Debug, Serialize)]
struct ContactBody {
    id: String,
    name: Option<String>,
    addresses: Vec<String>,
    /// Addresses that mail came back from; only of one conversation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bounces: Vec<BouncesBody>,
}

/// How often mail to an address came back.
#[derive(Debug, Serialize)]
struct BouncesBody {
    address: String,
    /// There is no such mailbox, or it takes nothing.
    hard: u32,
    /// Full, too large, refused by a policy.
    soft: u32,
    last_at: String,
    status: Option<String>,
    text: String,
}

impl BouncesBody {
    fn new((address, trouble): &(Address, AddressTrouble)) -> Self {
        Self {
            address: address.to_string(),
            hard: trouble.hard,
            soft: trouble.soft,
            last_at: trouble.last_at.to_string(),
            status: trouble.status.clone(),
            text: trouble.text.clone(),
        }
    }
}

impl ConversationBody {
    pub(in crate::http::api) fn new(listed: &Listed) -> Self {
        let conversation = &listed.conversation;
        let named = |id: PublicId, name: &str| NamedBody {
            id: id.to_string(),
            name: name.to_owned(),
        };
        Self {
            id: conversation.id.to_string(),
            number: conversation.number,
            subject: conversation.subject.clone(),
            status: status_name(conversation.status),
            priority: priority_name(conversation.priority),
            spam: conversation.spam,
            tags: conversation
                .tags
                .iter()
                .map(|tag| tag.as_str().to_owned())
                .collect(),
            contact: listed.contact.as_ref().map(ContactBody::new),
            mailbox: listed
                .mailbox
                .as_ref()
                .map(|mailbox| named(mailbox.id, &mailbox.settings.name)),
            team: listed.team.as_ref().map(|team| named(team.id, &team.name)),
            assignee: listed
                .assignee
                .as_ref()
                .map(|user| named(user.id, &user.name)),
            preview: conversation.preview.clone(),
            message_count: conversation.message_count,
            last_direction: direction_name(conversation.last_direction),
            newest_mail: listed.newest_sort.as_ref().map(MailSort::name),
            newest_notice: notice_of(listed.newest_sort.as_ref()),
            first_at: conversation.first_at.to_string(),
            last_at: conversation.last_at.to_string(),
            merged_into: listed.merged_into.map(|id| id.to_string()),
        }
    }
}

impl ContactBody {
    fn new(contact: &Contact) -> Self {
        Self {
            id: contact.id.to_string(),
            name: contact.name.clone(),
            addresses: contact.addresses.iter().map(Address::to_string).collect(),
            bounces: Vec::new(),
        }
    }
}

impl ConversationBody {
    pub(in crate::http::api) fn with_bounces(
        mut self,
        troubles: &[(Address, AddressTrouble)],
    ) -> Self {
        if let Some(contact) = &mut self.contact {
            contact.bounces = troubles.iter().map(BouncesBody::new).collect();
        }
        self
    }
}

/// How many there are.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct CountsBody {
    open: u64,
    pending: u64,
    snoozed: u64,
    closed: u64,
    spam: u64,
}

impl CountsBody {
    pub(in crate::http::api) fn new(counts: &Counts) -> Self {
        Self {
            open: counts.open,
            pending: counts.pending,
            snoozed: counts.snoozed,
            closed: counts.closed,
            spam: counts.spam,
        }
    }
}

/// What a PATCH may hold. `null` for team or assignee takes it away; absent leaves it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct EditBody {
    status: Option<String>,
    priority: Option<String>,
    #[serde(default, deserialize_with = "present")]
    team: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    assignee: Option<Option<String>>,
    #[serde(default)]
    add_tags: Vec<String>,
    #[serde(default)]
    remove_tags: Vec<String>,
    spam: Option<bool>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl EditBody {
    pub(in crate::http::api) fn into_edit(self) -> Result<Edit, Problem> {
        let id = |field: &str, given: Option<Option<String>>| {
            given
                .map(|inner| inner.map(|text| id_in(field, &text)).transpose())
                .transpose()
        };
        let tags = |given: Vec<String>| {
            given
                .iter()
                .map(|text| tag_named(text))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Edit {
            status: self.status.as_deref().map(status_named).transpose()?,
            priority: self.priority.as_deref().map(priority_named).transpose()?,
            team: id("team", self.team)?,
            assignee: id("assignee", self.assignee)?,
            add_tags: tags(self.add_tags)?,
            remove_tags: tags(self.remove_tags)?,
            spam: self.spam,
        })
    }
}

pub(in crate::http) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Pending => "pending",
        Status::Snoozed => "snoozed",
        Status::Closed => "closed",
    }
}

pub(in crate::http) fn status_named(text: &str) -> Result<Status, Problem> {
    match text {
        "open" => Ok(Status::Open),
        "pending" => Ok(Status::Pending),
        "snoozed" => Ok(Status::Snoozed),
        "closed" => Ok(Status::Closed),
        other => Err(unknown_word(
            "status",
            other,
            "open, pending, snoozed or closed",
        )),
    }
}

pub(in crate::http) fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}

fn priority_named(text: &str) -> Result<Priority, Problem> {
    match text {
        "low" => Ok(Priority::Low),
        "normal" => Ok(Priority::Normal),
        "high" => Ok(Priority::High),
        "urgent" => Ok(Priority::Urgent),
        other => Err(unknown_word(
            "priority",
            other,
            "low, normal, high or urgent",
        )),
    }
}

pub(in crate::http) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
        Direction::Note => "note",
    }
}

pub(in crate::http) fn tag_named(text: &str) -> Result<Tag, Problem> {
    Tag::new(text).ok_or_else(|| {
        let words = saying!(
            "problem.tag",
            tag = shortened(text),
            longest = Tag::LENGTH_MAX
        );
        Problem::new(Kind::Unprocessable, words)
    })
}

pub(super) fn unknown_word(field: &str, word: &str, known: &str) -> Problem {
    Problem::new(
        Kind::Unprocessable,
        format!("`{field}` must be {known}, not `{}`.", shortened(word)),
    )
}
