//! Stage 7 of a mail's way: hands composed bytes to the provider.
//!
//! Invariant: the attempt is durable before the provider gets any of the content, and one
//! whose end is unknown is never repeated by itself. What ends before that is surely not
//! sent and is tried again, also after a crash. The Message-ID never changes.

mod beginning;
mod judge;
mod lines;
mod pace;
mod recalled;

use jiff::{SignedDuration, Timestamp};

use self::beginning::Beginning;
use self::judge::{deferred, failed, judge, uncertain};
use self::lines::Lines;
use self::pace::{Pace, after as after_wait};
use self::recalled::sent_within_a_day;
use crate::domain::address::Address;
use crate::domain::alias::said_in;
use crate::domain::back_off::BackOff;
use crate::domain::condition::Failure;
use crate::domain::envelope::Envelope;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::OutgoingKey;
use crate::domain::mailbox::{Condition, Mailbox};
use crate::domain::outbox::{Outgoing, OutgoingState, RecipientState};
use crate::domain::refusal::{Dialogue, FailureClass};
use crate::domain::saying::{Said, Saying, saying};
use crate::net::dial::Dialer;
use crate::net::submission::{Cause, Phase, Reply, SubmissionError, SubmissionOptions, Submitted};
use crate::service::clock::Clock;
use crate::service::composed::{bytes_of, mailbox_lane};
use crate::service::credentials::{CredentialsError, Keyring, Submission};
use crate::service::jobs::Worker;
use crate::service::outbox::Hurry;
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

/// How long a reply waits that is not tried now.
enum Wait {
    /// Its state stays as it is: the condition of its mailbox says why.
    Untold(Timestamp),
    /// Until then, for this reason.
    Told(Timestamp, Saying),
}

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
    hurry: Hurry,
    lines: Lines,
    pace: Pace,
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
            hurry: Hurry::default(),
            lines: Lines::default(),
            pace: Pace::default(),
        }
    }

    /// Hears from there which replies people want to leave at once.
    #[must_use]
    pub fn hurried_by(mut self, hurry: &Hurry) -> Self {
        self.hurry = hurry.clone();
        self
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
        if outgoing.send_at > now {
            return self.store.hold(job.key, outgoing.send_at).await;
        }
        let Some(mailbox) = self.store.mailbox(outgoing.mailbox)? else {
            let reason = saying!("outbox.no_mailbox");
            return self
                .end(job, &outgoing, failed(reason, &outgoing), now)
                .await;
        };
        if let Some(wait) = self.wait(&mailbox, &outgoing, now)? {
            return match wait {
                Wait::Untold(until) => self.store.hold(job.key, until).await,
                Wait::Told(until, reason) => {
                    self.store.defer(job.key, key, until, reason, now).await
                }
            };
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
        let envelope = waiting_envelope(&mailbox, &outgoing);
        let mut line = self.lines.take(mailbox.key);
        let mut beginning = Beginning::new(&self.store, &self.clock, outgoing.key);
        let mail = Submission {
            envelope: &envelope,
            raw: &raw,
            line: &mut line,
            permit: &mut beginning,
        };
        let (dialer, offer) = (&self.dialer, Some(offer));
        let submitted = self
            .keyring
            .submit_over(dialer, &mailbox, offer, options, mail);
        let (result, trouble) = submitted.await;
        if let Some(line) = line {
            self.lines.keep(mailbox.key, line).await;
        }
        if let Some(error) = beginning.refused() {
            return match error {
                // A person was faster: it was stopped, or sent another way.
                StoreError::WrongState { .. } => self.store.drop_job(job.key).await,
                error => Err(error),
            };
        }
        let now = self.clock.now();
        self.learn_alias(&outgoing, &host, &envelope, &result, now)
            .await?;
        self.conclude(job, &outgoing, &mailbox, result, trouble)
            .await
    }

    /// Records what an attempt came to: for the reply, and for its mailbox.
    async fn conclude(
        &self,
        job: Job,
        outgoing: &Outgoing,
        mailbox: &Mailbox,
        result: Result<Submitted, SubmissionError>,
        trouble: Option<CredentialsError>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        // A reply that waited for its mailbox has lost no patience by that.
        let first = outgoing.history.first().map(|known| known.at);
        let since = match first {
            Some(first) if outgoing.attempts > 0 => first.max(outgoing.send_at),
            Some(_) | None => now,
        };
        let patient = now.duration_since(since) < GIVE_UP_AFTER;
        if patient && let Some(reason) = self.quota(mailbox, &result) {
            let random = self.random.jitter();
            let until = self.pace.refused(mailbox.key, &reason, now, random);
            let rests = Failure::Rests {
                reason: reason.clone(),
                until,
            };
            self.note(mailbox, Err(rests), now).await;
            let end = deferred(until, reason, outgoing.recipients.clone());
            return self.end(job, outgoing, end, now).await;
        }
        if result.is_ok() {
            self.pace.sent(mailbox.key, now);
        }
        let outcome = match trouble {
            Some(trouble) => Err(trouble.failure()),
            None => self.outcome(mailbox, &result),
        };
        self.note(mailbox, outcome, now).await;
        let attempt = outgoing.attempts.saturating_add(1);
        let retry_at = after_wait(now, BackOff::SUBMISSION, attempt, self.random.jitter());
        let end = judge(outgoing, result, patient.then_some(retry_at));
        self.end(job, outgoing, end, now).await
    }

    /// Whether a reply is not tried now: because of its mailbox, or of how much that may send.
    fn wait(
        &self,
        mailbox: &Mailbox,
        outgoing: &Outgoing,
        now: Timestamp,
    ) -> Result<Option<Wait>, StoreError> {
        let offline = mailbox.settings.offline();
        let sending = self.board.health(mailbox.key).sending;
        if self.hurry.take(outgoing.key) && passes_by_itself(offline, &sending) {
            return Ok(None);
        }
        if let Some((until, reason)) = self.pace.paused(mailbox.key, now) {
            return Ok(Some(Wait::Told(until, reason)));
        }
        if let Some(until) = held_until(offline, &sending, now) {
            return Ok(Some(Wait::Untold(until)));
        }
        let limits = self.presets.limits(&mailbox.settings);
        let Some(most) = limits.messages_per_day else {
            return Ok(None);
        };
        if !self.pace.counts(mailbox.key) {
            let times = sent_within_a_day(&self.store, mailbox, now)?;
            self.pace.recall(mailbox.key, times);
        }
        let full = self.pace.day_full(mailbox.key, most, now);
        Ok(full.map(|(until, reason)| Wait::Told(until, reason)))
    }

    /// Why the provider takes no more of this mailbox for now, when that is what it said.
    fn quota(
        &self,
        mailbox: &Mailbox,
        result: &Result<Submitted, SubmissionError>,
    ) -> Option<Saying> {
        let replies: Vec<&Reply> = match result {
            Err(SubmissionError::NotSent {
                phase: Phase::Sender | Phase::Recipients | Phase::Content | Phase::EndOfData,
                cause: Cause::Reply(reply),
            }) => vec![reply],
            Err(SubmissionError::NoRecipient { recipients }) => {
                let refusals = recipients.iter().filter_map(|one| one.refusal.as_ref());
                refusals.collect()
            }
            _ => return None,
        };
        let is_quota = |reply: &&Reply| {
            let (settings, text) = (&mailbox.settings, reply.to_string());
            let understood = self.presets.understand(
                settings,
                Dialogue::Smtp,
                &text,
                Saying::words(&text),
                false,
            );
            let verdict = understood.verdict;
            verdict.is_some_and(|verdict| verdict.class == FailureClass::SendingQuota)
        };
        let said = replies.first()?.to_string();
        let all = replies.iter().all(is_quota);
        all.then(|| saying!("outbox.quota", said))
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
                    | Cause::NobodyToSendTo
                    | Cause::KeptBack,
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

/// What keeps the mailbox from sending is a pause, and nothing that a person has to mend.
fn passes_by_itself(offline: bool, sending: &Condition) -> bool {
    !offline
        && !matches!(
            sending,
            Condition::Offline | Condition::Unbound | Condition::ReauthenticationNeeded { .. }
        )
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
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
