//! The server side of SMTP (RFC 5321) as a machine: the gateway's own listener
//! and the practice provider both run it.
//!
//! The parser of commands is `smtp-proto`; the order of things, the end of data
//! and every limit are ours. What the machine cannot know (is the password right,
//! is this recipient ours, is the mail durable) it asks its host: an [`Event`]
//! that asks is followed by [`Server::answer`], and until then not one more byte
//! of the client is looked at.
//!
//! Invariants:
//! - Only CRLF `.` CRLF ends a mail; a bare CR or LF ends the connection.
//! - The mail is never assembled here: it leaves in chunks, as it arrives.
//! - "250" after the mail is said only when the host says it.
//! - BDAT (RFC 3030) is deliberately absent: one way to end a mail, not two.

mod auth;
mod data;
mod incoming;
mod line;
#[cfg(test)]
mod properties;
mod reply;
mod server;
#[cfg(test)]
mod tests;

pub use data::{BareNewline, DataReader, Progress};
pub use reply::Reply;
pub use server::{AuthOffer, CloseReason, Event, Options, Server};
