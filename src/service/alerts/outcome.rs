//! What became of an attempt to bring a notice to people.

use crate::domain::address::Address;
use crate::net::submission::RecipientOutcome;

/// What an attempt came to.
pub(super) struct Outcome {
    pub(super) accepted: Vec<Address>,
    pub(super) failure: Option<String>,
    /// Somebody may still get it.
    pub(super) again: bool,
    /// A server was asked.
    pub(super) asked: bool,
}

impl Outcome {
    pub(super) fn nobody_asked(failure: &str) -> Self {
        Self {
            accepted: Vec::new(),
            failure: Some(failure.to_owned()),
            again: true,
            asked: false,
        }
    }

    /// Both, of two mails about the same.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.accepted.extend(other.accepted);
        let failures: Vec<String> = self.failure.into_iter().chain(other.failure).collect();
        self.failure = (!failures.is_empty()).then(|| failures.join("; "));
        self.again |= other.again;
        self.asked |= other.asked;
        self
    }
}

/// The server has the mail for at least one of them.
pub(super) fn settled(recipients: Vec<RecipientOutcome>, by: &str) -> Outcome {
    let mut outcome = Outcome {
        accepted: Vec::new(),
        failure: None,
        again: false,
        asked: true,
    };
    for one in recipients {
        match one.refusal {
            None => outcome.accepted.push(one.address),
            Some(refusal) => {
                outcome.again |= !refusal.is_permanent();
                outcome.failure = Some(format!("by {by}: {} is refused: {refusal}", one.address));
            }
        }
    }
    outcome
}
