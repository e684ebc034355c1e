//! What a person wrote and was not taken: it stays in its field, with the reason above it.

use super::language::Words;
use crate::service::replies::ReplyError;

/// Texts of the page of a conversation that were refused.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) reply: String,
    pub(super) reply_refused: Option<String>,
    pub(super) note: String,
    pub(super) note_refused: Option<String>,
    pub(super) regrouping_refused: Option<String>,
}

/// Why a reply was not taken, where who wrote it can do something about it.
pub(super) fn why_refused(words: Words, error: &ReplyError) -> Option<String> {
    match error {
        ReplyError::NoSuchConversation | ReplyError::Randomness(_) | ReplyError::Store(_) => None,
        // The form has a key of its own each time it is shown.
        ReplyError::IdempotencyKey | ReplyError::IdempotencyConflict => {
            Some(words.t("refused.other_text").to_owned())
        }
        ReplyError::NoMailbox
        | ReplyError::Empty
        | ReplyError::TooLong
        | ReplyError::NoRecipient
        | ReplyError::TooManyRecipients
        | ReplyError::TooManyForProvider { .. }
        | ReplyError::TooFarAhead
        | ReplyError::NotRegistered { .. }
        | ReplyError::NothingRegistered { .. }
        | ReplyError::Domain => Some(words.sentence(error)),
    }
}
