//! Why a session could not be opened or did not go on, typed by phase.
//!
//! Invariant: only [`OpenError::Refused`] may ever lead to asking a person for new
//! credentials; everything else is trouble on the way or a wrong setting.

use crate::domain::saying::{Said, Saying, saying};
use crate::net::dial::DialError;
use crate::net::driver::DriverError;
use crate::protocol::pop3::{CloseReason, Code, Outcome};

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
    /// STLS is demanded and not offered or refused.
    NoStls {
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
    /// The login cannot be sent as it is.
    NotSent {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// The connection ended on the way.
    Lost {
        /// The host.
        host: String,
        /// What happened.
        source: Lost,
    },
}

impl Said for OpenError {
    fn saying(&self) -> Saying {
        match self {
            Self::Dial(error) => error.saying(),
            Self::TurnedAway { host, text, .. } => saying!("net.turned_away", host, text),
            Self::Silent { host, .. } => saying!("pop3.silent", host),
            Self::NoStls { host, .. } => saying!("pop3.no_stls", host),
            Self::NoTokenMechanism { host, .. } => saying!("net.no_token", host),
            Self::Refused { host, refusal, .. } => saying!("net.login_refused", host, refusal),
            Self::NotSent { host, reason, .. } => saying!("net.at", host, what = reason),
            Self::Lost { host, source, .. } => saying!("net.at", host, what = source),
        }
    }
}

/// What a refused login means, as far as the server said it in a way that programs
/// understand. Presets know the prose of their providers better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalMeaning {
    /// The credentials are wrong, without doubt (RFC 3206).
    Credentials,
    /// A limit or an outage of the provider, or another session (RFC 2449, RFC 3206).
    Passing,
    /// The words can mean more than one thing.
    Unclear,
}

/// The server said `-ERR`.
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
            Some(Code::Auth) => RefusalMeaning::Credentials,
            Some(Code::InUse | Code::LoginDelay | Code::SysTemp) => RefusalMeaning::Passing,
            Some(Code::SysPerm | Code::Other(_)) | None => RefusalMeaning::Unclear,
        }
    }

    /// As the server said it, with the code in brackets, for rules to look at.
    #[must_use]
    pub fn as_said(&self) -> String {
        match &self.code {
            Some(code) => format!("[{}] {self}", code.as_str()),
            None => self.to_string(),
        }
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

/// Why a command of an open session failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum Pop3Error {
    /// The server refused it; the session goes on.
    Refused {
        /// Which command.
        command: &'static str,
        /// The server's words.
        refusal: Refusal,
    },
    /// The session is over.
    #[error(transparent)]
    Lost(#[from] Lost),
}

impl Said for Pop3Error {
    fn saying(&self) -> Saying {
        match self {
            Self::Refused {
                command, refusal, ..
            } => saying!("net.command_refused", command, refusal),
            Self::Lost(error) => error.saying(),
        }
    }
}
