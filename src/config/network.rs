//! `[network]`: how far connections may reach, and whom DNS questions go to.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::place::{ConfigError, Source};
use crate::net::guard::{Guard, Network};

/// `[network]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// Private networks that look-ups by HTTPS may reach.
    pub lookups_may_reach: Vec<String>,
    /// Mail servers may stand in private networks.
    pub private_mail_servers: bool,
    /// The servers of unknown domains are looked up.
    pub look_up_servers: bool,
    /// Asked for MX and SRV records; empty means the system's.
    pub name_server: String,
}

impl Default for NetworkSection {
    fn default() -> Self {
        Self {
            lookups_may_reach: Vec::new(),
            private_mail_servers: true,
            look_up_servers: true,
            name_server: String::new(),
        }
    }
}

impl NetworkSection {
    pub(super) fn check(&self, source: &Source<'_>) -> Result<(), ConfigError> {
        for text in &self.lookups_may_reach {
            if let Err(error) = Network::from_str(text) {
                return Err(source.at_key("lookups_may_reach", error.to_string()));
            }
        }
        if !self.name_server.is_empty() && self.name_server().is_none() {
            let words = format!(
                "name_server is {:?}; write an address and a port, such as \"192.168.1.1:53\"",
                self.name_server
            );
            return Err(source.at_key("name_server", words));
        }
        Ok(())
    }

    /// How far autoconfig, sign-ins and whatever else strangers may name can reach.
    #[must_use]
    pub fn lookups(&self) -> Guard {
        let networks = self.lookups_may_reach.iter();
        let networks: Arc<[Network]> = networks.filter_map(|text| text.parse().ok()).collect();
        if networks.is_empty() {
            return Guard::Public;
        }
        Guard::AllowList(networks)
    }

    /// How far any connection can reach.
    #[must_use]
    pub fn reach(&self) -> Guard {
        if self.private_mail_servers {
            return Guard::Any;
        }
        self.lookups()
    }

    /// Whom to ask for records, when not the system's name servers.
    #[must_use]
    pub fn name_server(&self) -> Option<SocketAddr> {
        self.name_server.parse().ok()
    }
}
