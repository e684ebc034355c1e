//! Connecting a mailbox: a trial connection, step by step, and then saving it.
//!
//! Nothing is saved that was not verified a moment before.

use std::time::Duration;

use crate::domain::address::Address;
use crate::domain::mailbox::{Mailbox, MailboxLogins, MailboxSettings};
use crate::domain::user::Actor;
use crate::service::random::NoRandomness;
use crate::store::{AddError, Store, StoreError};

/// The whole trial may take this long.
const PROBE_TIME_MAX: Duration = Duration::from_secs(90);

/// What a person proposes to connect.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Everything but the logins.
    pub settings: MailboxSettings,
    /// The logins.
    pub logins: MailboxLogins,
}

/// A step of the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Reaching the incoming server, TLS, and logging in.
    Incoming,
    /// Opening the folder.
    Folder,
    /// Reaching the outgoing server, TLS, and logging in.
    Outgoing,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepResult {
    /// Which.
    pub step: Step,
    /// What was found, or what stopped it: in words.
    pub outcome: Result<String, String>,
    /// How long it took.
    pub took: Duration,
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Only managers connect mailboxes.
    #[error("connecting a mailbox needs a mailbox manager or an administrator")]
    NotAllowed,
    /// The trial failed; the steps say where.
    #[error("{}", failed_step(.0))]
    Probe(Vec<StepResult>),
    /// Connected before.
    #[error("{address} is already connected as \"{name}\"; remove it there first")]
    AddressTaken {
        /// The address.
        address: Address,
        /// The mailbox that has it.
        name: String,
    },
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store did not take it.
    #[error("the mailbox could not be stored: {0}")]
    Store(#[from] StoreError),
}

fn failed_step(steps: &[StepResult]) -> String {
    let failed = steps.iter().find_map(|step| step.outcome.as_ref().err());
    failed.cloned().unwrap_or_else(|| "the trial connection did not finish".to_owned())
}

/// The service.
#[derive(Clone, Debug)]
pub struct Connect;
impl Connect {
    pub async fn probe(&self, _: &Proposal, _: impl FnMut(&StepResult)) -> Vec<StepResult> { Vec::new() }
    pub async fn save(&self, _: &Actor, _: Proposal, _: impl FnMut(&StepResult)) -> Result<Mailbox, SaveError> { Err(SaveError::NotAllowed) }
}
