//! What an IMAP connection has to tell.
//!
//! Values here are already repaired, bounded and decoded; text of the server is
//! data and is escaped by whoever shows it.

use bytes::Bytes;
use jiff::Timestamp;

use super::capability::Capabilities;
use super::command::CommandId;
use super::flag::Flag;
use super::uid_set::UidSet;
use crate::domain::folder::{FolderName, ModSeq, Uid, UidValidity};
use crate::domain::saying::{Said, Saying, saying};

/// Something happened on the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server greeted; commands may be sent (they may also be queued before).
    Greeting {
        /// PREAUTH: no login is needed (RFC 3501 section 7.1.4).
        authenticated: bool,
        /// The rest of the line.
        text: String,
    },
    /// The server said what it can do, asked or not.
    Capabilities(Capabilities),
    /// A command has its tagged answer.
    Completed {
        /// Which one.
        command: CommandId,
        /// The answer.
        outcome: Outcome,
    },
    /// A folder was opened; comes before the `Completed` of its SELECT or EXAMINE.
    Selected {
        /// The SELECT or EXAMINE.
        command: CommandId,
        /// What the server said about the folder.
        folder: SelectedFolder,
    },
    /// Number of mails in the open folder.
    Exists(u32),
    /// A mail of the open folder is gone. The sequence number is only good for counting.
    Expunged(u32),
    /// Mails of the open folder are gone (RFC 7162 section 3.2.10).
    Vanished {
        /// They went before this session looked.
        earlier: bool,
        /// Which ones.
        uids: UidSet,
    },
    /// The bytes of a mail follow as `BodyChunk`, then `Fetched`.
    BodyBegan {
        /// The UID, where the server named it before the body.
        uid: Option<Uid>,
        /// Announced size, in bytes.
        size: u64,
    },
    /// The next bytes of the mail, a slice of what was read from the network.
    BodyChunk(Bytes),
    /// A FETCH response is complete (also one that nobody asked for).
    Fetched(Fetched),
    /// A folder exists.
    Listed(ListedFolder),
    /// Answer to STATUS.
    StatusOf {
        /// The folder.
        folder: FolderName,
        /// What was told.
        status: FolderStatus,
    },
    /// Answer to UID SEARCH.
    Found(Vec<Uid>),
    /// Answer to ID: names and values (RFC 2971).
    ServerId(Vec<(String, String)>),
    /// Answer to ENABLE, in upper case (RFC 5161).
    Enabled(Vec<String>),
    /// Answer to NAMESPACE: personal namespaces (RFC 2342).
    Namespaces(Vec<Namespace>),
    /// The server waits for DONE; news will come by itself.
    Idling,
    /// `[ALERT]`: to be shown to a person (RFC 3501 section 7.1).
    Alert(String),
    /// STARTTLS was accepted: upgrade the stream, throw away what was read before,
    /// then call `Connection::tls_established`.
    ContinueTls,
    /// COMPRESS was accepted: from here on both directions are deflate streams.
    ContinueDeflate {
        /// Bytes that were read together with the answer; already compressed.
        already_read: Bytes,
    },
    /// A response nobody could read; it costs itself only.
    Malformed {
        /// Why.
        reason: Malformed,
        /// Its beginning, with secrets masked and bodies left out.
        excerpt: String,
    },
    /// The connection is over; nothing follows.
    Closed(CloseReason),
}

/// Why a response was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Neither the codec nor the repairs understood it.
    Syntax,
    /// Longer than `response_max` or with more than `literals_max` literals.
    TooLong,
    /// A tag that no running command has; it decides nothing.
    UnknownTag,
    /// A continuation that nobody waits for.
    UnexpectedContinuation,
}

/// The tagged answer to a command, or why it was never sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// OK, NO or BAD.
    pub verdict: Verdict,
    /// What stood in brackets.
    pub code: Option<Code>,
    /// What the server said, secrets masked.
    pub text: String,
    /// The error a SASL mechanism told before its NO (JSON of XOAUTH2 and OAUTHBEARER).
    pub challenge: Option<String>,
}

impl Outcome {
    /// Whether the command succeeded.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.verdict == Verdict::Ok
    }
}

/// How a command ended (RFC 3501 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Ok,
    /// Refused or failed.
    No,
    /// Not understood.
    Bad,
    /// Never sent: credentials would have travelled before TLS, or the value cannot
    /// be written in IMAP.
    NotSent,
}

/// Response codes that decide something (RFC 3501 section 7.1, RFC 5530, RFC 4315, RFC 7162).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the RFCs")]
pub enum Code {
    Alert,
    AlreadyExists,
    AppendUid { validity: UidValidity, uids: UidSet },
    AuthenticationFailed,
    AuthorizationFailed,
    Cannot,
    Capability(Capabilities),
    Closed,
    CompressionActive,
    ContactAdmin,
    Expired,
    HighestModSeq(ModSeq),
    InUse,
    Limit,
    NoModSeq,
    NonExistent,
    NoPerm,
    OverQuota,
    PermanentFlags,
    PrivacyRequired,
    ReadOnly,
    ReadWrite,
    ServerBug,
    TooBig,
    TryCreate,
    UidNext(Uid),
    UidNotSticky,
    UidValidity(UidValidity),
    Unavailable,
    Unseen,
    Other(String),
}

/// One FETCH response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Missing only when the server did not say.
    pub uid: Option<Uid>,
    /// `None` when not told; an empty list is an answer.
    pub flags: Option<Vec<Flag>>,
    /// When the server received it (INTERNALDATE).
    pub internal_date: Option<Timestamp>,
    /// RFC822.SIZE, in bytes.
    pub size: Option<u64>,
    /// MODSEQ (RFC 7162).
    pub modseq: Option<ModSeq>,
    /// What became of the body.
    pub body: Body,
}

/// The body item of a FETCH response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// None came.
    #[default]
    Absent,
    /// `NIL`: the server has no body to give. Not an empty mail.
    Nil,
    /// All announced bytes came as chunks.
    Complete {
        /// How many.
        size: u64,
        /// First byte, for `BODY[]<offset>`.
        offset: Option<u32>,
    },
    /// Larger than `Options::body_max`; its bytes were read and thrown away.
    TooLarge {
        /// Announced size, in bytes.
        size: u64,
    },
    /// More than one in one response: which of them is the mail cannot be told.
    Several,
}

/// What SELECT or EXAMINE told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectedFolder {
    /// Number of mails.
    pub exists: u32,
    /// The folder's incarnation; a server that tells none has no lasting UIDs.
    pub uid_validity: Option<UidValidity>,
    /// The next mail's UID.
    pub uid_next: Option<Uid>,
    /// Highest modification sequence (RFC 7162).
    pub highest_modseq: Option<ModSeq>,
    /// Flags cannot be changed.
    pub read_only: bool,
    /// UIDs do not last (RFC 4315 section 3).
    pub uid_not_sticky: bool,
}

/// A folder as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFolder {
    /// Readable name.
    pub name: FolderName,
    /// Between the levels of a name; `None` when there are no levels.
    pub delimiter: Option<char>,
    /// Attributes as written, with their backslash.
    pub attributes: Vec<String>,
    /// What the folder is for (RFC 6154).
    pub special_use: Option<SpecialUse>,
    /// Whether it can be opened (`\Noselect`, `\NonExistent`).
    pub selectable: bool,
}

/// What a folder is for (RFC 6154 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the RFC")]
pub enum SpecialUse {
    All,
    Archive,
    Drafts,
    Flagged,
    Junk,
    Sent,
    Trash,
}

/// What STATUS told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderStatus {
    /// Number of mails.
    pub messages: Option<u32>,
    /// The next mail's UID.
    pub uid_next: Option<Uid>,
    /// The folder's incarnation.
    pub uid_validity: Option<UidValidity>,
    /// Mails without `\Seen`; for display only.
    pub unseen: Option<u32>,
    /// Highest modification sequence (RFC 7162).
    pub highest_modseq: Option<ModSeq>,
}

/// A namespace (RFC 2342).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// What its folder names begin with.
    pub prefix: String,
    /// Between the levels of a name.
    pub delimiter: Option<char>,
}

/// Who answers where IMAP was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Peer {
    Pop3,
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
    /// The answer to a command, or progress towards it.
    Answer,
    /// The rest of a response that had begun.
    Stream,
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub enum CloseReason {
    /// LOGOUT was answered.
    LoggedOut,
    /// The server said goodbye (RFC 3501 section 7.1.5).
    Bye {
        /// What stood in brackets.
        code: Option<Code>,
        /// What it said.
        text: String,
        /// It came as the greeting, before any command.
        greeting: bool,
    },
    /// The stream ended between responses.
    Eof,
    /// The stream ended inside a response.
    Cut {
        /// The mail whose body was cut, where known.
        uid: Option<Uid>,
        /// Bytes that were still to come, if a literal was cut.
        missing: u64,
        /// A BYE that the server wrote into the middle of the literal.
        bye: Option<String>,
    },
    /// Time ran out.
    TimedOut(Waiting),
    /// Another protocol is spoken on this port.
    NotImap {
        /// Which one.
        peer: Peer,
        /// The beginning of what came.
        excerpt: String,
    },
    /// PREAUTH greeting although TLS is demanded: STARTTLS is not possible any more.
    PreauthBeforeTls,
    /// Bytes arrived between the answer to STARTTLS and the TLS handshake.
    InjectedBeforeTls,
    /// A literal no one can mean: negative, or larger than `drain_max`.
    AbsurdLiteral {
        /// The mail, where known.
        uid: Option<Uid>,
        /// The number as written.
        announced: String,
    },
    /// A response or a flood of them beyond every limit.
    Flood,
}

impl Said for CloseReason {
    fn saying(&self) -> Saying {
        match self {
            Self::LoggedOut => saying!("imap.logged_out"),
            Self::Bye { text, .. } => saying!("net.bye", text),
            Self::Eof => saying!("net.eof"),
            Self::Cut { bye: None, .. } => saying!("imap.cut"),
            Self::Cut {
                bye: Some(text), ..
            } => saying!("imap.cut_with_bye", text),
            Self::TimedOut(what) => saying!("net.timed_out", what),
            Self::NotImap { peer, .. } => saying!("imap.not_imap", peer),
            Self::PreauthBeforeTls => saying!("imap.preauth"),
            Self::InjectedBeforeTls => saying!("net.injected"),
            Self::AbsurdLiteral { announced, .. } => saying!("imap.absurd", announced),
            Self::Flood => saying!("imap.flood"),
        }
    }
}

impl Said for Peer {
    fn saying(&self) -> Saying {
        match self {
            Self::Pop3 => saying!("imap.peer.pop3"),
            Self::Smtp => saying!("imap.peer.smtp"),
            Self::Http => saying!("imap.peer.http"),
            Self::Tls => saying!("net.peer.tls"),
            Self::Ssh => saying!("imap.peer.ssh"),
            Self::Unknown => saying!("imap.peer.unknown"),
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
