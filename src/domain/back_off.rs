//! How long to wait before trying again: exponential, with jitter, bounded.

use std::time::Duration;

/// A schedule of waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// The wait after the first failure.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
}

impl BackOff {
    /// Connections to mail servers.
    pub const CONNECTION: Self = Self {
        first: Duration::from_secs(2),
        longest: Duration::from_secs(15 * 60),
    };
    /// Notices to administrators, which are few and in a hurry.
    pub const NOTICE: Self = Self {
        first: Duration::from_secs(10),
        longest: Duration::from_secs(60 * 60),
    };
    /// Logins that a server puts off for the moment.
    pub const PUT_OFF: Self = Self {
        first: Duration::from_secs(2),
        longest: Duration::from_secs(2),
    };
    /// Submission of replies (RFC 5321 section 4.5.4.1 asks for patience).
    pub const SUBMISSION: Self = Self {
        first: Duration::from_secs(30),
        longest: Duration::from_secs(60 * 60),
    };
    /// A provider says that no more may be sent for now; it means hours.
    pub const QUOTA: Self = Self {
        first: Duration::from_secs(30 * 60),
        longest: Duration::from_secs(4 * 60 * 60),
    };
    /// The copy into Sent.
    pub const FILING: Self = Self {
        first: Duration::from_secs(10),
        longest: Duration::from_secs(60 * 60),
    };

    /// The wait after the `failures`th failure in a row (from 1). `random` is any
    /// number; half of the wait is jitter, so that a thousand mailboxes that fell
    /// together do not come back together.
    #[must_use]
    pub fn wait(&self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = full / 2;
        let jitter_max = u64::try_from(half.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        half + Duration::from_millis(random % jitter_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_bounds() {
        let schedule = BackOff::CONNECTION;
        for failures in 0..100 {
            for random in [0, 1, u64::MAX, 12_345] {
                let wait = schedule.wait(failures, random);
                assert!(
                    wait >= schedule.first / 2 && wait <= schedule.longest,
                    "{failures} {random}: {wait:?}"
                );
            }
        }
        assert!(schedule.wait(6, 0) > schedule.wait(1, u64::MAX));
    }
}
