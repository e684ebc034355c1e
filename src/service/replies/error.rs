//! Why a reply was not taken, in words.

use super::{AHEAD_MAX, FILES_MAX, IDEMPOTENCY_KEY_LENGTH_MAX, TEXT_LENGTH_MAX};
use crate::domain::address::Address;
use crate::domain::envelope::Envelope;
use crate::domain::key::PublicId;
use crate::domain::refusal::Bilingual;
use crate::domain::saying::{Said, Saying, saying};
use crate::service::random::NoRandomness;
use crate::store::{AcceptError, StoreError};

/// Why a reply was not taken. Nothing of it is stored then.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum ReplyError {
    /// It does not exist, or the actor may not see it.
    NoSuchConversation,
    /// The mailbox has been removed since.
    NoMailbox,
    /// Nothing was written.
    Empty,
    /// Longer than [`TEXT_LENGTH_MAX`].
    TooLong,
    /// Nobody would receive it.
    NoRecipient,
    /// More than an envelope holds.
    TooManyRecipients,
    /// More than the provider of the mailbox takes.
    TooManyForProvider {
        /// The mailbox.
        mailbox: Address,
        /// So many were asked for.
        count: usize,
        /// So many it takes.
        most: u32,
    },
    /// It would leave later than anybody plans.
    TooFarAhead,
    /// It is none of the addresses of the mailbox.
    NotOwn {
        /// What was asked for.
        from: Address,
        /// The mailbox.
        mailbox: Address,
    },
    /// More than [`FILES_MAX`].
    TooManyFiles,
    /// A file that was handed in is not there.
    NoSuchUpload(PublicId),
    /// A file of a message is not there.
    NoSuchFile,
    /// A name by which the HTML would show a file.
    ContentId(String),
    /// Larger than what is sent by this mailbox.
    TooLarge {
        /// Of the mail as it would be sent, in MB.
        mb: u64,
        /// What is taken, in MB.
        mb_max: u64,
    },
    /// The marketplace takes answers only from an address this mailbox does not send from.
    NotRegistered {
        /// The recipient with that rule.
        to: Address,
        /// From where it would have left.
        from: Address,
        /// From where it must leave.
        registered: Address,
        /// What the plugin says to do about it.
        advice: Option<Box<Bilingual>>,
    },
    /// The marketplace takes answers from one address only, and nobody has said which.
    NothingRegistered {
        /// The recipient with that rule.
        to: Address,
        /// The mailbox.
        mailbox: Address,
    },
    /// Empty or overlong.
    IdempotencyKey,
    /// The key was used for another request.
    IdempotencyConflict,
    /// The mailbox's address cannot stand behind the @ of a Message-ID.
    Domain,
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store did not take it.
    Store(#[from] StoreError),
}

impl From<AcceptError> for ReplyError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::IdempotencyConflict => Self::IdempotencyConflict,
            AcceptError::MailboxRemoved => Self::NoMailbox,
            AcceptError::NoSuchConversation => Self::NoSuchConversation,
            AcceptError::NoSuchUpload(id) => Self::NoSuchUpload(id),
            AcceptError::NoMessageId => Self::Domain,
            AcceptError::Store(error) => error.into(),
        }
    }
}

impl Said for ReplyError {
    fn saying(&self) -> Saying {
        match self {
            Self::NoSuchConversation => saying!("cannot.reply.no_such_conversation"),
            Self::NoMailbox => saying!("cannot.reply.no_mailbox"),
            Self::Empty => saying!("cannot.reply.empty"),
            Self::TooLong => saying!("cannot.reply.too_long", kib = TEXT_LENGTH_MAX / 1024),
            Self::NoRecipient => saying!("cannot.reply.no_recipient"),
            Self::TooManyRecipients => saying!(
                "cannot.reply.too_many_recipients",
                most = Envelope::RECIPIENTS_MAX
            ),
            Self::TooManyForProvider {
                mailbox,
                count,
                most,
            } => saying!(
                "cannot.reply.too_many_for_provider",
                mailbox,
                count = *count,
                most = *most
            ),
            Self::TooFarAhead => saying!(
                "cannot.reply.too_far_ahead",
                days = AHEAD_MAX.as_hours() / 24
            ),
            Self::NotOwn { from, mailbox } => saying!("cannot.reply.not_own", from, mailbox),
            Self::TooManyFiles => saying!("cannot.reply.too_many_files", most = FILES_MAX),
            Self::NoSuchUpload(id) => saying!("cannot.reply.no_such_upload", id = id.to_string()),
            Self::NoSuchFile => saying!("cannot.reply.no_such_file"),
            Self::ContentId(typed) => {
                saying!("cannot.reply.content_id", typed = Saying::quoted(typed))
            }
            Self::TooLarge { mb, mb_max } => saying!("cannot.reply.too_large", mb, mb_max),
            Self::NotRegistered {
                to,
                registered,
                from,
                advice,
                ..
            } => {
                let what = saying!("cannot.reply.not_registered", to, registered, from);
                match advice.clone() {
                    Some(advice) => saying!("login.advised", what, advice = *advice),
                    None => what,
                }
            }
            Self::NothingRegistered { to, mailbox, .. } => {
                saying!("cannot.reply.nothing_registered", to, mailbox)
            }
            Self::IdempotencyKey => saying!(
                "cannot.reply.idempotency_key",
                most = IDEMPOTENCY_KEY_LENGTH_MAX
            ),
            Self::IdempotencyConflict => saying!("cannot.reply.idempotency_conflict"),
            Self::Domain => saying!("cannot.reply.domain"),
            Self::Randomness(error) => error.saying(),
            Self::Store(what) => saying!("cannot.reply.store", what),
        }
    }
}
