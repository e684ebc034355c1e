//! A mail that is in no store, and what surrounds it: for whoever writes scripts and tries
//! them, and for examples of plugins.

use std::fmt;
use std::sync::Arc;

use jiff::Zoned;

use super::view::{
    ContactView, ContextView, ConversationView, Later, MailContent, MailView, MailboxView,
    WORKSPACE,
};
use crate::domain::address::Address;
use crate::domain::message::Direction;
use crate::domain::slug::Slug;
use crate::domain::state::MailboxState;
use crate::domain::subject::base_subject;
use crate::mime::{self, header::HeaderBlock};

/// The number of the conversation that a sample begins.
const FIRST_NUMBER: u64 = 1;

impl MailView {
    /// A mail of which there is nothing but its bytes. It comes when it says it was written.
    #[must_use]
    pub fn of_bytes(raw: &[u8]) -> Self {
        let read = mime::read_bytes(raw);
        Self {
            base_subject: base_subject(&read.head.subject),
            size: raw.len() as u64,
            arrived_at: read.head.date.unwrap_or_default(),
            late: false,
            imported: false,
            new_participant: false,
            fields: Arc::default(),
            content: Arc::new(ReadContent {
                header: read.header,
                text: read.text,
                quoted_from: read.quoted_from,
            }),
            head: Arc::new(read.head),
        }
    }
}

impl ContextView {
    /// What surrounds a mail that begins a conversation with a person who never wrote before.
    #[must_use]
    pub fn of_sample(mail: &MailView, mailbox: &str, now: Zoned) -> Self {
        let from = mail.head.from.as_ref();
        let waits = !mail.head.kind.is_by_machine();
        let contact = from.map(|from| ContactView {
            name: from.name().unwrap_or_default().to_owned(),
            address: from.address.folded(),
            addresses: vec![from.address.folded()],
            first_seen: Some(mail.arrived_at),
            conversation_count: 1,
        });
        Self {
            conversation: Some(ConversationView {
                number: FIRST_NUMBER,
                subject: mail.head.subject.clone(),
                message_count: 1,
                first_at: Some(mail.arrived_at),
                last_at: Some(mail.arrived_at),
                last_direction: Some(Direction::Inbound),
                waiting_since: Later::Known(waits.then_some(mail.arrived_at)),
                language: Later::Known(mail.head.language.clone()),
                ..ConversationView::default()
            }),
            contact,
            mailbox: MailboxView {
                name: mailbox.to_owned(),
                address: mailbox.to_owned(),
                workspace: WORKSPACE.to_owned(),
                state: Some(MailboxState::Active),
                slug: usual_slug(mailbox),
                ..MailboxView::default()
            },
            operator: None,
            now,
            workspace: WORKSPACE.to_owned(),
        }
    }
}

/// The slug that a mailbox of this address has when nobody chose another.
fn usual_slug(address: &str) -> String {
    let address = Address::parse(address);
    address.map_or_else(|_| String::new(), |one| Slug::of(&one).to_string())
}

/// Header and text of a mail that was read whole.
struct ReadContent {
    header: HeaderBlock,
    text: String,
    quoted_from: Option<usize>,
}

impl fmt::Debug for ReadContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadContent")
            .field("text_bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl MailContent for ReadContent {
    fn text(&self) -> String {
        let end = self.quoted_from.unwrap_or(self.text.len());
        self.text[..end].to_owned()
    }

    fn whole_text(&self) -> String {
        self.text.clone()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.header.text(name)
    }

    fn topmost(&self, names: &[&str]) -> Option<String> {
        self.header.topmost(names)
    }
}
