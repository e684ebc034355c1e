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
use crate::domain::saying::Saying;

/// What went wrong, as far as the condition is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The network, the server or a limit of the provider: it will pass.
    Passing(Saying),
    /// The server lets nobody in, or not now, and says so (RFC 5530 `UNAVAILABLE`).
    PutOff(Saying),
    /// The server refused the credentials and left no doubt (RFC 5530 `AUTHENTICATIONFAILED`, `EXPIRED`).
    Refused(Saying),
    /// The server refused the login in words that can mean more than one thing.
    RefusedPerhaps(Saying),
    /// The credentials were refused so often lately that they are not offered.
    Rests {
        /// What is told.
        reason: Saying,
        /// Before this.
        until: Timestamp,
    },
}

impl Failure {
    /// Whether the credentials were offered and refused, or perhaps were.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) | Self::RefusedPerhaps(_) => true,
            Self::Passing(_) | Self::PutOff(_) | Self::Rests { .. } => false,
        }
    }
}

/// How patient the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Failed attempts before the condition is `Error`.
    pub attempts_max: u32,
    /// The waits between attempts.
    pub back_off: BackOff,
    /// The waits between logins that were put off, as long as there are few in a row.
    pub put_off: BackOff,
    /// So many in a row are few; what follows waits as after any other failure.
    pub put_offs_max: u32,
    /// The shortest wait once attempts are used up; the waits go on to grow.
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
            put_off: BackOff::PUT_OFF,
            put_offs_max: 8,
            slow_retry: Duration::from_secs(30),
            steady_after: Duration::from_secs(60),
        }
    }
}

/// A connection that lasts so long works, though it may not last.
const WORKED_AFTER: Duration = Duration::from_secs(10);
/// Ambiguous refusals that together count as one without doubt.
pub const REFUSALS_PERHAPS_MAX: u32 = 3;
/// The while over which they must be spread.
pub const REFUSALS_PERHAPS_SPREAD: SignedDuration = SignedDuration::from_mins(15);
/// Credentials are not offered again before this, whatever refused them: providers lock out.
pub const REFUSAL_PAUSE: Duration = Duration::from_secs(20 * 60);

/// What of one direction outlives a restart: a refused password is not offered again
/// because the gateway was started again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Failures in a row.
    pub failures: u32,
    /// Ambiguous refusals in a row.
    pub refusals: u32,
    /// When the first of them came.
    pub first_refusal: Option<Timestamp>,
    /// The last proven success.
    pub last_success: Option<Timestamp>,
    /// Why the credentials are not offered.
    pub held: Option<Held>,
}

/// The credentials are not offered, because they were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The provider's words and what to do.
    pub reason: Saying,
    /// Not before this; without an end only a person ends it.
    pub until: Option<Timestamp>,
}

/// How both directions of a mailbox stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxStanding {
    /// Receiving.
    pub receiving: Standing,
    /// Sending.
    pub sending: Standing,
    /// When the credentials were refused, by whichever way: the last few times.
    pub refused_at: Vec<Timestamp>,
}

/// The machine. One per direction and mailbox.
#[derive(Clone, Debug)]
pub struct Attempts {
    patience: Patience,
    standing: Standing,
    connected_since: Option<Timestamp>,
    /// Logins put off in a row.
    put_offs: u32,
}

impl Attempts {
    /// A mailbox that has not been tried.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self::restored(patience, Standing::default())
    }

    /// A mailbox that was tried before the gateway was started.
    #[must_use]
    pub fn restored(patience: Patience, mut standing: Standing) -> Self {
        // What was down for hours may be back: the waits need not go on where they were.
        standing.failures = standing.failures.min(patience.attempts_max);
        Self {
            patience,
            standing,
            connected_since: None,
            put_offs: 0,
        }
    }

    /// What outlives a restart.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// So many failures make an error from now on.
    pub fn set_attempts_max(&mut self, attempts_max: u32) {
        self.patience.attempts_max = attempts_max;
    }

    /// Where it stands before anything was tried again.
    #[must_use]
    pub fn resting(&self) -> Condition {
        match self.standing.held.clone() {
            Some(Held {
                reason,
                until: Some(next_at),
            }) => self.waiting(reason, next_at),
            Some(Held {
                reason,
                until: None,
            }) => Condition::ReauthenticationNeeded { reason },
            None => Condition::Connecting,
        }
    }

    /// A person says so: what went wrong before no longer counts.
    pub fn forget_failures(&mut self) {
        self.put_offs = 0;
        self.standing = Standing {
            last_success: self.standing.last_success,
            ..Standing::default()
        };
    }

    /// It works, and nothing more is to be proven.
    pub fn succeed(&mut self, now: Timestamp) -> Condition {
        self.connected_since = None;
        self.put_offs = 0;
        self.standing = Standing {
            last_success: Some(now),
            ..Standing::default()
        };
        Condition::Active
    }

    /// A connection works. Earlier failures are forgotten only when it lasts; earlier
    /// refusals at once, since the credentials are proven.
    pub fn connected(&mut self, now: Timestamp) -> Condition {
        self.standing = Standing {
            failures: self.standing.failures,
            last_success: Some(now),
            ..Standing::default()
        };
        self.connected_since.get_or_insert(now);
        self.put_offs = 0;
        Condition::Active
    }

    /// It does not. The wait, where there is one, ends in the condition's `next_at`;
    /// `ReauthenticationNeeded` has none: a person ends it.
    pub fn fail(&mut self, failure: Failure, now: Timestamp, random: u64) -> Condition {
        let lasted = self.connected_since.take().and_then(|since| {
            let lasted = now.duration_since(since);
            Duration::try_from(lasted).ok()
        });
        match lasted {
            Some(lasted) if lasted >= self.patience.steady_after => self.standing.failures = 0,
            // It worked, so the outage before is over; a server that goes on like this is
            // still not asked at once again and again.
            Some(lasted) if lasted >= WORKED_AFTER => {
                let half = self.patience.attempts_max / 2;
                self.standing.failures = self.standing.failures.min(half);
            }
            _ => {}
        }
        match failure {
            Failure::Refused(reason) => self.hold(reason, None),
            Failure::RefusedPerhaps(reason) => self.refuse_perhaps(reason, now),
            Failure::Rests { reason, until } => self.hold(reason, Some(until)),
            Failure::PutOff(reason) if self.put_offs < self.patience.put_offs_max => {
                self.put_offs += 1;
                self.standing.held = None;
                // It answers, so it is neither gone nor far: the first tries need not grow
                // apart, and the ceilings keep them from becoming a flood.
                self.standing.failures = self.standing.failures.max(1);
                let wait = self.patience.put_off.wait(self.put_offs, random);
                self.waiting(reason, later(now, wait))
            }
            Failure::Passing(reason) | Failure::PutOff(reason) => {
                self.standing.held = None;
                self.standing.failures = self.standing.failures.saturating_add(1);
                let failures = self.standing.failures;
                let mut wait = self.patience.back_off.wait(failures, random);
                if failures >= self.patience.attempts_max {
                    wait = wait.max(self.patience.slow_retry);
                }
                self.waiting(reason, later(now, wait))
            }
        }
    }

    fn refuse_perhaps(&mut self, reason: Saying, now: Timestamp) -> Condition {
        let standing = &mut self.standing;
        standing.failures = standing.failures.saturating_add(1);
        standing.refusals = standing.refusals.saturating_add(1);
        let since = *standing.first_refusal.get_or_insert(now);
        let spread = now.duration_since(since) >= REFUSALS_PERHAPS_SPREAD;
        if standing.refusals >= REFUSALS_PERHAPS_MAX && spread {
            return self.hold(reason, None);
        }
        self.hold(reason, Some(later(now, REFUSAL_PAUSE)))
    }

    fn hold(&mut self, reason: Saying, until: Option<Timestamp>) -> Condition {
        self.standing.held = Some(Held { reason, until });
        self.resting()
    }

    fn waiting(&self, reason: Saying, next_at: Timestamp) -> Condition {
        if self.standing.failures >= self.patience.attempts_max {
            return Condition::Error { reason, next_at };
        }
        Condition::Interrupted {
            reason,
            retry: self.standing.failures,
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
        assert_eq!(attempts.succeed(minute(500)), Condition::Active);
        assert!(matches!(
            attempts.fail(Failure::Passing("".into()), minute(0), 0),
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
    fn a_login_that_is_put_off_is_soon_tried_again_for_a_while() {
        let patience = Patience::default();
        let mut attempts = Attempts::new(patience);
        let put_off = || Failure::PutOff("try later".into());
        attempts.connected(minute(0));
        attempts.fail(Failure::Passing("cut".into()), minute(2), 0);
        let next = |condition| match condition {
            Condition::Interrupted { retry, next_at, .. } => {
                (retry, next_at.duration_since(minute(3)).as_secs())
            }
            other => panic!("{other:?}"),
        };
        for _ in 0..patience.put_offs_max {
            let (retry, wait) = next(attempts.fail(put_off(), minute(3), 0));
            assert!(retry == 1 && wait <= 2, "{retry} {wait}");
        }
        assert_eq!(next(attempts.fail(put_off(), minute(3), 0)).0, 2);
        for _ in 0..3 {
            attempts.fail(put_off(), minute(3), 0);
        }
        let error = attempts.fail(put_off(), minute(3), 0);
        assert!(matches!(error, Condition::Error { .. }), "{error:?}");
        // Being let in ends the row.
        attempts.connected(minute(3));
        attempts.fail(Failure::Passing("cut".into()), minute(9), 0);
        assert_eq!(next(attempts.fail(put_off(), minute(3), 0)).0, 1);
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

    #[test]
    fn credentials_that_rest_are_offered_when_the_rest_is_over() {
        let mut attempts = Attempts::new(Patience::default());
        attempts.fail(Failure::RefusedPerhaps("no".into()), minute(0), 0);
        let rests = Failure::Rests {
            reason: "refused three times".into(),
            until: minute(60),
        };
        let condition = attempts.fail(rests, minute(20), 0);
        assert!(
            matches!(condition, Condition::Interrupted { next_at, .. } if next_at == minute(60)),
            "{condition:?}"
        );
        // A rest is no further refusal.
        assert_eq!(attempts.standing().refusals, 1);
    }

    #[test]
    fn what_was_refused_is_still_refused_after_a_restart() {
        let patience = Patience::default();
        let mut attempts = Attempts::new(patience);
        attempts.connected(minute(0));
        let refused = attempts.fail(Failure::Refused("expired".into()), minute(1), 0);
        let restored = Attempts::restored(patience, attempts.standing().clone());
        assert_eq!(restored.resting(), refused);
        assert_eq!(restored.standing().last_success, Some(minute(0)));

        let mut attempts = Attempts::new(patience);
        let unclear = attempts.fail(Failure::RefusedPerhaps("no".into()), minute(1), 0);
        let mut restored = Attempts::restored(patience, attempts.standing().clone());
        assert_eq!(restored.resting(), unclear);
        // The network says nothing about the password, and success ends everything.
        restored.fail(Failure::Passing("cut".into()), minute(30), 0);
        assert_eq!(restored.resting(), Condition::Connecting);
        restored.succeed(minute(31));
        assert_eq!(restored.standing().failures, 0);
    }
}
