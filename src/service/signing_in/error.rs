//! Why a sign-in came to nothing, in words for who wanted it.

use crate::domain::key::PublicId;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::http_client::UrlError;
use crate::net::oauth::OAuthError;
use crate::service::connect::{BeginError, ProposeError, SaveError};
use crate::service::mailboxes::MailboxError;
use crate::service::oauth_clients::NoSignIn;
use crate::service::random::NoRandomness;

/// As many as may are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub struct TooMany;

impl Said for TooMany {
    fn saying(&self) -> Saying {
        saying!("cannot.sign_in.too_many")
    }
}

/// Why a return is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub enum StateError {
    /// Nothing of ours: missing, invented, or from before a restart.
    Unknown,
    /// Another browser, or somebody else, began it.
    Foreign,
    /// It came back before.
    Used,
    /// It took too long.
    Expired,
}

impl Said for StateError {
    fn saying(&self) -> Saying {
        match self {
            Self::Unknown => saying!("cannot.sign_in.unknown"),
            Self::Foreign => saying!("cannot.sign_in.foreign"),
            Self::Used => saying!("cannot.sign_in.used"),
            Self::Expired => saying!("cannot.sign_in.expired"),
        }
    }
}

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum SignInError {
    /// There is no sign-in for this mailbox.
    #[error(transparent)]
    NoSignIn(#[from] NoSignIn),
    /// Only managers give mailboxes their logins.
    NotAllowed,
    /// What was typed is no mailbox.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The trial did not begin.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// The mailbox did not take the login.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// Wait for others.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The return is not of a sign-in of this session.
    #[error(transparent)]
    State(#[from] StateError),
    /// Another provider answered than was asked.
    Issuer {
        /// What it calls itself.
        from: String,
    },
    /// The person said no.
    Declined(String),
    /// The provider cannot or does not want.
    Refused(String),
    /// Neither a code nor an error came.
    NoCode,
    /// Nobody typed the code in time.
    CodeEnded,
    /// Another account signed in.
    OtherAccount {
        /// Who did.
        signed_in: String,
        /// Who should have.
        expected: String,
        /// The mailbox.
        address: String,
    },
    /// Access would end within the hour, for good.
    NoRefreshToken,
    /// The provider.
    Provider(OAuthError),
    /// The plugin's address is none.
    Url(#[from] UrlError),
}

impl Said for SignInError {
    fn saying(&self) -> Saying {
        match self {
            Self::NoSignIn(error) => error.saying(),
            Self::NotAllowed => saying!("cannot.sign_in.not_allowed"),
            Self::Propose(error) => error.saying(),
            Self::Begin(error) => error.saying(),
            Self::Mailbox(error) => error.saying(),
            Self::TooMany(error) => error.saying(),
            Self::Randomness(error) => error.saying(),
            Self::State(error) => error.saying(),
            Self::Issuer { from, .. } => saying!("cannot.sign_in.issuer", from),
            Self::Declined(what) => saying!("cannot.sign_in.declined", what),
            Self::Refused(what) => saying!("cannot.sign_in.refused", what),
            Self::NoCode => saying!("cannot.sign_in.no_code"),
            Self::CodeEnded => saying!("cannot.sign_in.code_ended"),
            Self::OtherAccount {
                signed_in,
                address,
                expected,
                ..
            } => saying!("cannot.sign_in.other_account", signed_in, address, expected),
            Self::NoRefreshToken => saying!("cannot.sign_in.no_refresh_token"),
            Self::Provider(what) => saying!("cannot.sign_in.provider", what),
            Self::Url(what) => saying!("oauth.url", what),
        }
    }
}

/// Why a return came to nothing, and which sign-in it was.
#[derive(Debug)]
pub struct Unfinished {
    /// The sign-in, where it was one of ours; it can be begun again.
    pub id: Option<PublicId>,
    /// Why.
    pub error: SignInError,
}

impl From<SaveError> for SignInError {
    fn from(error: SaveError) -> Self {
        Self::Begin(error.into())
    }
}

impl From<OAuthError> for SignInError {
    fn from(error: OAuthError) -> Self {
        Self::Provider(error)
    }
}
