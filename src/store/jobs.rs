//! Durable work: rows by key, and by sort and time. Leases live in the memory of
//! the workers (one process per data folder), so that a crash frees them.

use jiff::Timestamp;

use super::Store;
use super::counter::Counter;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::{ConversationKey, JobKey, MailboxKey, OutgoingKey, WorkspaceKey};
use crate::domain::outbox::Outgoing;

fn kind_byte(kind: WorkKind) -> u8 {
    match kind {
        WorkKind::Triage => 0,
        WorkKind::Compose => 1,
        WorkKind::Submit => 2,
        WorkKind::File => 3,
        WorkKind::Authenticate => 4,
        WorkKind::Wake => 5,
    }
}

fn due_key(job: &Job) -> Key {
    Key::default()
        .byte(kind_byte(job.work.kind()))
        .time(job.due)
        .number(job.key.0)
}

fn outgoing_of(work: Work) -> Option<OutgoingKey> {
    match work {
        Work::Triage(_) | Work::Authenticate(_) | Work::Wake(_) => None,
        Work::Compose(outgoing) | Work::Submit(outgoing) | Work::File(outgoing) => Some(outgoing),
    }
}

/// Writes a piece of work with the result that demands it.
pub(super) fn add(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    conversation: ConversationKey,
    work: Work,
    due: Timestamp,
) -> Result<JobKey, StoreError> {
    let job = Job {
        key: JobKey(transaction.next(Counter::Job)?),
        workspace,
        conversation,
        work,
        due,
        attempts: 0,
    };
    put(transaction, &job)?;
    if let Some(outgoing) = outgoing_of(work) {
        // A reply has one job at a time.
        transaction.point(Table::OutgoingJobs, &outgoing.0.to_be_bytes(), job.key.0)?;
    }
    Ok(job.key)
}

fn put(transaction: &Transaction<'_>, job: &Job) -> Result<(), StoreError> {
    transaction.put_record(Table::Jobs, &job.key.0.to_be_bytes(), job)?;
    transaction.put(Table::JobsDue, due_key(job).as_ref(), &[])
}

/// Ends a job. `false` when it was ended before: its result must not count again.
pub(super) fn finish(transaction: &Transaction<'_>, key: JobKey) -> Result<bool, StoreError> {
    let Some(job) = transaction.record::<Job>(Table::Jobs, &key.0.to_be_bytes())? else {
        return Ok(false);
    };
    transaction.remove(Table::Jobs, &key.0.to_be_bytes())?;
    transaction.remove(Table::JobsDue, due_key(&job).as_ref())?;
    if let Some(outgoing) = outgoing_of(job.work) {
        let row = outgoing.0.to_be_bytes();
        if transaction.pointer(Table::OutgoingJobs, &row)? == Some(key.0) {
            transaction.remove(Table::OutgoingJobs, &row)?;
        }
    }
    Ok(true)
}

/// Ends whatever is still to be done for a reply.
pub(super) fn finish_of(
    transaction: &Transaction<'_>,
    outgoing: OutgoingKey,
) -> Result<(), StoreError> {
    if let Some(job) = transaction.pointer(Table::OutgoingJobs, &outgoing.0.to_be_bytes())? {
        finish(transaction, JobKey(job))?;
    }
    Ok(())
}

/// Makes what is still to be done for a reply due. `false` when there is nothing.
pub(super) fn hasten(
    transaction: &Transaction<'_>,
    outgoing: OutgoingKey,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let job = transaction.pointer(Table::OutgoingJobs, &outgoing.0.to_be_bytes())?;
    if let Some(job) = job {
        put_off(transaction, JobKey(job), now, 0)?;
    }
    Ok(job.is_some())
}

/// Everything of one sort that is still to be done.
pub(super) fn of_kind(rows: &impl Rows, kind: WorkKind) -> Result<Vec<Job>, StoreError> {
    let prefix = [kind_byte(kind)];
    let keys = rows.keys(Table::JobsDue, &prefix, None, Order::Up, usize::MAX)?;
    keys.iter()
        .map(|key| rows.named(Table::Jobs, number_at(key, 9), "job"))
        .collect()
}

/// Moves a job to a later time and counts the attempt.
pub(super) fn postpone(
    transaction: &Transaction<'_>,
    key: JobKey,
    due: Timestamp,
) -> Result<(), StoreError> {
    put_off(transaction, key, due, 1)
}

pub(super) fn put_off(
    transaction: &Transaction<'_>,
    key: JobKey,
    due: Timestamp,
    attempts: u32,
) -> Result<(), StoreError> {
    let Some(mut job) = transaction.record::<Job>(Table::Jobs, &key.0.to_be_bytes())? else {
        return Ok(());
    };
    transaction.remove(Table::JobsDue, due_key(&job).as_ref())?;
    job.due = due;
    job.attempts = job.attempts.saturating_add(attempts);
    put(transaction, &job)
}

impl Store {
    /// Jobs whose time has come, at most `limit`, in the order they were made.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn due_jobs(
        &self,
        kind: WorkKind,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.read(|rows| {
            let prefix = [kind_byte(kind)];
            let latest = Key::default().byte(kind_byte(kind)).time(now);
            let mut jobs = Vec::new();
            for key in rows.keys(Table::JobsDue, &prefix, None, Order::Up, limit)? {
                if key[..latest.as_ref().len().min(key.len())] > *latest.as_ref() {
                    break;
                }
                let job = number_at(&key, 9);
                jobs.push(rows.named::<Job>(Table::Jobs, job, "job")?);
            }
            jobs.sort_by_key(|job| job.key);
            Ok(jobs)
        })
    }

    /// One job; `None` once it has ended.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn job(&self, key: JobKey) -> Result<Option<Job>, StoreError> {
        self.read(|rows| rows.record(Table::Jobs, &key.0.to_be_bytes()))
    }

    /// When the next job of that sort is due that is not due at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn next_due(
        &self,
        kind: WorkKind,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.read(|rows| {
            let prefix = [kind_byte(kind)];
            let due = Key::default().byte(prefix[0]).time(now).number(u64::MAX);
            let after = Some(due.as_ref());
            let keys = rows.keys(Table::JobsDue, &prefix, after, Order::Up, 1)?;
            let Some(key) = keys.first() else {
                return Ok(None);
            };
            let job: Job = rows.named(Table::Jobs, number_at(key, 9), "job")?;
            Ok(Some(job.due))
        })
    }

    /// Takes a job away that has nothing left to do.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn drop_job(&self, job: JobKey) -> Result<(), StoreError> {
        self.write(move |transaction| finish(transaction, job).map(|_| ()))
            .await
    }

    /// Lets a job wait that was not begun; it is no attempt.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn hold(&self, job: JobKey, until: Timestamp) -> Result<(), StoreError> {
        self.write(move |transaction| put_off(transaction, job, until, 0))
            .await
    }

    /// Lets what a mailbox has to send be tried at `now`: what it waited for is over.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn release_submissions(
        &self,
        mailbox: MailboxKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            for job in of_kind(transaction, WorkKind::Submit)? {
                let Work::Submit(outgoing) = job.work else {
                    continue;
                };
                if job.due <= now {
                    continue;
                }
                let row = outgoing.0.to_be_bytes();
                let outgoing: Option<Outgoing> = transaction.record(Table::Outgoing, &row)?;
                if let Some(outgoing) = outgoing.filter(|outgoing| outgoing.mailbox == mailbox) {
                    // What is scheduled, or can still be taken back, waited for its own time.
                    let due = outgoing.send_at.max(now);
                    if due < job.due {
                        put_off(transaction, job.key, due, 0)?;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Puts a job off after an attempt.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn postpone(&self, job: JobKey, due: Timestamp) -> Result<(), StoreError> {
        self.write(move |transaction| postpone(transaction, job, due))
            .await
    }
}
