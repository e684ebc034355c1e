//! A mailbox that is not connected yet.

use crate::domain::mailbox::{Login, MailboxLogins, MailboxSettings};

/// What a person proposes to connect.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Everything but the logins.
    pub settings: MailboxSettings,
    /// The logins.
    pub logins: MailboxLogins,
    /// What else the user names may be.
    pub(super) other_users: OtherUsers,
}

/// Other forms of user names that nobody typed; each is tried once where the first is
/// refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OtherUsers {
    /// Where mail is read.
    pub(super) incoming: Option<String>,
    /// Where it is sent.
    pub(super) outgoing: Option<String>,
}

impl Proposal {
    /// A proposal whose user names are what they are.
    #[must_use]
    pub fn new(settings: MailboxSettings, logins: MailboxLogins) -> Self {
        Self {
            settings,
            logins,
            other_users: OtherUsers::default(),
        }
    }

    /// The incoming login under the other form of its user name.
    pub(super) fn other_login(&self) -> Option<Login> {
        let user = self.other_users.incoming.clone()?;
        let login = self.logins.incoming.as_ref()?;
        Some(Login {
            user,
            credentials: login.credentials.clone(),
        })
    }
}
