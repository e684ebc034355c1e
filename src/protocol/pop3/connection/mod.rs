//! The client's side of one POP3 connection, as a machine.
//!
//! Invariant: answers come in the order of the commands, so a line that nobody waits
//! for ends the connection; nothing the server sends is kept without a bound; a secret
//! is in the outgoing bytes and nowhere else that prints.

mod answers;
mod commands;
mod task;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use self::task::{Multi, Queued, Running};
use super::capability::Capabilities;
use super::event::{CloseReason, Event, Waiting};
use super::lines::Lines;
use super::options::{Options, TlsPolicy};
use crate::protocol::Machine;
use crate::protocol::progress::Progress;
use crate::protocol::prose::Masks;
use crate::protocol::transcript::Transcript;

/// Lines kept from one poll to the next; the loop polls after every read.
const LINES_BETWEEN_POLLS_MAX: usize = 2_000;

/// Commands on their way at once, where the server takes several (RFC 2449 section
/// 6.6). All of them fit into the smallest window of TCP.
const PIPELINE_MAX: usize = 16;

/// A connection to a POP3 server.
///
/// Commands are methods (`commands.rs`): each queues a command and returns the id that
/// its `Event::Completed` will carry. They may be called at any time, before the
/// greeting too, and are sent as soon as the protocol allows.
pub struct Connection {
    options: Options,
    state: State,
    /// Whether credentials may travel.
    encrypted: bool,
    capabilities: Capabilities,
    lines: Lines,
    outgoing: BytesMut,
    queued: VecDeque<Queued>,
    running: VecDeque<Running>,
    /// The rest of the answer to the first of them.
    multi: Option<Multi>,
    events: VecDeque<Event>,
    progress: Progress,
    masks: Masks,
    transcript: Transcript,
    last_id: u32,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been said yet.
    Greeting,
    /// Commands may be sent.
    Open,
    /// STLS was accepted; not a byte may come before the handshake.
    AwaitingTls,
    Closed,
}

impl Connection {
    /// A connection whose stream has just been opened.
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Self {
        Self {
            state: State::Greeting,
            encrypted: options.tls == TlsPolicy::Implicit,
            capabilities: Capabilities::default(),
            lines: Lines::new(options.line_max),
            outgoing: BytesMut::new(),
            queued: VecDeque::new(),
            running: VecDeque::new(),
            multi: None,
            events: VecDeque::new(),
            progress: Progress::start(now),
            masks: Masks::default(),
            transcript: Transcript::new(0),
            last_id: 0,
            options,
        }
    }

    /// What the server can do, as last told.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The stream is TLS now. What was known before may have been said by anybody
    /// (RFC 2595 section 4), so capabilities are forgotten.
    pub fn tls_established(&mut self, now: Instant) {
        if self.state == State::AwaitingTls {
            self.state = State::Open;
            self.encrypted = true;
            self.capabilities = Capabilities::default();
            self.send_queued(now);
        }
    }

    /// Sends every queued command whose turn has come.
    fn send_queued(&mut self, now: Instant) {
        let at_once = if self.capabilities.has("PIPELINING") {
            PIPELINE_MAX
        } else {
            1
        };
        while self.state == State::Open
            && let Some(next) = self.queued.front()
            && next.task.may_follow(self.running.iter(), at_once)
            && let Some(next) = self.queued.pop_front()
        {
            if self.running.is_empty() {
                self.progress = Progress::start(now);
            }
            self.transcript.add('C', &next.shown);
            self.outgoing.extend_from_slice(&next.line);
            let (id, task) = (next.id, next.task);
            self.running.push_back(Running { id, task });
        }
    }

    /// Ends the connection: nothing is read or written any more.
    fn close(&mut self, reason: CloseReason) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.outgoing.clear();
            self.queued.clear();
            self.running.clear();
            self.multi = None;
            self.events.push_back(Event::Closed(reason));
        }
    }

    fn deadline(&self) -> Option<(Waiting, Instant)> {
        let options = &self.options;
        let (waiting, period) = match (self.state, &self.multi) {
            (State::Greeting, _) => (Waiting::Greeting, options.greeting_deadline),
            (State::Open, Some(_)) => (Waiting::Stream, options.stream_deadline),
            (State::Open, None) if !self.running.is_empty() => {
                (Waiting::Answer, options.command_deadline)
            }
            (State::Open | State::AwaitingTls | State::Closed, _) => return None,
        };
        Some((waiting, self.progress.deadline(period)))
    }
}

impl Machine for Connection {
    type Event = Event;

    fn handle_input(&mut self, bytes: Bytes, now: Instant) {
        self.read(bytes, now);
    }

    fn handle_eof(&mut self, _now: Instant) {
        let inside = self.multi.is_some() || !self.lines.partial().is_empty();
        self.close(if inside {
            CloseReason::Cut
        } else {
            CloseReason::Eof
        });
    }

    fn handle_timeout(&mut self, now: Instant) {
        let Some((waiting, at)) = self.deadline() else {
            return;
        };
        let bytes_min = self.options.progress_bytes_min;
        if at > now || waiting != Waiting::Greeting && self.progress.renew(bytes_min, now) {
            return;
        }
        self.close(CloseReason::TimedOut(waiting));
    }

    fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        let some = !self.outgoing.is_empty();
        out.extend_from_slice(&self.outgoing);
        self.outgoing.clear();
        some
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().map(|(_, at)| at)
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn keep_lines(&mut self, keep: bool) {
        self.transcript
            .keep(if keep { LINES_BETWEEN_POLLS_MAX } else { 0 });
    }

    fn poll_line(&mut self) -> Option<String> {
        self.transcript.next()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("state", &self.state)
            .field("queued", &self.queued.len())
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}
