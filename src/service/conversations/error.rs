//! Why a call on conversations failed, in words.

use crate::domain::conversation::Tag;
use crate::domain::regrouping::MESSAGES_MAX;
use crate::domain::saying::{Said, Saying, saying};
use crate::service::random::NoRandomness;
use crate::store::{RegroupError, StoreError};

/// Longest note, in bytes.
pub const NOTE_LENGTH_MAX: usize = 64 * 1024;

/// Why a call on conversations failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum ConversationError {
    /// It does not exist, or the actor may not see it.
    NotFound,
    /// A filter or change names something that does not exist.
    NoSuch(&'static str),
    /// Nothing was written.
    EmptyNote,
    /// Longer than [`NOTE_LENGTH_MAX`].
    LongNote,
    /// More than fit on one conversation.
    TooManyTags,
    /// Conversations cannot be joined or taken apart so.
    Regrouping(RegroupError),
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store cannot be read or does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for ConversationError {
    fn saying(&self) -> Saying {
        match self {
            Self::NotFound => saying!("cannot.conversation.not_found"),
            Self::NoSuch("mailbox") => saying!("cannot.conversation.no_mailbox"),
            Self::NoSuch("team") => saying!("cannot.conversation.no_team"),
            Self::NoSuch(_) => saying!("cannot.conversation.no_person"),
            Self::EmptyNote => saying!("cannot.conversation.empty_note"),
            Self::LongNote => saying!(
                "cannot.conversation.long_note",
                kib = NOTE_LENGTH_MAX / 1024
            ),
            Self::TooManyTags => {
                saying!("cannot.conversation.too_many_tags", most = Tag::COUNT_MAX)
            }
            Self::Regrouping(error) => regrouping(error),
            Self::Randomness(error) => error.saying(),
            Self::Store(error) => error.saying(),
        }
    }
}

fn regrouping(error: &RegroupError) -> Saying {
    match error {
        RegroupError::Same => saying!("cannot.regroup.same"),
        RegroupError::NoConversation => saying!("cannot.conversation.not_found"),
        RegroupError::OtherMailbox => saying!("cannot.regroup.other_mailbox"),
        RegroupError::Merged => saying!("cannot.regroup.merged"),
        RegroupError::TooSoon => saying!("cannot.regroup.too_soon"),
        RegroupError::TooMany => saying!("cannot.regroup.too_many", most = MESSAGES_MAX),
        RegroupError::Nothing => saying!("cannot.regroup.nothing"),
        RegroupError::NoMessage => saying!("cannot.regroup.no_message"),
        RegroupError::Undone => saying!("cannot.regroup.undone"),
        RegroupError::Overtaken => saying!("cannot.regroup.overtaken"),
        RegroupError::Store(error) => error.saying(),
    }
}

impl From<RegroupError> for ConversationError {
    fn from(error: RegroupError) -> Self {
        match error {
            RegroupError::NoConversation => Self::NotFound,
            RegroupError::Store(error) => Self::Store(error),
            other => Self::Regrouping(other),
        }
    }
}
