//! What unit tests of the services begin with.

use crate::domain::address::Address;
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{
    Credentials, History, Login, MailboxLogins, MailboxSettings, Security, Server,
};
use crate::domain::secret::Secret;
use crate::domain::threading::ThreadingRules;

pub(super) fn settings(text: &str) -> MailboxSettings {
    let address = Address::parse(text).expect("an address");
    let server = Server {
        host: "localhost".to_owned(),
        port: 1,
        security: Security::None,
    };
    MailboxSettings {
        name: "Help".to_owned(),
        identity: address.clone().into(),
        address,
        preset: "other".to_owned(),
        incoming: server.clone(),
        outgoing: server,
        folder: FolderName::inbox(),
        sent_folder: None,
        provider_files_sent: false,
        signature: String::new(),
        history: History::Nothing,
        threading: ThreadingRules::default(),
        offline: false,
    }
}

pub(super) fn logins() -> MailboxLogins {
    MailboxLogins {
        incoming: Login {
            user: "help".to_owned(),
            credentials: Credentials::Password(Secret::new("hunter2")),
        },
        outgoing: None,
    }
}
