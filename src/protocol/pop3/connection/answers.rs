//! What the server sends, from bytes to events.

use std::time::Instant;

use bytes::Bytes;

use super::task::{Multi, MultiKind, Running, Task};
use super::{Connection, State};
use crate::protocol::pop3::body::{BodyReader, Step};
use crate::protocol::pop3::capability::Capabilities;
use crate::protocol::pop3::event::{CloseReason, Event, Outcome, Peer, Verdict};
use crate::protocol::pop3::lines::{Line, TooLong};
use crate::protocol::pop3::reply::{self, Status};
use crate::protocol::progress::Progress;
use crate::protocol::sasl;
use crate::protocol::transcript::{excerpt, masked};

/// Longest UIDL (RFC 1939 section 7 says 70); a longer one is no name for a mail.
const UIDL_MAX: usize = 200;

impl Connection {
    pub(super) fn read(&mut self, mut input: Bytes, now: Instant) {
        self.progress.add(input.len());
        while !input.is_empty() {
            match self.state {
                State::Closed => return,
                // It would be taken for something said under TLS (RFC 2595, CVE-2011-0411).
                State::AwaitingTls => return self.close(CloseReason::InjectedBeforeTls),
                State::Greeting | State::Open => {}
            }
            if let Some(Multi {
                kind: MultiKind::Body { .. },
                ..
            }) = self.multi
            {
                self.read_body(&mut input, now);
            } else {
                self.read_line(&mut input, now);
            }
        }
        if self.state == State::Greeting
            && let Some(peer) = reply::foreign(self.lines.partial())
        {
            let excerpt = excerpt(self.lines.partial());
            self.not_pop3(peer, excerpt);
        }
    }

    fn not_pop3(&mut self, peer: Peer, excerpt: String) {
        self.close(CloseReason::NotPop3 { peer, excerpt });
    }

    fn read_line(&mut self, input: &mut Bytes, now: Instant) {
        let line = match self.lines.next(input) {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(TooLong) => return self.close(CloseReason::LineTooLong),
        };
        if self.multi.is_some() {
            return self.handle_row(&line.text, now);
        }
        self.note_line(&line.text);
        if self.state == State::Greeting {
            return self.handle_greeting(&line.text, now);
        }
        if self.running.is_empty() {
            return self.close(CloseReason::Unasked);
        }
        match (reply::status(&line.text), line.text.strip_prefix(b"+")) {
            (Some(status), _) => self.handle_status(status, &line, now),
            (None, Some(challenge)) if self.handle_challenge(challenge) => {}
            (None, _) => {
                let excerpt = self.masks.cover(excerpt(&line.text));
                self.close(CloseReason::Nonsense { excerpt });
            }
        }
    }

    fn note_line(&mut self, line: &[u8]) {
        if self.transcript.is_kept() {
            let shown = masked(line, &self.masks);
            self.transcript.add('S', &shown);
        }
    }

    fn handle_greeting(&mut self, line: &[u8], now: Instant) {
        match reply::status(line) {
            Some(Status { ok: true, text, .. }) => {
                self.state = State::Open;
                self.events.push_back(Event::Greeting { text });
                self.send_queued(now);
            }
            Some(Status { code, text, .. }) => self.close(CloseReason::TurnedAway { code, text }),
            None => self.not_pop3(reply::foreign_line(line), excerpt(line)),
        }
    }

    /// The next step of AUTH; whether there is one.
    fn handle_challenge(&mut self, text: &[u8]) -> bool {
        let Some(Running {
            task:
                Task::Auth {
                    mechanism,
                    message,
                    challenge,
                },
            ..
        }) = self.running.front_mut()
        else {
            return false;
        };
        match message.take() {
            Some(message) => self.outgoing.extend_from_slice(message.expose().as_bytes()),
            None if challenge.is_none() => {
                // The message was refused and the reason is the challenge; an answer is
                // owed before the server says no.
                *challenge = Some(sasl::challenge_text(text));
                let answer = mechanism.answer_to_error();
                self.outgoing.extend_from_slice(answer.as_bytes());
            }
            None => return false,
        }
        self.outgoing.extend_from_slice(b"\r\n");
        self.transcript.add('C', "…");
        true
    }

    /// The first line of an answer; often it is all of it.
    fn handle_status(&mut self, status: Status, line: &Line, now: Instant) {
        let ok = status.ok;
        let mut outcome = Outcome {
            verdict: if ok { Verdict::Ok } else { Verdict::Refused },
            code: status.code,
            text: self.masks.cover(status.text),
            challenge: None,
        };
        self.progress = Progress::start(now);
        let Some(Running { id, task }) = self.running.front_mut() else {
            return;
        };
        let kind = match task {
            Task::User { pass } if ok => {
                self.outgoing.extend_from_slice(pass);
                self.transcript.add('C', "PASS …");
                *task = Task::Plain;
                return;
            }
            Task::Auth { challenge, .. } => {
                outcome.challenge = challenge.take();
                None
            }
            Task::Capa if ok => Some(MultiKind::Capabilities(Capabilities::default())),
            Task::List if ok => Some(MultiKind::Sizes { rows: 0 }),
            Task::Uidl if ok => Some(MultiKind::Uidls { rows: 0 }),
            Task::Body if ok => {
                self.events.push_back(Event::BodyBegan(*id));
                let reader = BodyReader::new(line.bare);
                Some(MultiKind::Body { reader, size: 0 })
            }
            _ => None,
        };
        match kind {
            Some(kind) => self.multi = Some(Multi { outcome, kind }),
            None => self.complete(outcome, now),
        }
    }

    /// A line of a listing.
    fn handle_row(&mut self, line: &[u8], now: Instant) {
        let Some(multi) = &mut self.multi else {
            return;
        };
        if line == b"." {
            return self.end_of_multi(now);
        }
        let line = match line.strip_prefix(b".") {
            Some(rest) if rest.first() == Some(&b'.') => rest,
            _ => line,
        };
        let rows_max = self.options.rows_max;
        let rows = match &mut multi.kind {
            MultiKind::Capabilities(capabilities) => {
                capabilities.add(line);
                return self.note_line(line);
            }
            MultiKind::Sizes { rows } => {
                if let Some((number, size)) = reply::row(line)
                    && let Some(size) = std::str::from_utf8(size)
                        .ok()
                        .and_then(|size| size.parse().ok())
                {
                    self.events.push_back(Event::Size { number, size });
                }
                rows
            }
            MultiKind::Uidls { rows } => {
                if let Some((number, uidl)) = reply::row(line)
                    && uidl.len() <= UIDL_MAX
                {
                    let uidl = uidl.to_vec();
                    self.events.push_back(Event::Uidl { number, uidl });
                }
                rows
            }
            MultiKind::Body { .. } => return,
        };
        *rows += 1;
        if *rows > rows_max {
            self.close(CloseReason::TooManyRows { rows_max });
        }
    }

    fn read_body(&mut self, input: &mut Bytes, now: Instant) {
        let body_max = self.options.body_max;
        while let Some(Multi {
            kind: MultiKind::Body { reader, size },
            ..
        }) = &mut self.multi
        {
            match reader.next(input) {
                None => return,
                Some(Step::End) => {
                    let shown = format!("({size} bytes)");
                    self.transcript.add('S', &shown);
                    return self.end_of_multi(now);
                }
                Some(Step::Chunk(mut chunk)) => {
                    let room = usize::try_from(body_max - *size).unwrap_or(usize::MAX);
                    let too_large = chunk.len() > room;
                    chunk.truncate(room);
                    *size += chunk.len() as u64;
                    self.events.push_back(Event::BodyChunk(chunk));
                    if too_large {
                        return self.close(CloseReason::BodyTooLarge { body_max });
                    }
                }
            }
        }
    }

    fn end_of_multi(&mut self, now: Instant) {
        let Some(Multi { outcome, kind }) = self.multi.take() else {
            return;
        };
        match kind {
            MultiKind::Capabilities(capabilities) => {
                self.capabilities = capabilities.clone();
                self.events.push_back(Event::Capabilities(capabilities));
            }
            MultiKind::Sizes { rows } | MultiKind::Uidls { rows } => {
                self.transcript.add('S', &format!("({rows} rows)"));
            }
            MultiKind::Body { .. } => {}
        }
        self.complete(outcome, now);
    }

    /// The answer to the first of the running commands has ended.
    fn complete(&mut self, outcome: Outcome, now: Instant) {
        let Some(Running { id, task }) = self.running.pop_front() else {
            return;
        };
        self.progress = Progress::start(now);
        let ok = outcome.is_ok();
        let command = id;
        self.events.push_back(Event::Completed { command, outcome });
        match task {
            Task::Stls if ok => {
                self.state = State::AwaitingTls;
                self.events.push_back(Event::ContinueTls);
            }
            Task::Quit => self.close(CloseReason::SignedOff),
            _ => self.send_queued(now),
        }
    }
}
