//! Stage 7 of a mail's way: hands composed bytes to the provider.
//!
//! Invariant: the attempt is durable before the provider is asked, and an attempt
//! whose end is unknown is never repeated by itself. The Message-ID never changes.

mod judge;

use jiff::{SignedDuration, Timestamp};

use self::judge::{failed, judge, uncertain};
use crate::domain::address::Address;
use crate::domain::alias::said_in;
use crate::domain::back_off::BackOff;
use crate::domain::condition::Failure;
use crate::domain::envelope::Envelope;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::OutgoingKey;
use crate::domain::mailbox::{Condition, Mailbox};
use crate::domain::outbox::{Outgoing, OutgoingState, RecipientState};
use crate::domain::refusal::Dialogue;
use crate::domain::saying::{Said, saying};
use crate::net::dial::Dialer;
use crate::net::submission::{Cause, Phase, SubmissionError, SubmissionOptions, Submitted};
use crate::service::clock::Clock;
use crate::service::composed::{bytes_of, mailbox_lane};
use crate::service::credentials::{CredentialsError, Keyring};
use crate::service::jobs::Worker;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::sync::board::Board;
use crate::service::way_out::{SystemSmtp, way_out};
use crate::store::{AttemptEnd, Store, StoreError};

/// Replies that leave at the same time; one per mailbox.
const PARALLEL_MAX: usize = 32;
/// A deferred reply is given up after this (RFC 5321 section 4.5.4.1).
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);
/// While a mailbox waits for a person its replies wait too, looked at this often.
const PERSON_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// A reply is looked at again after this, when no attempt was begun.
const SHORT_PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// The worker.
#[derive(Clone, Debug)]
pub struct Submitting {
    store: Store,
    dialer: Dialer,
    board: Board,
    keyring: Keyring,
    clock: Clock,
    random: Random,
    system: Option<SystemSmtp>,
    presets: Presets,
}

impl Submitting {
    /// A worker over its handles.
    #[must_use]
    pub fn new(
        store: Store,
        dialer: Dialer,
        board: Board,
        keyring: Keyring,
        clock: Clock,
        system: Option<SystemSmtp>,
        presets: Presets,
    ) -> Self {
        Self {
            store,
            dialer,
            board,
            keyring,
            clock,
            random: Random,
            system,
            presets,
        }
    }

    async fn submit(&self, job: Job, key: OutgoingKey) -> Result<(), StoreError> {
        let Some(outgoing) = self.store.outgoing(key)? else {
            return self.store.drop_job(job.key).await;
        };
        let now = self.clock.now();
        match &outgoing.state {
            OutgoingState::Queued | OutgoingState::Deferred { .. } => {}
            // One job runs at a time, so nobody is at this attempt any more: the process
            // that began it is gone, or the store did not take its result.
            OutgoingState::Sending => {
                let end = uncertain(saying!("outbox.stopped"), &outgoing, &[]);
                return self.end(job, &outgoing, end, now).await;
            }
            OutgoingState::Sent
            | OutgoingState::Held { .. }
            | OutgoingState::Failed { .. }
            | OutgoingState::Uncertain { .. }
            | OutgoingState::Bounced { .. }
            | OutgoingState::Cancelled => return self.store.drop_job(job.key).await,
        }
        let Some(mailbox) = self.store.mailbox(outgoing.mailbox)? else {
            let reason = saying!("outbox.no_mailbox");
            return self
                .end(job, &outgoing, failed(reason, &outgoing), now)
                .await;
        };
        let sending = self.board.health(mailbox.key).sending;
        if let Some(until) = held_until(mailbox.settings.offline(), &sending, now) {
            return self.store.hold(job.key, until).await;
        }
        let Some(raw) = bytes_of(&self.store, &outgoing)? else {
            let reason = saying!("outbox.no_bytes");
            return self
                .end(job, &outgoing, failed(reason, &outgoing), now)
                .await;
        };
        let (offer, logins) = match self.keyring.offer_to_send(&mailbox).await {
            Ok(both) => both,
            Err(CredentialsError::Store(error)) => return Err(error),
            Err(CredentialsError::Busy { .. }) => {
                let due = after(self.clock.now(), SHORT_PAUSE);
                return self.store.hold(job.key, due).await;
            }
            Err(error) => {
                let now = self.clock.now();
                self.note(&mailbox, Err(error.failure()), now).await;
                // Until when, its condition says from now on.
                return self.store.hold(job.key, after(now, SHORT_PAUSE)).await;
            }
        };
        let (server, login) = match way_out(&mailbox.settings, &logins, self.system.as_ref()) {
            Ok(way) => way,
            Err(error) => {
                // The reply waits until the setting is there.
                let until = after_wait(now, BackOff::SUBMISSION, u32::MAX, self.random.jitter());
                tracing::warn!(mailbox = %mailbox.settings.address, %error, "a reply waits");
                return self.store.hold(job.key, until).await;
            }
        };
        let host = server.host.clone();
        let mut options = SubmissionOptions::new(server, login);
        options.tap = self.board.diary().tap(mailbox.key, "smtp");
        let attempt = self.store.begin_attempt(outgoing.key, now).await?;
        let envelope = waiting_envelope(&mailbox, &outgoing);
        let submitted = self.keyring.submit(
            &self.dialer,
            &mailbox,
            Some(offer),
            options,
            &envelope,
            &raw,
        );
        let (result, trouble) = submitted.await;
        let now = self.clock.now();
        let outcome = match trouble {
            Some(trouble) => Err(trouble.failure()),
            None => self.outcome(&mailbox, &result),
        };
        self.note(&mailbox, outcome, now).await;
        self.learn_alias(&outgoing, &host, &envelope, &result, now)
            .await?;
        let retry_at = after_wait(now, BackOff::SUBMISSION, attempt, self.random.jitter());
        let patient = now.duration_since(outgoing.accepted_at) < GIVE_UP_AFTER;
        let end = judge(&outgoing, result, patient.then_some(retry_at));
        self.end(job, &outgoing, end, now).await
    }

    /// Some providers say in their answer which Message-ID the mail bears from now on.
    async fn learn_alias(
        &self,
        outgoing: &Outgoing,
        host: &str,
        envelope: &Envelope,
        result: &Result<Submitted, SubmissionError>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Ok(submitted) = result else {
            return Ok(());
        };
        let named = envelope.forward_paths.iter().chain(&envelope.reverse_path);
        let addresses = named.map(Address::as_str);
        match said_in(&submitted.reply.to_string(), host, addresses) {
            Some(id) => self.store.learn_alias(outgoing.key, id, now).await,
            None => Ok(()),
        }
    }

    /// What the attempt says about sending by this mailbox, apart from this reply.
    fn outcome(
        &self,
        mailbox: &Mailbox,
        result: &Result<Submitted, SubmissionError>,
    ) -> Result<(), Failure> {
        match result {
            Ok(_) | Err(SubmissionError::NoRecipient { .. }) => Ok(()),
            // Who got as far as the mail itself has a mailbox that works.
            Err(SubmissionError::NotSent {
                phase:
                    Phase::Check | Phase::Sender | Phase::Recipients | Phase::Content | Phase::EndOfData,
                cause:
                    Cause::Reply(_)
                    | Cause::TooLarge { .. }
                    | Cause::Unsupported(_)
                    | Cause::NobodyToSendTo,
            }) => Ok(()),
            Err(error) => match error.authentication_refusal() {
                // 534 and 535 leave no doubt (RFC 4954 section 6); 530 and others may.
                Some(reply) => {
                    let clear = matches!(reply.code, 534 | 535);
                    let (settings, text) = (&mailbox.settings, reply.to_string());
                    let (login, words) = (Dialogue::SmtpLogin, error.saying());
                    let presets = &self.presets;
                    Err(presets
                        .understand(settings, login, &text, words, clear)
                        .failure)
                }
                None => Err(Failure::Passing(error.saying())),
            },
        }
    }

    async fn note(&self, mailbox: &Mailbox, outcome: Result<(), Failure>, now: Timestamp) {
        let failed = outcome.is_err();
        let random = self.random.jitter();
        let changed = self.board.submitted(mailbox.key, outcome, now, random);
        if changed
            && !failed
            && let Err(error) = self.store.release_submissions(mailbox.key, now).await
        {
            tracing::warn!(%error, "replies that waited go on waiting");
        }
        if changed || failed {
            let (board, key) = (self.board.clone(), mailbox.key);
            let standing = move || board.standing(key);
            if let Err(error) = self.store.note_condition(mailbox.key, standing, now).await {
                tracing::warn!(%error, "a mailbox's change of condition could not be written to the feed");
            }
        }
    }

    async fn end(
        &self,
        job: Job,
        outgoing: &Outgoing,
        end: AttemptEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let OutgoingState::Failed { reason } | OutgoingState::Uncertain { reason } = &end.state {
            tracing::warn!(outgoing = %outgoing.id, mailbox = outgoing.mailbox.0, %reason, "a reply did not leave");
        }
        self.store
            .end_attempt(job.key, outgoing.key, end, now)
            .await
    }
}

impl Worker for Submitting {
    const KIND: WorkKind = WorkKind::Submit;
    const PARALLEL_MAX: usize = PARALLEL_MAX;

    fn lane(&self, job: &Job) -> Result<u64, StoreError> {
        match job.work {
            Work::Submit(key) => mailbox_lane(&self.store, key),
            _ => Ok(0),
        }
    }

    async fn work(self, job: Job) -> Result<(), StoreError> {
        let Work::Submit(key) = job.work else {
            return self.store.drop_job(job.key).await;
        };
        self.submit(job, key).await
    }
}

/// The envelope of this attempt: only recipients that have not been settled.
fn waiting_envelope(mailbox: &Mailbox, outgoing: &Outgoing) -> Envelope {
    let waiting = outgoing
        .recipients
        .iter()
        .filter(|one| one.state == RecipientState::Waiting);
    Envelope {
        reverse_path: Some(mailbox.settings.address.clone()),
        forward_paths: waiting.map(|one| one.address.clone()).collect(),
    }
}

/// Until when no login is tried, because a person or the pause after a failure says so:
/// every reply that waits would be one more login, and providers count refused ones.
fn held_until(offline: bool, sending: &Condition, now: Timestamp) -> Option<Timestamp> {
    match sending {
        Condition::Offline | Condition::Unbound | Condition::ReauthenticationNeeded { .. } => {
            Some(after(now, PERSON_PAUSE))
        }
        _ if offline => Some(after(now, PERSON_PAUSE)),
        // Somebody may mend it meanwhile in a way that nobody tells of here.
        Condition::Interrupted { next_at, .. } | Condition::Error { next_at, .. } => {
            (*next_at > now).then(|| (*next_at).min(after(now, PERSON_PAUSE)))
        }
        Condition::Connecting | Condition::Active => None,
    }
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn after_wait(now: Timestamp, schedule: BackOff, attempt: u32, random: u64) -> Timestamp {
    SignedDuration::try_from(schedule.wait(attempt, random))
        .map_or(Timestamp::MAX, |wait| after(now, wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_wait_while_a_login_would_only_be_refused_again() {
        let at = |second| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        let now = at(100);
        let interrupted = |next_at| Condition::Interrupted {
            reason: "".into(),
            retry: 1,
            retries_max: 5,
            next_at,
        };
        let refused = Condition::ReauthenticationNeeded { reason: "".into() };
        let cases = [
            (false, Condition::Active, None),
            (false, Condition::Connecting, None),
            (true, Condition::Active, Some(at(160))),
            (false, Condition::Offline, Some(at(160))),
            (false, refused, Some(at(160))),
            (false, interrupted(at(130)), Some(at(130))),
            (false, interrupted(at(100)), None),
        ];
        for (offline, condition, until) in cases {
            assert_eq!(held_until(offline, &condition, now), until, "{condition:?}");
        }
    }
}
