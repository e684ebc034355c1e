//! The server side of IMAP (RFC 3501, RFC 9051 where both agree) as a machine:
//! what the practice provider runs, and what fault tests put on the wire.
//!
//! It knows the dialogue and holds no mail: whatever it needs it asks its host by
//! an [`Event::Ask`], which [`Server::answer`] answers; until then no further
//! command is looked at. What it does hold is the client's view of the selected
//! folder, since sequence numbers are nothing but the order of that view.
//!
//! Invariants:
//! - A FETCH asks for one mail at a time, and for the next only when little waits
//!   to be written: one mail, not a folder, is in memory.
//! - Everything a client sends has a bound.
//!
//! Deliberately absent: TLS (loopback only), ENVELOPE and BODYSTRUCTURE (Postern
//! never asks for them), creating and deleting folders, COPY and MOVE.

mod framing;
mod machine;
mod mail;
mod request;
mod search;
mod section;
#[cfg(test)]
mod tests;

pub use machine::{CloseReason, Event, Options, Server};
pub use mail::{Flag, FlagChange, Mail};
pub use request::{Answer, Listed, Refusal, Request, Selected, SpecialUse, Status};
pub use search::Criteria;
