//! A file that somebody has handed in and no mail has taken along yet.

use jiff::{SignedDuration, Timestamp};

use super::key::{PublicId, RawKey, UserKey, WorkspaceKey};

/// A file whose bytes are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id outside.
    pub id: PublicId,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// Who handed it in; `None` on the machine itself.
    pub by: Option<UserKey>,
    /// As it was called; cleaned when it goes into a mail.
    pub name: String,
    /// `type/subtype`.
    pub content_type: String,
    /// Its bytes.
    pub raw: RawKey,
    /// How many.
    pub size: u64,
    /// When it came.
    pub at: Timestamp,
}

impl Upload {
    /// How long it waits for a mail that takes it along.
    pub const LIFE: SignedDuration = SignedDuration::from_hours(24);
    /// Most files of a workspace that wait.
    pub const WAITING_MAX: usize = 500;

    /// When it is taken away.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.at.checked_add(Self::LIFE).unwrap_or(Timestamp::MAX)
    }
}
