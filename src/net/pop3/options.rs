//! Where, as whom and within which limits to open a POP3 session.
//! Deliberately absent: where this is configured.

use crate::domain::mailbox::{Login, Security, Server};
use crate::net::dial::Target;
use crate::net::driver;
use crate::net::guard::Guard;
use crate::net::tap::Tap;
use crate::protocol::pop3::{Options, TlsPolicy};

/// Where and as whom to open a session.
#[derive(Clone, Debug)]
pub struct Pop3Options {
    /// The provider's server.
    pub server: Server,
    /// How far the connection may reach.
    pub guard: Guard,
    /// As whom.
    pub login: Login,
    /// Limits and deadlines; the TLS policy is set from `server.security`.
    pub limits: Options,
    /// Bounds of the loop underneath.
    pub driver: driver::Options,
    /// Where the dialogue is noted, secrets masked.
    pub tap: Tap,
}

impl Pop3Options {
    /// A provider of the settings, with the usual limits.
    #[must_use]
    pub fn new(server: Server, login: Login) -> Self {
        Self {
            server,
            guard: Guard::Any,
            login,
            limits: Options::default(),
            driver: driver::Options::default(),
            tap: Tap::default(),
        }
    }

    pub(super) fn target(&self) -> Target {
        Target {
            guard: self.guard.clone(),
            ..Target::mail_server(self.server.host.clone(), self.server.port)
        }
    }

    pub(super) fn connection_options(&self) -> Options {
        Options {
            tls: match self.server.security {
                Security::Tls => TlsPolicy::Implicit,
                Security::StartTls => TlsPolicy::Demanded,
                Security::None => TlsPolicy::None,
            },
            ..self.limits.clone()
        }
    }
}
