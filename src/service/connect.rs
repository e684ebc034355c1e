//! Connecting a mailbox: a trial connection, step by step, and then saving it.
//!
//! Nothing is saved that was not verified a moment before.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::address::Address;
use crate::domain::folder::Cursor;
use crate::domain::mailbox::{ImapWay, Login, Mailbox, MailboxLogins, MailboxSettings};
use crate::domain::slug::Slug;
use crate::domain::user::{Actor, Role};
use crate::net::dial::Dialer;
use crate::net::imap::{ImapOptions, OpenError, Session};
use crate::net::submission::{self, SubmissionOptions};
use crate::protocol::imap::SelectMode;
use crate::service::clock::Clock;
use crate::service::random::{NoRandomness, Random};
use crate::service::sync::Sync;
use crate::service::sync::history::first_cursor;
use crate::service::way_out::{SystemSmtp, way_out};
use crate::store::{AddError, Store, StoreError};

/// A server greets within this, or is not one.
const GREETING_TIME_MAX: Duration = Duration::from_secs(10);
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
    /// The chosen id is in use.
    #[error("the id \"{slug}\" belongs to the mailbox \"{name}\" already; choose another")]
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
    system: Option<SystemSmtp>,
}

impl Connect {
    /// A service over its handles.
    #[must_use]
    pub fn new(
        store: Store,
        dialer: Dialer,
        sync: Sync,
        clock: Clock,
        random: Random,
        system: Option<SystemSmtp>,
    ) -> Self {
        Self {
            store,
            dialer,
            sync,
            clock,
            random,
            system,
        }
    }

    /// Tries a proposal; every step is told when it ends, and the first failure ends
    /// the trial. Nothing is saved.
    ///
    /// # Errors
    /// When the actor may not connect mailboxes. A failed step is no error here.
    pub async fn probe(
        &self,
        actor: &Actor,
        proposal: &Proposal,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Vec<StepResult>, SaveError> {
        allow(actor)?;
        Ok(self.try_out(proposal, on_step).await.steps)
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
        allow(actor)?;
        let settings = &proposal.settings;
        if let Some(taken) = self.store.mailbox_by_address(&settings.address)? {
            return Err(SaveError::AddressTaken {
                address: taken.settings.address,
                name: taken.settings.name,
            });
        }
        let trial = self.try_out(&proposal, on_step).await;
        let (Some(cursor), true) = (trial.cursor, trial.outgoing_works) else {
            return Err(SaveError::Probe(trial.steps));
        };
        // From the trial on what comes is new, whenever collecting really begins.
        let mailbox = self.add(actor, proposal, cursor).await?;
        self.sync.start(mailbox.clone());
        self.sync.sending_works(&mailbox, self.clock.now());
        Ok(mailbox)
    }

    async fn add(
        &self,
        actor: &Actor,
        proposal: Proposal,
        begin: Cursor,
    ) -> Result<Mailbox, SaveError> {
        let Proposal { settings, logins } = proposal;
        let address = settings.address.clone();
        let (now, random) = (self.clock.now(), self.random.bytes()?);
        let workspace = actor.workspace();
        let added = self
            .store
            .add_mailbox(settings, &logins, workspace, Some(begin), now, random);
        added.await.map_err(|error| match error {
            AddError::AddressTaken { name, .. } => SaveError::AddressTaken { address, name },
            AddError::SlugTaken { slug, name } => SaveError::SlugTaken { slug, name },
            AddError::Store(error) => error.into(),
        })
    }

    async fn try_out(&self, proposal: &Proposal, on_step: impl FnMut(&StepResult)) -> Trial {
        let mut trial = Trial::default();
        let steps = trial.run(self, proposal, on_step);
        if tokio::time::timeout(PROBE_TIME_MAX, steps).await.is_err() {
            trial.give_up(&proposal.settings.address);
        }
        trial
    }

    async fn open(&self, way: &ImapWay, login: &Login) -> Result<Session, OpenError> {
        let mut options = ImapOptions::new(way.server.clone(), login.clone());
        // A person is waiting; a server that says nothing first is on the wrong port.
        options.limits.greeting_deadline = GREETING_TIME_MAX;
        Session::open(&self.dialer, &options).await
    }

    async fn try_submission(&self, proposal: &Proposal) -> Result<String, String> {
        let address = &proposal.settings.address;
        let way = way_out(&proposal.settings, &proposal.logins, self.system.as_ref());
        let (server, login) = way.map_err(|error| format!("{address}: {error}"))?;
        let options = SubmissionOptions::new(server.clone(), login);
        match submission::probe(&self.dialer, &options).await {
            Ok(_) => Ok(format!("signed in at {}", server.host)),
            Err(error) => Err(format!("{address}: {error}")),
        }
    }
}

fn allow(actor: &Actor) -> Result<(), SaveError> {
    let may = actor.may(Role::Manager, actor.workspace());
    may.then_some(()).ok_or(SaveError::NotAllowed)
}

/// A trial connection: what has been found so far.
#[derive(Debug, Default)]
struct Trial {
    steps: Vec<StepResult>,
    /// Where reading would begin, once the folder has been opened.
    cursor: Option<Cursor>,
    outgoing_works: bool,
}

impl Trial {
    async fn run(
        &mut self,
        connect: &Connect,
        proposal: &Proposal,
        mut on_step: impl FnMut(&StepResult),
    ) {
        let begun = Instant::now();
        let settings = &proposal.settings;
        let (Some(way), Some(login)) = (settings.imap(), &proposal.logins.incoming) else {
            let words = format!("{}: only IMAP can be tried", settings.address);
            on_step(self.note(Step::Incoming, Err(words), begun));
            return;
        };
        let opened = connect.open(way, login).await;
        let host = &way.server.host;
        let words = opened.as_ref().map(|_| format!("signed in at {host}"));
        let words = words.map_err(|error| {
            let hint = match error {
                OpenError::Refused { .. } => {
                    "; check user name and password: many providers want an app password or \
                     authorization code instead of the password of their page"
                }
                _ => "",
            };
            format!("{}: {error}{hint}", proposal.settings.address)
        });
        on_step(self.note(Step::Incoming, words, begun));
        let Ok(mut session) = opened else { return };

        let begun = Instant::now();
        let looked = look_into_folder(&mut session, settings, way, connect.clock.now()).await;
        session.logout().await;
        let words = looked.map(|(cursor, words)| {
            self.cursor = Some(cursor);
            words
        });
        on_step(self.note(Step::Folder, words, begun));
        if self.cursor.is_none() {
            return;
        }

        let begun = Instant::now();
        let submission = connect.try_submission(proposal).await;
        self.outgoing_works = submission.is_ok();
        on_step(self.note(Step::Outgoing, submission, begun));
    }

    /// The step after the last one did not end.
    fn give_up(&mut self, address: &Address) {
        let step = match self.steps.len() {
            0 => Step::Incoming,
            1 => Step::Folder,
            _ => Step::Outgoing,
        };
        let seconds = PROBE_TIME_MAX.as_secs();
        self.steps.push(StepResult {
            step,
            outcome: Err(format!(
                "{address}: the trial took longer than {seconds} s; a server is very slow or silent"
            )),
            took: PROBE_TIME_MAX,
        });
    }

    fn note(&mut self, step: Step, outcome: Result<String, String>, begun: Instant) -> &StepResult {
        let result = StepResult {
            step,
            outcome,
            took: begun.elapsed(),
        };
        self.steps.push(result);
        &self.steps[self.steps.len() - 1]
    }
}

/// Opens the folder: where reading would begin, and what is there in words.
async fn look_into_folder(
    session: &mut Session,
    settings: &MailboxSettings,
    way: &ImapWay,
    now: Timestamp,
) -> Result<(Cursor, String), String> {
    let MailboxSettings {
        address, history, ..
    } = settings;
    let folder = &way.folder;
    let selected = session
        .select(folder, &SelectMode::ReadOnly)
        .await
        .map_err(|error| format!("{address}: the folder {folder} cannot be opened: {error}"))?;
    let validity = selected.uid_validity.ok_or_else(|| {
        format!("{address}: the server gives {folder} no UIDVALIDITY, so mail in it cannot be told apart for good")
    })?;
    let cursor = first_cursor(session, &selected, validity, *history, now)
        .await
        .map_err(|error| format!("{address}: {folder} cannot be searched: {error}"))?;
    let push = if session.capabilities().has("IDLE") {
        "tells of new mail at once (IDLE)"
    } else {
        "is asked for new mail now and then"
    };
    let words = format!(
        "{folder} holds {} mails; the server {push}",
        selected.exists
    );
    Ok((cursor, words))
}
