//! Connecting a mailbox: a trial connection, step by step, and then saving it.
//!
//! Nothing is saved that was not verified a moment before.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::address::Address;
use crate::domain::mailbox::{Mailbox, MailboxLogins, MailboxSettings};
use crate::domain::user::{Actor, Role};
use crate::net::dial::Dialer;
use crate::net::imap::{ImapOptions, OpenError, Session};
use crate::net::submission::{self, SubmissionOptions};
use crate::protocol::imap::SelectMode;
use crate::service::clock::Clock;
use crate::service::random::{NoRandomness, Random};
use crate::service::sync::Sync;
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
    failed
        .cloned()
        .unwrap_or_else(|| "the trial connection did not finish".to_owned())
}

/// The service.
#[derive(Clone, Debug)]
pub struct Connect {
    store: Store,
    dialer: Dialer,
    sync: Sync,
    clock: Clock,
    random: Random,
}

impl Connect {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, dialer: Dialer, sync: Sync, clock: Clock, random: Random) -> Self {
        Self {
            store,
            dialer,
            sync,
            clock,
            random,
        }
    }

    /// Tries a proposal; every step is told when it ends, and the first failure ends the trial.
    pub async fn probe(
        &self,
        proposal: &Proposal,
        mut on_step: impl FnMut(&StepResult),
    ) -> Vec<StepResult> {
        let mut steps = Vec::new();
        let mut tell = |result: StepResult| {
            on_step(&result);
            let passed = result.outcome.is_ok();
            steps.push(result);
            passed
        };
        let trial = async {
            let begun = Instant::now();
            let opened = self.open(proposal).await;
            let (session, outcome) = match opened {
                Ok(session) => (
                    Some(session),
                    Ok(format!("signed in at {}", proposal.settings.incoming.host)),
                ),
                Err(error) => (None, Err(format!("{}: {error}", proposal.settings.address))),
            };
            if !tell(StepResult {
                step: Step::Incoming,
                outcome,
                took: begun.elapsed(),
            }) {
                return;
            }
            if let Some(session) = session {
                let begun = Instant::now();
                let outcome = look_into_folder(session, proposal).await;
                if !tell(StepResult {
                    step: Step::Folder,
                    outcome,
                    took: begun.elapsed(),
                }) {
                    return;
                }
            }
            let begun = Instant::now();
            let outcome = self.try_submission(proposal).await;
            tell(StepResult {
                step: Step::Outgoing,
                outcome,
                took: begun.elapsed(),
            });
        };
        let _finished_in_time = tokio::time::timeout(PROBE_TIME_MAX, trial).await.is_ok();
        steps
    }

    /// Tries a proposal and, when every step passes, saves it and starts collecting.
    ///
    /// # Errors
    /// See [`SaveError`]; nothing is saved then.
    pub async fn save(
        &self,
        actor: &Actor,
        proposal: Proposal,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Mailbox, SaveError> {
        if !actor.may(Role::Manager, actor.workspace()) {
            return Err(SaveError::NotAllowed);
        }
        if let Some(taken) = self.store.mailbox_by_address(&proposal.settings.address)? {
            return Err(SaveError::AddressTaken {
                address: taken.settings.address,
                name: taken.settings.name,
            });
        }
        let steps = self.probe(&proposal, on_step).await;
        let passed = steps.len() == 3 && steps.iter().all(|step| step.outcome.is_ok());
        if !passed {
            return Err(SaveError::Probe(steps));
        }
        let address = proposal.settings.address.clone();
        let now = self.clock.now();
        let random = self.random.bytes()?;
        match self
            .store
            .add_mailbox(
                proposal.settings,
                &proposal.logins,
                actor.workspace(),
                now,
                random,
            )
            .await
        {
            Ok(mailbox) => {
                self.sync.start(mailbox.clone());
                Ok(mailbox)
            }
            Err(AddError::AddressTaken { name, .. }) => {
                Err(SaveError::AddressTaken { address, name })
            }
            Err(AddError::Store(error)) => Err(error.into()),
        }
    }

    async fn open(&self, proposal: &Proposal) -> Result<Session, OpenError> {
        let options = ImapOptions::new(
            proposal.settings.incoming.clone(),
            proposal.logins.incoming.clone(),
        );
        Session::open(&self.dialer, &options).await
    }

    async fn try_submission(&self, proposal: &Proposal) -> Result<String, String> {
        let server = &proposal.settings.outgoing;
        let options = SubmissionOptions::new(server.clone(), proposal.logins.outgoing.clone());
        match submission::probe(&self.dialer, &options).await {
            Ok(_) => Ok(format!("signed in at {}", server.host)),
            Err(error) => Err(format!("{}: {error}", proposal.settings.address)),
        }
    }
}

async fn look_into_folder(mut session: Session, proposal: &Proposal) -> Result<String, String> {
    let folder = &proposal.settings.folder;
    let selected = session.select(folder, &SelectMode::ReadOnly).await;
    let push = if session.capabilities().has("IDLE") {
        "tells of new mail at once (IDLE)"
    } else {
        "is asked for new mail now and then"
    };
    session.logout().await;
    match selected {
        Ok(selected) => Ok(format!(
            "{folder} holds {} mails; the server {push}",
            selected.exists
        )),
        Err(error) => Err(format!(
            "{}: the folder {folder} cannot be opened: {error}",
            proposal.settings.address
        )),
    }
}
