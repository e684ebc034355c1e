//! What a person wrote and was not taken: it stays in its field, with the reason above it.

use super::language::Words;
use super::view::marks::said;
use crate::domain::envelope::Envelope;
use crate::service::replies::{ReplyError, TEXT_LENGTH_MAX};

/// Texts of the page of a conversation that were refused.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) reply: String,
    pub(super) reply_refused: Option<String>,
    pub(super) note: String,
    pub(super) note_refused: Option<String>,
}

/// Why a reply was not taken, where who wrote it can do something about it.
pub(super) fn why_refused(words: Words, error: &ReplyError) -> Option<String> {
    Some(match error {
        ReplyError::NoSuchConversation | ReplyError::Randomness(_) | ReplyError::Store(_) => {
            return None;
        }
        ReplyError::NoMailbox => words.t("refused.no_mailbox").to_owned(),
        ReplyError::Empty => words.t("refused.empty").to_owned(),
        ReplyError::TooLong => {
            let most = (TEXT_LENGTH_MAX / 1024).to_string();
            words.with("refused.too_long", &[("most", &most)])
        }
        ReplyError::NoRecipient => words.t("refused.no_recipient").to_owned(),
        ReplyError::TooManyRecipients => {
            let most = Envelope::RECIPIENTS_MAX.to_string();
            words.with("refused.too_many", &[("most", &most)])
        }
        ReplyError::NotRegistered {
            to,
            from,
            registered,
            advice,
        } => {
            let values = [
                ("to", to.as_str()),
                ("from", from.as_str()),
                ("registered", registered.as_str()),
            ];
            let why = words.with("refused.not_registered", &values);
            match advice {
                Some(advice) => format!("{why} {}", said(words, advice)),
                None => why,
            }
        }
        ReplyError::NothingRegistered { to, mailbox } => {
            let values = [("to", to.as_str()), ("mailbox", mailbox.as_str())];
            words.with("refused.nothing_registered", &values)
        }
        // The form has a key of its own each time it is shown.
        ReplyError::IdempotencyKey | ReplyError::IdempotencyConflict => {
            words.t("refused.other_text").to_owned()
        }
        ReplyError::Domain => words.t("refused.domain").to_owned(),
    })
}
