//! The client's side of one IMAP connection, as a machine.
//!
//! Invariant: only the tag of a running command completes it; a response that cannot
//! be read costs itself; nothing the server sends is kept without a bound; a secret is
//! in the outgoing bytes and nowhere else that prints.

mod answers;
mod commands;
mod incoming;
mod running;
#[cfg(test)]
mod tests;
mod transcript;
mod untagged;

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use self::running::{Idle, Queued, Running, Task};
use super::capability::Capabilities;
use super::command::{CommandId, Part};
use super::data::FolderNames;
use super::event::{CloseReason, Event, Waiting};
use super::options::Options;
use super::outgoing::Outgoing;
use super::splitter::Splitter;
use crate::protocol::Machine;
use crate::protocol::progress::Progress;
use crate::protocol::prose::Masks;
use crate::protocol::transcript::{Transcript, excerpt};

/// Room for so many events stays when all have been told; the rest is given back.
const EVENTS_KEPT_MAX: usize = 8;

/// Lines kept from one poll to the next; the loop polls after every read.
const LINES_BETWEEN_POLLS_MAX: usize = 2_000;

/// A connection to an IMAP server.
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
    splitter: Splitter,
    outgoing: Outgoing,
    queued: VecDeque<Queued>,
    running: VecDeque<Running>,
    events: VecDeque<Event>,
    /// Size of the last body of the response that is being read.
    body: Option<BodyRead>,
    /// The last bytes of a body, where a dying server may have written its BYE.
    body_tail: Vec<u8>,
    /// Since the greeting was awaited, or the last command began to be.
    answer: Progress,
    /// Since the response that is being read began.
    stream: Progress,
    names: FolderNames,
    masks: Masks,
    transcript: Transcript,
    last_id: u32,
}

/// Where the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been said yet.
    Greeting,
    /// Commands may be sent.
    Open,
    /// STARTTLS was accepted; not a byte may come before the handshake.
    AwaitingTls,
    /// COMPRESS was accepted; the caller puts deflate under us.
    AwaitingDeflate,
    /// The server said BYE; answers may still come, for a moment.
    Leaving {
        reason: CloseReason,
        until: Instant,
    },
    Closed,
}

/// The body of the response that is being read.
#[derive(Clone, Copy, Debug)]
enum BodyRead {
    Streamed {
        size: u64,
    },
    Discarded {
        size: u64,
    },
    /// A second one has begun.
    Several,
}

impl Connection {
    /// A connection whose stream has just been opened.
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Self {
        Self {
            state: State::Greeting,
            encrypted: options.tls == super::TlsPolicy::Implicit,
            capabilities: Capabilities::default(),
            splitter: Splitter::new(&options),
            outgoing: Outgoing::default(),
            queued: VecDeque::new(),
            running: VecDeque::new(),
            events: VecDeque::new(),
            body: None,
            body_tail: Vec::new(),
            answer: Progress::start(now),
            stream: Progress::start(now),
            names: FolderNames::default(),
            masks: Masks::default(),
            transcript: Transcript::new(options.transcript_max),
            last_id: 0,
            options,
        }
    }

    /// What the server can do, as last told; empty when it has to be asked.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// The stream is TLS now. What was known before may have been said by anybody
    /// (RFC 3501 section 6.2.1), so capabilities are forgotten.
    pub fn tls_established(&mut self, now: Instant) {
        if self.state == State::AwaitingTls {
            self.state = State::Open;
            self.encrypted = true;
            self.capabilities = Capabilities::default();
            self.names = FolderNames::default();
            self.send_queued(now);
        }
    }

    /// Both directions are deflate streams now (RFC 4978); `handle_input` gets what came
    /// out of the decompressor.
    pub fn deflate_established(&mut self, now: Instant) {
        if self.state == State::AwaitingDeflate {
            self.state = State::Open;
            self.send_queued(now);
        }
    }

    /// The dialogue since the last call, as `C:` and `S:` lines with secrets masked.
    pub fn take_transcript(&mut self) -> Vec<String> {
        self.transcript.take()
    }

    /// Sends every queued command whose turn has come.
    fn send_queued(&mut self, now: Instant) {
        while self.state == State::Open
            && let Some(next) = self.queued.front()
            && next.task.may_follow(self.running.iter())
            && let Some(next) = self.queued.pop_front()
        {
            if self.running.is_empty() {
                self.answer = Progress::start(now);
            }
            self.note_sent(&next);
            let limit = self.capabilities.non_synchronising_max();
            self.outgoing.push(next.id, next.parts, limit);
            self.running.push_back(Running {
                id: next.id,
                task: next.task,
            });
        }
    }

    fn note_sent(&mut self, command: &Queued) {
        if !self.transcript.is_kept() {
            return;
        }
        if let Some(shown) = &command.shown {
            self.transcript.add('C', shown);
            return;
        }
        let mut text = String::new();
        for part in &command.parts {
            match part {
                Part::Line(line) => text.push_str(&excerpt(line)),
                Part::Literal(bytes) => text.push_str(&format!(" ({} bytes)", bytes.len())),
            }
        }
        self.transcript.add('C', &text);
    }

    fn emit(&mut self, event: Event) {
        if self.events.len() >= self.options.events_max {
            self.close(CloseReason::Flood);
        } else {
            self.events.push_back(event);
        }
    }

    /// Ends the connection: nothing is read or written any more.
    fn close(&mut self, reason: CloseReason) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.outgoing = Outgoing::default();
            self.queued.clear();
            self.running.clear();
            self.events.push_back(Event::Closed(reason));
        }
    }

    /// The IDLE that runs, if one does; it always runs alone.
    fn idle_mut(&mut self) -> Option<(CommandId, &mut Idle)> {
        self.running
            .front_mut()
            .and_then(|running| match &mut running.task {
                Task::Idle(idle) => Some((running.id, idle)),
                _ => None,
            })
    }

    fn renewal(&self) -> Option<Instant> {
        self.running.front().and_then(|running| match running.task {
            Task::Idle(Idle::Idling { renew_at }) => Some(renew_at),
            _ => None,
        })
    }

    /// What is waited for, and until when.
    fn deadlines(&self) -> impl Iterator<Item = (Waiting, Instant)> {
        let options = &self.options;
        let answer = match &self.state {
            State::Greeting => Some(self.answer.deadline(options.greeting_deadline)),
            State::Leaving { until, .. } => Some(*until),
            State::Open if self.renewal().is_none() && !self.running.is_empty() => {
                Some(self.answer.deadline(options.command_deadline))
            }
            State::Open | State::AwaitingTls | State::AwaitingDeflate | State::Closed => None,
        };
        let kind = match self.state {
            State::Greeting => Waiting::Greeting,
            _ => Waiting::Answer,
        };
        let inside = self.state == State::Open && self.splitter.is_inside_response();
        let stream = inside.then(|| self.stream.deadline(options.stream_deadline));
        let stream = stream.map(|deadline| (Waiting::Stream, deadline));
        answer
            .map(|deadline| (kind, deadline))
            .into_iter()
            .chain(stream)
    }

    fn handle_deadline(&mut self, waiting: Waiting, now: Instant) {
        let bytes_min = self.options.progress_bytes_min;
        let goes_on = match (waiting, &self.state) {
            (_, State::Leaving { reason, .. }) => {
                let reason = reason.clone();
                return self.close(reason);
            }
            (Waiting::Greeting, _) => false,
            (Waiting::Answer, _) => self.answer.renew(bytes_min, now),
            (Waiting::Stream, _) => self.stream.renew(bytes_min, now),
        };
        if !goes_on {
            self.close(CloseReason::TimedOut(waiting));
        }
    }
}

impl Machine for Connection {
    type Event = Event;

    fn handle_input(&mut self, bytes: Bytes, now: Instant) {
        self.read(bytes, now);
    }

    fn handle_eof(&mut self, _now: Instant) {
        self.end_of_stream();
    }

    fn handle_timeout(&mut self, now: Instant) {
        let due: Vec<_> = self.deadlines().filter(|(_, at)| *at <= now).collect();
        for (waiting, _) in due {
            self.handle_deadline(waiting, now);
        }
        if self.renewal().is_some_and(|renew_at| renew_at <= now) {
            self.done(now);
        }
    }

    fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        self.outgoing.poll(out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.deadlines().map(|(_, deadline)| deadline);
        deadlines.chain(self.renewal()).min()
    }

    fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() && self.events.capacity() > EVENTS_KEPT_MAX {
            self.events = VecDeque::new();
        }
        event
    }

    fn keep_lines(&mut self, keep: bool) {
        let lines_max = if keep { LINES_BETWEEN_POLLS_MAX } else { 0 };
        let lines_max = lines_max.max(self.options.transcript_max);
        self.transcript.keep(lines_max);
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
