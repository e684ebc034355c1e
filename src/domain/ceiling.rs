//! How many new connections there may be: a rate, and a number at the same time.
//! Deliberately absent: whose turn it is (`turns`) and any clock; time is an argument.

use std::time::{Duration, Instant};

/// Bounds on new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// Begun within any second.
    pub per_second: u32,
    /// Being opened at the same time.
    pub at_once: u32,
}

/// The part of a second's connections that may begin in one instant: what a timer that
/// ticks in milliseconds needs to keep up with a high rate.
const BURST_SHARE: u32 = 20;

/// Connections that were begun apart may come to the server a little closer together, so
/// that a second is counted as so many thousandths.
const SECOND_IN_THOUSANDTHS: u64 = 1_050;

/// A token bucket.
///
/// Invariant: within any second there are never more than its rate. A full bucket and
/// what flows in during a second are together no more than that.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Time in which one token flows in.
    interval: Duration,
    /// How long before its time the last token of a full bucket may be taken.
    ahead: Duration,
    /// When the bucket is full again.
    full_at: Option<Instant>,
}

impl Bucket {
    /// A full bucket. A rate of nothing would wait for ever and counts as 1.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        let burst = (per_second / BURST_SHARE).max(1);
        let flow = per_second - burst + 1;
        let nanos = (SECOND_IN_THOUSANDTHS * 1_000_000).div_ceil(u64::from(flow));
        let interval = Duration::from_nanos(nanos);
        Self {
            interval,
            ahead: interval * (burst - 1),
            full_at: None,
        }
    }

    /// When the next token may be taken; `now` when it is there.
    #[must_use]
    pub fn ready_at(&self, now: Instant) -> Instant {
        self.full_at
            .and_then(|at| at.checked_sub(self.ahead))
            .map_or(now, |at| at.max(now))
    }

    /// Takes a token that is there.
    pub fn take(&mut self, now: Instant) {
        let from = self.full_at.map_or(now, |at| at.max(now));
        self.full_at = Some(from + self.interval);
    }

    /// Whether it is as good as new.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Most of `times` within any second.
    fn most(times: &[Instant]) -> usize {
        let within = |from: &Instant| {
            let inside = |at: &&Instant| **at >= *from && **at < *from + SECOND;
            times.iter().filter(inside).count()
        };
        times.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn a_crowd_gets_nearly_all_of_the_rate() {
        for rate in [1, 5, 20, 300, 2_000] {
            let mut bucket = Bucket::new(rate);
            let start = Instant::now();
            let mut now = start;
            let mut count = 0;
            while now < start + 10 * SECOND {
                // As a timer does it: never early, up to a millisecond late.
                if bucket.ready_at(now) <= now {
                    bucket.take(now);
                    count += 1;
                } else {
                    now += Duration::from_millis(1);
                }
            }
            assert!(count >= rate * 9, "{rate}: {count} in ten seconds");
            assert!(count <= rate * 10, "{rate}: {count} in ten seconds");
        }
    }

    proptest! {
        #[test]
        fn the_rate_is_never_exceeded(
            rate in 1_u32..400,
            pauses in prop::collection::vec(0_u64..40_000, 1..600),
        ) {
            let mut bucket = Bucket::new(rate);
            let mut now = Instant::now();
            let mut taken = Vec::new();
            for pause in pauses {
                now += Duration::from_micros(pause);
                if bucket.ready_at(now) <= now {
                    bucket.take(now);
                    taken.push(now);
                }
            }
            prop_assert!(most(&taken) <= rate as usize);
        }
    }
}
