//! Why conversations were not joined or taken apart.

use super::super::error::StoreError;
use crate::domain::regrouping::MESSAGES_MAX;

/// Why conversations were not joined or taken apart. Nothing has changed then.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegroupError {
    /// A conversation cannot go into itself.
    #[error("a conversation cannot be merged into itself")]
    Same,
    /// One of them is gone, or of another workspace.
    #[error("there is no such conversation")]
    NoConversation,
    /// They came in by different mailboxes: an answer would leave by the wrong one.
    #[error("the conversations belong to different mailboxes")]
    OtherMailbox,
    /// One of them went into another before.
    #[error("the conversation was merged into another before")]
    Merged,
    /// No script has decided on one of them yet.
    #[error("the conversation has just come and is not in the lists yet")]
    TooSoon,
    /// More than [`MESSAGES_MAX`].
    #[error("more than {MESSAGES_MAX} messages would change their conversation")]
    TooMany,
    /// Nothing would move, or nothing would stay.
    #[error("at least one message has to move and one mail has to stay")]
    Nothing,
    /// A message does not stand in the conversation.
    #[error("a message does not stand in this conversation")]
    NoMessage,
    /// It was undone before.
    #[error("it was undone before")]
    Undone,
    /// Something that came later stands on it.
    #[error("one of the conversations was merged again since; that has to be undone first")]
    Overtaken,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
