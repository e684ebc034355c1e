//! What goes wrong in the services, as problems. One function per service, so
//! that a new variant must be given its words here before it compiles.

use std::time::Duration;

use super::super::error::{Kind, Problem};
use crate::domain::saying::saying;
use crate::service::collecting::CollectingError;
use crate::service::connect::wish::WrongField;
use crate::service::connect::{BeginError, ProposeError, SaveError};
use crate::service::console::ConsoleError;
use crate::service::conversations::{ConversationError, StoreError};
use crate::service::credentials::EnterError;
use crate::service::mailboxes::{AddError, MailboxError};
use crate::service::outbox::OutboxError;
use crate::service::proving::ProvingError;
use crate::service::proving::canary::CanaryError;
use crate::service::reauthentication::LinkError;
use crate::service::rehearsal::RehearsalError;
use crate::service::replies::ReplyError;
use crate::service::script_editing::EditError;
use crate::service::signing_in::SignInError;

/// When trying again makes sense after the disk was full.
const RETRY: Duration = Duration::from_secs(30);

/// For the store: what passes by itself is told apart from what is broken.
pub(in crate::http) fn of_store(error: &StoreError) -> Problem {
    match error {
        StoreError::BadCursor => Problem::new(Kind::BadRequest, error),
        StoreError::Taken { .. } => Problem::new(Kind::Conflict, error),
        StoreError::DiskFull { .. } | StoreError::NoSpace | StoreError::Reopening { .. } => {
            Problem::new(Kind::Unavailable, error).retry_after(RETRY)
        }
        _ => Problem::internal(error),
    }
}

/// For conversations and messages.
pub(in crate::http) fn of_conversations(error: ConversationError) -> Problem {
    match error {
        ConversationError::NotFound => Problem::not_found(),
        ConversationError::NoSuch(_)
        | ConversationError::EmptyNote
        | ConversationError::LongNote
        | ConversationError::TooManyTags => Problem::new(Kind::Unprocessable, &error),
        ConversationError::Regrouping(_) => Problem::new(Kind::Conflict, &error),
        ConversationError::Randomness(cause) => Problem::internal(&cause),
        ConversationError::Store(cause) => of_store(&cause),
    }
}

/// For rehearsals.
pub(in crate::http) fn of_rehearsal(error: RehearsalError) -> Problem {
    match error {
        RehearsalError::NotAllowed => Problem::new(Kind::Forbidden, &error),
        RehearsalError::Wrong(_) => Problem::new(Kind::Unprocessable, &error),
        RehearsalError::Mailbox(cause) => of_mailboxes(cause),
        RehearsalError::Store(cause) => of_store(&cause),
    }
}

/// For the desk of whoever writes scripts.
pub(in crate::http) fn of_console(error: ConsoleError) -> Problem {
    match error {
        ConsoleError::Edit(error) => of_editing(error),
        ConsoleError::Conversation(error) => of_conversations(error),
        ConsoleError::Store(error) => of_store(&error),
        error @ ConsoleError::NoMailbox(_) => Problem::new(Kind::NotFound, &error),
    }
}

/// For script files.
pub(in crate::http) fn of_editing(error: EditError) -> Problem {
    match error {
        EditError::NotSeen | EditError::NotAllowed | EditError::SwitchedOff => {
            Problem::new(Kind::Forbidden, &error)
        }
        EditError::NotFound => Problem::not_found(),
        EditError::Stale(_) => Problem::new(Kind::Stale, &error),
        EditError::Name(_) | EditError::Wrong(_) => Problem::new(Kind::Unprocessable, &error),
        EditError::Link(_) | EditError::Write(..) => Problem::new(Kind::Conflict, &error),
        EditError::Store(cause) => of_store(&cause),
        EditError::Randomness(cause) => Problem::internal(&cause),
    }
}

/// For the outbox.
pub(in crate::http) fn of_outbox(error: OutboxError) -> Problem {
    match error {
        OutboxError::NotFound => Problem::not_found(),
        OutboxError::NoSuchState(_) | OutboxError::NoSuchMailbox => {
            Problem::new(Kind::Unprocessable, &error)
        }
        OutboxError::DoesNotFit(_) | OutboxError::NotHeld => Problem::new(Kind::Conflict, &error),
        OutboxError::Store(cause) => of_store(&cause),
    }
}

/// For replies.
pub(in crate::http) fn of_replies(error: ReplyError) -> Problem {
    match error {
        ReplyError::NoSuchConversation => Problem::not_found(),
        ReplyError::NoMailbox
        | ReplyError::NotRegistered { .. }
        | ReplyError::NothingRegistered { .. }
        | ReplyError::Domain
        | ReplyError::IdempotencyConflict => Problem::new(Kind::Conflict, &error),
        ReplyError::Empty
        | ReplyError::TooLong
        | ReplyError::NoRecipient
        | ReplyError::TooManyRecipients
        | ReplyError::TooManyForProvider { .. }
        | ReplyError::TooFarAhead
        | ReplyError::IdempotencyKey => Problem::new(Kind::Unprocessable, &error),
        ReplyError::Randomness(cause) => Problem::internal(&cause),
        ReplyError::Store(cause) => of_store(&cause),
    }
}

/// For links that give a mailbox a new login, as far as they are made here.
pub(in crate::http) fn of_links(error: LinkError) -> Problem {
    match error {
        LinkError::Mailbox(error) => of_mailboxes(error),
        LinkError::NoLogin(_) | LinkError::SignsIn(_) => Problem::new(Kind::Conflict, &error),
        LinkError::Gone => Problem::new(Kind::NotFound, &error),
        LinkError::TooFast => Problem::new(Kind::TooMany, &error),
        LinkError::SignIn(error) => of_sign_in(error),
        LinkError::Store(error) => of_store(&error),
        LinkError::Randomness(_) => Problem::internal(&error),
    }
}

/// For mailboxes.
pub(in crate::http) fn of_mailboxes(error: MailboxError) -> Problem {
    match error {
        MailboxError::NoSuchMailbox => Problem::not_found(),
        MailboxError::NotAllowed => Problem::new(Kind::Forbidden, &error),
        MailboxError::Offline
        | MailboxError::TooSoon(_)
        | MailboxError::Unbound
        | MailboxError::Bound
        | MailboxError::NotForwarded
        | MailboxError::NotConfirmed(..) => Problem::new(Kind::Conflict, &error),
        MailboxError::Wrong(wrong) => of_field(&wrong),
        MailboxError::NoPassword
        | MailboxError::Elsewhere(_)
        | MailboxError::Trial(_)
        | MailboxError::Credentials(_) => Problem::new(Kind::Unprocessable, &error),
        MailboxError::Export { .. } | MailboxError::Randomness(_) => Problem::internal(&error),
        MailboxError::Change(AddError::Store(cause)) | MailboxError::Store(cause) => {
            of_store(&cause)
        }
        MailboxError::Change(_) => Problem::new(Kind::Conflict, &error),
    }
}

/// For what was typed to connect a mailbox.
pub(in crate::http) fn of_wish(error: ProposeError) -> Problem {
    match error {
        ProposeError::Wrong(wrong) => of_field(&wrong),
        ProposeError::Randomness(cause) => Problem::internal(&cause),
    }
}

/// For counting and collecting. What the mail server said is told: it is why.
pub(in crate::http) fn of_collecting(error: CollectingError) -> Problem {
    match error {
        CollectingError::Mailbox(error) => of_mailboxes(error),
        CollectingError::NoSuchMail => Problem::not_found(),
        CollectingError::Forwarded(_)
        | CollectingError::IsWhole
        | CollectingError::LargerThanAnything
        | CollectingError::Unnamed
        | CollectingError::Enter(EnterError::NoLogin)
        | CollectingError::Renumbered(_) => Problem::new(Kind::Conflict, &error),
        CollectingError::Enter(_)
        | CollectingError::Imap(_)
        | CollectingError::TooSlow
        | CollectingError::Maildrop(_) => {
            Problem::new(Kind::Unavailable, &error).retry_after(RETRY)
        }
        CollectingError::Future(_) => Problem::new(Kind::Unprocessable, &error),
        CollectingError::Store(cause) => of_store(&cause),
    }
}

/// For test mails.
pub(in crate::http) fn of_proving(error: ProvingError) -> Problem {
    match error {
        ProvingError::Mailbox(error) => of_mailboxes(error),
        ProvingError::UnderWay | ProvingError::Offline => Problem::new(Kind::Conflict, &error),
        ProvingError::NotRunning => Problem::new(Kind::Unavailable, &error),
        ProvingError::Randomness(cause) => Problem::internal(&cause),
        ProvingError::Store(cause) => of_store(&cause),
    }
}

/// For canaries.
pub(in crate::http) fn of_canary(error: CanaryError) -> Problem {
    match error {
        CanaryError::Mailbox(error) => of_mailboxes(error),
        CanaryError::Every => Problem::new(Kind::Unprocessable, &error),
    }
}

fn of_field(wrong: &WrongField) -> Problem {
    let words = saying!("wish.field", field = wrong.field, what = wrong);
    Problem::new(Kind::Unprocessable, words)
}

/// For adding a mailbox.
pub(in crate::http) fn of_saving(error: SaveError) -> Problem {
    match error {
        SaveError::NotAllowed => Problem::new(Kind::Forbidden, &error),
        SaveError::Probe(_) => Problem::new(Kind::Unprocessable, &error),
        SaveError::AddressTaken { .. } | SaveError::SlugTaken { .. } => {
            Problem::new(Kind::Conflict, &error)
        }
        SaveError::Randomness(cause) => Problem::internal(&cause),
        SaveError::Store(cause) => of_store(&cause),
    }
}

/// For a trial that did not begin.
pub(in crate::http) fn of_beginning(error: BeginError) -> Problem {
    match error {
        BeginError::Save(error) => of_saving(error),
        BeginError::Propose(error) => of_wish(error),
        BeginError::TooMany(_) => Problem::new(Kind::TooMany, &error),
        BeginError::Randomness(cause) => Problem::internal(&cause),
    }
}

pub(in crate::http) fn of_sign_in(error: SignInError) -> Problem {
    match error {
        SignInError::NoSignIn(_) => Problem::new(Kind::Conflict, &error),
        SignInError::NotAllowed => Problem::new(Kind::Forbidden, &error),
        SignInError::Propose(error) => of_wish(error),
        SignInError::Begin(error) => of_beginning(error),
        SignInError::Mailbox(error) => of_mailboxes(error),
        SignInError::TooMany(_) => Problem::new(Kind::TooMany, &error),
        SignInError::Randomness(_) => Problem::internal(&error),
        SignInError::State(_) => Problem::new(Kind::NotFound, &error),
        SignInError::Issuer { .. }
        | SignInError::Declined(_)
        | SignInError::Refused(_)
        | SignInError::NoCode
        | SignInError::CodeEnded
        | SignInError::OtherAccount { .. }
        | SignInError::NoRefreshToken
        | SignInError::Url(_) => Problem::new(Kind::Unprocessable, &error),
        SignInError::Provider(_) => Problem::new(Kind::Unavailable, &error),
    }
}
