//! What a domain says about its mail servers: mail exchangers, autoconfig files and
//! service records.
//!
//! Invariant: every question has a deadline and every answer a bound, and files come by
//! HTTPS through the guard. An answer is a proposal for a person, never used by itself.
//! Deliberately absent: which answer is preferred, and presets (`service::discovery`).

use std::fmt::Write as _;
use std::net::IpAddr;

use super::dns::{RecordError, Records, ServiceRecord};
use super::http_client::{HttpClient, HttpError, HttpsUrl, UrlError};
use crate::domain::address::Address;
use crate::domain::mailbox::{Security, Server};
use crate::protocol::autoconfig::{self, Announced, AnnouncedServer, AutoconfigError};

/// How look-ups are made.
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryOptions {
    /// The port of autoconfig servers.
    pub https_port: u16,
}

impl Default for DiscoveryOptions {
    fn default() -> Self {
        Self { https_port: 443 }
    }
}

/// Why a look-up found nothing. That there is nothing is an answer.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// DNS.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// Nobody can be asked there.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The answer is something else.
    #[error("{place}: {source}")]
    File {
        /// Where it lies.
        place: String,
        /// What is wrong with it.
        source: AutoconfigError,
    },
    /// The domain cannot be part of an address.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Such as an address literal.
    #[error("{0:?} is no domain that could be looked up")]
    Domain(String),
}

/// Looks domains up. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LookUps {
    http: HttpClient,
    records: Records,
    options: DiscoveryOptions,
}

impl LookUps {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(http: HttpClient, records: Records, options: DiscoveryOptions) -> Self {
        Self {
            http,
            records,
            options,
        }
    }

    /// The mail exchangers of a domain, best first, lower case.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn mail_exchangers(&self, domain: &str) -> Result<Vec<String>, LookUpError> {
        Ok(self.records.mx(&ascii(domain)?).await?)
    }

    /// Whether there is such a domain at all.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn exists(&self, domain: &str) -> Result<bool, LookUpError> {
        Ok(self.records.exists(&ascii(domain)?).await?)
    }

    /// The autoconfig file of the address's domain and where it lay. Both usual places
    /// are asked at the same time; `autoconfig.` goes before `.well-known`.
    ///
    /// # Errors
    /// When neither place has a usable file: what was wrong at the first.
    pub async fn autoconfig(&self, address: &Address) -> Result<(Announced, String), LookUpError> {
        let domain = ascii(address.domain())?;
        let port = match self.options.https_port {
            443 => String::new(),
            other => format!(":{other}"),
        };
        let who = percent_encoded(address.as_str());
        let subdomain =
            format!("https://autoconfig.{domain}{port}/mail/config-v1.1.xml?emailaddress={who}");
        let well_known =
            format!("https://{domain}{port}/.well-known/autoconfig/mail/config-v1.1.xml");
        let (first, second) = tokio::join!(self.fetch(&subdomain), self.fetch(&well_known));
        match (first, second) {
            (Ok(found), _) | (Err(_), Ok(found)) => Ok(found),
            (Err(error), Err(_)) => Err(error),
        }
    }

    async fn fetch(&self, url: &str) -> Result<(Announced, String), LookUpError> {
        let url = HttpsUrl::parse(url)?;
        let answer = self
            .http
            .get(&url, "text/xml, application/xml", None)
            .await?;
        let place = url.to_string();
        // Whatever a server of the domain answers is a file or is not one.
        match autoconfig::parse(&answer.body) {
            Ok(found) if answer.status == 200 => Ok((found, place)),
            Ok(_) => Err(AutoconfigError::Nothing),
            Err(source) => Err(source),
        }
        .map_err(|source| LookUpError::File {
            place: url.to_string(),
            source,
        })
    }

    /// The servers that service records name (RFC 6186, RFC 8314), TLS first.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn services(&self, domain: &str) -> Result<Announced, LookUpError> {
        let domain = ascii(domain)?;
        let ask = |service| self.records.srv(service, &domain);
        let (imaps, imap, pop3s, submissions, submission) = tokio::join!(
            ask("_imaps._tcp"),
            ask("_imap._tcp"),
            ask("_pop3s._tcp"),
            ask("_submissions._tcp"),
            ask("_submission._tcp"),
        );
        Ok(Announced {
            imap: best(imaps?, Security::Tls).or(best(imap?, Security::StartTls)),
            pop3: best(pop3s?, Security::Tls),
            smtp: best(submissions?, Security::Tls).or(best(submission?, Security::StartTls)),
        })
    }
}

fn best(records: Vec<ServiceRecord>, security: Security) -> Option<AnnouncedServer> {
    // RFC 2782: a target is a name. A number would pass every rule about names.
    let record = records
        .into_iter()
        .find(|record| !is_number(&record.host))?;
    Some(AnnouncedServer {
        server: Server {
            host: record.host,
            port: record.port,
            security,
        },
        user_is_local_part: false,
    })
}

/// An IP address, or what a resolver may take for one.
fn is_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    host.parse::<IpAddr>().is_ok() || last.starts_with(|c: char| c.is_ascii_digit())
}

/// The domain as DNS knows it (RFC 5891).
fn ascii(domain: &str) -> Result<String, LookUpError> {
    let wrong = || LookUpError::Domain(domain.to_owned());
    let ascii = idna::domain_to_ascii(domain).map_err(|_| wrong())?;
    let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if ascii.is_empty() || !ascii.chars().all(right) {
        return Err(wrong());
    }
    Ok(ascii)
}

/// Everything but unreserved characters (RFC 3986 section 2.3) becomes `%XX`.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_become_what_dns_knows() {
        assert_eq!(ascii("例え.jp").expect("a domain"), "xn--r8jz45g.jp");
        assert_eq!(ascii("example.com").expect("a domain"), "example.com");
        for wrong in ["[127.0.0.1]", "a:b", "a/b", ""] {
            assert!(ascii(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_in_a_query_cannot_add_to_it() {
        assert_eq!(percent_encoded("a+b&c=d@e.f"), "a%2Bb%26c%3Dd%40e.f");
        assert_eq!(percent_encoded("é"), "%C3%A9");
    }
}
