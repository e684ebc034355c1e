//! The life of a reply after it was accepted: composed, attempted, filed, ended.
//!
//! Invariant: `Sending` is durable before the first byte of the content leaves, and
//! only [`Store::end_attempt`] or [`Store::resolve`] ends it.

use jiff::Timestamp;

use super::error::StoreError;
use super::raw::{self, CompressedRaw};
use super::table::{Rows, Table, Transaction};
use super::{Store, jobs, outbox, threading, uploads};
use crate::domain::address::Address;
use crate::domain::job::Work;
use crate::domain::key::{JobKey, OutgoingKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Head, Message};
use crate::domain::outbox::{
    Filing, Hold, Known, Outgoing, OutgoingState, Purpose, RecipientResult, RecipientState,
};
use crate::domain::saying::{Saying, saying};
use crate::fault::{Point, reach};

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// Where the reply stands now.
    pub state: OutgoingState,
    /// What each recipient's server said.
    pub recipients: Vec<RecipientResult>,
    /// What is to be done next.
    pub next: AttemptNext,
    /// For its history: what happened.
    pub said: Saying,
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptNext {
    /// Another one, not before this.
    Retry(Timestamp),
    /// The copy into Sent.
    File,
    /// Nothing by itself.
    Nothing,
}

fn may_begin(state: &OutgoingState) -> bool {
    matches!(
        state,
        OutgoingState::Queued | OutgoingState::Deferred { .. }
    )
}

fn state_name(state: &OutgoingState) -> &'static str {
    match state {
        OutgoingState::Queued => "queued",
        OutgoingState::Held { .. } => "held",
        OutgoingState::Sending => "being sent",
        OutgoingState::Sent => "sent",
        OutgoingState::Deferred { .. } => "deferred",
        OutgoingState::Failed { .. } => "failed",
        OutgoingState::Uncertain { .. } => "uncertain",
        OutgoingState::Bounced { .. } => "bounced",
        OutgoingState::Cancelled => "cancelled",
    }
}

/// Those a reply goes to take part from now on: not before, since a reply that is stopped
/// reaches nobody. Whoever is only shown a message takes no part by that.
fn take_part(transaction: &Transaction<'_>, outgoing: &Outgoing) -> Result<(), StoreError> {
    let message: Message = transaction.named(Table::Messages, outgoing.message.0, "message")?;
    let mailbox: Mailbox = transaction.named(Table::Mailboxes, outgoing.mailbox.0, "mailbox")?;
    let trusted = !matches!(outgoing.purpose, Purpose::Forward(_));
    let (place, own) = (outgoing.conversation, &mailbox.settings);
    threading::index_participants(transaction, place, &message.head, trusted, own)
}

fn add_job(
    transaction: &Transaction<'_>,
    outgoing: &Outgoing,
    work: Work,
    due: Timestamp,
) -> Result<(), StoreError> {
    jobs::add(
        transaction,
        outgoing.workspace,
        outgoing.conversation,
        work,
        due,
    )?;
    Ok(())
}

fn compose(
    transaction: &Transaction<'_>,
    key: OutgoingKey,
    compressed: &CompressedRaw,
    head: &Head,
    recipients: &[Address],
    now: Timestamp,
) -> Result<(), StoreError> {
    let raw = raw::put(transaction, compressed)?;
    let (outgoing, ()) = outbox::update(transaction, key, now, |outgoing| {
        outgoing.raw = Some(raw);
        outgoing.recipients = recipients
            .iter()
            .map(|address| RecipientResult {
                address: address.clone(),
                state: RecipientState::Waiting,
                text: String::new(),
            })
            .collect();
        Ok(())
    })?;
    uploads::drop_files(transaction, &outgoing)?;
    let mut message: Message = transaction.named(Table::Messages, outgoing.message.0, "message")?;
    message.head = head.clone();
    message.raw = Some(raw);
    message.size = compressed.size();
    message.written = None;
    transaction.put_record(Table::Messages, &message.key.0.to_be_bytes(), &message)?;
    threading::index_ids(
        transaction,
        message.workspace,
        message.conversation,
        message.key,
        &message.head,
    )?;
    add_job(
        transaction,
        &outgoing,
        Work::Submit(key),
        outgoing.send_at.max(now),
    )
}

impl Store {
    /// Keeps the exact bytes of a reply; they are submitted next. Nothing happens when
    /// the job has ended meanwhile (the reply was cancelled).
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn composed(
        &self,
        job: JobKey,
        outgoing: OutgoingKey,
        raw: CompressedRaw,
        head: Head,
        recipients: Vec<Address>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        reach(Point::Composed);
        self.write(move |transaction| {
            if jobs::finish(transaction, job)? {
                compose(transaction, outgoing, &raw, &head, &recipients, now)?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
        reach(Point::ComposedKept);
        Ok(())
    }

    /// Ends a reply that cannot be sent.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn outgoing_failed(
        &self,
        job: Option<JobKey>,
        outgoing: OutgoingKey,
        reason: Saying,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            if let Some(job) = job
                && !jobs::finish(transaction, job)?
            {
                // It was stopped meanwhile.
                return Ok(());
            }
            outbox::update(transaction, outgoing, now, |outgoing| {
                outgoing.state = OutgoingState::Failed {
                    reason: reason.clone(),
                };
                let what = saying!("known.failed", what = reason.clone());
                outgoing.note(Known::found(now, what));
                Ok(())
            })?;
            Ok(())
        })
        .await
    }

    /// Records that the content is about to leave; the number of the attempt, from 1. It may
    /// leave when this has answered, not before.
    ///
    /// # Errors
    /// [`StoreError::WrongState`] when the reply may not be sent (again).
    pub async fn begin_attempt(
        &self,
        outgoing: OutgoingKey,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let written = self
            .write(move |transaction| {
                let (after, attempt) = outbox::update(transaction, outgoing, now, |outgoing| {
                    if !may_begin(&outgoing.state) {
                        return Err(StoreError::WrongState {
                            state: state_name(&outgoing.state),
                            wanted: "waits to be sent",
                        });
                    }
                    outgoing.state = OutgoingState::Sending;
                    outgoing.attempts = outgoing.attempts.saturating_add(1);
                    Ok(outgoing.attempts)
                })?;
                take_part(transaction, &after)?;
                Ok::<_, StoreError>(attempt)
            })
            .await?;
        reach(Point::AttemptKept);
        Ok(written)
    }

    /// Records how an attempt ended, and what is done next.
    ///
    /// # Errors
    /// When it cannot be made durable; the reply is then found in `Sending`.
    pub async fn end_attempt(
        &self,
        job: JobKey,
        outgoing: OutgoingKey,
        end: AttemptEnd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        reach(Point::AttemptJudged);
        self.write(move |transaction| {
            let (after, ended) = outbox::update(transaction, outgoing, now, |outgoing| {
                // One that ended before any content left was never begun.
                let unbegun = may_begin(&outgoing.state);
                if unbegun {
                    outgoing.attempts = outgoing.attempts.saturating_add(1);
                }
                // A bounce that overtook the end of its attempt stays on record.
                let ended = unbegun || outgoing.state == OutgoingState::Sending;
                if ended {
                    outgoing.state = end.state.clone();
                }
                outgoing.hear(&end.recipients);
                outgoing.came_back_meanwhile();
                if outgoing.state == OutgoingState::Sent {
                    outgoing.in_doubt = false;
                }
                outgoing.note(Known::found(now, end.said.clone()));
                Ok(ended)
            })?;
            match end.next {
                AttemptNext::Retry(due) if ended => jobs::postpone(transaction, job, due),
                AttemptNext::File => {
                    jobs::finish(transaction, job)?;
                    add_job(transaction, &after, Work::File(outgoing), now)
                }
                AttemptNext::Retry(_) | AttemptNext::Nothing => {
                    jobs::finish(transaction, job)?;
                    Ok(())
                }
            }
        })
        .await?;
        reach(Point::JudgementKept);
        Ok(())
    }

    /// Lets a reply wait that was not tried, and says why. Nothing happens when the job has
    /// ended meanwhile.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn defer(
        &self,
        job: JobKey,
        outgoing: OutgoingKey,
        until: Timestamp,
        reason: Saying,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let (_, waits) = outbox::update(transaction, outgoing, now, |outgoing| {
                let waits = may_begin(&outgoing.state);
                if waits {
                    outgoing.state = OutgoingState::Deferred {
                        until,
                        reason: reason.clone(),
                    };
                }
                Ok(waits)
            })?;
            if waits {
                jobs::put_off(transaction, job, until, 0)?;
            }
            Ok(())
        })
        .await
    }

    /// Records where the copy in Sent stands.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn filed(
        &self,
        job: JobKey,
        outgoing: OutgoingKey,
        filing: Filing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            if !jobs::finish(transaction, job)? {
                return Ok(());
            }
            outbox::update(transaction, outgoing, now, |outgoing| {
                outgoing.filing = filing.clone();
                Ok(())
            })?;
            Ok::<_, StoreError>(())
        })
        .await?;
        reach(Point::CopyKept);
        Ok(())
    }

    /// Sets where a reply stands, by evidence or by a person. `Queued` sends it (again).
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn resolve(
        &self,
        outgoing: OutgoingKey,
        state: OutgoingState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let (after, ()) = outbox::update(transaction, outgoing, now, |outgoing| {
                if state == OutgoingState::Sent && outgoing.state != state {
                    outgoing.note(Known::found(now, saying!("known.in_sent")));
                }
                outgoing.state = state.clone();
                Ok(())
            })?;
            jobs::finish_of(transaction, outgoing)?;
            if state == OutgoingState::Queued {
                let work = match after.raw {
                    Some(_) => Work::Submit(outgoing),
                    None => Work::Compose(outgoing),
                };
                add_job(transaction, &after, work, after.send_at.max(now))?;
            }
            Ok(())
        })
        .await
    }

    /// Holds a reply back until a person decides. Nothing happens when the job has ended
    /// meanwhile (the reply was cancelled).
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn hold_reply(
        &self,
        job: JobKey,
        outgoing: OutgoingKey,
        reason: Saying,
        hold: Hold,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            if !jobs::finish(transaction, job)? {
                return Ok(());
            }
            outbox::update(transaction, outgoing, hold.at, |outgoing| {
                outgoing.state = OutgoingState::Held {
                    reason: reason.clone(),
                };
                outgoing.hold = Some(hold.clone());
                let what = saying!("known.held", what = reason.clone());
                outgoing.note(Known::found(hold.at, what));
                Ok(())
            })?;
            Ok(())
        })
        .await
    }
}
