//! IMAP4rev1 (RFC 3501, with the extensions mail providers really have): the client
//! here, the server side in `server`, both on the grammar of imap-codec.
//!
//! Invariant: no type of `imap_codec` or `imap_types` leaves this folder. Framing
//! is ours: the codec sees whole, repaired, bounded responses and never the body
//! of a mail. Deliberately absent: sequence numbers as identity, ENVELOPE and
//! BODYSTRUCTURE (most decoder failures live there), and any I/O or clock.

pub mod capability;
pub mod command;
pub mod connection;
pub mod event;
pub mod flag;
pub mod options;
pub mod server;
pub mod uid_set;
pub mod utf7;

mod data;
mod fetch;
mod fetch_scan;
mod greeting;
mod literal;
mod normalize;
mod outgoing;
mod splitter;
mod status_line;

pub use capability::Capabilities;
pub use command::{Append, BodyWanted, CommandId, FetchItems, SearchKey, SelectMode, StoreKind};
pub use connection::Connection;
pub use event::{Body, CloseReason, Code, Event, Fetched, Outcome, Verdict};
pub use flag::Flag;
pub use options::{Options, TlsPolicy};
pub use uid_set::UidSet;
