//! Usable logins: an access token that ends soon is renewed before it is shown, and one
//! that a server refuses is renewed once.
//!
//! Invariant: a mailbox has at most one renewal under way, and it is not broken off when
//! who asked goes away: providers that rotate refresh tokens end the old one with the
//! answer. The new one is durable before it is used. Only a provider that ends the grant
//! in its own words asks for a person; everything else passes or is a setting.

mod entering;
mod error;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

pub use self::entering::{Submission, Visiting};
pub use self::error::{CredentialsError, EnterError};

use crate::domain::condition::Failure;
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Credentials, Login, Mailbox, MailboxLogins, OAuthGrant};
use crate::domain::refusal::Dialogue;
use crate::domain::saying::Saying;
use crate::domain::secret::Secret;
use crate::net::oauth::{OAuth, Tokens};
use crate::service::clock::Clock;
use crate::service::oauth_clients::{OAuthClients, Provider};
use crate::service::refusals::{NoSlot, Refusals};
use crate::store::Store;

/// A token that ends within this is renewed before it is shown: a session that is opened
/// with it should not be cut at once.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// A token that is no older than this is not renewed because a server refuses it: the
/// refusal is about the account.
const FRESH: Duration = Duration::from_secs(60);
/// Callers of one mailbox that come together after a failure share it. The growing pauses
/// between attempts are those of whoever asks.
const SHARED_FAILURE: Duration = Duration::from_secs(1);
/// How long a stop waits for renewals under way; their deadlines lie below it.
const FINISH_TIME_MAX: Duration = Duration::from_secs(50);

/// The service. A cheap clone.
#[derive(Clone, Debug)]
pub struct Keyring {
    store: Store,
    oauth: OAuth,
    clients: OAuthClients,
    clock: Clock,
    cells: Arc<Mutex<HashMap<MailboxKey, Arc<AsyncMutex<Cell>>>>>,
    renewals: TaskTracker,
    refusals: Refusals,
    /// Nobody counts, since a person asks.
    of_a_person: bool,
}

/// What is remembered of a mailbox's renewals.
#[derive(Debug, Default)]
struct Cell {
    renewed_at: Option<Instant>,
    failed: Option<(Instant, CredentialsError)>,
}

/// While it is held, nothing of the mailbox's grant is renewed.
#[derive(Debug)]
pub struct Held {
    _cell: OwnedMutexGuard<Cell>,
}

/// Why a token is renewed.
#[derive(Clone, Copy, Debug)]
enum Reason {
    /// It ends.
    Ends,
    /// A server refused it.
    Refused,
    /// A person wants to know whether the sign-in is still good.
    Asked,
}

impl Keyring {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, oauth: OAuth, clients: OAuthClients, clock: Clock) -> Self {
        Self {
            store,
            oauth,
            clients,
            clock,
            cells: Arc::default(),
            renewals: TaskTracker::new(),
            refusals: Refusals::default(),
            of_a_person: false,
        }
    }

    /// Counts refusals there, where what else knows of them is.
    #[must_use]
    pub fn counting(mut self, refusals: &Refusals) -> Self {
        self.refusals = refusals.clone();
        self
    }

    /// The same for what a person asks for with their own hand: refusals are not counted
    /// then, and what rests is offered all the same.
    #[must_use]
    pub fn for_a_person(&self) -> Self {
        Self {
            refusals: Refusals::default(),
            of_a_person: true,
            ..self.clone()
        }
    }

    /// What a refused login means for the condition of a mailbox.
    pub(in crate::service) fn meaning(
        &self,
        mailbox: &Mailbox,
        dialogue: Dialogue,
        said: &str,
        sentence: Saying,
        clear: bool,
    ) -> Failure {
        let presets = self.clients.presets();
        let found = presets.understand(&mailbox.settings, dialogue, said, sentence, clear);
        found.failure
    }

    /// A server has refused a stored login in these words. What it means decides whether it
    /// counts; `clear` what to think of words that nobody knows. One that counts is durable
    /// when this ends.
    pub async fn note_refusal(
        &self,
        mailbox: &Mailbox,
        dialogue: Dialogue,
        said: &str,
        clear: bool,
    ) {
        let meaning = self.meaning(mailbox, dialogue, said, said.into(), clear);
        if meaning.is_refusal() {
            self.count_refusal(mailbox.key).await;
        }
    }

    /// A stored login was refused, beyond doubt.
    pub(in crate::service) async fn count_refusal(&self, mailbox: MailboxKey) {
        if self.of_a_person {
            return;
        }
        self.refusals.note(mailbox, self.clock.now());
        let refusals = self.refusals.clone();
        let times = move || refusals.of(mailbox);
        if let Err(error) = self.store.note_refusals(mailbox, times).await {
            tracing::warn!(%error, "a refused login could not be kept; a restart would not know of it");
        }
    }

    /// What is stored may be offered to a server now.
    fn may_offer(&self, mailbox: &Mailbox) -> Result<(), CredentialsError> {
        match self.refusals.rests_until(mailbox.key, self.clock.now()) {
            None => Ok(()),
            Some(until) => Err(no_slot(mailbox, NoSlot::Rests(until))),
        }
    }

    /// The logins of a mailbox, with tokens that do not end soon.
    ///
    /// # Errors
    /// When a token has ended and cannot be renewed, they were refused too often lately, or
    /// the store cannot be read.
    pub async fn logins(&self, mailbox: &Mailbox) -> Result<MailboxLogins, CredentialsError> {
        self.may_offer(mailbox)?;
        let logins = self.store.logins(mailbox.key)?;
        let soon = later(self.clock.now(), MARGIN);
        if grants(&logins).all(|grant| grant.access_expires_at > soon) {
            return Ok(logins);
        }
        self.renew(mailbox, Reason::Ends, logins).await
    }

    /// Other logins than those that a server has just refused: `None` when there are none,
    /// because a password was refused, or a token that had only just been given.
    ///
    /// # Errors
    /// When the token cannot be renewed, or the store cannot be read.
    pub async fn renewed(
        &self,
        mailbox: &Mailbox,
        refused: &Login,
    ) -> Result<Option<MailboxLogins>, CredentialsError> {
        let Credentials::OAuth(shown) = &refused.credentials else {
            return Ok(None);
        };
        self.may_offer(mailbox)?;
        let only = MailboxLogins {
            incoming: Some(refused.clone()),
            outgoing: None,
        };
        let after = self.renew(mailbox, Reason::Refused, only).await?;
        let other = grants(&after).all(|grant| !same(&grant.access_token, &shown.access_token));
        Ok(other.then_some(after))
    }

    /// The logins with new tokens, because a person asks whether what is stored still works.
    ///
    /// # Errors
    /// When a token cannot be renewed and has ended, or the store cannot be read.
    pub async fn proven(&self, mailbox: &Mailbox) -> Result<MailboxLogins, CredentialsError> {
        self.may_offer(mailbox)?;
        let logins = self.store.logins(mailbox.key)?;
        if grants(&logins).next().is_none() {
            return Ok(logins);
        }
        self.renew(mailbox, Reason::Asked, logins).await
    }

    /// The logins as they are stored, which nobody renews as long as they are held: who
    /// puts others in their place does not overwrite a token that came meanwhile.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn hold(&self, key: MailboxKey) -> Result<(MailboxLogins, Held), CredentialsError> {
        let cell = self.cell(key).lock_owned().await;
        Ok((self.store.logins(key)?, Held { _cell: cell }))
    }

    /// Waits for renewals under way, so that no token that was given is lost.
    pub async fn finish(&self) {
        self.renewals.close();
        if timeout(FINISH_TIME_MAX, self.renewals.wait())
            .await
            .is_err()
        {
            tracing::warn!("a provider did not answer in time; its mailbox may need a new sign-in");
        }
    }

    async fn renew(
        &self,
        mailbox: &Mailbox,
        reason: Reason,
        seen: MailboxLogins,
    ) -> Result<MailboxLogins, CredentialsError> {
        let (keyring, mailbox) = (self.clone(), mailbox.clone());
        // By itself: who asked may be stopped between the provider's answer and the store.
        let renewal = self.renewals.spawn(async move {
            let mut cell = keyring.cell(mailbox.key).lock_owned().await;
            keyring.renew_in(&mut cell, &mailbox, reason, &seen).await
        });
        renewal.await.map_err(|_| CredentialsError::Stopping)?
    }

    async fn renew_in(
        &self,
        cell: &mut Cell,
        mailbox: &Mailbox,
        reason: Reason,
        seen: &MailboxLogins,
    ) -> Result<MailboxLogins, CredentialsError> {
        // Somebody else may have been here meanwhile.
        let mut logins = self.store.logins(mailbox.key)?;
        let due: Vec<OAuthGrant> = self.due(cell, reason, &logins, seen);
        for grant in due {
            if let Some((at, error)) = &cell.failed
                && at.elapsed() < SHARED_FAILURE
            {
                return Err(error.clone());
            }
            match self.ask(mailbox, &grant).await {
                Ok(renewed) => {
                    let before = grant.refresh_token;
                    logins = self.store.renew_grant(mailbox.key, before, renewed).await?;
                    cell.renewed_at = Some(Instant::now());
                    cell.failed = None;
                    tracing::debug!(mailbox = %mailbox.settings.address, ?reason, "an access token was renewed");
                }
                Err(error @ CredentialsError::Ended { .. }) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "an access token was not renewed");
                    cell.failed = Some((Instant::now(), error.clone()));
                    let good = grant.access_expires_at > self.clock.now();
                    if !good || matches!(reason, Reason::Refused) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(logins)
    }

    /// The grants that are to be renewed now; one that two logins share is named once.
    fn due(
        &self,
        cell: &Cell,
        reason: Reason,
        stored: &MailboxLogins,
        seen: &MailboxLogins,
    ) -> Vec<OAuthGrant> {
        let soon = later(self.clock.now(), MARGIN);
        let fresh = cell.renewed_at.is_some_and(|at| at.elapsed() < FRESH);
        let mut due: Vec<OAuthGrant> = Vec::new();
        for grant in grants(stored) {
            let wanted = match reason {
                Reason::Ends => grant.access_expires_at <= soon,
                Reason::Asked => true,
                Reason::Refused => {
                    !fresh && grants(seen).any(|one| same(&one.access_token, &grant.access_token))
                }
            };
            if wanted
                && !due
                    .iter()
                    .any(|one| same(&one.refresh_token, &grant.refresh_token))
            {
                due.push(grant.clone());
            }
        }
        due
    }

    async fn ask(
        &self,
        mailbox: &Mailbox,
        grant: &OAuthGrant,
    ) -> Result<OAuthGrant, CredentialsError> {
        let settings = &mailbox.settings;
        let address = || settings.address.clone();
        let provider = self.clients.for_renewal(&settings.preset);
        let provider = provider.map_err(|source| CredentialsError::Setting {
            address: address(),
            source: Box::new(source),
        })?;
        let Provider { module, client } = &provider;
        let given = self
            .oauth
            .refresh(module, client, &grant.refresh_token)
            .await;
        let given = given.map_err(|error| {
            if error.ends_the_grant() {
                return CredentialsError::Ended {
                    address: address(),
                    account: grant.account.clone(),
                    words: error.to_string(),
                };
            }
            CredentialsError::Provider {
                address: address(),
                source: Arc::new(error),
            }
        })?;
        let now = self.clock.now();
        let Tokens {
            access,
            refresh,
            lives,
            ..
        } = given;
        Ok(OAuthGrant {
            client: module.client.clone(),
            obtained_at: if refresh.is_some() {
                now
            } else {
                grant.obtained_at
            },
            refresh_token: refresh.unwrap_or_else(|| grant.refresh_token.clone()),
            access_token: access,
            access_expires_at: ends(now, lives),
            account: grant.account.clone(),
            mechanism: module.mechanism,
        })
    }

    fn cell(&self, key: MailboxKey) -> Arc<AsyncMutex<Cell>> {
        // Cells are put whole, so a panic elsewhere leaves nothing half-written.
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(key).or_default())
    }
}

fn no_slot(mailbox: &Mailbox, why: NoSlot) -> CredentialsError {
    let address = mailbox.settings.address.clone();
    match why {
        NoSlot::Rests(until) => CredentialsError::Rests { address, until },
        NoSlot::Busy => CredentialsError::Busy { address },
    }
}

/// When a token ends that was given now.
pub(in crate::service) fn ends(now: Timestamp, lives: Duration) -> Timestamp {
    SignedDuration::try_from(lives).map_or(now, |lives| later(now, lives))
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn grants(logins: &MailboxLogins) -> impl Iterator<Item = &OAuthGrant> {
    let both = [&logins.incoming, &logins.outgoing];
    both.into_iter()
        .flatten()
        .filter_map(|login| match &login.credentials {
            Credentials::OAuth(grant) => Some(grant),
            Credentials::Password(_) | Credentials::AccessToken(_) => None,
        })
}

fn same(one: &Secret, other: &Secret) -> bool {
    one.expose() == other.expose()
}
