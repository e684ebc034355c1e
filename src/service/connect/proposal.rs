//! A mailbox that is not connected yet.

use crate::domain::mailbox::{MailboxLogins, MailboxSettings};

/// What a person proposes to connect.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Everything but the logins.
    pub settings: MailboxSettings,
    /// The logins.
    pub logins: MailboxLogins,
}
