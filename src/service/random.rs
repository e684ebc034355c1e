//! Random bytes for ids, tokens and nonces, as a handle that cannot fail.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why there is no randomness to start from.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes: {0}")]
pub struct RandomError(getrandom::Error);

/// A source of random bytes. Clones share it.
///
/// The bytes are BLAKE3 in keyed mode over a counter and fresh bytes of the
/// operating system, under a seed taken at the start. Should the system refuse
/// fresh bytes later, the seed and the counter alone still give bytes nobody can
/// foretell, so that callers need no error path for an id.
#[derive(Clone)]
pub struct Random(Arc<Source>);

struct Source {
    seed: [u8; 32],
    calls: AtomicU64,
}

impl Random {
    /// Takes a seed from the operating system.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn open() -> Result<Self, RandomError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(RandomError)?;
        let calls = AtomicU64::new(0);
        Ok(Self(Arc::new(Source { seed, calls })))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let call = self.0.calls.fetch_add(1, Ordering::Relaxed);
        let mut hasher = blake3::Hasher::new_keyed(&self.0.seed);
        hasher.update(&call.to_le_bytes());
        let mut fresh = [0; 32];
        if getrandom::fill(&mut fresh).is_ok() {
            hasher.update(&fresh);
        }
        let mut bytes = [0; N];
        hasher.finalize_xof().fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn no_two_calls_agree() {
        let random = Random::open().expect("a seed");
        let seen: std::collections::HashSet<[u8; 10]> =
            (0..1_000).map(|_| random.clone().bytes()).collect();
        assert_eq!(seen.len(), 1_000);
    }
}
