//! The one thread that writes: all commands that wait go into one transaction, one
//! commit, and only then is anybody answered (group commit).
//!
//! Commands can be run again: when one of a batch fails, the batch is undone and
//! each runs alone. Deliberately absent: any retry after a disk error other than a
//! full disk. A disk that failed one fsync may report success for the next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use redb::{Database, Durability};
use tokio::sync::{mpsc, oneshot};

use super::counter::Counter;
use super::database;
use super::error::StoreError;
use super::shared::Shared;
use super::table::Transaction;
use crate::domain::key::Sequence;

/// Commands that may wait; senders wait beyond that.
pub(super) const WAITING_MAX: usize = 1_024;
/// Most commands of one transaction: bounds the time of a commit and of a re-run.
const BATCH_MAX: usize = 512;

/// A write that waits for its turn.
pub(super) trait Command: Send {
    /// Does it, and keeps the result. `false` when it failed.
    fn run(&mut self, transaction: &Transaction<'_>) -> bool;
    /// Hands the kept result over, or the reason nothing was committed.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A closure as command.
pub(super) struct Closure<F, T, E> {
    pub(super) act: F,
    pub(super) result: Option<Result<T, E>>,
    pub(super) answer: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Command for Closure<F, T, E>
where
    F: FnMut(&Transaction<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, transaction: &Transaction<'_>) -> bool {
        let act = &mut self.act;
        let result = catch_unwind(AssertUnwindSafe(|| act(transaction)))
            .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        let fine = result.is_ok();
        self.result = Some(result);
        fine
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Closed.into()),
            (Err(error), _) => Err(error.into()),
        };
        // Whoever asked may have gone; what is committed stays committed.
        let _gone = self.answer.send(result);
    }
}

/// How an attempt at a batch ended.
enum Attempt {
    Committed,
    CommandFailed,
    Broken(StoreError),
}

/// Runs until every `Store` is gone.
pub(super) fn run(shared: &Arc<Shared>, mut commands: mpsc::Receiver<Box<dyn Command>>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while commands.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        run_batch(shared, &mut batch);
    }
}

fn run_batch(shared: &Shared, batch: &mut Vec<Box<dyn Command>>) {
    match attempt(shared, batch) {
        Attempt::CommandFailed if batch.len() > 1 => {
            for command in batch.drain(..) {
                let mut alone = vec![command];
                let ended = attempt(shared, &mut alone);
                answer(&mut alone, &ended);
            }
        }
        ended => answer(batch, &ended),
    }
}

fn answer(batch: &mut Vec<Box<dyn Command>>, ended: &Attempt) {
    for command in batch.drain(..) {
        command.answer(match ended {
            // A failed command carries its own error.
            Attempt::Committed | Attempt::CommandFailed => Ok(()),
            Attempt::Broken(error) => Err(error.clone()),
        });
    }
}

fn attempt(shared: &Shared, batch: &mut [Box<dyn Command>]) -> Attempt {
    if let Err(error) = ready(shared) {
        return Attempt::Broken(error);
    }
    let ended = {
        let database = shared
            .database
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(database) = database.as_ref() else {
            return Attempt::Broken(StoreError::Closed);
        };
        transact(shared, database, batch)
    };
    match ended {
        Ok(Some(sequence)) => {
            shared.feed.send_if_modified(|told| {
                let newer = sequence > *told;
                *told = sequence.max(*told);
                newer
            });
            Attempt::Committed
        }
        Ok(None) => Attempt::CommandFailed,
        Err(error) => {
            note_failure(shared, &error);
            Attempt::Broken(error)
        }
    }
}

/// One transaction. `None` when a command failed and everything is undone.
fn transact(
    shared: &Shared,
    database: &Database,
    batch: &mut [Box<dyn Command>],
) -> Result<Option<Sequence>, StoreError> {
    let mut writing = database.begin_write()?;
    writing.set_durability(Durability::Immediate)?;
    // A killed gateway opens in milliseconds whatever the size of the file.
    writing.set_quick_repair(true);
    let sequence = {
        let transaction = Transaction::new(&writing, &shared.space);
        let fine = batch.iter_mut().all(|command| command.run(&transaction));
        // The library tells the cause once, and afterwards only that there was one.
        if let Some(error) = transaction.disk_error() {
            return Err(error);
        }
        if !fine {
            None
        } else {
            Some(Sequence(transaction.last(Counter::Feed)?))
        }
    };
    match sequence {
        Some(_) => writing.commit()?,
        None => writing.abort()?,
    }
    Ok(sequence)
}

/// Makes sure that there is a database that takes writes.
fn ready(shared: &Shared) -> Result<(), StoreError> {
    if let Some(reason) = shared.stopped() {
        return Err(StoreError::Stopped { reason });
    }
    let open = shared
        .database
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some();
    if open { Ok(()) } else { reopen(shared) }
}

/// Decides what a failed transaction means for the next one.
fn note_failure(shared: &Shared, error: &StoreError) {
    match error {
        StoreError::NoSpace | StoreError::Reopening { .. } => close(shared),
        StoreError::Database(cause) => match cause.as_ref() {
            redb::Error::Io(_) | redb::Error::Corrupted(_) => {
                tracing::error!(%error, "the store takes no more writes");
                shared.stop(error.to_string());
            }
            _ => {}
        },
        _ => {}
    }
}

/// Waits for the readers, who are short, and closes the poisoned handle.
fn close(shared: &Shared) {
    tracing::warn!("a write failed: the database is opened again before the next one");
    *shared
        .database
        .write()
        .unwrap_or_else(PoisonError::into_inner) = None;
    if let Err(error) = reopen(shared) {
        tracing::warn!(%error, "not yet");
    }
}

fn reopen(shared: &Shared) -> Result<(), StoreError> {
    let mut slot = shared
        .database
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    match database::open(&shared.folder, shared.options.cache_bytes) {
        Ok(opened) => {
            *slot = Some(opened);
            Ok(())
        }
        Err(error) => Err(StoreError::Reopening {
            reason: error.to_string(),
        }),
    }
}
