//! The stage that checks what forwarded mail proves of its sender.
//!
//! It comes after the commit, as a job: DNS may take seconds, and neither the 250 nor the
//! scripts wait for it. A mail that came by IMAP was checked by the provider that took it.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::domain::authentication::Authentication;
use crate::domain::back_off::BackOff;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::MessageKey;
use crate::domain::ledger::{Forwarded, Source};
use crate::domain::message::Message;
use crate::net::authentication::{HandedOver, authenticate};
use crate::net::dns::Records;
use crate::service::clock::Clock;
use crate::service::jobs::Worker;
use crate::service::random::Random;
use crate::store::{Store, StoreError};

/// A name server that cannot say is asked so often; then its silence is the result.
const TRIES_MAX: u32 = 4;
/// Larger mail is not read whole for its signature.
const SIZE_MAX: u64 = 10 * 1024 * 1024;

/// The worker.
#[derive(Clone, Debug)]
pub struct Authenticating {
    store: Store,
    records: Records,
    clock: Clock,
    random: Random,
    host: String,
}

impl Authenticating {
    /// A worker over its handles; `host` is what our listener calls itself.
    #[must_use]
    pub fn new(store: Store, records: Records, clock: Clock, host: String) -> Self {
        Self {
            store,
            records,
            clock,
            random: Random,
            host,
        }
    }

    async fn check(&self, key: MessageKey) -> Result<Option<Authentication>, StoreError> {
        let Some(message) = self.store.message(key)? else {
            return Ok(None);
        };
        let Some(forwarded) = self.handed_over(&message)? else {
            return Ok(None);
        };
        let (Some(raw), true) = (message.raw, message.size <= SIZE_MAX) else {
            return Ok(None);
        };
        let Some(mail) = self.store.raw(raw, SIZE_MAX)? else {
            return Ok(None);
        };
        let by = HandedOver {
            peer: forwarded.peer.parse::<IpAddr>().ok(),
            hello: &forwarded.hello,
            reverse_path: forwarded.reverse_path.as_ref(),
            our_host: &self.host,
        };
        let now = self.clock.now();
        match authenticate(&self.records, &mail, &by, now).await {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                tracing::warn!(%error, "the sender of a forwarded mail could not be checked");
                Ok(None)
            }
        }
    }

    /// How the mail was handed over when it was stored.
    fn handed_over(&self, message: &Message) -> Result<Option<Forwarded>, StoreError> {
        let rows = self.store.ledger_of_message(message.key)?;
        Ok(rows.into_iter().find_map(|row| match row.source {
            Source::Smtp(forwarded) => Some(forwarded),
            Source::Imap { .. } | Source::Pop3 { .. } => None,
        }))
    }
}

impl Worker for Authenticating {
    const KIND: WorkKind = WorkKind::Authenticate;
    const PARALLEL_MAX: usize = 8;

    fn lane(&self, job: &Job) -> Result<u64, StoreError> {
        // Nothing of one mail depends on another.
        Ok(job.key.0)
    }

    async fn work(self, job: Job) -> Result<(), StoreError> {
        let Work::Authenticate(message) = job.work else {
            return self.store.drop_job(job.key).await;
        };
        match self.check(message).await? {
            Some(found) if found.is_open() && job.attempts < TRIES_MAX => {
                let wait = BackOff::FILING.wait(job.attempts + 1, self.random.jitter());
                let due = SignedDuration::try_from(wait).ok();
                let due = due.and_then(|wait| self.clock.now().checked_add(wait).ok());
                let due = due.unwrap_or(Timestamp::MAX);
                self.store.postpone(job.key, due).await
            }
            Some(found) => self.store.authenticated(job.key, message, found).await,
            None => self.store.drop_job(job.key).await,
        }
    }
}
