//! Protocols as machines: bytes and instants in; bytes, a deadline and events out.
//!
//! Invariant: nothing here opens a socket, reads a clock or knows tokio. Every
//! machine is run by the one loop in `net/driver.rs`, and by tests that feed it
//! transcripts whole and one byte at a time.

pub mod autoconfig;
pub mod imap;
pub mod pop3;
pub mod prose;
pub mod sasl;
pub mod smtp;

mod progress;
mod transcript;

use std::time::Instant;

use bytes::{Bytes, BytesMut};

/// The contract between a protocol and the loop that runs it.
///
/// The loop calls `handle_*` when something came in and then polls until nothing
/// more goes out: first `poll_transmit`, then `poll_event`, until both are empty.
/// Commands are ordinary methods of each machine; they only queue, so they are
/// followed by the same polling. A machine never fails by returning an error from
/// `handle_*`: what ends a connection is an event like any other, after which
/// `poll_event` yields nothing more.
pub trait Machine {
    /// What the machine has to tell.
    type Event;

    /// Takes bytes that came in. `Bytes` so that a literal can be handed on as a
    /// slice of what was read, without a copy.
    fn handle_input(&mut self, bytes: Bytes, now: Instant);

    /// The peer has closed its side.
    fn handle_eof(&mut self, now: Instant);

    /// The instant of `poll_timeout` has passed. Spurious calls do no harm.
    fn handle_timeout(&mut self, now: Instant);

    /// Appends what is to be written now; `false` when there is nothing.
    fn poll_transmit(&mut self, out: &mut BytesMut) -> bool;

    /// When `handle_timeout` wants to be called at the latest.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The next event, in order.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// Whether lines of the dialogue are to be kept for [`Machine::poll_line`].
    fn keep_lines(&mut self, _keep: bool) {}

    /// The next line of the dialogue, as it may be shown: `C: ` or `S: ` and what was
    /// said, with secrets masked and bodies as sizes. Only the machine knows which is which.
    fn poll_line(&mut self) -> Option<String> {
        None
    }
}
