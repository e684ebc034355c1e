//! `ctx` and its parts, as a script reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{Timestamp, Zoned};
use rhai::{Dynamic, ImmutableString};

use super::moment::Moment;
use super::values::{number, optional, text};
use crate::domain::answered::{priority_word, status_word};
use crate::domain::message::Direction;
use crate::domain::state::MailboxState;
use crate::script::shape::{Shape, Sort, Type};
use crate::script::view::{ContactView, ContextView, ConversationView, MailboxView, OperatorView};

/// `ctx` and its parts share one view.
#[derive(Clone, Debug)]
pub(in crate::script) struct Context(Arc<ContextRead>);

#[derive(Debug)]
struct ContextRead {
    conversation: Option<ConversationView>,
    conversation_or_none: ConversationView,
    contact: ContactView,
    mailbox: MailboxView,
    operator: OperatorView,
    now: Arc<Zoned>,
    workspace: String,
}

impl Context {
    pub(in crate::script) fn new(view: ContextView) -> Self {
        Self(Arc::new(ContextRead {
            conversation: view.conversation,
            conversation_or_none: ConversationView::default(),
            contact: view.contact.unwrap_or_default(),
            mailbox: view.mailbox,
            operator: view.operator.unwrap_or_default(),
            now: Arc::new(view.now),
            workspace: view.workspace,
        }))
    }
}

impl ContextRead {
    fn moment(&self, at: Option<Timestamp>) -> Dynamic {
        let zoned = at.map(|at| at.to_zoned(self.now.time_zone().clone()));
        zoned.map_or(Dynamic::UNIT, |at| Dynamic::from(Moment(Arc::new(at))))
    }

    fn conversation(&self) -> &ConversationView {
        self.conversation
            .as_ref()
            .unwrap_or(&self.conversation_or_none)
    }
}

#[derive(Clone, Debug)]
struct InConversation(Arc<ContextRead>);
#[derive(Clone, Debug)]
struct InContact(Arc<ContextRead>);
#[derive(Clone, Debug)]
struct InMailbox(Arc<ContextRead>);
#[derive(Clone, Debug)]
struct InOperator(Arc<ContextRead>);
#[derive(Clone, Debug)]
struct Settings(Arc<BTreeMap<String, String>>);

/// Registers them.
pub(super) fn register(shape: &mut Shape) {
    context(shape);
    conversation(shape);
    contact(shape);
    mailbox(shape);
}

fn context(shape: &mut Shape) {
    shape.name::<Context>(Sort::Context);
    let mut add =
        |name, sort, doc, read| shape.property::<Context>(Sort::Context, (name, sort), doc, read);
    add(
        "conversation",
        Type::One(Sort::Conversation),
        "The conversation the mail stands in.",
        |c| Dynamic::from(InConversation(Arc::clone(&c.0))),
    );
    add(
        "contact",
        Type::One(Sort::Contact),
        "Who writes, or is written to.",
        |c| Dynamic::from(InContact(Arc::clone(&c.0))),
    );
    add(
        "mailbox",
        Type::One(Sort::Mailbox),
        "The mailbox it came in by or leaves by.",
        |c| Dynamic::from(InMailbox(Arc::clone(&c.0))),
    );
    add(
        "operator",
        Type::One(Sort::Operator),
        "Who writes the reply, when a person does.",
        |c| Dynamic::from(InOperator(Arc::clone(&c.0))),
    );
    add(
        "now",
        Type::One(Sort::Moment),
        "The time, in the time zone of the workspace.",
        |c| Dynamic::from(Moment(Arc::clone(&c.0.now))),
    );
    add("workspace", Type::Text, "The name of the workspace.", |c| {
        text(&c.0.workspace)
    });
}

fn conversation(shape: &mut Shape) {
    shape.name::<InConversation>(Sort::Conversation);
    let mut add =
        |named, doc, read| shape.property::<InConversation>(Sort::Conversation, named, doc, read);
    add(("number", Type::Number), "What people call it.", |c| {
        number(c.0.conversation().number)
    });
    add(
        ("subject", Type::Text),
        "The subject of its first message.",
        |c| text(&c.0.conversation().subject),
    );
    add(
        ("status", Type::Text),
        "`open`, `pending`, `snoozed` or `closed`, before this decision.",
        |c| text(status_word(c.0.conversation().status)),
    );
    add(
        ("priority", Type::Text),
        "`low`, `normal`, `high` or `urgent`.",
        |c| text(priority_word(c.0.conversation().priority)),
    );
    add(("tags", Type::Texts), "The words on it.", |c| {
        let tags = c.0.conversation().tags.iter();
        Dynamic::from_array(tags.map(|tag| text(tag.as_str())).collect())
    });
    add(("team", Type::Text), "The name of its team.", |c| {
        optional(c.0.conversation().team.as_deref())
    });
    add(
        ("assignee", Type::Text),
        "The address of its operator.",
        |c| optional(c.0.conversation().assignee.as_deref()),
    );
    add(
        ("message_count", Type::Number),
        "Messages in it, this one counted.",
        |c| number(u64::from(c.0.conversation().message_count)),
    );
    add(("is_new", Type::YesNo), "This is its first message.", |c| {
        (c.0.conversation().message_count <= 1).into()
    });
    add(
        ("last_direction", Type::Text),
        "Which way the last message went, this one counted: `in` or `out`.",
        |c| {
            let last = c.0.conversation().last_direction;
            optional(last.and_then(direction))
        },
    );
    let moment = Type::One(Sort::Moment);
    add(
        ("first_at", moment),
        "When its first message came; `()` when there is no conversation.",
        |c| c.0.moment(c.0.conversation().first_at),
    );
    add(
        ("last_at", moment),
        "When its last message came or left, this one counted; `()` when there is no conversation.",
        |c| c.0.moment(c.0.conversation().last_at),
    );
    add(
        ("waiting_since", moment),
        "Since when somebody waits for an answer of a person: the first mail after the last answer, among the latest messages; `()` when nobody does.",
        |c| c.0.moment(c.0.conversation().waiting_since.value()),
    );
    add(
        ("language", Type::Text),
        "The language of the latest mail from outside, this one counted: `en`, `zh`, ... or `und`; `\"\"` when there is none.",
        |c| text(&c.0.conversation().language.value()),
    );
}

fn direction(of: Direction) -> Option<&'static str> {
    match of {
        Direction::Inbound => Some("in"),
        Direction::Outbound => Some("out"),
        Direction::Note => None,
    }
}

fn contact(shape: &mut Shape) {
    shape.name::<InContact>(Sort::Contact);
    let mut add = |named, doc, read| shape.property::<InContact>(Sort::Contact, named, doc, read);
    add(("name", Type::Text), "The name last seen.", |c| {
        text(&c.0.contact.name)
    });
    add(("address", Type::Text), "The address first seen.", |c| {
        text(&c.0.contact.address)
    });
    add(
        ("conversation_count", Type::Number),
        "Conversations there have been, this one counted.",
        |c| number(c.0.contact.conversation_count),
    );
    add(
        ("addresses", Type::Texts),
        "All addresses, in lower case, the first one first seen.",
        |c| {
            let all = c.0.contact.addresses.iter();
            Dynamic::from_array(all.map(|one| text(one)).collect())
        },
    );
    add(
        ("first_seen", Type::One(Sort::Moment)),
        "When the first mail came; `()` when that is not known.",
        |c| c.0.moment(c.0.contact.first_seen),
    );
    operator(shape);
}

fn mailbox(shape: &mut Shape) {
    shape.name::<InMailbox>(Sort::Mailbox);
    let mut add = |named, doc, read| shape.property::<InMailbox>(Sort::Mailbox, named, doc, read);
    add(("id", Type::Text), "Its id outside.", |c| {
        text(&c.0.mailbox.id)
    });
    add(("name", Type::Text), "What people call it.", |c| {
        text(&c.0.mailbox.name)
    });
    add(("address", Type::Text), "Its address.", |c| {
        text(&c.0.mailbox.address)
    });
    add(
        ("slug", Type::Text),
        "Its short name, as that of its folder in `mailboxes/`.",
        |c| text(&c.0.mailbox.slug),
    );
    add(
        ("signature", Type::Text),
        "The signature that is set for it.",
        |c| text(&c.0.mailbox.signature),
    );
    add(
        ("preset", Type::Text),
        "The preset it was connected with.",
        |c| text(&c.0.mailbox.preset),
    );
    add(
        ("workspace", Type::Text),
        "The name of its workspace.",
        |c| text(&c.0.mailbox.workspace),
    );
    add(
        ("state", Type::Text),
        "`connecting`, `active`, `interrupted`, `error`, `reauthentication_needed`, `offline` or `unbound`: of receiving, or of sending when that is worse.",
        |c| state(c.0.mailbox.state),
    );
    add(
        ("state_before", Type::Text),
        "What `on_mailbox_state` was asked about before; `\"\"` for every other function.",
        |c| state(c.0.mailbox.state_before),
    );
    add(
        ("reason", Type::Text),
        "What is wrong, in English and in a form that no mail program makes a link of; `\"\"` when nothing is.",
        |c| text(&c.0.mailbox.reason),
    );
    add(
        ("settings", Type::One(Sort::Settings)),
        "What an administrator attaches to it: `ctx.mailbox.settings.vip_team` and whatever else there is, each a text, `\"\"` when absent.",
        |c| Dynamic::from(Settings(Arc::clone(&c.0.mailbox.settings))),
    );
    shape.name::<Settings>(Sort::Settings);
    shape.texts::<Settings>(Sort::Settings, |settings, name| {
        let found = settings.0.get(name);
        found.map_or_else(ImmutableString::new, ImmutableString::from)
    });
}

fn operator(shape: &mut Shape) {
    shape.name::<InOperator>(Sort::Operator);
    let mut add = |named, doc, read| shape.property::<InOperator>(Sort::Operator, named, doc, read);
    add(
        ("name", Type::Text),
        "Who writes the reply; `\"\"` when nobody does.",
        |c| text(&c.0.operator.name),
    );
    add(
        ("address", Type::Text),
        "The address of who writes it.",
        |c| text(&c.0.operator.address),
    );
}

fn state(state: Option<MailboxState>) -> Dynamic {
    optional(state.map(MailboxState::word))
}
