//! One change of a mailbox at a time: who stops its task, changes what is stored of it
//! and starts it again has its turn, and the next waits.
//!
//! Invariant: a turn that began ends, also when nobody waits for it any more: a client
//! that goes away must not leave a mailbox stopped.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Lock, OwnedMutexGuard};

use crate::domain::key::MailboxKey;

/// The turns of all mailboxes. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    /// Of mailboxes that are being changed.
    locks: Arc<Mutex<HashMap<MailboxKey, Arc<Lock<()>>>>>,
}

impl Turns {
    /// Waits for the turn; it ends when what is returned is dropped.
    pub(super) async fn of(&self, key: MailboxKey) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key).or_default())
        };
        lock.lock_owned().await
    }
}

/// Does something that must not stop half-way when nobody waits for it any more.
pub(in crate::service) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Only the end of the whole process ends it before its time.
            Err(_) => std::future::pending().await,
        },
    }
}
