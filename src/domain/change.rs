//! What happened, in order. A change is written in the transaction that made it
//! happen; listeners are told after the commit, and read it from a cursor.

use jiff::Timestamp;

use super::key::{
    ConversationKey, MailboxKey, MessageKey, OutgoingKey, Sequence, UserKey, WorkspaceKey,
};
use super::order::Order;
use super::regrouping::Regrouped;

/// One entry of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub workspace: WorkspaceKey,
    /// What.
    pub event: Event,
}

/// What can happen. The names outside are those of [`Event::name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A mail came and is durable.
    MessageReceived {
        /// Which.
        message: MessageKey,
        /// Where it stands.
        conversation: ConversationKey,
    },
    /// A mail from before the mailbox was connected was taken in.
    MailImported {
        /// Which.
        message: MessageKey,
        /// Where it stands.
        conversation: ConversationKey,
    },
    /// The scripts have decided on a mail.
    ConversationRouted {
        /// Which conversation.
        conversation: ConversationKey,
        /// The mail that was decided on.
        message: MessageKey,
    },
    /// A person changed status, tags, team or assignee.
    ConversationChanged {
        /// Which.
        conversation: ConversationKey,
    },
    /// A person joined conversations or took one apart, or undid that.
    ConversationRegrouped {
        /// What was done.
        how: Regrouped,
        /// The one that gained, or lost again.
        conversation: ConversationKey,
        /// The other one.
        other: ConversationKey,
        /// Who; `None` on the machine itself.
        by: Option<UserKey>,
    },
    /// A reply was accepted, or its state changed.
    OutgoingChanged {
        /// Which.
        outgoing: OutgoingKey,
        /// Where it belongs.
        conversation: ConversationKey,
    },
    /// A person sends a reply that a script held back.
    OutgoingReleased {
        /// Which.
        outgoing: OutgoingKey,
        /// Where it belongs.
        conversation: ConversationKey,
        /// Who; `None` on the machine itself.
        by: Option<UserKey>,
    },
    /// A person said what is to become of a reply, or what became of it.
    OutgoingOrdered {
        /// Which.
        outgoing: OutgoingKey,
        /// Where it belongs.
        conversation: ConversationKey,
        /// What they said.
        order: Order,
        /// Who; `None` on the machine itself.
        by: Option<UserKey>,
    },
    /// A mailbox was connected, changed or removed, or its condition changed.
    MailboxChanged {
        /// Which.
        mailbox: MailboxKey,
    },
    /// Mail that a mailbox sends to itself does not come back; told once.
    CanaryFailed {
        /// Which.
        mailbox: MailboxKey,
    },
    /// It does again.
    CanaryRecovered {
        /// Which.
        mailbox: MailboxKey,
    },
    /// The scripts were reloaded, or a reload was refused.
    ScriptsChanged,
}

impl Event {
    /// The name outside; part of the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MessageReceived { .. } => "message.received",
            Self::MailImported { .. } => "mail.imported",
            Self::ConversationRouted { .. } => "conversation.routed",
            Self::ConversationChanged { .. } => "conversation.changed",
            Self::ConversationRegrouped { how, .. } => match how {
                Regrouped::Merged => "conversation.merged",
                Regrouped::Split => "conversation.split",
                Regrouped::MergeUndone => "conversation.merge_undone",
                Regrouped::SplitUndone => "conversation.split_undone",
            },
            Self::OutgoingChanged { .. } => "outgoing.changed",
            Self::OutgoingReleased { .. } => "outgoing.released",
            Self::OutgoingOrdered { .. } => "outgoing.ordered",
            Self::MailboxChanged { .. } => "mailbox.changed",
            Self::CanaryFailed { .. } => "mailbox.canary_failed",
            Self::CanaryRecovered { .. } => "mailbox.canary_recovered",
            Self::ScriptsChanged => "scripts.changed",
        }
    }
}
