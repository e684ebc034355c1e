//! What the HTTP door is told at the start, and its limits with their reasons.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::net::guard::Network;

/// Most connections at once; a page holds one or two (one for its live stream).
pub const CONNECTIONS_MAX: usize = 1_024;
/// Most live streams at once, so that pages stay reachable beside them.
pub const STREAMS_MAX: usize = 512;
/// Most live streams of one person, in pages and programs together.
pub const STREAMS_PER_PERSON_MAX: usize = 32;
/// Most connections of one client when nobody says otherwise: an office behind one address.
pub const CONNECTIONS_PER_CLIENT_MAX: usize = 128;
/// A reverse proxy on this machine needs no mention.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1"];
/// Most bytes of a request line with its headers.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Most header fields of a request.
pub const HEADERS_MAX: usize = 100;
/// How long a client may take for the head of a request, and how long an idle
/// connection is kept.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(20);
/// Most bytes of a request body: a long reply as JSON, with room.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The same of the form of the script editor: the largest file of scripts (256 KiB), of which
/// a form makes up to three bytes of each, and some words around it.
pub const SCRIPT_FORM_BYTES_MAX: usize = (3 * 256 + 16) * 1024;
/// How long an answer may take to begin; the body of the request counts.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// The same for a trial connection, whose steps have deadlines of their own.
pub const PROBE_TIME_MAX: Duration = Duration::from_secs(180);
/// How long a long poll may wait; below [`ANSWER_TIME_MAX`].
pub const WAIT_MAX: Duration = Duration::from_secs(20);
/// A comment is sent on a quiet stream this often, below the idle limit of
/// common reverse proxies (60 s).
pub const HEARTBEAT: Duration = Duration::from_secs(20);
/// A client that reads nothing of its answer for so long gives its place back.
pub const UNREAD_TIME_MAX: Duration = Duration::from_secs(30);
/// How long open requests may go on after the stop signal.
pub const GRACE: Duration = Duration::from_secs(10);

/// What the caller decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address people use, when a reverse proxy stands in front.
    pub public_url: Option<PublicUrl>,
    /// Most connections of one client: an IPv4 address, or an IPv6 network of 64 bits.
    pub connections_per_client_max: usize,
    /// Whose connections are those of many people, so that bound is not for them.
    pub proxies: Arc<[Network]>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            public_url: None,
            connections_per_client_max: CONNECTIONS_PER_CLIENT_MAX,
            proxies: loopback().collect(),
        }
    }
}

/// This machine.
fn loopback() -> impl Iterator<Item = Network> {
    LOOPBACK.iter().filter_map(|text| text.parse().ok())
}

/// `http.public_url`: scheme and host, nothing behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    secure: bool,
    host: String,
}

/// Why a text is no public URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// Neither `http://` nor `https://`.
    #[error("the address must begin with https:// or http://")]
    Scheme,
    /// Nothing, or something no host name holds.
    #[error("the host name is missing or holds a character that no host name may hold")]
    Host,
    /// Postern answers at the root of its host.
    #[error("there must be nothing behind the host: Postern cannot live below a path")]
    Path,
}

impl PublicUrl {
    /// Reads `https://desk.example.com` with an optional port and final slash.
    ///
    /// # Errors
    /// When the text is something else; the variant says what.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(PublicUrlError::Scheme),
        };
        let host = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        if host.contains(['/', '?', '#']) {
            return Err(PublicUrlError::Path);
        }
        let right = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_empty() || !host.chars().all(right) {
            return Err(PublicUrlError::Host);
        }
        Ok(Self { secure, host })
    }

    /// Whether browsers reach us by TLS: cookies are then marked `Secure`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

impl Options {
    /// The same with these proxies besides those on this machine.
    #[must_use]
    pub fn behind(mut self, proxies: impl IntoIterator<Item = Network>) -> Self {
        self.proxies = loopback().chain(proxies).collect();
        self
    }

    /// Whether a request that names `host` means us.
    ///
    /// A page of a stranger can make a browser reach us under the stranger's own
    /// name (DNS rebinding), so only names we know are served. An IP address
    /// cannot be rebound, and is what people use before they have a name.
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if self.public_url.as_ref().is_some_and(|url| url.host == host) {
            return true;
        }
        let name = without_port(&host);
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || address.parse::<IpAddr>().is_ok()
    }

    /// Whether cookies carry `Secure`.
    #[must_use]
    pub fn secure_cookies(&self) -> bool {
        self.public_url.as_ref().is_some_and(PublicUrl::is_secure)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_ours_are_served() {
        let options = Options {
            public_url: PublicUrl::parse("https://Desk.Example.com/").ok(),
            ..Options::default()
        };
        for host in [
            "localhost",
            "localhost:8460",
            "127.0.0.1:8460",
            "[::1]:8460",
            "10.0.0.7",
            "desk.example.com",
        ] {
            assert!(options.serves(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "desk.example.com.evil.example",
            "127.0.0.1.evil.example:8460",
            "localhost.evil.example",
            "desk.example.com:1",
        ] {
            assert!(!options.serves(host), "{host}");
        }
        assert!(options.secure_cookies());
    }

    #[test]
    fn a_public_url_is_scheme_and_host() {
        for (text, error) in [
            ("desk.example.com", PublicUrlError::Scheme),
            ("https://", PublicUrlError::Host),
            ("https://a b", PublicUrlError::Host),
            ("https://a.example/desk", PublicUrlError::Path),
        ] {
            assert_eq!(PublicUrl::parse(text), Err(error), "{text}");
        }
    }
}
