//! What the gateway hands to a script: plain values, made by `service/triage`.
//!
//! Deliberately absent: how a script reads them (`reading`). Texts of a mail are
//! asked for only when a script asks, since most scripts look at headers only.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::{Timestamp, Zoned};

use crate::domain::address::{Address, NamedAddress};
use crate::domain::authentication;
use crate::domain::conversation::{Priority, Status, Tag};
use crate::domain::extraction::Extraction;
use crate::domain::message::{Direction, Head};
use crate::domain::state::MailboxState;

/// The name of the one workspace there is so far.
pub const WORKSPACE: &str = "default";

/// The parts of a mail that cost something to read.
pub trait MailContent: Send + Sync {
    /// The new part of the text, without what it quotes.
    fn text(&self) -> String;
    /// The whole text.
    fn whole_text(&self) -> String;
    /// The first header field of that name, decoded; case does not matter.
    fn header(&self, name: &str) -> Option<String>;
    /// The topmost header field of any of these names, decoded; case does not matter.
    fn topmost(&self, names: &[&str]) -> Option<String>;

    /// For which address it was handed to us; `None` when it was fetched.
    fn handed_over_for(&self) -> Option<Address> {
        None
    }

    /// It lay in the provider's folder for suspected spam.
    fn was_junk(&self) -> bool {
        false
    }

    /// What DMARC says of it, once that was looked at.
    fn dmarc(&self) -> Option<authentication::Verdict> {
        None
    }
}

/// An inbound mail.
#[derive(Clone)]
pub struct MailView {
    /// What it says of itself.
    pub head: Arc<Head>,
    /// The subject without `Re:`, `回复：` and the like.
    pub base_subject: String,
    /// Bytes of the raw mail.
    pub size: u64,
    /// When it came to us.
    pub arrived_at: Timestamp,
    /// It reached the server long before it reached us.
    pub late: bool,
    /// It was there before the mailbox was connected.
    pub imported: bool,
    /// Its sender had no part in the conversation before.
    pub new_participant: bool,
    /// What the plugin of the mailbox has read in it.
    pub fields: Arc<Extraction>,
    /// Texts and headers, read when asked for.
    pub content: Arc<dyn MailContent>,
}

impl MailView {
    /// Takes over what the plugin of the mailbox has read in it.
    pub fn learn(&mut self, found: &Extraction) {
        if let Some(sort) = &found.sort {
            let kind = sort.kind(self.head.kind);
            Arc::make_mut(&mut self.head).kind = kind;
        }
        self.fields = Arc::new(found.clone());
    }
}

impl fmt::Debug for MailView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailView")
            .field("subject", &self.head.subject)
            .finish_non_exhaustive()
    }
}

/// A reply that is about to leave.
#[derive(Clone, Debug, Default)]
pub struct ReplyView {
    /// Whom it leaves as.
    pub from: Option<NamedAddress>,
    /// The To field.
    pub to: Vec<NamedAddress>,
    /// The Cc field.
    pub cc: Vec<NamedAddress>,
    /// Recipients no header names.
    pub bcc: Vec<NamedAddress>,
    /// The subject.
    pub subject: String,
    /// What was written, without signature and quoted history.
    pub text: String,
    /// A machine wrote it.
    pub automatic: bool,
    /// The files that go with it.
    pub attachments: Vec<FileView>,
}

/// A file that goes with a reply.
#[derive(Clone, Debug, Default)]
pub struct FileView {
    /// Its name.
    pub name: String,
    /// `type/subtype` in lower case.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
}

/// What surrounds a mail or a reply.
#[derive(Clone, Debug)]
pub struct ContextView {
    /// The conversation it stands in; `None` when there is none yet.
    pub conversation: Option<ConversationView>,
    /// Who writes, or is written to.
    pub contact: Option<ContactView>,
    /// The mailbox it came in by or leaves by.
    pub mailbox: MailboxView,
    /// Who writes the reply, when a person does.
    pub operator: Option<OperatorView>,
    /// The time, in the zone of the workspace or mailbox.
    pub now: Zoned,
    /// The name of the workspace.
    pub workspace: String,
}

/// A conversation, before this mail's decision.
#[derive(Clone, Debug, Default)]
pub struct ConversationView {
    /// What people call it.
    pub number: u64,
    /// The subject of its first message.
    pub subject: String,
    /// Where it stands.
    pub status: Status,
    /// How soon it wants an answer.
    pub priority: Priority,
    /// What is on it.
    pub tags: Vec<Tag>,
    /// The name of its team.
    pub team: Option<String>,
    /// The address of its operator.
    pub assignee: Option<String>,
    /// Messages in it, this one counted.
    pub message_count: u32,
    /// When its first message came.
    pub first_at: Option<Timestamp>,
    /// When its last one came or left, this one counted.
    pub last_at: Option<Timestamp>,
    /// Which way that one went.
    pub last_direction: Option<Direction>,
    /// Since when somebody waits for an answer of a person.
    pub waiting_since: Later<Option<Timestamp>>,
    /// The language of the latest mail from outside, this one counted; empty when there is none.
    pub language: Later<String>,
}

/// Something that most scripts do not ask for, and that takes a look to know.
#[derive(Clone)]
pub enum Later<T> {
    /// It is known.
    Known(T),
    /// It takes this look.
    Look(Arc<dyn Fn() -> T + Send + Sync>),
}

impl<T: Clone> Later<T> {
    /// The value; looks, if need be.
    #[must_use]
    pub fn value(&self) -> T {
        match self {
            Self::Known(value) => value.clone(),
            Self::Look(look) => look(),
        }
    }
}

impl<T: Default> Default for Later<T> {
    fn default() -> Self {
        Self::Known(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => f.debug_tuple("Known").field(value).finish(),
            Self::Look(_) => f.write_str("Look"),
        }
    }
}

/// The person on the other side.
#[derive(Clone, Debug, Default)]
pub struct ContactView {
    /// The name, or nothing.
    pub name: String,
    /// The address.
    pub address: String,
    /// All addresses, the first one first seen.
    pub addresses: Vec<String>,
    /// When the first mail came.
    pub first_seen: Option<Timestamp>,
    /// Conversations there have been, this one counted.
    pub conversation_count: u64,
}

/// A mailbox.
#[derive(Clone, Debug, Default)]
pub struct MailboxView {
    /// Its id outside.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its address.
    pub address: String,
    /// What it is called in names of folders.
    pub slug: String,
    /// The signature set for it, or nothing.
    pub signature: String,
    /// The preset it was connected with, or nothing.
    pub preset: String,
    /// The name of its workspace.
    pub workspace: String,
    /// What an administrator attaches to it, by name.
    pub settings: Arc<BTreeMap<String, String>>,
    /// How it is doing, where that is known.
    pub state: Option<MailboxState>,
    /// How it was doing before, when a script is asked about a change.
    pub state_before: Option<MailboxState>,
    /// What is wrong, or nothing.
    pub reason: String,
}

/// The operator who writes.
#[derive(Clone, Debug, Default)]
pub struct OperatorView {
    /// The name.
    pub name: String,
    /// The address.
    pub address: String,
}
