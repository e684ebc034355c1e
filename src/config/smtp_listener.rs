//! `[smtp_listener]`: mail that is forwarded to us.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::{ConfigError, Source};
use crate::domain::address::Address;
use crate::net::tls_server::{Acceptor, AcceptorError};
use crate::service::receiving::ReceivingOptions;
use crate::smtp_server;

/// `[smtp_listener]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmtpListenerSection {
    /// Mail is taken.
    pub enabled: bool,
    /// Address and port.
    pub mail_listen: SocketAddr,
    /// What stands behind the `@` of receiving addresses.
    pub domain: String,
    /// Our name in the greeting; empty means the domain.
    pub host_name: String,
    /// MiB.
    pub forwarded_size_max_mib: u64,
    /// Recipients of one mail.
    pub recipients_max: usize,
    /// Connections at a time.
    pub connections_max: usize,
    /// Connections of one client.
    pub connections_per_client_max: usize,
    /// Mails of one connection.
    pub mails_per_connection_max: u32,
    /// PEM file; empty: no STARTTLS.
    pub certificate_file: PathBuf,
    /// PEM file.
    pub key_file: PathBuf,
    /// Unix socket; empty: none.
    pub lmtp_socket: PathBuf,
    /// The mailbox that takes mail for the postmaster; empty: none.
    pub postmaster: String,
    /// Days.
    pub old_address_days: u16,
}

impl Default for SmtpListenerSection {
    fn default() -> Self {
        Self {
            enabled: false,
            mail_listen: SocketAddr::from(([127, 0, 0, 1], 2525)),
            domain: String::new(),
            host_name: String::new(),
            forwarded_size_max_mib: 64,
            recipients_max: 100,
            connections_max: 256,
            connections_per_client_max: 32,
            mails_per_connection_max: 1_000,
            certificate_file: PathBuf::new(),
            key_file: PathBuf::new(),
            lmtp_socket: PathBuf::new(),
            postmaster: String::new(),
            old_address_days: 7,
        }
    }
}

impl SmtpListenerSection {
    pub(super) fn check(&self, source: &Source<'_>, folder: &Path) -> Result<(), ConfigError> {
        let within = |key: &str, value: u64, max: u64| {
            if (1..=max).contains(&value) {
                return Ok(());
            }
            let words = format!("{key} is {value}; it must be from 1 to {max}");
            Err(source.at_key(key, words))
        };
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        within("forwarded_size_max_mib", self.forwarded_size_max_mib, 1_024)?;
        within("recipients_max", count(self.recipients_max), 1_000)?;
        within("connections_max", count(self.connections_max), 100_000)?;
        let per_client = count(self.connections_per_client_max);
        within("connections_per_client_max", per_client, 100_000)?;
        let mails = u64::from(self.mails_per_connection_max);
        within("mails_per_connection_max", mails, 1_000_000)?;
        if self.old_address_days > 365 {
            let words = format!(
                "old_address_days is {}; it must be from 0 to 365",
                self.old_address_days
            );
            return Err(source.at_key("old_address_days", words));
        }
        if !self.postmaster.is_empty() && Address::parse(&self.postmaster).is_err() {
            let words = format!(
                "postmaster is {:?}; it must be the address of a connected mailbox",
                self.postmaster
            );
            return Err(source.at_key("postmaster", words));
        }
        if !self.enabled {
            return Ok(());
        }
        for (key, name) in [("domain", &self.domain), ("host_name", &self.host_name)] {
            let may_be_empty = key == "host_name";
            let fine = Address::parse(&format!("a@{name}")).is_ok_and(|a| a.domain().is_ascii());
            if !(fine || may_be_empty && name.is_empty()) {
                let words = format!(
                    "{key} is {name:?}; it must be a domain such as \"in.example.com\", whose \
                     mail comes to this listener (an MX record, or a mail server that relays)"
                );
                return Err(source.at_key(key, words));
            }
        }
        for (key, file) in [
            ("certificate_file", &self.certificate_file),
            ("key_file", &self.key_file),
        ] {
            let other_is_set = !self.certificate_file.as_os_str().is_empty()
                || !self.key_file.as_os_str().is_empty();
            if other_is_set && !folder.join(file).is_file() {
                let words = format!(
                    "{key} names {:?}, which is no file; STARTTLS needs a certificate and its key",
                    file
                );
                return Err(source.at_key(key, words));
            }
        }
        Ok(())
    }

    pub(super) fn resolve(&mut self, resolve: impl Fn(&mut PathBuf)) {
        for path in [
            &mut self.certificate_file,
            &mut self.key_file,
            &mut self.lmtp_socket,
        ] {
            if !path.as_os_str().is_empty() {
                resolve(path);
            }
        }
    }

    /// How receiving addresses are made.
    #[must_use]
    pub fn receiving(&self) -> ReceivingOptions {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        ReceivingOptions {
            domain: self.enabled.then(|| self.domain.to_ascii_lowercase()),
            old_address_for: DAY * u32::from(self.old_address_days),
            postmaster: Address::parse(&self.postmaster).ok(),
        }
    }

    /// What we call ourselves.
    #[must_use]
    pub fn host(&self) -> String {
        let name = if self.host_name.is_empty() {
            &self.domain
        } else {
            &self.host_name
        };
        name.to_ascii_lowercase()
    }

    /// How the listener is run; `None` when it is off.
    ///
    /// # Errors
    /// When certificate and key cannot be used.
    pub fn listener(&self) -> Result<Option<smtp_server::Options>, AcceptorError> {
        if !self.enabled {
            return Ok(None);
        }
        let set = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        let acceptor = match (set(&self.certificate_file), set(&self.key_file)) {
            (Some(certificate), Some(key)) => Some(Acceptor::load(&certificate, &key)?),
            _ => None,
        };
        Ok(Some(smtp_server::Options {
            listen: self.mail_listen,
            lmtp_socket: set(&self.lmtp_socket),
            host: self.host(),
            domain: self.domain.to_ascii_lowercase(),
            acceptor,
            size_max: self.forwarded_size_max_mib * 1024 * 1024,
            recipients_max: self.recipients_max,
            connections_max: self.connections_max,
            connections_per_client_max: self.connections_per_client_max,
            mails_per_connection_max: self.mails_per_connection_max,
        }))
    }
}
