//! The door by which forwarded mail comes in: our own SMTP listener, and LMTP on a
//! Unix socket. Connections are accepted and counted here; a `session` holds the dialogue.
//!
//! Invariants: only receiving addresses of mailboxes are taken, so it is nobody's relay;
//! what was answered with 250 is on the disk. Deliberately absent: AUTH, bounces.

mod listen;
mod options;
mod session;

pub use listen::{ListenError, Listener};
pub use options::Options;
