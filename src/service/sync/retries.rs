//! How often people may have a refused login tried again: a provider that is asked too
//! often locks the account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Condition, MailboxHealth};

/// A refused login is not tried again sooner than this after the last such try.
const RETRY_WAIT_MIN: SignedDuration = SignedDuration::from_secs(60);

/// It was tried again a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSoon {
    /// When it may be tried again.
    pub again_at: Timestamp,
}

/// When refused logins were last tried again. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Retries {
    last: Arc<Mutex<HashMap<MailboxKey, Timestamp>>>,
}

impl Retries {
    /// Notes a further try of a login that was refused; others are free.
    pub(super) fn allow(
        &self,
        key: MailboxKey,
        health: &MailboxHealth,
        now: Timestamp,
    ) -> Result<(), TooSoon> {
        let refused =
            |condition: &Condition| matches!(condition, Condition::ReauthenticationNeeded { .. });
        let refused = refused(&health.receiving) || refused(&health.sending);
        // What a try is waiting for may be the next refusal.
        let settled = health.receiving == Condition::Active && !refused;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, at| now.duration_since(*at) < RETRY_WAIT_MIN);
        match last.get(&key) {
            Some(at) if !settled => Err(TooSoon {
                again_at: *at + RETRY_WAIT_MIN,
            }),
            _ => {
                if refused {
                    last.insert(key, now);
                }
                Ok(())
            }
        }
    }

    /// A trial has shown that the login works now.
    pub(super) fn forget(&self, key: MailboxKey) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.remove(&key);
    }
}
