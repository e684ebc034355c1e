//! A notice about a mailbox on its way to the people who look after it.
//!
//! Who that is, is found out when it is sent; here stands who has it already.

use jiff::{SignedDuration, Timestamp};

use super::address::Address;
use super::alert::Due;
use super::key::{MailboxKey, NoticeKey, WorkspaceKey};
use crate::domain::saying::Saying;

/// A notice that has found no way out for so long is given up.
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its key; grows with time.
    pub key: NoticeKey,
    /// Whose mailbox it is about.
    pub workspace: WorkspaceKey,
    /// Which.
    pub mailbox: MailboxKey,
    /// What is told.
    pub due: Due,
    /// When that was found out.
    pub made_at: Timestamp,
    /// Makes its Message-ID, which is the same in every attempt.
    pub mark: [u8; 12],
    /// How far it is.
    pub state: NoticeState,
    /// Attempts to send it.
    pub attempts: u32,
    /// Whose mail server has it.
    pub accepted: Vec<Address>,
    /// The mails are done with: who could be told by mail is told.
    pub mailed: bool,
    /// The webhook has it.
    pub hooked: bool,
    /// Why the last attempt did not reach everybody.
    pub failure: Option<Saying>,
}

/// How far a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeState {
    /// To be sent, not before `next`.
    Waiting {
        /// The next attempt.
        next: Timestamp,
    },
    /// Somebody has it.
    Sent {
        /// Since when.
        at: Timestamp,
    },
    /// It was overtaken by what happened.
    Dropped,
    /// No way out was found in time.
    GivenUp,
}

impl Notice {
    /// What it is called outside, in every attempt.
    #[must_use]
    pub fn id(&self) -> String {
        self.mark.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Somebody knows.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.hooked || !self.accepted.is_empty()
    }

    /// It is still to be sent.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, NoticeState::Waiting { .. })
    }

    /// Whether a newer notice about the same mailbox makes this one pointless.
    #[must_use]
    pub fn is_overtaken_by(&self, newer: &Due) -> bool {
        use Due::{Ends, Error, Reauthenticate, Recovered};
        matches!(
            (&self.due, newer),
            (Ends { .. }, Ends { .. } | Reauthenticate { .. })
                | (Error { .. }, Reauthenticate { .. } | Recovered { .. })
                | (Reauthenticate { .. }, Recovered { .. })
                | (Recovered { .. }, Error { .. } | Reauthenticate { .. })
        )
    }
}
