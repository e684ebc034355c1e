//! What a command under way still waits for.

use bytes::Bytes;

use crate::domain::secret::Secret;
use crate::protocol::pop3::body::BodyReader;
use crate::protocol::pop3::capability::Capabilities;
use crate::protocol::pop3::event::{CommandId, Outcome};
use crate::protocol::sasl::Mechanism;

/// What becomes of the answer.
#[derive(Debug)]
pub(super) enum Task {
    /// One line.
    Plain,
    Capa,
    Stls,
    /// USER was sent; the password follows when it is accepted.
    User {
        pass: Bytes,
    },
    Auth {
        mechanism: Mechanism,
        /// What the first `+` asks for; `None` once it is sent.
        message: Option<Secret>,
        challenge: Option<String>,
    },
    List,
    Uidl,
    /// RETR and TOP.
    Body,
    Quit,
}

impl Task {
    /// Whether it may be sent while those run. What changes the state of the session
    /// waits, and is waited for (RFC 2449 section 6.6).
    pub(super) fn may_follow<'r>(
        &self,
        running: impl ExactSizeIterator<Item = &'r Running>,
        at_once: usize,
    ) -> bool {
        let count = running.len();
        let mut all = running.map(|running| &running.task).chain([self]);
        count == 0 || count < at_once && all.all(Self::is_simple)
    }

    fn is_simple(&self) -> bool {
        matches!(self, Self::Plain | Self::List | Self::Uidl | Self::Body)
    }
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: CommandId,
    pub(super) task: Task,
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) id: CommandId,
    pub(super) task: Task,
    pub(super) line: Bytes,
    /// The same for people, without secrets.
    pub(super) shown: String,
}

/// An answer of several lines that is being read, and how its first line was.
#[derive(Debug)]
pub(super) struct Multi {
    pub(super) outcome: Outcome,
    pub(super) kind: MultiKind,
}

#[derive(Debug)]
pub(super) enum MultiKind {
    Capabilities(Capabilities),
    Sizes { rows: usize },
    Uidls { rows: usize },
    Body { reader: BodyReader, size: u64 },
}
