//! How a mailbox is doing, as one word: receiving, or sending when that is worse.

use super::mailbox::{Condition, MailboxHealth};
use crate::domain::saying::Saying;

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailboxState {
    /// Nothing is proven yet.
    Connecting,
    /// It works.
    Active,
    /// Trouble on the way; it is tried again soon.
    Interrupted,
    /// Attempts are used up; it is tried again now and then.
    Error,
    /// Its login was refused; a person gives another.
    ReauthenticationNeeded,
    /// Switched off by a person.
    Offline,
    /// A person has taken its logins away.
    Unbound,
}

impl MailboxState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Connecting,
        Self::Active,
        Self::Interrupted,
        Self::Error,
        Self::ReauthenticationNeeded,
        Self::Offline,
        Self::Unbound,
    ];

    /// Of one direction.
    #[must_use]
    pub fn of(condition: &Condition) -> Self {
        match condition {
            Condition::Connecting => Self::Connecting,
            Condition::Active => Self::Active,
            Condition::Interrupted { .. } => Self::Interrupted,
            Condition::Error { .. } => Self::Error,
            Condition::ReauthenticationNeeded { .. } => Self::ReauthenticationNeeded,
            Condition::Offline => Self::Offline,
            Condition::Unbound => Self::Unbound,
        }
    }

    /// The word that programs and scripts read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Active => "active",
            Self::Interrupted => "interrupted",
            Self::Error => "error",
            Self::ReauthenticationNeeded => "reauthentication_needed",
            Self::Offline => "offline",
            Self::Unbound => "unbound",
        }
    }

    /// How much is wrong. What was never tried is no worse than what works.
    fn weight(self) -> u8 {
        match self {
            Self::Connecting | Self::Active => 0,
            Self::Interrupted => 1,
            Self::Error => 2,
            Self::ReauthenticationNeeded => 3,
            Self::Offline => 4,
            Self::Unbound => 5,
        }
    }
}

/// The state of a mailbox, and why when something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doing {
    /// The word.
    pub state: MailboxState,
    /// What happened.
    pub reason: Option<Saying>,
}

impl Doing {
    /// It works.
    pub const WELL: Self = Self {
        state: MailboxState::Active,
        reason: None,
    };

    /// Of a mailbox.
    #[must_use]
    pub fn of(health: &MailboxHealth) -> Self {
        Self::of_both(&health.receiving, &health.sending)
    }

    /// Of its two directions.
    #[must_use]
    pub fn of_both(receiving: &Condition, sending: &Condition) -> Self {
        let weight = |condition| MailboxState::of(condition).weight();
        let worse = if weight(sending) > weight(receiving) {
            sending
        } else {
            receiving
        };
        Self {
            state: MailboxState::of(worse),
            reason: reason(worse).cloned(),
        }
    }
}

fn reason(condition: &Condition) -> Option<&Saying> {
    match condition {
        Condition::Interrupted { reason, .. }
        | Condition::Error { reason, .. }
        | Condition::ReauthenticationNeeded { reason } => Some(reason),
        Condition::Connecting | Condition::Active | Condition::Offline | Condition::Unbound => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receiving_gives_the_word_unless_sending_is_worse() {
        let refused = || Condition::ReauthenticationNeeded {
            reason: "535".into(),
        };
        let error = || Condition::Error {
            reason: "timed out".into(),
            next_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let check = |receiving: Condition, sending: Condition, word: &str, reason: Option<&str>| {
            let doing = Doing::of_both(&receiving, &sending);
            assert_eq!(doing.state.word(), word);
            assert_eq!(doing.reason, reason.map(Saying::from));
        };
        check(Condition::Active, Condition::Connecting, "active", None);
        check(Condition::Connecting, Condition::Active, "connecting", None);
        check(Condition::Active, error(), "error", Some("timed out"));
        check(refused(), error(), "reauthentication_needed", Some("535"));
        check(error(), error(), "error", Some("timed out"));
        check(Condition::Offline, Condition::Offline, "offline", None);
    }
}
