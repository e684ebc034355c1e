//! `[http]`: pages and API.

use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::place::{ConfigError, Source};
use crate::http;
use crate::http::options::{CONNECTIONS_MAX, CONNECTIONS_PER_CLIENT_MAX, PublicUrl};
use crate::net::guard::Network;

/// `[http]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSection {
    /// Address and port.
    pub listen: SocketAddr,
    /// For links; empty means the address above.
    pub public_url: String,
    /// Connections of one client.
    pub connections_per_address_max: usize,
    /// Addresses and networks of reverse proxies.
    pub proxies: Vec<String>,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8460)),
            public_url: String::new(),
            connections_per_address_max: CONNECTIONS_PER_CLIENT_MAX,
            proxies: Vec::new(),
        }
    }
}

impl HttpSection {
    pub(super) fn check(&self, source: &Source<'_>) -> Result<(), ConfigError> {
        let url = &self.public_url;
        if let Some(Err(error)) = (!url.is_empty()).then(|| PublicUrl::parse(url)) {
            let words = format!("public_url is {url:?}: {error}");
            return Err(source.at_key("public_url", words));
        }
        let most = self.connections_per_address_max;
        if !(1..=CONNECTIONS_MAX).contains(&most) {
            let words = format!(
                "connections_per_address_max is {most}; it must be from 1 to {CONNECTIONS_MAX}"
            );
            return Err(source.at_key("connections_per_address_max", words));
        }
        for text in &self.proxies {
            if let Err(error) = Network::from_str(text) {
                return Err(source.at_key("proxies", error.to_string()));
            }
        }
        Ok(())
    }

    /// How the door is run.
    #[must_use]
    pub fn options(&self) -> http::Options {
        let proxies = self.proxies.iter().filter_map(|text| text.parse().ok());
        // It has been checked, so an address that is no URL is an empty one.
        http::Options {
            public_url: PublicUrl::parse(&self.public_url).ok(),
            connections_per_client_max: self.connections_per_address_max,
            ..http::Options::default()
        }
        .behind(proxies)
    }
}
