//! Deadlines that ask for progress: a server that drips a byte now and then is dead.

use std::time::{Duration, Instant};

/// What has come in since a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    since: Instant,
    bytes: u64,
}

impl Progress {
    pub(super) fn start(now: Instant) -> Self {
        Self {
            since: now,
            bytes: 0,
        }
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    pub(super) fn deadline(&self, period: Duration) -> Instant {
        self.since + period
    }

    /// Whether enough came in; then a new period begins at `now`.
    pub(super) fn renew(&mut self, bytes_min: u64, now: Instant) -> bool {
        let enough = self.bytes >= bytes_min;
        if enough {
            *self = Self::start(now);
        }
        enough
    }
}
