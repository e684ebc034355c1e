//! Commands that wait to be sent, and those that wait for their answer.
//!
//! Commands are pipelined where no answer can be mistaken for another's (RFC 3501
//! section 5.5); what changes the connection's state runs alone.

use std::time::Instant;

use crate::domain::secret::Secret;
use crate::protocol::imap::command::{CommandId, Part};
use crate::protocol::imap::event::SelectedFolder;
use crate::protocol::sasl::Mechanism;

/// A command that was asked for and is not sent yet.
pub(super) struct Queued {
    pub(super) id: CommandId,
    pub(super) parts: Vec<Part>,
    /// For the transcript, instead of the command itself, where it carries a secret.
    pub(super) shown: Option<String>,
    pub(super) task: Task,
}

/// A command that is sent (or being sent) and not answered yet.
pub(super) struct Running {
    pub(super) id: CommandId,
    pub(super) task: Task,
}

/// What a command's answers mean.
pub(super) enum Task {
    /// Its answer is all there is to it.
    Plain,
    /// Its untagged answers do not name it, so there is one of its kind at a time.
    Listing,
    /// As above, for SEARCH.
    Searching,
    /// Changes the state of the connection.
    Changing,
    StartTls,
    Compress,
    Logout,
    Select(Box<SelectedFolder>),
    Authenticate(Authentication),
    Idle(Idle),
}

/// Where an AUTHENTICATE stands.
pub(super) struct Authentication {
    pub(super) mechanism: Mechanism,
    /// The message, until it is sent.
    pub(super) message: Option<Secret>,
    /// What the server told before its refusal.
    pub(super) challenge: Option<String>,
}

/// Where an IDLE stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// Sent; `+` has not come. DONE may be wanted already.
    Asked { done: bool },
    /// The server tells news by itself.
    Idling { renew_at: Instant },
    /// DONE is sent.
    Ending,
}

impl Task {
    fn runs_alone(&self) -> bool {
        match self {
            Self::Plain | Self::Listing | Self::Searching => false,
            Self::Changing
            | Self::StartTls
            | Self::Compress
            | Self::Logout
            | Self::Select(_)
            | Self::Authenticate(_)
            | Self::Idle(_) => true,
        }
    }

    fn is_same_kind(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::Listing, Self::Listing) | (Self::Searching, Self::Searching)
        )
    }

    /// Whether this may be sent while `running` are unanswered.
    pub(super) fn may_follow<'a>(&self, mut running: impl Iterator<Item = &'a Running>) -> bool {
        running.all(|other| {
            !self.runs_alone() && !other.task.runs_alone() && !self.is_same_kind(&other.task)
        })
    }
}
