//! Why there is no usable login, and why nobody gets in with one.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::address::Address;
use crate::domain::condition::Failure;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::imap::OpenError;
use crate::net::oauth::OAuthError;
use crate::net::pop3;
use crate::service::oauth_clients::NoSignIn;
use crate::service::refusals::{REFUSALS_MAX, SLOT_WAIT_MAX};
use crate::store::StoreError;

/// Why there is no usable login.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum CredentialsError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider has ended what it gave.
    Ended {
        /// The mailbox.
        address: Address,
        /// Who had signed in.
        account: String,
        /// The provider's words.
        words: String,
    },
    /// The provider gives no new token now.
    Provider {
        /// The mailbox.
        address: Address,
        /// What happened.
        source: Arc<OAuthError>,
    },
    /// What renewing needs is no longer in the plugins or the configuration.
    Setting {
        /// The mailbox.
        address: Address,
        /// What is missing.
        source: Box<NoSignIn>,
    },
    /// It was refused as often within the hour as a provider can be asked safely.
    Rests {
        /// The mailbox.
        address: Address,
        /// Until then.
        until: Timestamp,
    },
    /// Others sign in, or have as many sessions open as a mailbox should have.
    Busy {
        /// The mailbox.
        address: Address,
    },
    /// The gateway ends.
    Stopping,
}

impl Said for CredentialsError {
    fn saying(&self) -> Saying {
        match self {
            Self::Store(error) => error.saying(),
            Self::Ended {
                address,
                account,
                words,
                ..
            } => saying!("login.ended", address, account, words),
            Self::Provider {
                address, source, ..
            } => saying!("login.not_renewed_now", address, what = source.as_ref()),
            Self::Setting {
                address, source, ..
            } => saying!("login.not_renewed", address, what = source.as_ref()),
            Self::Rests { address, until } => {
                saying!("login.rests_until", address, times = REFUSALS_MAX, until)
            }
            Self::Busy { address } => {
                saying!("login.busy", address, seconds = SLOT_WAIT_MAX.as_secs())
            }
            Self::Stopping => saying!("login.stopping"),
        }
    }
}

impl CredentialsError {
    /// What it means for the condition of the mailbox.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::Ended { .. } => Failure::Refused(self.saying()),
            Self::Rests { until, .. } => Failure::Rests {
                reason: self.saying(),
                until: *until,
            },
            Self::Store(_)
            | Self::Provider { .. }
            | Self::Setting { .. }
            | Self::Busy { .. }
            | Self::Stopping => Failure::Passing(self.saying()),
        }
    }
}

/// Why a mailbox's folders cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum EnterError {
    /// No usable login.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// It has none at all.
    NoLogin,
    /// The server.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The server of a maildrop.
    #[error(transparent)]
    Maildrop(#[from] pop3::OpenError),
}

impl Said for EnterError {
    fn saying(&self) -> Saying {
        match self {
            Self::Credentials(error) => error.saying(),
            Self::NoLogin => saying!("login.none"),
            Self::Open(error) => error.saying(),
            Self::Maildrop(error) => error.saying(),
        }
    }
}
