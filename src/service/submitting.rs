//! Stage 7 of a mail's way: hands composed bytes to the provider.
//!
//! Invariant: the attempt is durable before the provider is asked, and an attempt
//! whose end is unknown is never repeated by itself. The Message-ID never changes.

use jiff::{SignedDuration, Timestamp};

use crate::domain::back_off::BackOff;
use crate::domain::change::Event;
use crate::domain::condition::Failure;
use crate::domain::envelope::Envelope;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::OutgoingKey;
use crate::domain::mailbox::Mailbox;
use crate::domain::outbox::{Outgoing, OutgoingState, RecipientResult, RecipientState};
use crate::net::dial::Dialer;
use crate::net::submission::{
    self, RecipientOutcome, SubmissionError, SubmissionOptions, Submitted,
};
use crate::service::clock::Clock;
use crate::service::jobs::Worker;
use crate::service::random::Random;
use crate::service::sync::board::Board;
use crate::store::{AttemptEnd, AttemptNext, Store, StoreError};

/// Replies that leave at the same time; one per mailbox.
const PARALLEL_MAX: usize = 32;
/// A deferred reply is given up after this (RFC 5321 section 4.5.4.1).
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);
/// While a mailbox is offline or waits for new credentials its replies wait, looked at this often.
const HELD_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// Largest mail that is submitted, in bytes.
pub const MAIL_SIZE_MAX: u64 = 64 * 1024 * 1024;

/// The worker.
#[derive(Clone, Debug)]
pub struct Submitting {
    store: Store,
    dialer: Dialer,
    board: Board,
    clock: Clock,
    random: Random,
}

impl Submitting {
    /// A worker over its handles.
    #[must_use]
    pub fn new(store: Store, dialer: Dialer, board: Board, clock: Clock, random: Random) -> Self {
        Self {
            store,
            dialer,
            board,
            clock,
            random,
        }
    }

    async fn submit(&self, job: Job, key: OutgoingKey) -> Result<(), StoreError> {
        let Some(outgoing) = self.store.outgoing(key)? else {
            return self.store.drop_job(job.key).await;
        };
        let now = self.clock.now();
        match outgoing.state {
            OutgoingState::Queued | OutgoingState::Deferred { .. } => {}
            // One job runs at a time, so this attempt was begun by a process that is gone.
            OutgoingState::Sending => {
                return self.end(job, &outgoing, interrupted(&outgoing), now).await;
            }
            _ => return self.store.drop_job(job.key).await,
        }
        let Some(mailbox) = self.store.mailbox(outgoing.mailbox)? else {
            let reason =
                "The mailbox this reply was to leave by is no longer connected.".to_owned();
            return self
                .end(job, &outgoing, failed(reason, &outgoing), now)
                .await;
        };
        // Credentials that were refused are not offered again: providers lock out.
        if mailbox.settings.offline || self.board.sending_needs_a_person(mailbox.key) {
            return self.store.hold(job.key, after(now, HELD_PAUSE)).await;
        }
        let Some(raw) = self.bytes_of(&outgoing)? else {
            let reason = "The bytes of this reply are missing; write it again.".to_owned();
            return self
                .end(job, &outgoing, failed(reason, &outgoing), now)
                .await;
        };
        let options = self.options(&mailbox)?;
        let attempt = self.store.begin_attempt(outgoing.key, now).await?;
        let result = submission::submit(
            &self.dialer,
            &options,
            &waiting_envelope(&mailbox, &outgoing),
            &raw,
        )
        .await;
        let now = self.clock.now();
        self.record(&mailbox, &result, now).await;
        let retry_at = after_wait(now, BackOff::SUBMISSION, attempt, self.random.jitter());
        let patient = now.duration_since(outgoing.accepted_at) < GIVE_UP_AFTER;
        let end = judge(&outgoing, result, patient.then_some(retry_at));
        self.end(job, &outgoing, end, now).await
    }

    /// What the attempt says about sending by this mailbox, apart from this reply.
    async fn record(
        &self,
        mailbox: &Mailbox,
        result: &Result<Submitted, SubmissionError>,
        now: Timestamp,
    ) {
        let outcome = match result {
            Ok(_) | Err(SubmissionError::NoRecipient { .. }) => Ok(()),
            Err(error) => match error.authentication_refusal() {
                // 534 and 535 leave no doubt (RFC 4954 section 6); 530 and others may.
                Some(reply) if matches!(reply.code, 534 | 535) => {
                    Err(Failure::Refused(error.to_string()))
                }
                Some(_) => Err(Failure::RefusedPerhaps(error.to_string())),
                None => Err(Failure::Passing(error.to_string())),
            },
        };
        if self
            .board
            .submitted(mailbox.key, outcome, now, self.random.jitter())
        {
            let event = Event::MailboxChanged {
                mailbox: mailbox.key,
            };
            if let Err(error) = self.store.note_change(mailbox.workspace, event, now).await {
                tracing::warn!(%error, "a mailbox's change of condition could not be written to the feed");
            }
        }
    }

    fn bytes_of(&self, outgoing: &Outgoing) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(outgoing
            .raw
            .map(|key| self.store.raw(key, MAIL_SIZE_MAX))
            .transpose()?
            .flatten())
    }

    fn options(&self, mailbox: &Mailbox) -> Result<SubmissionOptions, StoreError> {
        let logins = self.store.logins(mailbox.key)?;
        Ok(SubmissionOptions::new(
            mailbox.settings.outgoing.clone(),
            logins.outgoing,
        ))
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
        let Work::Submit(key) = job.work else {
            return Ok(0);
        };
        // One connection at a time per mailbox: providers count them.
        Ok(self
            .store
            .outgoing(key)?
            .map_or(0, |outgoing| outgoing.mailbox.0))
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

/// An attempt whose end nobody saw.
fn interrupted(outgoing: &Outgoing) -> AttemptEnd {
    let reason = "Postern was stopped while this reply was being handed over; it may have been \
                  delivered. Look into the Sent folder or ask the recipient before sending it again.";
    AttemptEnd {
        state: OutgoingState::Uncertain {
            reason: reason.to_owned(),
        },
        recipients: settle(&outgoing.recipients, RecipientState::Uncertain, reason),
        next: AttemptNext::File,
    }
}

/// What an attempt means for the reply. `retry_at` is absent when patience is at its end.
fn judge(
    outgoing: &Outgoing,
    result: Result<Submitted, SubmissionError>,
    retry_at: Option<Timestamp>,
) -> AttemptEnd {
    match result {
        Ok(submitted) => judge_recipients(outgoing, &submitted.recipients, retry_at),
        Err(SubmissionError::NoRecipient { recipients }) => {
            judge_recipients(outgoing, &recipients, retry_at)
        }
        Err(SubmissionError::Uncertain { reason, recipients }) => {
            let known = heard(outgoing, &recipients, None);
            AttemptEnd {
                recipients: settle(&known, RecipientState::Uncertain, &reason),
                state: OutgoingState::Uncertain { reason },
                next: AttemptNext::File,
            }
        }
        Err(error @ SubmissionError::NotSent { .. }) => match retry_at {
            // Refused credentials are trouble of the mailbox, not of this reply.
            Some(until) if error.is_transient() || error.authentication_refusal().is_some() => {
                AttemptEnd {
                    state: OutgoingState::Deferred {
                        until,
                        reason: error.to_string(),
                    },
                    recipients: outgoing.recipients.clone(),
                    next: AttemptNext::Retry(until),
                }
            }
            _ => failed(error.to_string(), outgoing),
        },
    }
}

fn judge_recipients(
    outgoing: &Outgoing,
    answers: &[RecipientOutcome],
    retry_at: Option<Timestamp>,
) -> AttemptEnd {
    let recipients = heard(outgoing, answers, retry_at);
    let is = |state| recipients.iter().any(|one| one.state == state);
    let (state, next) = match retry_at {
        Some(until) if is(RecipientState::Waiting) => {
            let reason = first_text(&recipients, RecipientState::Waiting);
            (
                OutgoingState::Deferred { until, reason },
                AttemptNext::Retry(until),
            )
        }
        _ if is(RecipientState::Accepted) => (OutgoingState::Sent, AttemptNext::File),
        _ => (
            OutgoingState::Failed {
                reason: first_text(&recipients, RecipientState::Refused),
            },
            AttemptNext::Nothing,
        ),
    };
    AttemptEnd {
        state,
        recipients,
        next,
    }
}

/// The recipients with what the server has just said of them.
fn heard(
    outgoing: &Outgoing,
    answers: &[RecipientOutcome],
    retry_at: Option<Timestamp>,
) -> Vec<RecipientResult> {
    let mut recipients = outgoing.recipients.clone();
    for answer in answers {
        let Some(one) = recipients
            .iter_mut()
            .find(|one| one.address == answer.address)
        else {
            continue;
        };
        (one.state, one.text) = match &answer.refusal {
            None => (RecipientState::Accepted, String::new()),
            Some(reply) if reply.is_permanent() || retry_at.is_none() => {
                (RecipientState::Refused, reply.to_string())
            }
            Some(reply) => (RecipientState::Waiting, reply.to_string()),
        };
    }
    recipients
}

fn failed(reason: String, outgoing: &Outgoing) -> AttemptEnd {
    AttemptEnd {
        recipients: settle(&outgoing.recipients, RecipientState::Refused, &reason),
        state: OutgoingState::Failed { reason },
        next: AttemptNext::Nothing,
    }
}

fn settle(
    recipients: &[RecipientResult],
    state: RecipientState,
    text: &str,
) -> Vec<RecipientResult> {
    let settled = |one: &RecipientResult| match one.state {
        RecipientState::Waiting => RecipientResult {
            address: one.address.clone(),
            state,
            text: text.to_owned(),
        },
        RecipientState::Accepted | RecipientState::Refused | RecipientState::Uncertain => {
            one.clone()
        }
    };
    recipients.iter().map(settled).collect()
}

fn first_text(recipients: &[RecipientResult], state: RecipientState) -> String {
    recipients
        .iter()
        .find(|one| one.state == state)
        .map_or_else(String::new, |one| format!("{}: {}", one.address, one.text))
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn after_wait(now: Timestamp, schedule: BackOff, attempt: u32, random: u64) -> Timestamp {
    SignedDuration::try_from(schedule.wait(attempt, random))
        .map_or(Timestamp::MAX, |wait| after(now, wait))
}
