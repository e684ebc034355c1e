//! Where, as whom and within which limits to open an IMAP session.
//! Deliberately absent: where this is configured.

use crate::domain::mailbox::{Login, Security, Server};
use crate::net::certificate::CertificateFingerprint;
use crate::net::dial::Target;
use crate::net::driver;
use crate::net::guard::Guard;
use crate::net::tap::Tap;
use crate::protocol::imap::{Options, TlsPolicy};

/// Where and as whom to open a session.
#[derive(Clone, Debug)]
pub struct ImapOptions {
    /// The provider's server.
    pub server: Server,
    /// How far the connection may reach.
    pub guard: Guard,
    /// Accept exactly this certificate.
    pub pinned: Option<CertificateFingerprint>,
    /// As whom.
    pub login: Login,
    /// What ID says about us (RFC 2971); empty sends none. NetEase opens no folder
    /// before it ("Unsafe Login"), so it goes out before anything else.
    pub id: Vec<(String, String)>,
    /// Limits and deadlines; the TLS policy is set from `server.security`.
    pub limits: Options,
    /// Bounds of the loop underneath.
    pub driver: driver::Options,
    /// Where the dialogue is noted, secrets masked.
    pub tap: Tap,
}

impl ImapOptions {
    /// A provider of the settings, with the usual limits, telling our name and version.
    #[must_use]
    pub fn new(server: Server, login: Login) -> Self {
        let id = [
            ("name", env!("CARGO_PKG_NAME")),
            ("version", env!("CARGO_PKG_VERSION")),
        ];
        Self {
            server,
            guard: Guard::Any,
            pinned: None,
            login,
            id: id
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            limits: Options::default(),
            driver: driver::Options::default(),
            tap: Tap::default(),
        }
    }

    pub(super) fn target(&self) -> Target {
        Target {
            host: self.server.host.clone(),
            port: self.server.port,
            guard: self.guard.clone(),
            pinned: self.pinned,
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
