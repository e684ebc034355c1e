//! peers: the other ends of the wire: Dovecot, an SMTP server that keeps or misbehaves, a
//! network that fails, generated mail.
//!
//! A double stands on the wire as a real socket; nothing in `src/` knows that it
//! is being tested. Deliberately absent: mocks of our own traits, and anything
//! of the crate under test (a mistake shared by both ends would hide itself).

pub mod api;
pub mod browser;
pub mod corpus;
pub mod dovecot;
pub mod dovecot_conf;
pub mod gateway;
pub mod hook;
pub mod provider;
pub mod proxy;
pub mod sender;
pub mod smtp;
pub mod talk;
pub mod tls;

use std::time::{Duration, Instant};

/// How long a peer may take for one step before the test gives up on it.
pub const STEP_MAX: Duration = Duration::from_secs(20);

/// Asks `question` until it has an answer, for as long as a step may take.
///
/// For states of another process that cannot be waited for (a port that is not
/// open yet, a file that is not written yet); the pause only spares the processor.
pub fn until<T>(what: &str, mut question: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + STEP_MAX;
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "waited {STEP_MAX:?} in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
