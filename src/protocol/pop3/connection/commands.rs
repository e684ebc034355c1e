//! The commands of a connection. Each queues and returns at once.

use std::time::Instant;

use bytes::Bytes;

use super::task::{Queued, Task};
use super::{Connection, State};
use crate::domain::secret::Secret;
use crate::protocol::pop3::event::{CommandId, Event, Number, Outcome, Verdict};
use crate::protocol::pop3::options::TlsPolicy;
use crate::protocol::sasl::Mechanism;

/// Longest command line, its end included (RFC 2449 section 4).
const COMMAND_MAX: usize = 255;

const IN_CLEAR: &str = "the password was not sent, since the connection is not encrypted";

impl Connection {
    /// CAPA; answered by `Event::Capabilities`.
    pub fn capa(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Capa, "CAPA".to_owned(), now)
    }

    /// STLS; `Event::ContinueTls` follows when it is accepted.
    pub fn stls(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Stls, "STLS".to_owned(), now)
    }

    /// USER, and PASS when that is accepted. Not sent before TLS unless the policy says
    /// that TLS is not wanted.
    pub fn login(&mut self, user: &str, password: &Secret, now: Instant) -> CommandId {
        if self.may_not_send_secrets() {
            return self.refuse(IN_CLEAR);
        }
        if has_control(user) || has_control(password.expose()) {
            return self.refuse("the user name or password has a control character");
        }
        self.masks.add(password);
        let pass = Bytes::from(format!("PASS {}\r\n", password.expose()));
        self.queue(Task::User { pass }, format!("USER {user}"), now)
    }

    /// AUTH, with the message at once where the server and the length of a line allow
    /// it (RFC 5034 section 4).
    pub fn authenticate(
        &mut self,
        mechanism: Mechanism,
        user: &str,
        secret: &Secret,
        now: Instant,
    ) -> CommandId {
        if self.may_not_send_secrets() {
            return self.refuse(IN_CLEAR);
        }
        let Some(message) = mechanism.message(user, secret) else {
            return self.refuse("the user name or password has a control character");
        };
        self.masks.add(secret);
        self.masks.add(&message);
        let name = mechanism.name();
        let with_message = format!("AUTH {name} {}\r\n", message.expose());
        let at_once = self.capabilities.has("SASL") && with_message.len() <= COMMAND_MAX;
        let (line, shown, message) = if at_once {
            (with_message, format!("AUTH {name} …"), None)
        } else {
            let line = format!("AUTH {name}");
            (format!("{line}\r\n"), line, Some(message))
        };
        let task = Task::Auth {
            mechanism,
            message,
            challenge: None,
        };
        self.queue_line(task, line.into(), shown, now)
    }

    /// LIST; answered by `Event::Size` for every mail.
    pub fn list(&mut self, now: Instant) -> CommandId {
        self.queue(Task::List, "LIST".to_owned(), now)
    }

    /// UIDL; answered by `Event::Uidl` for every mail.
    pub fn uidl(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Uidl, "UIDL".to_owned(), now)
    }

    /// TOP: the header and so many lines of the body, by `Event::BodyChunk`.
    pub fn top(&mut self, number: Number, lines: u32, now: Instant) -> CommandId {
        self.queue(Task::Body, format!("TOP {number} {lines}"), now)
    }

    /// RETR; the mail comes by `Event::BodyChunk`.
    pub fn retr(&mut self, number: Number, now: Instant) -> CommandId {
        self.queue(Task::Body, format!("RETR {number}"), now)
    }

    /// DELE; the mail is gone when QUIT is answered, not before.
    pub fn dele(&mut self, number: Number, now: Instant) -> CommandId {
        self.queue(Task::Plain, format!("DELE {number}"), now)
    }

    /// QUIT; `Event::Closed` follows its answer.
    pub fn quit(&mut self, now: Instant) -> CommandId {
        self.queue(Task::Quit, "QUIT".to_owned(), now)
    }

    /// No password before TLS where TLS is demanded, also when STLS is not offered.
    fn may_not_send_secrets(&self) -> bool {
        self.options.tls != TlsPolicy::None && !self.encrypted
    }

    fn queue(&mut self, task: Task, shown: String, now: Instant) -> CommandId {
        let line = Bytes::from(format!("{shown}\r\n"));
        self.queue_line(task, line, shown, now)
    }

    fn queue_line(&mut self, task: Task, line: Bytes, shown: String, now: Instant) -> CommandId {
        let id = self.next_id();
        if self.state != State::Closed {
            self.queued.push_back(Queued {
                id,
                task,
                line,
                shown,
            });
            self.send_queued(now);
        }
        id
    }

    fn refuse(&mut self, why: &str) -> CommandId {
        let command = self.next_id();
        self.events.push_back(Event::Completed {
            command,
            outcome: Outcome {
                verdict: Verdict::NotSent,
                code: None,
                text: why.to_owned(),
                challenge: None,
            },
        });
        command
    }

    fn next_id(&mut self) -> CommandId {
        self.last_id = self.last_id.wrapping_add(1);
        CommandId(self.last_id)
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}
