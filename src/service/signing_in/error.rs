//! Why a sign-in came to nothing, in words for who wanted it.

use crate::domain::key::PublicId;
use crate::net::http_client::UrlError;
use crate::net::oauth::OAuthError;
use crate::service::connect::{BeginError, ProposeError, SaveError};
use crate::service::mailboxes::MailboxError;
use crate::service::oauth_clients::NoSignIn;
use crate::service::random::NoRandomness;

/// As many as may are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins are under way at the moment; wait a few minutes")]
pub struct TooMany;

/// Why a return is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Nothing of ours: missing, invented, or from before a restart.
    #[error("this return belongs to no sign-in that was begun here; begin again")]
    Unknown,
    /// Another browser, or somebody else, began it.
    #[error(
        "this sign-in was begun in another session; go on in that browser, or begin again here"
    )]
    Foreign,
    /// It came back before.
    #[error("this sign-in has been used already; begin again if the mailbox does not work")]
    Used,
    /// It took too long.
    #[error("this sign-in took longer than 15 minutes; begin again")]
    Expired,
}

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no sign-in for this mailbox.
    #[error(transparent)]
    NoSignIn(#[from] NoSignIn),
    /// Only managers give mailboxes their logins.
    #[error("signing a mailbox in needs a mailbox manager or an administrator")]
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
    #[error(
        "the browser came back from {from} and not from the provider it was sent to, so nothing of \
         it was used; begin again"
    )]
    Issuer {
        /// What it calls itself.
        from: String,
    },
    /// The person said no.
    #[error("the sign-in was declined at the provider; it says: {0}")]
    Declined(String),
    /// The provider cannot or does not want.
    #[error("the provider refuses the sign-in; it says: {0}")]
    Refused(String),
    /// Neither a code nor an error came.
    #[error("the provider sent neither a code nor a reason; begin again")]
    NoCode,
    /// Nobody typed the code in time.
    #[error("the code was not entered in time; begin again")]
    CodeEnded,
    /// Another account signed in.
    #[error(
        "{signed_in} has signed in, but the login of {address} is {expected}; nothing was saved. \
         Sign in with {expected} (\"use another account\"). If {address} is a shared mailbox of \
         {signed_in}, say so, and it is tried with that login"
    )]
    OtherAccount {
        /// Who did.
        signed_in: String,
        /// Who should have.
        expected: String,
        /// The mailbox.
        address: String,
    },
    /// Access would end within the hour, for good.
    #[error(
        "the provider gave no refresh token, so access would end soon; check the scopes and \
         parameters of its plugin (offline access), remove Postern from the account's connected \
         applications, and sign in again"
    )]
    NoRefreshToken,
    /// The provider.
    #[error("the sign-in cannot be finished: {0}")]
    Provider(OAuthError),
    /// The plugin's address is none.
    #[error("the sign-in of this provider is set up wrongly: {0}")]
    Url(#[from] UrlError),
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
