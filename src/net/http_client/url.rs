//! Addresses our requests go to: HTTPS only, with a host, without a login.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

use crate::domain::saying::{Said, Saying, saying};

/// Bytes of an address that are accepted.
const BYTES_MAX: usize = 4_096;
const HTTPS_PORT: u16 = 443;

/// An `https://` address. What exists is right.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    host: String,
    port: u16,
    path_and_query: String,
}

/// Why a text is no address for us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub enum UrlError {
    /// No address at all.
    Malformed(String),
    /// Another scheme.
    NotHttps(String),
    /// `https://user:password@host`.
    HoldsLogin,
}

impl Said for UrlError {
    fn saying(&self) -> Saying {
        match self {
            Self::Malformed(what) => saying!("url.malformed", what = Saying::quoted(what)),
            Self::NotHttps(what) => saying!("url.not_https", what = Saying::quoted(what)),
            Self::HoldsLogin => saying!("url.holds_login"),
        }
    }
}

impl HttpsUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is none, is not `https`, or holds a login.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let malformed = || UrlError::Malformed(text.chars().take(80).collect());
        if text.len() > BYTES_MAX {
            return Err(malformed());
        }
        let uri = Uri::from_str(text).map_err(|_| malformed())?;
        if uri.scheme_str() != Some("https") {
            return Err(UrlError::NotHttps(text.chars().take(80).collect()));
        }
        let authority = uri.authority().ok_or_else(malformed)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::HoldsLogin);
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(malformed());
        }
        let port = match authority.as_str()[host.len()..].strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| malformed())?,
            None => HTTPS_PORT,
        };
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            host,
            port,
            path_and_query: path_and_query.to_owned(),
        })
    }

    /// The host, lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What is asked for at the host.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Host, and port where it is unusual: the `Host` field (RFC 9110 section 7.2).
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == HTTPS_PORT {
            return self.host.clone();
        }
        format!("{}:{}", self.host, self.port)
    }

    /// Whether both are of one origin (RFC 6454): same host, same port.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }

    /// Where a `Location` of an answer from here leads (RFC 9110 section 10.2.2).
    pub(super) fn follow(&self, location: &str) -> Result<Self, UrlError> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Self::parse(&format!("https://{}{location}", self.authority()));
        }
        Self::parse(location)
    }
}

/// Without the query, which may carry what is nobody else's business.
impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        write!(f, "https://{}{path}", self.authority())
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_with_a_host_and_without_a_login_is_an_address() {
        let url = HttpsUrl::parse("https://Login.Example.com/o/token?x=1").expect("an address");
        assert_eq!((url.host(), url.port()), ("login.example.com", 443));
        assert_eq!(url.path_and_query(), "/o/token?x=1");
        assert_eq!(url.to_string(), "https://login.example.com/o/token");
        let url = HttpsUrl::parse("https://[::1]:8443").expect("an address");
        assert_eq!((url.port(), url.path_and_query()), (8443, "/"));
        for wrong in [
            "http://login.example.com/token",
            "https://",
            "https:///token",
            "https://me:secret@example.com/",
            "https://example.com@evil.example/",
            "login.example.com",
            "https://a b/",
            "https://example.com:99999/",
            "",
        ] {
            assert!(HttpsUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_location_is_read_from_where_it_was_given() {
        let url = HttpsUrl::parse("https://example.com/a?b").expect("an address");
        let followed = url.follow("/c").expect("an address");
        assert_eq!(followed.to_string(), "https://example.com/c");
        assert!(url.same_origin(&followed));
        let followed = url.follow("https://www.example.com/c").expect("an address");
        assert!(!url.same_origin(&followed));
        assert!(url.follow("http://example.com/c").is_err());
        assert!(url.follow("//evil.example/c").is_err());
    }
}
