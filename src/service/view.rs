//! Makes what scripts see of stored mail and what surrounds it.

use std::sync::Arc;

use jiff::{Timestamp, Zoned};

use super::reading::StoredContent;
use super::sync::board::Board;
use crate::domain::address::Address;
use crate::domain::contact::Contact;
use crate::domain::conversation::{Conversation, waiting_since};
use crate::domain::extraction::Extraction;
use crate::domain::harmless::harmless;
use crate::domain::key::{ConversationKey, MessageKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Direction, Kind, Message};
use crate::domain::saying::Saying;
use crate::domain::state::{Doing, MailboxState};
use crate::domain::subject::base_subject;
use crate::domain::user::User;
use crate::script::{
    ContactView, ContextView, ConversationView, Later, MailView, MailboxView, OperatorView,
    WORKSPACE,
};
use crate::store::{Store, StoreError};

/// Messages of a conversation that are looked at to find out who waits, and in which language.
const LOOKED_BACK_MAX: usize = 50;
/// The language of a text of which it cannot be told.
const UNTOLD: &str = "und";

/// An inbound mail and its context. Without a board the mailbox is shown as it was when the
/// mail came, which it did.
pub(super) fn of_message(
    store: &Store,
    board: Option<&Board>,
    message: Message,
    now: Zoned,
) -> Result<(MailView, ContextView), StoreError> {
    let conversation = store.conversation(message.conversation)?;
    let mailbox = store.mailbox(message.mailbox)?;
    let contact = store.contact(message.contact)?;
    let context = ContextView {
        conversation: conversation
            .map(|one| conversation_view(store, one, Some(&message)))
            .transpose()?,
        contact: contact.map(contact_view),
        mailbox: mailbox
            .map(|one| match board {
                Some(board) => mailbox_view(board, one),
                None => mailbox_doing(one, &Doing::WELL),
            })
            .unwrap_or_default(),
        operator: None,
        now,
        workspace: WORKSPACE.to_owned(),
    };
    let mail = MailView {
        base_subject: base_subject(&message.head.subject),
        head: Arc::new(message.head.clone()),
        size: message.size,
        arrived_at: message.arrived_at,
        late: message.late,
        imported: message.imported,
        new_participant: message.new_participant,
        fields: Arc::default(),
        content: Arc::new(StoredContent::new(store.clone(), message)),
    };
    Ok((mail, context))
}

/// What a reply's signature script sees.
pub(super) fn of_reply(
    store: &Store,
    board: &Board,
    conversation: Conversation,
    mailbox: Mailbox,
    operator: Option<User>,
    now: Zoned,
) -> Result<ContextView, StoreError> {
    let contact = store.contact(conversation.contact)?;
    Ok(ContextView {
        conversation: Some(conversation_view(store, conversation, None)?),
        contact: contact.map(contact_view),
        mailbox: mailbox_view(board, mailbox),
        operator: operator.map(|user| OperatorView {
            name: user.name,
            address: user.address.to_string(),
        }),
        now,
        workspace: WORKSPACE.to_owned(),
    })
}

/// What a script sees that is asked about the state of a mailbox.
pub(super) fn of_state(
    mailbox: Mailbox,
    doing: &Doing,
    before: MailboxState,
    now: Zoned,
) -> ContextView {
    ContextView {
        conversation: None,
        contact: None,
        mailbox: MailboxView {
            state_before: Some(before),
            ..mailbox_doing(mailbox, doing)
        },
        operator: None,
        now,
        workspace: WORKSPACE.to_owned(),
    }
}

fn conversation_view(
    store: &Store,
    one: Conversation,
    shown: Option<&Message>,
) -> Result<ConversationView, StoreError> {
    let thread = Thread {
        key: one.key,
        message_count: one.message_count,
        first_at: one.first_at,
    };
    let waiting_since = waiting_since_of(store, thread, shown.map(Shown::of));
    let language = match shown {
        Some(message) => Later::Known(message.head.language.clone()),
        None => language_of(store, one.key),
    };
    let team = one.team.map(|key| store.team(key)).transpose()?.flatten();
    let assignee = one
        .assignee
        .map(|key| store.user(key))
        .transpose()?
        .flatten();
    Ok(ConversationView {
        number: one.number,
        subject: one.subject,
        status: one.status,
        priority: one.priority,
        tags: one.tags,
        team: team.map(|team| team.name),
        assignee: assignee.map(|user| user.address.to_string()),
        message_count: one.message_count,
        first_at: Some(one.first_at),
        last_at: Some(one.last_at),
        last_direction: Some(one.last_direction),
        waiting_since,
        language,
    })
}

/// The conversation of which it is to be found out who waits.
#[derive(Clone, Copy)]
struct Thread {
    key: ConversationKey,
    message_count: u32,
    first_at: Timestamp,
}

/// The message that a script is shown, the last that counts. Hooks may have found out more
/// of its kind than the store knows yet.
#[derive(Clone, Copy)]
struct Shown {
    key: MessageKey,
    direction: Direction,
    kind: Kind,
}

impl Shown {
    fn of(message: &Message) -> Self {
        Self {
            key: message.key,
            direction: message.direction,
            kind: message.head.kind,
        }
    }
}

/// Takes over what the plugin of the mailbox has read in a mail that is shown: whether its
/// author waits follows from that, too.
pub(super) fn learn(
    store: &Store,
    (mail, context): (&mut MailView, &mut ContextView),
    message: &Message,
    found: &Extraction,
) {
    mail.learn(found);
    let Some(one) = &mut context.conversation else {
        return;
    };
    let thread = Thread {
        key: message.conversation,
        message_count: one.message_count,
        first_at: one.first_at.unwrap_or(message.arrived_at),
    };
    let shown = Shown {
        kind: mail.head.kind,
        ..Shown::of(message)
    };
    one.waiting_since = waiting_since_of(store, thread, Some(shown));
}

/// Found out when a script asks, since most do not; of a first mail it is plain.
fn waiting_since_of(
    store: &Store,
    thread: Thread,
    shown: Option<Shown>,
) -> Later<Option<Timestamp>> {
    if let Some(shown) = shown.filter(|_| thread.message_count <= 1) {
        let only = (shown.direction, shown.kind, thread.first_at);
        return Later::Known(waiting_since([only]));
    }
    let store = store.clone();
    Later::Look(Arc::new(move || {
        let up_to = shown.map(|shown| shown.key);
        let messages = latest(&store, thread.key, up_to, "who waits");
        let kind = |one: &Message| match shown {
            Some(shown) if shown.key == one.key => shown.kind,
            _ => one.head.kind,
        };
        let known = messages.iter();
        waiting_since(known.map(|one| (one.direction, kind(one), one.arrived_at)))
    }))
}

/// Of the latest mail from outside of which it can be told.
fn language_of(store: &Store, conversation: ConversationKey) -> Later<String> {
    let store = store.clone();
    Later::Look(Arc::new(move || {
        let messages = latest(&store, conversation, None, "the language of a conversation");
        let inbound = messages
            .iter()
            .filter(|message| message.direction == Direction::Inbound);
        let mut newest_first = inbound.map(|message| message.head.language.as_str());
        let newest = newest_first.next().unwrap_or_default();
        if newest != UNTOLD {
            return newest.to_owned();
        }
        let told = newest_first.find(|language| *language != UNTOLD);
        told.unwrap_or(newest).to_owned()
    }))
}

fn latest(
    store: &Store,
    conversation: ConversationKey,
    up_to: Option<MessageKey>,
    what: &str,
) -> Vec<Message> {
    let found = store.latest_messages(conversation, up_to, LOOKED_BACK_MAX);
    found.unwrap_or_else(|error| {
        // A script cannot mend the store.
        tracing::error!(conversation = conversation.0, %error, "a script could not be told {what}");
        Vec::new()
    })
}

fn contact_view(contact: Contact) -> ContactView {
    ContactView {
        address: contact
            .addresses
            .first()
            .map(Address::to_string)
            .unwrap_or_default(),
        addresses: contact.addresses.iter().map(Address::folded).collect(),
        first_seen: Some(contact.first_seen),
        name: contact.name.unwrap_or_default(),
        conversation_count: u64::from(contact.conversation_count),
    }
}

fn mailbox_view(board: &Board, mailbox: Mailbox) -> MailboxView {
    let doing = board.doing(mailbox.key);
    mailbox_doing(mailbox, &doing)
}

fn mailbox_doing(mailbox: Mailbox, doing: &Doing) -> MailboxView {
    MailboxView {
        id: mailbox.id.to_string(),
        name: mailbox.settings.name,
        address: mailbox.settings.address.to_string(),
        slug: mailbox.settings.slug.to_string(),
        signature: mailbox.settings.signature,
        preset: mailbox.settings.preset,
        workspace: WORKSPACE.to_owned(),
        settings: Arc::new(mailbox.settings.values),
        state: Some(doing.state),
        state_before: None,
        reason: doing.reason.as_ref().map(quoted).unwrap_or_default(),
    }
}

/// As a script may put it into a notice.
fn quoted(reason: &Saying) -> String {
    harmless(&reason.to_string())
}
