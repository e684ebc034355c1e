//! What the server sends, from pieces of the stream to events.

use std::time::Instant;

use bytes::Bytes;
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use imap_types::response::{Data, Response};

use super::commands::tag_of;
use super::progress::Progress;
use super::running::{Authentication, Idle, Running, Task};
use super::{BodyRead, Connection, State, transcript};
use crate::protocol::imap::TlsPolicy;
use crate::protocol::imap::event::{
    Body, CloseReason, Code, Event, Fetched, Malformed, Outcome, Peer, Verdict,
};
use crate::protocol::imap::fetch::BodyValue;
use crate::protocol::imap::splitter::{Broken, Piece, is_fetch};
use crate::protocol::imap::status_line::{self, Status, Word};
use crate::protocol::imap::{data, fetch, fetch_scan, greeting, normalize, prose};
use crate::protocol::sasl;

/// How much of the end of a body is looked at for a BYE, in bytes.
const BODY_TAIL_MAX: usize = 256;

impl Connection {
    pub(super) fn read(&mut self, mut input: Bytes, now: Instant) {
        let was_inside = self.splitter.is_inside_response();
        self.answer.add(input.len());
        self.stream.add(input.len());
        while let Some(piece) = self.next_piece(&mut input) {
            self.handle_piece(piece, now);
        }
        // Not a byte may come between the answer to STARTTLS and the handshake: it
        // would be taken for something said under TLS (RFC 2595, CVE-2011-0411).
        if self.state == State::AwaitingTls && !input.is_empty() {
            self.close(CloseReason::InjectedBeforeTls);
        }
        if self.state == State::AwaitingDeflate {
            let already_read = input;
            self.emit(Event::ContinueDeflate { already_read });
        }
        if self.state == State::Greeting {
            self.sniff();
        }
        if self.splitter.is_inside_response() && !was_inside {
            self.stream = Progress::start(now);
        }
    }

    fn next_piece(&mut self, input: &mut Bytes) -> Option<Piece> {
        match self.state {
            State::Greeting | State::Open | State::Leaving { .. } => self.splitter.next(input),
            State::AwaitingTls | State::AwaitingDeflate | State::Closed => None,
        }
    }

    /// TLS records and other protocols are recognised without waiting for a line.
    fn sniff(&mut self) {
        if let Some(peer) = greeting::foreign(self.splitter.line()) {
            self.not_imap(peer);
        }
    }

    fn not_imap(&mut self, peer: Peer) {
        let excerpt = transcript::excerpt(self.splitter.line());
        self.close(CloseReason::NotImap { peer, excerpt });
    }

    fn handle_piece(&mut self, piece: Piece, now: Instant) {
        match piece {
            Piece::BodyBegan { size } => {
                self.body = Some(BodyRead::Streamed { size });
                self.body_tail.clear();
                let uid = fetch_scan::uid_in(self.splitter.line());
                self.emit(Event::BodyBegan { uid, size });
            }
            Piece::BodyChunk(chunk) => {
                let tail = &chunk[chunk.len().saturating_sub(BODY_TAIL_MAX)..];
                self.body_tail.extend_from_slice(tail);
                let surplus = self.body_tail.len().saturating_sub(BODY_TAIL_MAX);
                self.body_tail.drain(..surplus);
                self.emit(Event::BodyChunk(chunk));
            }
            Piece::BodyDiscarded { size } => self.body = Some(BodyRead::Discarded { size }),
            Piece::Response { too_long } => {
                let line = self.splitter.take_line();
                self.handle_response(&line, too_long, now);
                self.splitter.give_back(line);
                self.body = None;
                self.leave_when_all_is_answered();
            }
            Piece::Broken(Broken::Flood) => self.close(CloseReason::Flood),
            Piece::Broken(Broken::AbsurdLiteral(announced)) => {
                let uid = fetch_scan::uid_in(self.splitter.line());
                self.close(CloseReason::AbsurdLiteral { uid, announced });
            }
        }
    }

    fn handle_response(&mut self, line: &[u8], too_long: bool, now: Instant) {
        if self.transcript.is_kept() {
            let shown = self.masks.cover(transcript::excerpt(line));
            self.transcript.add('S', &shown);
        }
        if self.state == State::Greeting {
            return self.handle_greeting(line, now);
        }
        if let Some(rest) = line.strip_prefix(b"+") {
            return self.handle_continuation(rest.trim_ascii(), line, now);
        }
        if let Some((tag, status)) = status_line::tagged(line) {
            return match self.running.iter().position(|one| tag_of(one.id) == tag) {
                Some(index) => self.handle_answer(index, status, now),
                None => self.malformed(Malformed::UnknownTag, line),
            };
        }
        let after_star = line.strip_prefix(b"*").unwrap_or_default();
        if let Some(status) = status_line::status(after_star) {
            return self.handle_untagged_status(status, now);
        }
        if let Some(names) = capability_names(after_star) {
            return self.learn_capabilities(names);
        }
        if too_long {
            self.malformed(Malformed::TooLong, line);
        } else {
            self.handle_data(line);
        }
    }

    fn handle_greeting(&mut self, line: &[u8], now: Instant) {
        let after_star = line.strip_prefix(b"*").unwrap_or_default();
        let Some(Status { word, code, text }) = status_line::status(after_star) else {
            let peer = greeting::foreign_line(line);
            let excerpt = transcript::excerpt(line);
            return self.close(CloseReason::NotImap { peer, excerpt });
        };
        let authenticated = match word {
            Word::Ok => false,
            Word::Preauth if self.options.tls == TlsPolicy::Demanded => {
                return self.close(CloseReason::PreauthBeforeTls);
            }
            Word::Preauth => true,
            Word::Bye | Word::No | Word::Bad => {
                let greeting = true;
                return self.close(CloseReason::Bye {
                    code,
                    text,
                    greeting,
                });
            }
        };
        self.state = State::Open;
        self.emit(Event::Greeting {
            authenticated,
            text: text.clone(),
        });
        self.handle_code(code.as_ref(), &text);
        self.send_queued(now);
    }

    fn handle_untagged_status(&mut self, status: Status, now: Instant) {
        let text = self.masks.cover(status.text);
        match status.word {
            Word::Bye => {
                let reason = CloseReason::Bye {
                    code: status.code,
                    text,
                    greeting: false,
                };
                let until = now + self.options.bye_grace;
                self.state = State::Leaving { reason, until };
            }
            Word::Ok | Word::No | Word::Bad | Word::Preauth => {
                self.handle_code(status.code.as_ref(), &text);
            }
        }
    }

    /// After BYE nothing more is to come once every command has its answer.
    fn leave_when_all_is_answered(&mut self) {
        if let State::Leaving { reason, .. } = &self.state
            && self.running.is_empty()
        {
            let reason = reason.clone();
            self.close(reason);
        }
    }

    /// What a response code says beside the answer it came with.
    fn handle_code(&mut self, code: Option<&Code>, text: &str) {
        let selecting = self
            .running
            .iter_mut()
            .find_map(|running| match &mut running.task {
                Task::Select(folder) => Some(folder),
                _ => None,
            });
        match (code, selecting) {
            (Some(Code::Capability(capabilities)), _) => {
                self.capabilities = capabilities.clone();
                self.emit(Event::Capabilities(capabilities.clone()));
            }
            (Some(Code::Alert), _) => self.emit(Event::Alert(text.to_owned())),
            (Some(Code::UidValidity(value)), Some(folder)) => folder.uid_validity = Some(*value),
            (Some(Code::UidNext(uid)), Some(folder)) => folder.uid_next = Some(*uid),
            (Some(Code::HighestModSeq(value)), Some(folder)) => {
                folder.highest_modseq = Some(*value);
            }
            (Some(Code::ReadOnly), Some(folder)) => folder.read_only = true,
            (Some(Code::UidNotSticky), Some(folder)) => folder.uid_not_sticky = true,
            _ => {}
        }
    }

    fn learn_capabilities(&mut self, names: &[u8]) {
        let capabilities = crate::protocol::imap::Capabilities::parse(names);
        self.capabilities = capabilities.clone();
        self.emit(Event::Capabilities(capabilities));
    }

    /// `+`: a literal may follow, a SASL exchange goes on, or IDLE has begun.
    fn handle_continuation(&mut self, text: &[u8], line: &[u8], now: Instant) {
        if self.outgoing.invited() {
            return;
        }
        let idle_renewal = self.options.idle_renewal;
        match self.running.front_mut() {
            Some(Running {
                id,
                task: Task::Authenticate(authentication),
            }) => {
                let answer = answer(authentication, text);
                self.outgoing.push_line(*id, answer);
                self.transcript.add('C', "…");
            }
            Some(Running {
                task: Task::Idle(idle @ Idle::Asked { .. }),
                ..
            }) => {
                let wanted = *idle == Idle::Asked { done: true };
                let renew_at = now + idle_renewal;
                *idle = Idle::Idling { renew_at };
                self.emit(Event::Idling);
                if wanted {
                    self.done(now);
                }
            }
            _ => self.malformed(Malformed::UnexpectedContinuation, line),
        }
    }

    /// The tagged answer of the running command at `index`.
    fn handle_answer(&mut self, index: usize, status: Status, now: Instant) {
        let Some(Running { id, task }) = self.running.remove(index) else {
            return;
        };
        self.answer = Progress::start(now);
        self.outgoing.cancel(id);
        let verdict = match status.word {
            Word::Ok => Verdict::Ok,
            Word::No => Verdict::No,
            Word::Bad | Word::Bye | Word::Preauth => Verdict::Bad,
        };
        let text = self.masks.cover(status.text);
        let mut outcome = Outcome {
            verdict,
            code: status.code,
            text,
            challenge: None,
        };
        self.handle_code(outcome.code.as_ref(), &outcome.text);
        self.finish(id, task, &mut outcome);
        let ok = outcome.is_ok();
        let ends = self.state == State::Closed;
        self.emit_completed(id, outcome);
        if ends {
            return;
        }
        match (ok, self.state.clone()) {
            (true, State::AwaitingTls) => self.emit(Event::ContinueTls),
            _ => self.send_queued(now),
        }
    }

    fn emit_completed(&mut self, command: super::CommandId, outcome: Outcome) {
        self.emit(Event::Completed { command, outcome });
    }

    /// What the end of a command means beyond its own answer.
    fn finish(&mut self, id: super::CommandId, task: Task, outcome: &mut Outcome) {
        let ok = outcome.is_ok();
        match task {
            Task::StartTls if ok => self.state = State::AwaitingTls,
            Task::Compress if ok => self.state = State::AwaitingDeflate,
            Task::Logout => {
                let (reason, until) = (
                    CloseReason::LoggedOut,
                    self.answer.deadline(self.options.bye_grace),
                );
                self.state = State::Leaving { reason, until };
            }
            Task::Select(mut folder) if ok => {
                folder.read_only |= outcome.code == Some(Code::ReadOnly);
                self.emit(Event::Selected {
                    command: id,
                    folder: *folder,
                });
            }
            Task::Authenticate(Authentication { challenge, .. }) => outcome.challenge = challenge,
            Task::Plain
            | Task::Listing
            | Task::Searching
            | Task::Changing
            | Task::Idle(_)
            | Task::StartTls
            | Task::Compress
            | Task::Select(_) => {}
        }
    }

    /// Untagged data: as the codec takes it, else repaired, else by hand, else put aside.
    fn handle_data(&mut self, line: &[u8]) {
        if self.decode(line) {
            return;
        }
        let repaired = normalize::repair(line);
        if repaired != line && self.decode(&repaired) {
            return;
        }
        if is_fetch(line) {
            let fetched = fetch_scan::scan(line);
            let body = self.scanned_body(line);
            self.fetched(fetched, body);
        } else if let Some(found) = data::scan_search(&repaired) {
            self.emit(found);
        } else {
            self.malformed(Malformed::Syntax, line);
        }
    }

    /// `false` when the codec refuses the line, or a value in it cannot be.
    fn decode(&mut self, line: &[u8]) -> bool {
        let codec = ResponseCodec::default();
        match codec.decode(line) {
            Ok((rest, Response::Data(Data::Fetch { items, .. }))) if rest.is_empty() => {
                let (fetched, body) = fetch::convert(items.as_ref());
                self.fetched(fetched, body);
                true
            }
            Ok((rest, Response::Data(data))) if rest.is_empty() => {
                let events = data::events(data, &mut self.names);
                let understood = events.is_some();
                for event in events.into_iter().flatten() {
                    self.handle_data_event(event);
                }
                understood
            }
            _ => false,
        }
    }

    /// EXISTS belongs to the SELECT that runs, if one does.
    fn handle_data_event(&mut self, event: Event) {
        if let (Event::Exists(count), Some(running)) = (&event, self.running.front_mut())
            && let Task::Select(folder) = &mut running.task
        {
            folder.exists = *count;
        } else {
            self.emit(event);
        }
    }

    /// The body item of a FETCH that only the scan could read. A body that was handed
    /// out is there, whatever the walk over a broken line found.
    fn scanned_body(&self, line: &[u8]) -> BodyValue {
        let item = fetch_scan::Items::of(line).find(fetch_scan::Item::is_body);
        match item {
            _ if self.body.is_some() => BodyValue::Streamed {
                offset: item.and_then(|item| item.offset()),
            },
            Some(item) if item.value.eq_ignore_ascii_case(b"NIL") => BodyValue::Nil,
            _ => BodyValue::Absent,
        }
    }

    fn fetched(&mut self, mut fetched: Fetched, value: BodyValue) {
        fetched.body = match (value, self.body) {
            (BodyValue::Absent, _) | (BodyValue::Streamed { .. }, None) => Body::Absent,
            (BodyValue::Nil, _) => Body::Nil,
            (BodyValue::Streamed { .. }, Some(BodyRead::Discarded { size })) => {
                Body::TooLarge { size }
            }
            (BodyValue::Streamed { offset }, Some(BodyRead::Streamed { size })) => {
                Body::Complete { size, offset }
            }
            (BodyValue::Quoted { offset, text }, _) => {
                let (uid, size) = (fetched.uid, text.len() as u64);
                self.emit(Event::BodyBegan { uid, size });
                if !text.is_empty() {
                    self.emit(Event::BodyChunk(text.into()));
                }
                Body::Complete { size, offset }
            }
        };
        self.emit(Event::Fetched(fetched));
    }

    fn malformed(&mut self, reason: Malformed, line: &[u8]) {
        let excerpt = self.masks.cover(transcript::excerpt(line));
        self.emit(Event::Malformed { reason, excerpt });
    }

    pub(super) fn end_of_stream(&mut self) {
        let reason = match &self.state {
            State::Closed => return,
            State::Leaving { reason, .. } => reason.clone(),
            State::Greeting if !self.splitter.line().is_empty() => {
                let line = self.splitter.line();
                CloseReason::NotImap {
                    peer: greeting::foreign_line(line),
                    excerpt: transcript::excerpt(line),
                }
            }
            _ if self.splitter.is_inside_response() => CloseReason::Cut {
                uid: fetch_scan::uid_in(self.splitter.line()),
                missing: self.splitter.missing(),
                bye: bye_within(&self.body_tail),
            },
            _ => CloseReason::Eof,
        };
        self.close(reason);
    }
}

/// What the client says to a `+` within AUTHENTICATE.
fn answer(authentication: &mut Authentication, challenge: &[u8]) -> Bytes {
    let line = match authentication.message.take() {
        Some(message) => format!("{}\r\n", message.expose()),
        None => {
            // The message was refused and the reason is the challenge; an answer is
            // owed before the server says NO.
            authentication.challenge = Some(sasl::challenge_text(challenge));
            format!("{}\r\n", authentication.mechanism.answer_to_error())
        }
    };
    Bytes::from(line)
}

/// The names of `CAPABILITY ...`.
fn capability_names(after_star: &[u8]) -> Option<&[u8]> {
    let (word, names) = status_line::split_word(after_star)?;
    word.eq_ignore_ascii_case(b"CAPABILITY").then_some(names)
}

/// The text of a line `* BYE ...` within the last bytes of a body.
fn bye_within(tail: &[u8]) -> Option<String> {
    let at = memchr::memmem::rfind(tail, b"* BYE ")?;
    let line_start = at == 0 || tail[at - 1] == b'\n';
    let text = &tail[at + b"* BYE ".len()..];
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    line_start.then(|| prose::decode(&text[..end]))
}
