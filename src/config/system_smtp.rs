//! `[system_smtp]`: the way out that is the gateway's own, for its notices and for
//! mailboxes without one.

use std::path::Path;

use super::place::{ConfigError, Source};
use super::sections::{ServerSecurity, SystemSmtpSection};
use crate::domain::address::Address;
use crate::domain::mailbox::{Credentials, Login, Security, Server};
use crate::domain::secret::Secret;
use crate::service::way_out::SystemSmtp;

impl From<ServerSecurity> for Security {
    fn from(security: ServerSecurity) -> Self {
        match security {
            ServerSecurity::Tls => Self::Tls,
            ServerSecurity::StartTls => Self::StartTls,
            ServerSecurity::None => Self::None,
        }
    }
}

impl SystemSmtpSection {
    pub(super) fn check(&self, source: &Source<'_>, folder: &Path) -> Result<(), ConfigError> {
        if self.host.is_empty() {
            return Ok(());
        }
        if let Err(error) = Address::parse(&self.from) {
            let words = format!(
                "from is {:?}: {error}; it is who the gateway's own mails are from",
                self.from
            );
            return Err(source.at_key("from", words));
        }
        if !self.user.is_empty() && !folder.join(&self.password_file).is_file() {
            let words = format!(
                "password_file names {:?}, which is no file; it holds the password of {}",
                self.password_file, self.user
            );
            return Err(source.at_key("password_file", words));
        }
        Ok(())
    }

    /// The way out; `None` when none is set.
    ///
    /// # Errors
    /// When the file with the password cannot be read.
    pub fn way(&self) -> std::io::Result<Option<SystemSmtp>> {
        let Ok(from) = Address::parse(&self.from) else {
            return Ok(None);
        };
        if self.host.is_empty() {
            return Ok(None);
        }
        let security = Security::from(self.security);
        let usual = match security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::None => 25,
        };
        let login = if self.user.is_empty() {
            None
        } else {
            let text = std::fs::read_to_string(&self.password_file)?;
            let password = text.lines().next().unwrap_or_default();
            Some(Login {
                user: self.user.clone(),
                credentials: Credentials::Password(Secret::new(password)),
            })
        };
        Ok(Some(SystemSmtp {
            server: Server {
                host: self.host.clone(),
                port: if self.port == 0 { usual } else { self.port },
                security,
            },
            login,
            from,
        }))
    }
}
