//! Why a session could not be opened or did not go on, typed by phase.
//!
//! Invariant: only [`OpenError::Refused`] may ever lead to asking a person for new
//! credentials; everything else is trouble on the way or a wrong setting.

use crate::domain::saying::{Said, Saying, saying};
use crate::net::dial::DialError;
use crate::net::driver::DriverError;
use crate::protocol::imap::{CloseReason, Code, Outcome};

/// How far the opening of a session came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The server's first line.
    Greeting,
    /// Upgrading to TLS.
    StartTls,
    /// What the server can do.
    Capability,
    /// LOGIN or AUTHENTICATE.
    Authentication,
    /// ID, after the login.
    Identification,
}

impl Phase {
    /// What the protocol calls it (RFC 9051, RFC 2971).
    fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::StartTls => "STARTTLS",
            Self::Capability => "CAPABILITY",
            Self::Authentication => "LOGIN",
            Self::Identification => "ID",
        }
    }
}

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum OpenError {
    /// There is no connection: resolving, connecting, TLS.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The server turned us away with its first line.
    TurnedAway {
        /// The host.
        host: String,
        /// What it said.
        text: String,
    },
    /// Nothing is said on a connection in the clear. A server that waits for TLS does
    /// the same as one that is overloaded.
    Silent {
        /// The host.
        host: String,
    },
    /// STARTTLS is demanded and not offered or refused.
    NoStartTls {
        /// The host.
        host: String,
    },
    /// The server takes no password on this connection.
    LoginDisabled {
        /// The host.
        host: String,
    },
    /// The server takes no access token.
    NoTokenMechanism {
        /// The host.
        host: String,
    },
    /// The server refused the login.
    Refused {
        /// The host.
        host: String,
        /// Its words.
        refusal: Refusal,
    },
    /// A command was refused that no server may refuse.
    Unexpected {
        /// The host.
        host: String,
        /// How far it came.
        phase: Phase,
        /// Its words.
        refusal: Refusal,
    },
    /// The connection ended on the way.
    Lost {
        /// The host.
        host: String,
        /// How far it came.
        phase: Phase,
        /// What happened.
        source: Lost,
    },
}

impl Said for OpenError {
    fn saying(&self) -> Saying {
        match self {
            Self::Dial(error) => error.saying(),
            Self::TurnedAway { host, text, .. } => saying!("net.turned_away", host, text),
            Self::Silent { host, .. } => saying!("imap.silent", host),
            Self::NoStartTls { host, .. } => saying!("imap.no_starttls", host),
            Self::LoginDisabled { host, .. } => saying!("imap.login_disabled", host),
            Self::NoTokenMechanism { host, .. } => saying!("net.no_token", host),
            Self::Refused { host, refusal, .. } => saying!("net.login_refused", host, refusal),
            Self::Unexpected {
                host,
                phase,
                refusal,
                ..
            } => saying!("imap.unexpected", host, phase = phase.name(), refusal),
            Self::Lost { host, source, .. } => saying!("net.at", host, what = source),
        }
    }
}

impl OpenError {
    /// Whether trying again, without anybody changing anything, makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Dial(error) => error.is_transient(),
            Self::TurnedAway { .. } | Self::Silent { .. } | Self::Unexpected { .. } => true,
            Self::NoStartTls { .. } | Self::LoginDisabled { .. } => false,
            Self::NoTokenMechanism { .. } => false,
            Self::Refused { refusal, .. } => refusal.meaning() == RefusalMeaning::Passing,
            Self::Lost { source, .. } => source.is_transient(),
        }
    }
}

/// What a refused login means, as far as the server said it in a way that programs
/// understand. Presets know the prose of their providers better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalMeaning {
    /// The credentials are wrong, without doubt (RFC 5530).
    Credentials,
    /// A limit or an outage of the provider (RFC 5530).
    Passing,
    /// The words can mean more than one thing.
    Unclear,
}

/// The server said NO or BAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What stood in brackets.
    pub code: Option<Code>,
    /// What it said; secrets are masked.
    pub text: String,
    /// What a SASL mechanism told before (JSON of XOAUTH2 and OAUTHBEARER).
    pub challenge: Option<String>,
}

impl Refusal {
    /// What the response code says about the credentials.
    #[must_use]
    pub fn meaning(&self) -> RefusalMeaning {
        match &self.code {
            Some(Code::AuthenticationFailed | Code::Expired) => RefusalMeaning::Credentials,
            Some(Code::Unavailable | Code::InUse | Code::Limit | Code::ServerBug) => {
                RefusalMeaning::Passing
            }
            _ => RefusalMeaning::Unclear,
        }
    }
}

impl Refusal {
    /// As the server said it, with the code in brackets, for rules to look at.
    #[must_use]
    pub fn as_said(&self) -> String {
        let code = match &self.code {
            Some(Code::AuthenticationFailed) => "[AUTHENTICATIONFAILED] ",
            Some(Code::Alert) => "[ALERT] ",
            Some(Code::AuthorizationFailed) => "[AUTHORIZATIONFAILED] ",
            Some(Code::ContactAdmin) => "[CONTACTADMIN] ",
            Some(Code::OverQuota) => "[OVERQUOTA] ",
            Some(Code::PrivacyRequired) => "[PRIVACYREQUIRED] ",
            Some(Code::Expired) => "[EXPIRED] ",
            Some(Code::Unavailable) => "[UNAVAILABLE] ",
            Some(Code::InUse) => "[INUSE] ",
            Some(Code::Limit) => "[LIMIT] ",
            Some(Code::ServerBug) => "[SERVERBUG] ",
            Some(Code::Other(text)) => return format!("[{text}] {self}"),
            _ => "",
        };
        format!("{code}{self}")
    }
}

impl From<Outcome> for Refusal {
    fn from(outcome: Outcome) -> Self {
        Self {
            code: outcome.code,
            text: outcome.text,
            challenge: outcome.challenge,
        }
    }
}

impl Said for Refusal {
    fn saying(&self) -> Saying {
        match (&self.challenge, self.text.as_str()) {
            (None, "") => saying!("net.no_reason"),
            (None, text) => text.into(),
            (Some(challenge), text) => format!("{text} ({challenge})").into(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.saying().fmt(f)
    }
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum Lost {
    /// The machine says why.
    Closed(CloseReason),
    /// The network says why.
    #[error(transparent)]
    Broken(#[from] DriverError),
}

impl Said for Lost {
    fn saying(&self) -> Saying {
        match self {
            Self::Closed(reason) => reason.saying(),
            Self::Broken(error) => error.saying(),
        }
    }
}

impl Lost {
    /// Whether the same on a new connection makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Broken(error) => error.is_transient(),
            Self::Closed(reason) => match reason {
                CloseReason::LoggedOut
                | CloseReason::Bye { .. }
                | CloseReason::Eof
                | CloseReason::Cut { .. }
                | CloseReason::TimedOut(_)
                | CloseReason::Flood
                | CloseReason::AbsurdLiteral { .. } => true,
                CloseReason::NotImap { .. }
                | CloseReason::PreauthBeforeTls
                | CloseReason::InjectedBeforeTls => false,
            },
        }
    }
}

/// Why a command of an open session failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum ImapError {
    /// The server refused it; the session goes on.
    Refused {
        /// Which command.
        command: &'static str,
        /// The server's words.
        refusal: Refusal,
    },
    /// The server said yes and left out what was asked for.
    NoAnswer {
        /// Which command.
        command: &'static str,
    },
    /// The session is over.
    #[error(transparent)]
    Lost(#[from] Lost),
}

impl Said for ImapError {
    fn saying(&self) -> Saying {
        match self {
            Self::Refused {
                command, refusal, ..
            } => saying!("net.command_refused", command, refusal),
            Self::NoAnswer { command, .. } => saying!("net.no_answer", command),
            Self::Lost(error) => error.saying(),
        }
    }
}

impl ImapError {
    /// Whether the session is over; otherwise it can be used on.
    #[must_use]
    pub fn ends_session(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    /// Whether trying again, on a new session if this one is over, makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Lost(lost) => lost.is_transient(),
            Self::NoAnswer { .. } => true,
            Self::Refused { refusal, .. } => refusal.meaning() == RefusalMeaning::Passing,
        }
    }
}
