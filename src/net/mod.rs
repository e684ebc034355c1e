//! Everything that talks to somebody else over a network.
//!
//! Invariant: every connection we open passes the guard and the gate in `dial`, every wait has
//! a deadline, and the one loop that runs a protocol machine is `driver`.
//! Deliberately absent: retries and back-off (they belong to the sync task and
//! to the job rows), the store, and any idea of what a mail means.

pub mod authentication;
pub mod certificate;
pub mod dial;
pub mod discovery;
pub mod dns;
pub mod driver;
mod gate;
pub mod guard;
pub mod http_client;
pub mod imap;
pub mod oauth;
pub mod places;
pub mod pop3;
pub mod stream;
pub mod submission;
pub mod tap;
pub mod tls;
pub mod tls_server;
mod words;

#[cfg(test)]
pub(crate) mod testing;
