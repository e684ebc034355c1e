//! The order of things in a session: who may say what when, and what is asked of the host.
//!
//! Absent: sockets, clocks, knowledge of accounts. RFC 5321 unless said otherwise.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::domain::address::Address;
use crate::domain::envelope::Envelope;
use crate::domain::secret::Secret;
use crate::protocol::Machine;

use super::auth::{Exchange, Step};
use super::data::Progress;
use super::incoming::{Incoming, Part};
use super::line::{self, LineFault};
use super::reply::Reply;

mod command;

/// When AUTH is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthOffer {
    /// Not at all: a listener for mail from elsewhere.
    Never,
    /// Only inside TLS (RFC 4954 section 4).
    WhenEncrypted,
    /// Also in clear; for loopback.
    Always,
}

/// What the host decides about a session, and its limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// Our name in greeting and EHLO.
    pub host: String,
    /// Whose postmaster `RCPT TO:<postmaster>` means (section 4.5.1).
    pub domain: String,
    /// Whether the host can do TLS when [`Event::StartTls`] comes.
    pub starttls: bool,
    /// When AUTH is offered.
    pub auth: AuthOffer,
    /// Whether LMTP is spoken instead (RFC 2033): LHLO, and one reply per recipient.
    pub lmtp: bool,
    /// Whether MAIL is refused before AUTH (submission, RFC 6409 section 4.3).
    pub auth_required: bool,
    /// Largest mail, in bytes (RFC 1870).
    pub size_max: u64,
    /// Most recipients of one mail.
    pub recipients_max: usize,
    /// Most commands of one session; a well-behaved client needs a few per mail.
    pub commands_max: u32,
    /// Most refused commands of one session.
    pub errors_max: u32,
    /// Most wrong passwords of one session.
    pub auth_failures_max: u32,
    /// How long one command line may take (section 4.5.3.2.7: at least five minutes).
    pub command_timeout: Duration,
    /// How long one mail may take from 354 to its final dot.
    pub data_timeout: Duration,
    /// How long each MiB of it may take that has begun to come, within that.
    pub data_time_per_mib: Duration,
    /// Least bytes per second of a mail, over a longer span: a client that drips is told
    /// to go (RFC 5321 section 4.5.3.2 has no such bound, and only bounds our waiting).
    pub data_rate_min: u64,
}

impl Options {
    /// Limits for strangers; the host's name is all that must be said.
    #[must_use]
    pub fn new(host: impl Into<String>) -> Self {
        let host = host.into();
        Self {
            domain: host.clone(),
            host,
            starttls: false,
            auth: AuthOffer::Never,
            lmtp: false,
            auth_required: false,
            size_max: 50 * 1024 * 1024,
            recipients_max: Envelope::RECIPIENTS_MAX,
            commands_max: 1_000,
            errors_max: 10,
            auth_failures_max: 3,
            command_timeout: Duration::from_secs(300),
            data_timeout: Duration::from_secs(3_600),
            data_time_per_mib: Duration::from_secs(600),
            data_rate_min: 512,
        }
    }
}

/// What the machine tells, and what it asks.
#[derive(Debug)]
pub enum Event {
    /// What the client calls itself; nothing proves it.
    Hello(String),
    /// Asks: are these credentials right? 235 or 535.
    Credentials {
        /// As the client wrote it.
        username: String,
        /// In clear.
        password: Secret,
    },
    /// Asks: may this sender send here?
    Sender {
        /// `None` is the null reverse-path of bounces.
        reverse_path: Option<Address>,
        /// As announced by SIZE (RFC 1870), in bytes.
        size: Option<u64>,
    },
    /// Asks: is this recipient ours?
    Recipient(Address),
    /// A mail begins; its chunks follow.
    Data(Envelope),
    /// The next bytes of the mail, dots undone.
    Chunk(Bytes),
    /// Asks: is the mail durable? Only a positive answer makes it ours.
    EndOfData {
        /// Sum of the chunks, in bytes.
        size: u64,
    },
    /// What began with [`Event::Data`] is to be forgotten: it grew past the limit.
    Abandoned,
    /// Once everything is written: begin TLS on the stream, then call
    /// [`Server::tls_started`].
    StartTls,
    /// The last event. A mail that has not ended is to be forgotten.
    Closed(CloseReason),
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// QUIT.
    Quit,
    /// The client has closed its side.
    PeerGone,
    /// Too slow.
    Timeout,
    /// Bare newlines, bytes ahead of 354, endless lines, BDAT: no way to go on safely.
    ProtocolViolation,
    /// Too many commands, refusals or wrong passwords.
    TooMany,
    /// The host said 421.
    Host,
}

/// The machine.
#[derive(Debug)]
pub struct Server {
    options: Options,
    state: State,
    hello: bool,
    encrypted: bool,
    authenticated: bool,
    transaction: Option<Envelope>,
    commands: u32,
    errors: u32,
    auth_failures: u32,
    input: BytesMut,
    out: BytesMut,
    events: VecDeque<Event>,
    deadline: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Command,
    Auth(Exchange),
    Asking(Question),
    Data(Incoming),
    Upgrading,
    Closed,
}

#[derive(Debug)]
enum Question {
    Credentials,
    Sender(Option<Address>),
    Recipient(Address),
    EndOfData,
}

impl Server {
    /// Longest command line, in bytes: section 4.5.3.1.4 says 512, RFC 4954
    /// section 4.5.3 wants 12,288 for AUTH; the parser's own bound is 4,096.
    const COMMAND_LENGTH_MAX: usize = 4_096;
    /// Longest line inside AUTH, in bytes (RFC 4954 section 4).
    const AUTH_LENGTH_MAX: usize = 12_288;
    /// Most bytes kept while the host thinks: a pipelined group (RFC 2920) of
    /// as many recipients as we take is well below it.
    const AHEAD_MAX: usize = 64 * 1024;

    /// Begins with the greeting.
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Self {
        let mut server = Self {
            state: State::Command,
            hello: false,
            encrypted: false,
            authenticated: false,
            transaction: None,
            commands: 0,
            errors: 0,
            auth_failures: 0,
            input: BytesMut::new(),
            out: BytesMut::new(),
            events: VecDeque::new(),
            deadline: Some(now + options.command_timeout),
            options,
        };
        let protocol = if server.options.lmtp { "LMTP" } else { "ESMTP" };
        let greeting = format!("{} {protocol}", server.options.host);
        server.say(&Reply::new(220, "", greeting));
        server
    }

    /// Answers the last event that asked. Without a question open, nothing happens.
    /// 421 ends the session.
    pub fn answer(&mut self, reply: Reply, now: Instant) {
        let question = match mem::replace(&mut self.state, State::Command) {
            State::Asking(question) => question,
            other => {
                self.state = other;
                return;
            }
        };
        let granted = reply.is_positive();
        if reply.code() == 421 {
            return self.close(Some(&reply), CloseReason::Host);
        }
        let mut replies = 1;
        match question {
            Question::Credentials if granted => self.authenticated = true,
            Question::Credentials => self.auth_failures += 1,
            Question::Sender(reverse_path) if granted => {
                self.transaction = Some(Envelope {
                    reverse_path,
                    forward_paths: Vec::new(),
                });
            }
            Question::Recipient(address) if granted => {
                if let Some(envelope) = &mut self.transaction {
                    envelope.forward_paths.push(address);
                }
            }
            Question::EndOfData => replies = self.end_transaction(),
            Question::Sender(_) | Question::Recipient(_) => {}
        }
        if self.auth_failures > self.options.auth_failures_max {
            let reply = Reply::new(421, "4.7.0", "Too many wrong passwords, come back later");
            return self.close(Some(&reply), CloseReason::TooMany);
        }
        for _ in 0..replies {
            self.say(&reply);
        }
        self.await_command(now);
        self.pump(now);
    }

    /// Forgets the mail; how many replies its end takes (RFC 2033 section 4.2).
    fn end_transaction(&mut self) -> usize {
        match self.transaction.take() {
            Some(envelope) if self.options.lmtp => envelope.forward_paths.len(),
            _ => 1,
        }
    }

    /// The stream is encrypted now. Everything that was said before is forgotten
    /// (RFC 3207 section 4.2).
    pub fn tls_started(&mut self, now: Instant) {
        if !matches!(self.state, State::Upgrading) {
            return;
        }
        self.input.clear();
        self.encrypted = true;
        self.hello = false;
        self.authenticated = false;
        self.transaction = None;
        self.await_command(now);
    }

    /// Ends the session politely with this reply, a 421, between two mails.
    pub fn end(&mut self, reply: &Reply) {
        self.close(Some(reply), CloseReason::Host);
    }

    fn pump(&mut self, now: Instant) {
        while match mem::replace(&mut self.state, State::Command) {
            State::Command => self.read_command(now),
            State::Auth(exchange) => self.read_auth(exchange, now),
            State::Data(incoming) => self.read_data(incoming, now),
            waiting @ (State::Asking(_) | State::Upgrading | State::Closed) => {
                self.state = waiting;
                false
            }
        } {}
        if matches!(self.state, State::Asking(_)) && self.input.len() > Self::AHEAD_MAX {
            self.violation("Too much was sent ahead of the reply");
        }
    }

    /// One line off the input, without CRLF. `None` ends the pumping.
    fn read_line(&mut self, length_max: usize) -> Option<Bytes> {
        match line::take(&mut self.input, length_max) {
            Ok(line) => line,
            Err(LineFault::Bare) => {
                self.violation("Lines end in CRLF; a bare CR or LF is not accepted");
                None
            }
            Err(LineFault::TooLong) => {
                self.violation("The line is too long");
                None
            }
        }
    }

    fn read_auth(&mut self, exchange: Exchange, now: Instant) -> bool {
        let Some(line) = self.read_line(Self::AUTH_LENGTH_MAX) else {
            if !matches!(self.state, State::Closed) {
                self.state = State::Auth(exchange);
            }
            return false;
        };
        let text = String::from_utf8_lossy(&line);
        let step = exchange.step(text.trim_end_matches("\r\n"));
        self.authenticate(step, now);
        true
    }

    fn authenticate(&mut self, step: Step, now: Instant) {
        match step {
            Step::Challenge(challenge, exchange) => {
                self.say(&Reply::new(334, "", challenge));
                self.state = State::Auth(exchange);
                self.deadline = Some(now + self.options.command_timeout);
            }
            Step::Credentials { username, password } => self.ask(
                Question::Credentials,
                Event::Credentials { username, password },
            ),
            Step::Cancelled => {
                self.refuse(Reply::new(501, "5.7.0", "Authentication cancelled"), now);
            }
            Step::Malformed => {
                self.refuse(
                    Reply::new(501, "5.5.2", "That is not what AUTH expects"),
                    now,
                );
            }
        }
    }

    fn read_data(&mut self, mut incoming: Incoming, now: Instant) -> bool {
        let (limit, events) = (self.options.size_max, &mut self.events);
        let progress = incoming.read(&mut self.input, limit, |part| {
            events.push_back(match part {
                Part::Chunk(chunk) => Event::Chunk(chunk),
                Part::Abandoned => Event::Abandoned,
            });
        });
        match (progress, incoming.refusal(limit)) {
            (Err(_), _) => {
                self.violation("Lines end in CRLF; a bare CR or LF is not accepted");
                false
            }
            (Ok(Progress::More), _) => {
                self.state = State::Data(incoming);
                false
            }
            (Ok(Progress::End), Some(reply)) => {
                for _ in 1..self.end_transaction() {
                    self.say(&reply);
                }
                self.refuse(reply, now);
                true
            }
            (Ok(Progress::End), None) => {
                let size = incoming.size();
                self.ask(Question::EndOfData, Event::EndOfData { size });
                false
            }
        }
    }

    fn ask(&mut self, question: Question, event: Event) {
        self.state = State::Asking(question);
        self.deadline = None;
        self.events.push_back(event);
    }

    fn await_command(&mut self, now: Instant) {
        self.state = State::Command;
        self.deadline = Some(now + self.options.command_timeout);
    }

    fn say(&mut self, reply: &Reply) {
        reply.write(&mut self.out);
    }

    /// Says no to a command, and counts it.
    fn refuse(&mut self, reply: Reply, now: Instant) {
        self.errors += 1;
        if self.errors > self.options.errors_max {
            let reply = Reply::new(421, "4.7.0", "Too many errors");
            return self.close(Some(&reply), CloseReason::TooMany);
        }
        self.say(&reply);
        self.await_command(now);
    }

    fn violation(&mut self, text: &'static str) {
        let reply = Reply::new(554, "5.5.2", text);
        self.close(Some(&reply), CloseReason::ProtocolViolation);
    }

    fn close(&mut self, reply: Option<&Reply>, reason: CloseReason) {
        if matches!(self.state, State::Closed) {
            return;
        }
        if let Some(reply) = reply {
            self.say(reply);
        }
        self.state = State::Closed;
        self.deadline = None;
        self.input.clear();
        self.events.push_back(Event::Closed(reason));
    }
}

impl Machine for Server {
    type Event = Event;

    fn handle_input(&mut self, bytes: Bytes, now: Instant) {
        // RFC 3207 section 4: what came before the handshake is not trusted.
        if matches!(self.state, State::Closed | State::Upgrading) {
            return;
        }
        self.input.extend_from_slice(&bytes);
        self.pump(now);
    }

    fn handle_eof(&mut self, _now: Instant) {
        self.close(None, CloseReason::PeerGone);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        if let State::Data(incoming) = &mut self.state
            && incoming.goes_on(self.options.data_rate_min, now)
        {
            self.deadline = Some(incoming.deadline());
        } else {
            // Section 3.8: 421 before a server closes on its own.
            let reply = Reply::new(421, "4.4.2", "Too slow, come back later");
            self.close(Some(&reply), CloseReason::Timeout);
        }
    }

    fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        let some = !self.out.is_empty();
        out.unsplit(self.out.split());
        some
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
