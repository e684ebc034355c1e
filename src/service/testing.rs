//! What unit tests of the services begin with.

use crate::domain::address::Address;
use crate::domain::mailbox::{
    Credentials, Login, MailboxLogins, MailboxSettings, Security, Server, WayIn, WayOut,
};
use crate::domain::secret::Secret;

pub(super) fn settings(text: &str) -> MailboxSettings {
    let address = Address::parse(text).expect("an address");
    let server = Server {
        host: "localhost".to_owned(),
        port: 1,
        security: Security::None,
    };
    MailboxSettings {
        name: "Help".to_owned(),
        ..MailboxSettings::new(address, WayIn::inbox(server.clone()), WayOut::Own(server))
    }
}

pub(super) fn logins() -> MailboxLogins {
    MailboxLogins {
        incoming: Some(Login {
            user: "help".to_owned(),
            credentials: Credentials::Password(Secret::new("hunter2")),
        }),
        outgoing: None,
    }
}
