//! What the server sends, from pieces of the stream to events.

use std::time::Instant;

use bytes::Bytes;

use super::commands::tag_of;
use super::{BodyRead, Connection, State, transcript};
use crate::protocol::imap::event::{CloseReason, Event, Malformed, Peer};
use crate::protocol::imap::splitter::{Broken, Piece};
use crate::protocol::imap::{fetch_scan, greeting, status_line};
use crate::protocol::progress::Progress;
use crate::protocol::prose;
use crate::protocol::transcript::excerpt;

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
        let excerpt = excerpt(self.splitter.line());
        self.close(CloseReason::NotImap { peer, excerpt });
    }

    fn handle_piece(&mut self, piece: Piece, now: Instant) {
        match piece {
            Piece::BodyBegan { size } => {
                self.note_body(BodyRead::Streamed { size });
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
            Piece::BodyDiscarded { size } => self.note_body(BodyRead::Discarded { size }),
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

    fn note_body(&mut self, read: BodyRead) {
        let first = self.body.is_none();
        self.body = Some(if first { read } else { BodyRead::Several });
    }

    fn handle_response(&mut self, line: &[u8], too_long: bool, now: Instant) {
        if self.transcript.is_kept() {
            let shown = transcript::shown(line, &self.masks);
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

    pub(super) fn malformed(&mut self, reason: Malformed, line: &[u8]) {
        let excerpt = self.masks.cover(excerpt(line));
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
                    excerpt: excerpt(line),
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
