//! Durable work: what is to be done next, written with the result that demands it.

use jiff::{SignedDuration, Timestamp};

use super::key::{ConversationKey, JobKey, MessageKey, OutgoingKey, WorkspaceKey};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// Show a new mail to the scripts.
    Triage(MessageKey),
    /// Make the bytes of a reply.
    Compose(OutgoingKey),
    /// Hand a reply to the provider.
    Submit(OutgoingKey),
    /// Put a copy into Sent.
    File(OutgoingKey),
    /// Check what a forwarded mail proves of its sender.
    Authenticate(MessageKey),
    /// Ask the scripts again about the conversation of a mail, as they wished.
    Wake(MessageKey),
}

/// The sorts of work, each with workers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkKind {
    /// [`Work::Triage`]
    Triage,
    /// [`Work::Compose`]
    Compose,
    /// [`Work::Submit`]
    Submit,
    /// [`Work::File`]
    File,
    /// [`Work::Authenticate`]
    Authenticate,
    /// [`Work::Wake`]
    Wake,
}

impl Work {
    /// Its sort.
    #[must_use]
    pub fn kind(self) -> WorkKind {
        match self {
            Self::Triage(_) => WorkKind::Triage,
            Self::Compose(_) => WorkKind::Compose,
            Self::Submit(_) => WorkKind::Submit,
            Self::File(_) => WorkKind::File,
            Self::Authenticate(_) => WorkKind::Authenticate,
            Self::Wake(_) => WorkKind::Wake,
        }
    }
}

/// A piece of work in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Grows with time: jobs of one conversation run in this order.
    pub key: JobKey,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// Jobs of one conversation run singly.
    pub conversation: ConversationKey,
    /// What is to be done.
    pub work: Work,
    /// Not before this.
    pub due: Timestamp,
    /// Times it has been begun.
    pub attempts: u32,
}

/// How long a worker may hold a job before another may take it.
pub const LEASE: SignedDuration = SignedDuration::from_mins(15);
