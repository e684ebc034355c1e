//! `host`, `host:port` or nothing becomes a server: port and protection follow from
//! each other, and both from what is usual.

use std::net::Ipv6Addr;

use crate::domain::mailbox::{Security, Server};
use crate::domain::saying::{Saying, saying};

/// What is usual for a kind of server.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct Usual {
    prefix: &'static str,
    tls: u16,
    starttls: u16,
    plain: u16,
}

impl Usual {
    pub(in crate::service) const IMAP: Self = Self::new("imap", 993, 143, 143);
    pub(in crate::service) const POP3: Self = Self::new("pop", 995, 110, 110);
    pub(in crate::service) const SMTP: Self = Self::new("smtp", 465, 587, 25);

    const fn new(prefix: &'static str, tls: u16, starttls: u16, plain: u16) -> Self {
        Self {
            prefix,
            tls,
            starttls,
            plain,
        }
    }

    fn port(&self, security: Security) -> u16 {
        match security {
            Security::Tls => self.tls,
            Security::StartTls => self.starttls,
            Security::None => self.plain,
        }
    }
}

/// Reads a server. What is not given is as `known`; without that the host is named
/// after the domain.
pub(in crate::service) fn read_server(
    given: Option<&str>,
    security: Option<&str>,
    usual: Usual,
    known: Option<&Server>,
    domain: &str,
) -> Result<Server, Saying> {
    let security = security.map(security_of).transpose()?;
    let (host, port) = match (given, known) {
        (Some(text), _) => split_port(text)?,
        (None, Some(known)) if security.is_none_or(|security| security == known.security) => {
            return Ok(known.clone());
        }
        (None, Some(known)) => (known.host.clone(), None),
        (None, None) => (format!("{}.{domain}", usual.prefix), None),
    };
    let security = security.unwrap_or(match port {
        Some(port) if port == usual.starttls || port == usual.plain => Security::StartTls,
        _ => Security::Tls,
    });
    Ok(Server {
        host,
        port: port.unwrap_or_else(|| usual.port(security)),
        security,
    })
}

fn split_port(text: &str) -> Result<(String, Option<u16>), Saying> {
    let bare = |host: &str| {
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned()
    };
    if text.contains("://") {
        return Err(saying!("wish.url", typed = Saying::quoted(text)));
    }
    let is_v6_without_port = text.matches(':').count() > 1 && !text.starts_with('[');
    if is_v6_without_port && text.parse::<Ipv6Addr>().is_err() {
        return Err(saying!("wish.server", typed = Saying::quoted(text)));
    }
    let split = if is_v6_without_port {
        None
    } else {
        text.rsplit_once(':')
            .filter(|(_, port)| !port.contains(']'))
    };
    let (host, port) = match split {
        None => (bare(text), None),
        Some((host, port)) => {
            let port = port.parse().ok().filter(|port| *port > 0);
            (
                bare(host),
                Some(port.ok_or_else(|| saying!("wish.port", typed = Saying::quoted(text)))?),
            )
        }
    };
    if host.is_empty()
        || host
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '/')
    {
        return Err(saying!("wish.server", typed = Saying::quoted(text)));
    }
    Ok((host, port))
}

fn security_of(text: &str) -> Result<Security, Saying> {
    match text {
        "tls" => Ok(Security::Tls),
        "starttls" => Ok(Security::StartTls),
        "none" => Ok(Security::None),
        other => Err(saying!("wish.security", typed = Saying::quoted(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_server_is_refused_in_words() {
        for (text, words) in [
            ("https://imap.shop.test", "without https://"),
            ("imap.shop.test:993:1", "imap.shop.test:993:1"),
            ("imap.shop.test:0", "port"),
            ("imap shop", "imap shop"),
        ] {
            let refused = read_server(Some(text), None, Usual::IMAP, None, "shop.test");
            let said = refused.expect_err(text).to_string();
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn port_and_protection_follow_from_each_other() {
        let cases = [
            (None, None, ("imap.example.com", 993, Security::Tls)),
            (
                Some("mail.x.org"),
                Some("starttls"),
                ("mail.x.org", 143, Security::StartTls),
            ),
            (
                Some("mail.x.org:143"),
                None,
                ("mail.x.org", 143, Security::StartTls),
            ),
            (
                Some("mail.x.org:1993"),
                None,
                ("mail.x.org", 1993, Security::Tls),
            ),
            (
                Some("[::1]:1143"),
                Some("none"),
                ("::1", 1143, Security::None),
            ),
            (Some("::1"), None, ("::1", 993, Security::Tls)),
        ];
        for (given, security, (host, port, expected)) in cases {
            let server =
                read_server(given, security, Usual::IMAP, None, "example.com").expect("a server");
            assert_eq!(
                (server.host.as_str(), server.port, server.security),
                (host, port, expected)
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let read = |given, security| read_server(given, security, Usual::IMAP, None, "example.com");
        assert!(
            read(Some("x:99999"), None)
                .expect_err("refused")
                .to_string()
                .contains("port")
        );
        assert!(read(Some("https://x"), None).is_err());
        assert!(
            read(None, Some("ssl"))
                .expect_err("refused")
                .to_string()
                .contains("starttls")
        );
    }
}
