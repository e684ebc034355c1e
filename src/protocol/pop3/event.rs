//! What a POP3 connection has to tell. Values are bounded; text of the server is data.

use bytes::Bytes;

use super::capability::Capabilities;
use crate::domain::saying::{Said, Saying, saying};

/// Names a command that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub(super) u32);

/// The number of a mail, for as long as the session lasts.
pub type Number = u32;

/// Something happened on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server greeted.
    Greeting {
        /// The rest of the line.
        text: String,
    },
    /// Answer to CAPA.
    Capabilities(Capabilities),
    /// A row of LIST.
    Size {
        /// Which mail.
        number: Number,
        /// Its size in bytes, as the server counts.
        size: u64,
    },
    /// A row of UIDL.
    Uidl {
        /// Which mail.
        number: Number,
        /// What lasts of it.
        uidl: Vec<u8>,
    },
    /// The bytes of a mail follow as `BodyChunk`, then `Completed`.
    BodyBegan(CommandId),
    /// The next bytes of the mail, a slice of what was read from the network.
    BodyChunk(Bytes),
    /// A command has its answer, all of it.
    Completed {
        /// Which one.
        command: CommandId,
        /// The answer.
        outcome: Outcome,
    },
    /// STLS was accepted: upgrade the stream, then call `Connection::tls_established`.
    ContinueTls,
    /// The connection is over; nothing follows.
    Closed(CloseReason),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `+OK`.
    Ok,
    /// `-ERR`.
    Refused,
    /// Never sent: credentials would have travelled before TLS, or the value cannot
    /// be written in POP3.
    NotSent,
}

/// The answer to a command, or why it was never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What became of it.
    pub verdict: Verdict,
    /// What stood in brackets.
    pub code: Option<Code>,
    /// What the server said, secrets masked.
    pub text: String,
    /// The error a SASL mechanism told before its refusal (JSON of XOAUTH2 and OAUTHBEARER).
    pub challenge: Option<String>,
}

impl Outcome {
    /// Whether the command succeeded.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.verdict == Verdict::Ok
    }
}

/// Response codes that decide something (RFC 2449 section 8, RFC 3206).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// The credentials are wrong.
    Auth,
    /// Another session holds the maildrop.
    InUse,
    /// Logins follow each other too fast.
    LoginDelay,
    /// Trouble that will pass.
    SysTemp,
    /// Trouble that a person must mend.
    SysPerm,
    /// Another one, as written.
    Other(String),
}

impl Code {
    /// As written between the brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Auth => "AUTH",
            Self::InUse => "IN-USE",
            Self::LoginDelay => "LOGIN-DELAY",
            Self::SysTemp => "SYS/TEMP",
            Self::SysPerm => "SYS/PERM",
            Self::Other(code) => code,
        }
    }
}

/// Who answers where POP3 was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Peer {
    Imap,
    Smtp,
    Http,
    Tls,
    Ssh,
    Unknown,
}

/// What the connection was waiting for when time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The greeting.
    Greeting,
    /// The answer to a command.
    Answer,
    /// The rest of a mail or listing that had begun.
    Stream,
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub enum CloseReason {
    /// QUIT was answered.
    SignedOff,
    /// The server turned us away with its first line.
    TurnedAway {
        /// What stood in brackets.
        code: Option<Code>,
        /// What it said.
        text: String,
    },
    /// The stream ended between answers.
    Eof,
    /// The stream ended inside an answer.
    Cut,
    /// Time ran out.
    TimedOut(Waiting),
    /// Another protocol is spoken on this port.
    NotPop3 {
        /// Which one.
        peer: Peer,
        /// The beginning of what came.
        excerpt: String,
    },
    /// An answer that is neither `+OK` nor `-ERR`: the two sides no longer agree on
    /// where answers begin.
    Nonsense {
        /// Its beginning.
        excerpt: String,
    },
    /// Bytes arrived between the answer to STLS and the TLS handshake.
    InjectedBeforeTls,
    /// The server said something although nothing was asked.
    Unasked,
    /// A line longer than `line_max`.
    LineTooLong,
    /// A listing longer than `rows_max`.
    TooManyRows {
        /// The limit.
        rows_max: usize,
    },
    /// A mail larger than `body_max`.
    BodyTooLarge {
        /// The limit.
        body_max: u64,
    },
}

impl Said for CloseReason {
    fn saying(&self) -> Saying {
        match self {
            Self::SignedOff => saying!("pop3.signed_off"),
            Self::TurnedAway { text, .. } => saying!("net.bye", text),
            Self::Eof => saying!("net.eof"),
            Self::Cut => saying!("pop3.cut"),
            Self::TimedOut(what) => saying!("net.timed_out", what),
            Self::NotPop3 { peer, .. } => saying!("pop3.not_pop3", peer),
            Self::Nonsense { excerpt, .. } => saying!("pop3.nonsense", excerpt),
            Self::InjectedBeforeTls => saying!("net.injected"),
            Self::Unasked => saying!("pop3.unasked"),
            Self::LineTooLong => saying!("pop3.line_too_long"),
            Self::TooManyRows { rows_max, .. } => saying!("pop3.too_many_rows", rows_max),
            Self::BodyTooLarge { body_max, .. } => saying!("pop3.body_too_large", body_max),
        }
    }
}

impl Said for Peer {
    fn saying(&self) -> Saying {
        match self {
            Self::Imap => saying!("pop3.peer.imap"),
            Self::Smtp => saying!("pop3.peer.smtp"),
            Self::Http => saying!("pop3.peer.http"),
            Self::Tls => saying!("net.peer.tls"),
            Self::Ssh => saying!("pop3.peer.ssh"),
            Self::Unknown => saying!("pop3.peer.unknown"),
        }
    }
}

impl Said for Waiting {
    fn saying(&self) -> Saying {
        match self {
            Self::Greeting => saying!("net.waiting.greeting"),
            Self::Answer => saying!("net.waiting.answer"),
            Self::Stream => saying!("net.waiting.stream"),
        }
    }
}
