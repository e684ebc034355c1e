//! Where, as whom and how patiently to submit. Deliberately absent: where it is configured.

use std::time::Duration;

use crate::domain::mailbox::{Login, Server};
use crate::net::certificate::CertificateFingerprint;
use crate::net::guard::Guard;
use crate::net::tap::Tap;

/// Where and as whom to submit.
#[derive(Clone, Debug)]
pub struct SubmissionOptions {
    /// The provider's submission server.
    pub server: Server,
    /// How far the connection may reach.
    pub guard: Guard,
    /// Accept exactly this certificate.
    pub pinned: Option<CertificateFingerprint>,
    /// `None` submits without authentication.
    pub login: Option<Login>,
    /// Our name in EHLO: a host name or an address literal.
    pub helo_name: String,
    /// Bounds of each wait.
    pub deadlines: SubmissionDeadlines,
    /// Where the dialogue is noted, secrets masked.
    pub tap: Tap,
}

impl SubmissionOptions {
    /// A provider of the settings, with the usual deadlines.
    #[must_use]
    pub fn new(server: Server, login: Option<Login>) -> Self {
        Self {
            server,
            guard: Guard::Any,
            pinned: None,
            login,
            helo_name: "[127.0.0.1]".to_owned(),
            deadlines: SubmissionDeadlines::default(),
            tap: Tap::default(),
        }
    }
}

/// Asked at the last moment at which a mail can be kept back for certain: the server
/// waits for its content, and has none of it.
pub trait Permit: Send {
    /// Whether it may leave.
    fn ask(&mut self) -> impl Future<Output = bool> + Send;
}

impl<P: Permit> Permit for &mut P {
    fn ask(&mut self) -> impl Future<Output = bool> + Send {
        (**self).ask()
    }
}

/// It may.
impl Permit for () {
    async fn ask(&mut self) -> bool {
        true
    }
}

/// How long each stage may take; at most what RFC 5321 section 4.5.3.2 recommends.
#[derive(Clone, Copy, Debug)]
pub struct SubmissionDeadlines {
    /// From the connection to the greeting.
    pub greeting: Duration,
    /// From any command to its answer.
    pub command: Duration,
    /// The content may stand still for so long.
    pub block: Duration,
    /// From the end-of-data mark to its answer. Giving up early here makes doubles.
    pub end_of_data: Duration,
    /// For the farewell, which decides nothing.
    pub quit: Duration,
}

impl Default for SubmissionDeadlines {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(60),
            command: Duration::from_secs(120),
            block: Duration::from_secs(180),
            end_of_data: Duration::from_secs(600),
            quit: Duration::from_secs(5),
        }
    }
}
