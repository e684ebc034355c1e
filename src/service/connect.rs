//! Connecting a mailbox: a trial connection, step by step, and then saving it.
//!
//! Nothing is saved that was not verified a moment before.

pub mod attempts;
mod consent;
pub mod detection;
mod error;
pub mod known;
mod proposal;
mod remarks;
pub(in crate::service) mod sense;
pub(in crate::service) mod server;
pub mod suggestion;
pub(in crate::service) mod threading;
mod trial;
pub mod wish;
mod wrong;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

pub use self::error::{BeginError, ProposeError, SaveError};
pub use self::proposal::Proposal;
pub use self::remarks::Remarks;
pub use self::trial::{Step, StepResult};

use self::attempts::{Attempt, Attempts, End, Place};
use self::detection::Detection;
pub(in crate::service) use self::error::failed_step;
use self::known::Known;
use self::sense::{reaches_somebody, was_made};
use self::suggestion::{How, Suggestion};
use self::trial::{Means, Trial};
use self::wish::{Wish, WrongField, wrong};
use crate::domain::address::Address;
use crate::domain::alert::day_of;
use crate::domain::folder::Cursor;
use crate::domain::key::PublicId;
use crate::domain::mailbox::{Credentials, Mailbox, MailboxLogins, MailboxSettings};
use crate::domain::maildrop::Begin;
use crate::domain::saying::{Said, saying};
use crate::domain::user::{Actor, Role};
use crate::net::dial::Dialer;
use crate::plugin::Plugin;
use crate::service::clock::Clock;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::receiving::ReceivingOptions;
use crate::service::refusals::Offer;
use crate::service::sync::Sync;
use crate::service::way_out::SystemSmtp;
use crate::store::{AddError, Store};

/// The whole trial may take this long.
const PROBE_TIME_MAX: Duration = Duration::from_secs(90);

/// The service.
#[derive(Clone, Debug)]
pub struct Connect {
    store: Store,
    dialer: Dialer,
    sync: Sync,
    clock: Clock,
    random: Random,
    system: Option<SystemSmtp>,
    presets: Presets,
    detection: Detection,
    attempts: Attempts,
    receiving: ReceivingOptions,
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
        presets: Presets,
    ) -> Self {
        Self {
            store,
            dialer,
            sync,
            clock,
            random,
            system,
            detection: Detection::new(presets.clone(), None),
            presets,
            attempts: Attempts::default(),
            receiving: ReceivingOptions::default(),
        }
    }

    /// Addresses whose domain no plugin knows are looked up.
    #[must_use]
    pub fn looking_up(mut self, detection: Detection) -> Self {
        self.detection = detection;
        self
    }

    /// Mail can be forwarded to addresses that are made like this.
    #[must_use]
    pub fn taking_mail_for(mut self, receiving: ReceivingOptions) -> Self {
        self.receiving = receiving;
        self
    }

    /// Where mail of a mailbox is to be forwarded to; `None` when nothing is forwarded
    /// to it, or this gateway takes no mail.
    #[must_use]
    pub fn receiving_address(&self, mailbox: &Mailbox) -> Option<String> {
        self.receiving.address_of(mailbox)
    }

    pub(in crate::service) fn presets(&self) -> &Presets {
        &self.presets
    }

    pub(in crate::service) fn receiving(&self) -> &ReceivingOptions {
        &self.receiving
    }

    /// The day it is (UTC): codes are mostly made when a mailbox is connected.
    #[must_use]
    pub fn today(&self) -> Date {
        day_of(self.clock.now())
    }

    /// What an address probably needs; `chosen` is the preset a person picked.
    pub async fn suggest(&self, address: &Address, chosen: Option<&str>) -> Suggestion {
        let known = self.suggest_without_looking(address, chosen);
        match known.how {
            How::Guess => self.detection.find(address).await.unwrap_or(known),
            _ => known,
        }
    }

    fn suggest_without_looking(&self, address: &Address, chosen: Option<&str>) -> Suggestion {
        if let Some(plugin) = chosen.and_then(|id| self.presets.get(id)) {
            return self.suggestion(plugin, address, How::Chosen);
        }
        match self.presets.by_domain(address) {
            Some(plugin) => self.suggestion(plugin, address, How::Domain),
            None => Suggestion {
                known: Known::nothing(),
                plugin: None,
                how: How::Guess,
            },
        }
    }

    fn suggestion(&self, plugin: Plugin, address: &Address, how: How) -> Suggestion {
        Suggestion {
            known: self.presets.known(&plugin.preset.id, address.domain()),
            plugin: Some(plugin),
            how,
        }
    }

    /// What is known beside what was typed.
    pub async fn known(&self, wish: &Wish) -> Known {
        let suggestion = self.suggest_beside(wish).await;
        suggestion.map_or_else(Known::default, |suggestion| suggestion.known)
    }

    /// What is suggested beside what was typed: nobody is asked for servers that are
    /// there. `None` when the address is none.
    pub async fn suggest_beside(&self, wish: &Wish) -> Option<Suggestion> {
        let address = Address::parse(wish.address.trim()).ok()?;
        let chosen = wish.preset.as_deref();
        if wish.names_its_servers() {
            return Some(self.suggest_without_looking(&address, chosen));
        }
        Some(self.suggest(&address, chosen).await)
    }

    /// The proposal that a person's words amount to.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn propose(&self, wish: &Wish, known: &Known) -> Result<Proposal, ProposeError> {
        let mut proposal = wish.propose(known, self.random.bytes()?)?;
        self.fits(wish, &proposal.settings)?;
        let settings = &mut proposal.settings;
        if settings.code_created_on.is_none() && has_password(&proposal.logins) {
            settings.code_created_on = self.made_today(&settings.preset);
        }
        Ok(proposal)
    }

    /// The day a code is taken to have been made that somebody gives now, where codes of
    /// the provider end by age.
    pub(in crate::service) fn made_today(&self, preset: &str) -> Option<Date> {
        let ends = self.presets.code_valid_days(preset).is_some();
        ends.then(|| self.today())
    }

    /// The settings that a person's words amount to, before anything proves who they are.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn settings(&self, wish: &Wish, known: &Known) -> Result<MailboxSettings, ProposeError> {
        let settings = wish.settings(known, self.random.bytes()?)?;
        self.fits(wish, &settings)?;
        Ok(settings)
    }

    /// Provider and overlay are what they are named as.
    fn fits(&self, wish: &Wish, settings: &MailboxSettings) -> Result<(), WrongField> {
        let chosen = wish.preset.as_deref().and_then(|id| self.presets.get(id));
        if let Some(plugin) = chosen.filter(|plugin| plugin.preset.overlay) {
            let id = &plugin.preset.id;
            return Err(wrong("preset", saying!("wish.preset", id = id.as_str())));
        }
        was_made(settings, self.today())?;
        reaches_somebody(settings)?;
        self.presets.overlay_fits(settings)
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
        mut proposal: Proposal,
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
        if !trial.passed() {
            return Err(SaveError::Probe(trial.steps));
        }
        trial.users.put_into(&mut proposal.logins);
        // From the trial on what comes is new, whenever collecting really begins.
        let mailbox = self.add(actor, proposal, trial.begin).await?;
        self.sync.start(mailbox.clone());
        self.sync.sending_works(&mailbox, self.clock.now());
        Ok(mailbox)
    }

    /// Tries other settings or logins of a mailbox that is connected. With
    /// `connected_at` the folder is looked at as one whose mail may be here already.
    /// The answer is where reading would begin, where a folder is read. `stored` is there
    /// when a stored login is tried: refusals of it are counted, of new ones not.
    ///
    /// # Errors
    /// The steps, when one of them failed.
    pub(in crate::service) async fn verify(
        &self,
        proposal: &Proposal,
        connected_at: Option<Timestamp>,
        stored: Option<Offer>,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Option<Cursor>, Vec<StepResult>> {
        let trial = self.run(connected_at, proposal, on_step).await;
        if let Some(offer) = stored.as_ref().filter(|_| trial.refused) {
            self.sync.note_refusal(offer.mailbox()).await;
        }
        drop(stored);
        if trial.passed() {
            Ok(trial.begin.and_then(Begin::folder))
        } else {
            Err(trial.steps)
        }
    }

    /// Begins to try and to save, by itself; [`Connect::attempt`] tells how it goes.
    /// With `take_over`, an older attempt of the same person lends the password that was
    /// typed there.
    ///
    /// # Errors
    /// When a field cannot be used, the actor may not, or too many attempts run.
    pub fn begin(
        &self,
        actor: &Actor,
        mut wish: Wish,
        known: Known,
        take_over: Option<PublicId>,
    ) -> Result<PublicId, BeginError> {
        allow(actor)?;
        if let Some(older) = take_over.and_then(|id| self.attempts.get(actor, id)) {
            wish.take_secrets(older.wish);
        }
        if wish.receiving.is_none() {
            wish.receiving = Some(self.random.bytes()?);
        }
        self.run_by_itself(actor, wish, known, true)
    }

    /// Begins to try, by itself, and saves nothing; [`Connect::attempt`] tells how it goes.
    ///
    /// # Errors
    /// As for [`Connect::begin`].
    pub fn begin_trial(
        &self,
        actor: &Actor,
        wish: Wish,
        known: Known,
    ) -> Result<PublicId, BeginError> {
        allow(actor)?;
        self.run_by_itself(actor, wish, known, false)
    }

    fn run_by_itself(
        &self,
        actor: &Actor,
        wish: Wish,
        known: Known,
        save: bool,
    ) -> Result<PublicId, BeginError> {
        let proposal = self.propose(&wish, &known)?;
        let id = PublicId::new(self.clock.now(), self.random.bytes()?);
        let told = self.attempts.begin(id, actor, wish, known)?;
        let (connect, actor) = (self.clone(), actor.clone());
        tokio::spawn(async move {
            let on_step = |step: &StepResult| {
                told.send_modify(|progress| progress.steps.push(step.clone()));
            };
            let end = if save {
                let saved = connect.save(&actor, proposal, on_step).await;
                saved.map(|mailbox| End::Connected {
                    mailbox: mailbox.id,
                })
            } else {
                let steps = connect.try_out(&proposal, on_step).await;
                let passed = steps.passed().then_some(End::Passed);
                passed.ok_or(SaveError::Probe(steps.steps))
            };
            let end = end.unwrap_or_else(|error| End::Failed(error.saying()));
            told.send_modify(|progress| progress.end = Some(end));
        });
        Ok(id)
    }

    /// A place for a trial whose end the actor waits for, from the look-ups before it on.
    ///
    /// # Errors
    /// When the actor may not connect mailboxes, or too many attempts run.
    pub fn place(&self, actor: &Actor) -> Result<Place, BeginError> {
        allow(actor)?;
        let id = PublicId::new(self.clock.now(), self.random.bytes()?);
        Ok(self.attempts.hold(id, actor)?)
    }

    /// An attempt that the actor began a while ago.
    #[must_use]
    pub fn attempt(&self, actor: &Actor, id: PublicId) -> Option<Attempt> {
        self.attempts.get(actor, id)
    }

    async fn add(
        &self,
        actor: &Actor,
        proposal: Proposal,
        begin: Option<Begin>,
    ) -> Result<Mailbox, SaveError> {
        let Proposal {
            settings, logins, ..
        } = proposal;
        let address = settings.address.clone();
        let (now, random) = (self.clock.now(), self.random.bytes()?);
        let workspace = actor.workspace();
        let added = self
            .store
            .add_mailbox(settings, &logins, workspace, begin, now, random);
        added.await.map_err(|error| match error {
            AddError::AddressTaken { name, .. } => SaveError::AddressTaken { address, name },
            AddError::SlugTaken { slug, name } => SaveError::SlugTaken { slug, name },
            AddError::Store(error) => error.into(),
        })
    }

    async fn try_out(&self, proposal: &Proposal, on_step: impl FnMut(&StepResult)) -> Trial {
        self.run(None, proposal, on_step).await
    }

    async fn run(
        &self,
        connected_at: Option<Timestamp>,
        proposal: &Proposal,
        on_step: impl FnMut(&StepResult),
    ) -> Trial {
        let means = Means {
            dialer: &self.dialer,
            system: self.system.as_ref(),
            presets: &self.presets,
            receiving_domain: self.receiving.domain.as_deref(),
            now: self.clock.now(),
            connected_at,
            refused: AtomicBool::new(false),
        };
        let mut trial = Trial::default();
        let steps = Box::pin(trial.run(&means, proposal, on_step));
        if tokio::time::timeout(PROBE_TIME_MAX, steps).await.is_err() {
            trial.give_up(&proposal.settings, PROBE_TIME_MAX);
        }
        trial.refused = means.refused.into_inner();
        trial
    }
}

fn has_password(logins: &MailboxLogins) -> bool {
    let mut both = [&logins.incoming, &logins.outgoing].into_iter().flatten();
    both.any(|login| matches!(login.credentials, Credentials::Password(_)))
}

fn allow(actor: &Actor) -> Result<(), SaveError> {
    let may = actor.may(Role::Manager, actor.workspace());
    may.then_some(()).ok_or(SaveError::NotAllowed)
}
