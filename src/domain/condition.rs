//! How one direction of a mailbox comes to its [`Condition`]: a machine fed with
//! proven successes and classified failures.
//!
//! Invariant: trouble on the way never leads to `ReauthenticationNeeded`; only a
//! refusal of the credentials does, and an ambiguous one only when it repeats
//! over a while.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::back_off::BackOff;
use super::mailbox::Condition;

/// What went wrong, as far as the condition is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The network, the server or a limit of the provider: it will pass.
    Passing(String),
    /// The server refused the credentials and left no doubt (RFC 5530 `AUTHENTICATIONFAILED`, `EXPIRED`).
    Refused(String),
    /// The server refused the login in words that can mean more than one thing.
    RefusedPerhaps(String),
}

/// How patient the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Failed attempts before the condition is `Error`.
    pub attempts_max: u32,
    /// The waits between attempts.
    pub back_off: BackOff,
    /// The wait once attempts are used up.
    pub slow_retry: Duration,
    /// A connection that lasted this long ends a row of failures. One that works and
    /// breaks at once does not: each try is a login, and providers count them.
    pub steady_after: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            back_off: BackOff::CONNECTION,
            slow_retry: Duration::from_secs(15 * 60),
            steady_after: Duration::from_secs(60),
        }
    }
}

/// Ambiguous refusals that together count as one without doubt.
pub const REFUSALS_PERHAPS_MAX: u32 = 3;
/// The while over which they must be spread.
pub const REFUSALS_PERHAPS_SPREAD: SignedDuration = SignedDuration::from_mins(15);
/// Credentials are not offered again before this, whatever refused them: providers lock out.
pub const REFUSAL_PAUSE: Duration = Duration::from_secs(20 * 60);

/// The machine. One per direction and mailbox.
#[derive(Clone, Debug)]
pub struct Attempts {
    patience: Patience,
    failures: u32,
    refusals: u32,
    first_refusal: Option<Timestamp>,
    connected_since: Option<Timestamp>,
}

impl Attempts {
    /// A mailbox that has not been tried.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            failures: 0,
            refusals: 0,
            first_refusal: None,
            connected_since: None,
        }
    }

    /// It works, and nothing more is to be proven.
    pub fn succeed(&mut self) -> Condition {
        *self = Self::new(self.patience);
        Condition::Active
    }

    /// A connection works. Earlier failures are forgotten only when it lasts; earlier
    /// refusals at once, since the credentials are proven.
    pub fn connected(&mut self, now: Timestamp) -> Condition {
        self.refusals = 0;
        self.first_refusal = None;
        self.connected_since.get_or_insert(now);
        Condition::Active
    }

    /// It does not. The wait, where there is one, ends in the condition's `next_at`;
    /// `ReauthenticationNeeded` has none: a person ends it.
    pub fn fail(&mut self, failure: Failure, now: Timestamp, random: u64) -> Condition {
        if self.connected_since.take().is_some_and(|since| {
            Duration::try_from(now.duration_since(since))
                .is_ok_and(|lasted| lasted >= self.patience.steady_after)
        }) {
            self.failures = 0;
        }
        match failure {
            Failure::Refused(reason) => Condition::ReauthenticationNeeded { reason },
            Failure::RefusedPerhaps(reason) => self.refuse_perhaps(reason, now),
            Failure::Passing(reason) => {
                self.failures = self.failures.saturating_add(1);
                let wait = if self.failures >= self.patience.attempts_max {
                    self.patience.slow_retry
                } else {
                    self.patience.back_off.wait(self.failures, random)
                };
                self.wait(reason, now, wait)
            }
        }
    }

    fn refuse_perhaps(&mut self, reason: String, now: Timestamp) -> Condition {
        self.failures = self.failures.saturating_add(1);
        self.refusals = self.refusals.saturating_add(1);
        let since = *self.first_refusal.get_or_insert(now);
        if self.refusals >= REFUSALS_PERHAPS_MAX
            && now.duration_since(since) >= REFUSALS_PERHAPS_SPREAD
        {
            return Condition::ReauthenticationNeeded { reason };
        }
        self.wait(reason, now, REFUSAL_PAUSE)
    }

    fn wait(&self, reason: String, now: Timestamp, wait: Duration) -> Condition {
        let next_at = later(now, wait);
        if self.failures >= self.patience.attempts_max {
            return Condition::Error { reason, next_at };
        }
        Condition::Interrupted {
            reason,
            retry: self.failures,
            retries_max: self.patience.attempts_max,
            next_at,
        }
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(n)
    }

    #[test]
    fn an_outage_however_long_never_asks_for_credentials() {
        let mut attempts = Attempts::new(Patience::default());
        for n in 0..500 {
            let condition = attempts.fail(Failure::Passing("timed out".into()), minute(n), 7);
            match condition {
                Condition::Interrupted { retry, .. } => assert!(n < 4 && i64::from(retry) == n + 1),
                Condition::Error { .. } => assert!(n >= 4),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(attempts.succeed(), Condition::Active);
        assert!(matches!(
            attempts.fail(Failure::Passing(String::new()), minute(0), 0),
            Condition::Interrupted { retry: 1, .. }
        ));
    }

    #[test]
    fn a_connection_that_breaks_at_once_is_still_a_failure_and_one_that_lasted_is_not() {
        let mut attempts = Attempts::new(Patience::default());
        let passing = || Failure::Passing("cut".into());
        for n in 1..5 {
            assert_eq!(attempts.connected(minute(0)), Condition::Active);
            let condition = attempts.fail(passing(), minute(0), 0);
            assert!(
                matches!(condition, Condition::Interrupted { retry, .. } if retry == n),
                "{condition:?}"
            );
        }
        attempts.connected(minute(0));
        assert!(matches!(
            attempts.fail(passing(), minute(0), 0),
            Condition::Error { .. }
        ));
        // The sign of life that counts is the first one of the connection.
        attempts.connected(minute(10));
        attempts.connected(minute(12));
        assert!(matches!(
            attempts.fail(passing(), minute(12), 0),
            Condition::Interrupted { retry: 1, .. }
        ));
    }

    #[test]
    fn a_clear_refusal_asks_at_once_and_an_unclear_one_after_three_in_fifteen_minutes() {
        let mut attempts = Attempts::new(Patience::default());
        let perhaps = || Failure::RefusedPerhaps("login failed".into());
        assert!(matches!(
            attempts.fail(perhaps(), minute(0), 0),
            Condition::Interrupted { .. }
        ));
        assert!(matches!(
            attempts.fail(perhaps(), minute(1), 0),
            Condition::Interrupted { .. }
        ));
        assert!(matches!(
            attempts.fail(perhaps(), minute(2), 0),
            Condition::Interrupted { .. }
        ));
        assert!(matches!(
            attempts.fail(perhaps(), minute(15), 0),
            Condition::ReauthenticationNeeded { .. }
        ));
        let mut attempts = Attempts::new(Patience::default());
        let refused = Failure::Refused("password expired".into());
        assert!(matches!(
            attempts.fail(refused, minute(0), 0),
            Condition::ReauthenticationNeeded { .. }
        ));
    }
}
