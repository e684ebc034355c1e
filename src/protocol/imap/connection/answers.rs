//! Greeting, tagged answers, status lines and continuations: what decides something.

use std::time::Instant;

use bytes::Bytes;

use super::running::{Authentication, Idle, Running, Task};
use super::{Connection, State};
use crate::protocol::imap::TlsPolicy;
use crate::protocol::imap::capability::Capabilities;
use crate::protocol::imap::command::CommandId;
use crate::protocol::imap::event::{CloseReason, Code, Event, Malformed, Outcome, Verdict};
use crate::protocol::imap::greeting;
use crate::protocol::imap::status_line::{self, Status, Word};
use crate::protocol::progress::Progress;
use crate::protocol::sasl;
use crate::protocol::transcript::excerpt;

impl Connection {
    pub(super) fn handle_greeting(&mut self, line: &[u8], now: Instant) {
        let after_star = line.strip_prefix(b"*").unwrap_or_default();
        let Some(Status { word, code, text }) = status_line::status(after_star) else {
            let peer = greeting::foreign_line(line);
            let excerpt = excerpt(line);
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

    pub(super) fn handle_untagged_status(&mut self, status: Status, now: Instant) {
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
    pub(super) fn leave_when_all_is_answered(&mut self) {
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

    pub(super) fn learn_capabilities(&mut self, names: &[u8]) {
        let capabilities = Capabilities::parse(names);
        self.capabilities = capabilities.clone();
        self.emit(Event::Capabilities(capabilities));
    }

    /// `+`: a literal may follow, a SASL exchange goes on, or IDLE has begun.
    pub(super) fn handle_continuation(&mut self, text: &[u8], line: &[u8], now: Instant) {
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
    pub(super) fn handle_answer(&mut self, index: usize, status: Status, now: Instant) {
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

    fn emit_completed(&mut self, command: CommandId, outcome: Outcome) {
        self.emit(Event::Completed { command, outcome });
    }

    /// What the end of a command means beyond its own answer.
    fn finish(&mut self, id: CommandId, task: Task, outcome: &mut Outcome) {
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
