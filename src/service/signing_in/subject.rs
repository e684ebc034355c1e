//! What a sign-in is for, and what a browser brings back.

use crate::domain::key::PublicId;
use crate::domain::secret::Secret;
use crate::net::oauth::ProofKey;
use crate::service::connect::known::Known;
use crate::service::connect::wish::Wish;
use crate::service::oauth_clients::Provider;

/// What a sign-in is for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// To connect a mailbox.
    Connect(Box<(Wish, Known)>),
    /// To give a connected mailbox a new login.
    Again {
        /// Which.
        mailbox: PublicId,
        /// Who signs in, when that is another account than before: the mailbox is a
        /// shared one of that account.
        account: Option<String>,
    },
}

/// A sign-in that waits.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) state: Secret,
    pub(super) proof: ProofKey,
    pub(super) purpose: Purpose,
    pub(super) provider: Provider,
    pub(super) address: String,
    /// Who has to sign in.
    pub(super) account: String,
    pub(super) select_account: bool,
}

/// What a browser came back with. Everything in it is a stranger's.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    /// Ours, unchanged.
    pub state: Option<String>,
    /// What is turned into tokens.
    pub code: Option<Secret>,
    /// Who sent it back (RFC 9207).
    pub issuer: Option<String>,
    /// What went wrong there.
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
}
