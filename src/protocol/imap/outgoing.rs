//! What is to be written, in order; stops where the server must invite first.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes, BytesMut};

use super::command::{CommandId, Part};

/// Most bytes handed out at once, so that a large APPEND is not copied whole.
const PIECE_MAX: usize = 64 * 1024;

enum Step {
    Write(CommandId, Bytes),
    /// RFC 3501 section 4.3: a synchronising literal waits for `+`.
    Invitation(CommandId),
}

/// The queue of fragments.
#[derive(Default)]
pub(super) struct Outgoing(VecDeque<Step>);

impl Outgoing {
    /// Queues a whole command. Literals up to `non_synchronising_max` bytes follow at
    /// once (RFC 7888).
    pub(super) fn push(&mut self, id: CommandId, parts: Vec<Part>, non_synchronising_max: usize) {
        for part in parts {
            match part {
                Part::Line(line) => self.0.push_back(Step::Write(id, line)),
                Part::Literal(bytes) => {
                    let at_once = bytes.len() <= non_synchronising_max;
                    let plus = if at_once { "+" } else { "" };
                    let announcement = format!("{{{}{plus}}}\r\n", bytes.len());
                    self.0.push_back(Step::Write(id, announcement.into()));
                    if !at_once {
                        self.0.push_back(Step::Invitation(id));
                    }
                    self.0.push_back(Step::Write(id, bytes));
                }
            }
        }
    }

    /// Queues a line that belongs to a running command (DONE, a SASL answer).
    pub(super) fn push_line(&mut self, id: CommandId, line: Bytes) {
        self.0.push_back(Step::Write(id, line));
    }

    /// The server said `+`. `false` when no literal waits for it.
    pub(super) fn invited(&mut self) -> bool {
        let waits = matches!(self.0.front(), Some(Step::Invitation(_)));
        if waits {
            self.0.pop_front();
        }
        waits
    }

    /// Drops what waits for an invitation that a command will not get, since it was
    /// answered already. What needs no invitation must still go out whole.
    pub(super) fn cancel(&mut self, id: CommandId) {
        let mut invited = true;
        self.0.retain(|step| match step {
            Step::Invitation(of) if *of == id => {
                invited = false;
                false
            }
            Step::Write(of, _) if *of == id => invited,
            Step::Write(..) | Step::Invitation(_) => true,
        });
    }

    /// Appends the next piece; `false` when there is nothing to write now.
    pub(super) fn poll(&mut self, out: &mut BytesMut) -> bool {
        let start = out.len();
        while let Some(Step::Write(_, bytes)) = self.0.front_mut() {
            let room = PIECE_MAX.saturating_sub(out.len() - start);
            if room == 0 {
                break;
            }
            let now = bytes.len().min(room);
            out.extend_from_slice(&bytes[..now]);
            bytes.advance(now);
            if bytes.is_empty() {
                self.0.pop_front();
            }
        }
        out.len() > start
    }
}
