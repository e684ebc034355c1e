//! By which server a mailbox's replies leave: its own, or the one the gateway sends
//! its notices by.

use crate::domain::address::Address;
use crate::domain::mailbox::{Login, MailboxLogins, MailboxSettings, Server, WayOut};
use crate::domain::saying::{Said, Saying, saying};

/// The gateway's own way out, from the settings.
#[derive(Clone, Debug)]
pub struct SystemSmtp {
    /// The server.
    pub server: Server,
    /// How we sign in there; without it nothing is asked.
    pub login: Option<Login>,
    /// Who the gateway's own notices are from.
    pub from: Address,
}

/// A mailbox uses the gateway's way out, and there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub struct NoSystemSmtp;

impl Said for NoSystemSmtp {
    fn saying(&self) -> Saying {
        saying!("cannot.system_smtp")
    }
}

/// Server and login by which replies of a mailbox leave.
///
/// # Errors
/// When that is the gateway's own and there is none.
pub fn way_out(
    settings: &MailboxSettings,
    logins: &MailboxLogins,
    system: Option<&SystemSmtp>,
) -> Result<(Server, Option<Login>), NoSystemSmtp> {
    match &settings.way_out {
        WayOut::Own(server) => Ok((server.clone(), logins.outgoing.clone())),
        WayOut::System => {
            let system = system.ok_or(NoSystemSmtp)?;
            Ok((system.server.clone(), system.login.clone()))
        }
    }
}
