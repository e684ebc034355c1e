//! The door of our own command line: a socket beside the store, mode 0600.
//!
//! A command that finds a gateway running sends its [`message::Request`] here; one
//! that does not carries it out by itself with the same [`desk::Desk`]. Whoever may
//! open the data folder may do everything, so there is no login.
//! Deliberately absent: logic. Every request is one call of a service.

pub mod change;
pub mod client;
pub mod desk;
mod examine;
mod form;
mod hidden;
mod ledger;
mod lifecycle;
pub mod message;
mod outbox;
mod prove;
mod rehearse;
pub mod replying;
mod row;
pub mod server;
mod sign_in;
mod suggest;
pub mod threading;
mod watch;

/// The socket's name in the data folder.
pub const SOCKET_NAME: &str = "postern.sock";
