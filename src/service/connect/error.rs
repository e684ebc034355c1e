//! Why a mailbox is not connected.

use super::attempts::TooMany;
use super::trial::StepResult;
use super::wish::WrongField;
use crate::domain::address::Address;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::slug::Slug;
use crate::service::random::NoRandomness;
use crate::store::StoreError;

/// Why words are no proposal.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum ProposeError {
    /// A field cannot be used.
    #[error(transparent)]
    Wrong(#[from] WrongField),
    /// No receiving address can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Said for ProposeError {
    fn saying(&self) -> Saying {
        match self {
            Self::Wrong(error) => error.saying(),
            Self::Randomness(error) => error.saying(),
        }
    }
}

/// Why an attempt did not begin.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum BeginError {
    /// Only managers connect mailboxes; or the gateway could not.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// What was typed is no proposal.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// Wait for others.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Said for BeginError {
    fn saying(&self) -> Saying {
        match self {
            Self::Save(error) => error.saying(),
            Self::Propose(error) => error.saying(),
            Self::TooMany(error) => error.saying(),
            Self::Randomness(error) => error.saying(),
        }
    }
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum SaveError {
    /// Only managers connect mailboxes.
    NotAllowed,
    /// The trial failed; the steps say where.
    Probe(Vec<StepResult>),
    /// Connected before.
    AddressTaken {
        /// The address.
        address: Address,
        /// The mailbox that has it.
        name: String,
    },
    /// The chosen id is in use.
    SlugTaken {
        /// The id.
        slug: Slug,
        /// Who has it.
        name: String,
    },
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store did not take it.
    Store(#[from] StoreError),
}

impl Said for SaveError {
    fn saying(&self) -> Saying {
        match self {
            Self::NotAllowed => saying!("cannot.connect.not_allowed"),
            Self::Probe(steps) => failed_step(steps),
            Self::AddressTaken { address, name, .. } => {
                saying!("cannot.connect.address_taken", address, name)
            }
            Self::SlugTaken { slug, name, .. } => saying!("cannot.connect.slug_taken", slug, name),
            Self::Randomness(error) => error.saying(),
            Self::Store(what) => saying!("cannot.connect.store", what),
        }
    }
}

pub(in crate::service) fn failed_step(steps: &[StepResult]) -> Saying {
    let failed = steps.iter().find_map(|step| step.outcome.as_ref().err());
    failed
        .cloned()
        .unwrap_or_else(|| saying!("trial.unfinished"))
}
