//! Conversations that a person joined into one or took apart, so that it can be undone.
//!
//! Invariant: a mail stands in exactly one conversation. A conversation that was merged
//! away stays, empty, and says where its mails went: whoever knows its number, its id or
//! one of its Message-IDs is led on.

use jiff::Timestamp;

use super::conversation::{Status, Tag};
use super::key::{ConversationKey, MessageKey, PublicId, RegroupingKey, UserKey, WorkspaceKey};

/// Most messages that change their conversation at once.
pub const MESSAGES_MAX: usize = 5_000;
/// How many merges are followed to where a mail belongs now.
pub const MERGES_FOLLOWED_MAX: usize = 32;

/// Stands for an address that takes part in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParticipantHash(pub [u8; 16]);

/// What a person did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegroupingKind {
    /// All of `from` went into `into`.
    Merge,
    /// Some of `from` became `into`, which was made for them.
    Split,
}

/// One such act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regrouping {
    /// Its key.
    pub key: RegroupingKey,
    /// Its id outside.
    pub id: PublicId,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// What was done.
    pub kind: RegroupingKind,
    /// Where the messages stood.
    pub from: ConversationKey,
    /// Where they stand now.
    pub into: ConversationKey,
    /// Which, oldest first.
    pub messages: Vec<MessageKey>,
    /// Those of them whose sender was a stranger in `from` and is the contact of `into`.
    pub strangers: Vec<MessageKey>,
    /// Who takes part in `into` only since then.
    pub participants: Vec<ParticipantHash>,
    /// Tags that `into` has only since then.
    pub tags: Vec<Tag>,
    /// Where `from` stood before.
    pub status: Status,
    /// When.
    pub at: Timestamp,
    /// Who; `None` on the machine itself.
    pub by: Option<UserKey>,
    /// When it was undone.
    pub undone_at: Option<Timestamp>,
}

/// What happened, as the feed tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regrouped {
    /// Another conversation went into this one.
    Merged,
    /// This one was taken out of another.
    Split,
    /// The other one stands on its own again.
    MergeUndone,
    /// This one went back into the other.
    SplitUndone,
}

impl RegroupingKind {
    /// What the feed says when it is done.
    #[must_use]
    pub fn done(self) -> Regrouped {
        match self {
            Self::Merge => Regrouped::Merged,
            Self::Split => Regrouped::Split,
        }
    }

    /// What the feed says when it is undone.
    #[must_use]
    pub fn undone(self) -> Regrouped {
        match self {
            Self::Merge => Regrouped::MergeUndone,
            Self::Split => Regrouped::SplitUndone,
        }
    }
}
