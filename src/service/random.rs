//! Randomness as a handle, from the operating system.

use crate::domain::saying::{Said, Saying, saying};

/// Gives random bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

/// The operating system gave no random bytes; nothing can be signed, sealed or named.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub struct NoRandomness;

impl Said for NoRandomness {
    fn saying(&self) -> Saying {
        saying!("cannot.randomness")
    }
}

impl Random {
    /// `N` random bytes.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn bytes<const N: usize>(self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(bytes)
    }

    /// A number for jitter. Without randomness it is 0: waits then lose their
    /// jitter, which harms nobody.
    #[must_use]
    pub fn jitter(self) -> u64 {
        self.bytes::<8>().map_or(0, u64::from_le_bytes)
    }
}
