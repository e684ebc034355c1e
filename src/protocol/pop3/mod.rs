//! POP3 (RFC 1939, with CAPA, STLS, AUTH and the response codes of RFC 2449, 2595,
//! 3206 and 5034): the client as a machine.
//!
//! Mail numbers are those of one session and never leave it; what lasts is the UIDL.
//! Deliberately absent: APOP and CRAM-MD5 (TLS protects the password), a server, and
//! any I/O or clock.

pub mod capability;
pub mod connection;
pub mod event;
pub mod options;

mod body;
mod lines;
mod reply;

pub use capability::Capabilities;
pub use connection::Connection;
pub use event::{CloseReason, Code, CommandId, Event, Number, Outcome, Verdict};
pub use options::{Options, TlsPolicy};
