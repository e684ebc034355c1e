//! Counts wrong tokens per peer, so that guessing is slowed down and seen.
//!
//! A right token always passes: behind a reverse proxy everybody shares one
//! address, and a stranger must not lock the desk out. With 256 random bits the
//! count is for the log and the load, not what keeps a guesser out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong tokens one peer may send in a [`PERIOD`] before it is told to wait.
const WRONG_MAX: u32 = 10;
/// The period that is counted.
const PERIOD: Duration = Duration::from_secs(60);
/// Most peers remembered; the map is emptied beyond.
const PEERS_MAX: usize = 10_000;

/// Shared by all requests.
#[derive(Clone, Debug, Default)]
pub(super) struct WrongTokens(Arc<Mutex<HashMap<Option<IpAddr>, Count>>>);

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    wrong: u32,
}

impl WrongTokens {
    /// Counts one; the error is how long the peer shall wait.
    pub(super) fn note(&self, peer: Option<IpAddr>) -> Result<(), Duration> {
        let now = Instant::now();
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS_MAX {
            peers.retain(|_, count| now.duration_since(count.since) < PERIOD);
        }
        if peers.len() >= PEERS_MAX {
            peers.clear();
        }
        let count = peers.entry(peer).or_insert(Count {
            since: now,
            wrong: 0,
        });
        if now.duration_since(count.since) >= PERIOD {
            *count = Count {
                since: now,
                wrong: 0,
            };
        }
        count.wrong += 1;
        if count.wrong == WRONG_MAX + 1 {
            tracing::warn!(?peer, "many wrong tokens");
        }
        if count.wrong <= WRONG_MAX {
            return Ok(());
        }
        Err(PERIOD.saturating_sub(now.duration_since(count.since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_eleventh_waits_until_the_minute_is_over() {
        let (tokens, peer) = (WrongTokens::default(), Some(IpAddr::from([10, 0, 0, 7])));
        for _ in 0..WRONG_MAX {
            assert_eq!(tokens.note(peer), Ok(()));
        }
        assert_eq!(tokens.note(peer), Err(PERIOD));
        assert_eq!(tokens.note(None), Ok(()));
        tokio::time::advance(PERIOD).await;
        assert_eq!(tokens.note(peer), Ok(()));
    }
}
