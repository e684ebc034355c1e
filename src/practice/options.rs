//! What a provider is made of.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::address::Address;
use crate::domain::secret::Secret;

/// One who may log in.
#[derive(Clone, Debug)]
pub struct Account {
    /// Also the user name.
    pub address: Address,
    /// As the client must say it.
    pub password: Secret,
}

/// The wall clock, as it is handed down.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a provider is made of.
#[derive(Clone)]
pub struct Options {
    /// Who may log in.
    pub accounts: Vec<Account>,
    /// For INTERNALDATE.
    pub clock: Clock,
    /// Whether submitted mail is put into Sent by the provider, as some do.
    pub files_sent: bool,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accounts,
            clock: _,
            files_sent,
        } = self;
        f.debug_struct("Options")
            .field("accounts", accounts)
            .field("files_sent", files_sent)
            .finish_non_exhaustive()
    }
}
