//! A [`MailboxForm`] becomes a [`Proposal`]: what is missing follows from the
//! address, and what is wrong is refused in words.

use super::message::MailboxForm;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{
    Credentials, History, ImapWay, Login, MailboxLogins, MailboxSettings, Security, Server, WayIn,
    WayOut,
};
use crate::domain::secret::Secret;
use crate::service::connect::Proposal;

/// Days of history accepted at most.
const HISTORY_DAYS_MAX: u16 = 3_650;

/// Reads the form.
///
/// # Errors
/// A sentence that names the field.
pub(super) fn read(form: &MailboxForm) -> Result<Proposal, String> {
    let address = Address::parse(&form.address)
        .map_err(|error| format!("{:?} is no address: {error}", form.address))?;
    let incoming = server(
        form.imap.as_deref(),
        form.imap_security.as_deref(),
        Usual {
            prefix: "imap",
            tls: 993,
            starttls: 143,
            plain: 143,
        },
        &address,
    )?;
    let outgoing = server(
        form.smtp.as_deref(),
        form.smtp_security.as_deref(),
        Usual {
            prefix: "smtp",
            tls: 465,
            starttls: 587,
            plain: 25,
        },
        &address,
    )?;
    let user = form
        .user
        .clone()
        .unwrap_or_else(|| address.as_str().to_owned());
    let password = Secret::new(form.password.0.clone());
    let smtp_password = form
        .smtp_password
        .as_ref()
        .map_or_else(|| password.clone(), |hidden| Secret::new(hidden.0.clone()));
    let smtp_user = form.smtp_user.clone().unwrap_or_else(|| user.clone());
    let login = |user, secret| Login {
        user,
        credentials: Credentials::Password(secret),
    };
    let way_in = WayIn::Imap(ImapWay {
        server: incoming,
        folder: folder(form.folder.as_deref())?.unwrap_or_else(FolderName::inbox),
        more_folders: Vec::new(),
        junk: None,
    });
    let identity = NamedAddress::new(form.from_name.as_deref(), address.clone());
    let usual = MailboxSettings::new(address, way_in, WayOut::Own(outgoing));
    let settings = MailboxSettings {
        name: form.name.clone().unwrap_or_else(|| usual.name.clone()),
        sent_folder: folder(form.sent_folder.as_deref())?,
        provider_files_sent: form.provider_files_sent,
        identity,
        signature: form.signature.clone().unwrap_or_default(),
        history: history(form.history.as_deref())?,
        ..usual
    };
    let logins = MailboxLogins {
        incoming: Some(login(user, password)),
        outgoing: Some(login(smtp_user, smtp_password)),
    };
    Ok(Proposal { settings, logins })
}

struct Usual {
    prefix: &'static str,
    tls: u16,
    starttls: u16,
    plain: u16,
}

/// `host`, `host:port`, `[::1]:port` or nothing; port and protection follow from each other.
fn server(
    given: Option<&str>,
    security: Option<&str>,
    usual: Usual,
    address: &Address,
) -> Result<Server, String> {
    let security = security.map(security_of).transpose()?;
    let (host, port) = match given {
        None => (format!("{}.{}", usual.prefix, address.domain()), None),
        Some(text) => split_port(text)?,
    };
    let security = security.unwrap_or(match port {
        Some(port) if port == usual.starttls || port == usual.plain => Security::StartTls,
        _ => Security::Tls,
    });
    let port = port.unwrap_or(match security {
        Security::Tls => usual.tls,
        Security::StartTls => usual.starttls,
        Security::None => usual.plain,
    });
    Ok(Server {
        host,
        port,
        security,
    })
}

fn split_port(text: &str) -> Result<(String, Option<u16>), String> {
    let bare = |host: &str| {
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned()
    };
    let is_v6_without_port = text.matches(':').count() > 1 && !text.starts_with('[');
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
                Some(port.ok_or_else(|| {
                    format!("{text:?}: the port must be a number from 1 to 65535")
                })?),
            )
        }
    };
    if host.is_empty()
        || host
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '/')
    {
        return Err(format!("{text:?} is no server; write host or host:port"));
    }
    Ok((host, port))
}

fn security_of(text: &str) -> Result<Security, String> {
    match text {
        "tls" => Ok(Security::Tls),
        "starttls" => Ok(Security::StartTls),
        "none" => Ok(Security::None),
        other => Err(format!(
            "{other:?} is no protection; write tls, starttls or none"
        )),
    }
}

fn history(text: Option<&str>) -> Result<History, String> {
    match text {
        None | Some("nothing") => Ok(History::Nothing),
        Some("all") => Ok(History::All),
        Some(days) => match days.parse() {
            Ok(days) if (1..=HISTORY_DAYS_MAX).contains(&days) => Ok(History::Days(days)),
            _ => Err(format!(
                "{days:?} is no history; write nothing, all, or a number of days up to {HISTORY_DAYS_MAX}"
            )),
        },
    }
}

fn folder(text: Option<&str>) -> Result<Option<FolderName>, String> {
    text.map(|name| FolderName::new(name).ok_or_else(|| format!("{name:?} is no folder name")))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Usual {
        Usual {
            prefix: "imap",
            tls: 993,
            starttls: 143,
            plain: 143,
        }
    }

    #[test]
    fn port_and_protection_follow_from_each_other() {
        let address = Address::parse("a@example.com").expect("an address");
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
            let server = server(given, security, usual(), &address).expect("a server");
            assert_eq!(
                (server.host.as_str(), server.port, server.security),
                (host, port, expected)
            );
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let address = Address::parse("a@example.com").expect("an address");
        assert!(
            server(Some("x:99999"), None, usual(), &address)
                .expect_err("refused")
                .contains("port")
        );
        assert!(server(Some("https://x"), None, usual(), &address).is_err());
        assert!(
            server(None, Some("ssl"), usual(), &address)
                .expect_err("refused")
                .contains("starttls")
        );
        assert!(
            history(Some("yesterday"))
                .expect_err("refused")
                .contains("days")
        );
    }
}
