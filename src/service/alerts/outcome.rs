//! What became of an attempt to bring a notice to people.

use crate::domain::address::Address;
use crate::domain::saying::{Saying, saying};
use crate::net::submission::RecipientOutcome;

/// What an attempt came to.
pub(super) struct Outcome {
    pub(super) accepted: Vec<Address>,
    pub(super) failure: Option<Saying>,
    /// Somebody may still get it.
    pub(super) again: bool,
    /// A server was asked.
    pub(super) asked: bool,
}

impl Outcome {
    pub(super) fn nobody_asked(failure: Saying) -> Self {
        Self {
            accepted: Vec::new(),
            failure: Some(failure),
            again: true,
            asked: false,
        }
    }

    /// Both, of two mails about the same.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.accepted.extend(other.accepted);
        self.failure = together(self.failure.into_iter().chain(other.failure));
        self.again |= other.again;
        self.asked |= other.asked;
        self
    }
}

/// What was said one after the other, as one saying.
pub(super) fn together(said: impl IntoIterator<Item = Saying>) -> Option<Saying> {
    said.into_iter()
        .reduce(|first, second| saying!("unsent.both", first, second))
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
                let (whom, reply) = (&one.address, &refusal);
                outcome.failure = Some(saying!("unsent.refused", by, whom, reply));
            }
        }
    }
    outcome
}
