//! What is known before anything is typed: from a plugin, or found by looking.

use crate::domain::address::Address;
use crate::domain::folder::FolderName;
use crate::domain::mailbox::Server;

/// What is known before anything is typed: from a preset, or found by looking.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Id of the preset; empty means `other`.
    pub preset: String,
    /// Where mail is read by IMAP.
    pub imap: Option<Server>,
    /// Where it is read by POP3.
    pub pop3: Option<Server>,
    /// Where replies leave.
    pub smtp: Option<Server>,
    /// The user name is the part before the `@`: when reading, and when sending.
    pub user_is_local_part: (bool, bool),
    /// Where that name is refused the other form is tried once, as above: for a person
    /// who typed none.
    pub other_user_too: (bool, bool),
    /// The provider files what it submits.
    pub provider_files_sent: bool,
    /// Its name for the folder of sent mail.
    pub sent_folder: Option<FolderName>,
    /// Hosts among these servers that lie outside the domain of the address and that no
    /// plugin knows: a person names them, or nothing goes there (RFC 6186 section 6).
    pub foreign: Vec<String>,
}

/// What a login is called when nobody types it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserName {
    /// As the provider wants it, or most do.
    pub(super) usual: String,
    /// To be tried once where that is refused.
    pub(super) other: Option<String>,
}

impl Known {
    /// Nothing is known but the address: either form of a user name may be right.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            other_user_too: (true, true),
            ..Self::default()
        }
    }

    /// User names where mail is read, and where it is sent.
    pub(super) fn user_names(&self, address: &Address) -> (UserName, UserName) {
        let form = |local: bool| {
            if local {
                address.local().to_owned()
            } else {
                address.as_str().to_owned()
            }
        };
        let name = |local: bool, other_too: bool| UserName {
            usual: form(local),
            other: other_too.then(|| form(!local)),
        };
        (
            name(self.user_is_local_part.0, self.other_user_too.0),
            name(self.user_is_local_part.1, self.other_user_too.1),
        )
    }
}
