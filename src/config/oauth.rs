//! `[oauth]`: sign-ins at providers, and what our client is called there.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::place::{ConfigError, Source};
use crate::domain::secret::Secret;
use crate::net::oauth::OAuthClient;

/// `[oauth]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
pub struct OAuthSection {
    /// Sign-ins are possible at all.
    pub enabled: bool,
    /// `[oauth.NAME]`: our client, by the name that plugins call it.
    #[serde(flatten)]
    pub clients: BTreeMap<String, OAuthClientSection>,
}

/// `[oauth.NAME]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "`enabled`, or a section [oauth.NAME] with client_id"
)]
pub struct OAuthClientSection {
    /// What the provider calls us.
    pub client_id: String,
    /// Proves that it is us.
    pub client_secret: Hidden,
    /// A file whose first line is that.
    pub client_secret_file: PathBuf,
}

/// A text that is read and never shown again.
#[derive(Clone, Default)]
pub struct Hidden(Option<Secret>);

impl Hidden {
    pub(super) fn secret(&self) -> Option<&Secret> {
        self.0.as_ref()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "set" } else { "not set" })
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self((!text.is_empty()).then(|| Secret::new(text))))
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_some() { "(not shown)" } else { "" })
    }
}

impl Default for OAuthSection {
    fn default() -> Self {
        Self {
            enabled: true,
            clients: BTreeMap::new(),
        }
    }
}

impl OAuthSection {
    pub(super) fn check(&self, source: &Source<'_>, folder: &Path) -> Result<(), ConfigError> {
        for (name, client) in &self.clients {
            let file = &client.client_secret_file;
            if client.client_id.is_empty() {
                let words = format!(
                    "[oauth.{name}] has no client_id; the provider gives one when Postern is registered there"
                );
                return Err(source.at_key(&format!("[oauth.{name}]"), words));
            }
            if client.client_secret.0.is_some() && !file.as_os_str().is_empty() {
                let words = format!(
                    "[oauth.{name}] has client_secret and client_secret_file; write one of them"
                );
                return Err(source.at_key("client_secret_file", words));
            }
            if !file.as_os_str().is_empty() && !folder.join(file).is_file() {
                let words = format!(
                    "client_secret_file names {}, which is no file",
                    file.display()
                );
                return Err(source.at_key("client_secret_file", words));
            }
        }
        Ok(())
    }

    pub(super) fn resolve(&mut self, resolve: impl Fn(&mut PathBuf)) {
        for client in self.clients.values_mut() {
            if !client.client_secret_file.as_os_str().is_empty() {
                resolve(&mut client.client_secret_file);
            }
        }
    }

    /// Our clients, by the name that plugins call them.
    ///
    /// # Errors
    /// When the file with a secret cannot be read.
    pub fn clients(&self) -> io::Result<Vec<(String, OAuthClient)>> {
        let read = |(name, client): (&String, &OAuthClientSection)| {
            let secret = match &client.client_secret.0 {
                Some(secret) => Some(secret.clone()),
                None if client.client_secret_file.as_os_str().is_empty() => None,
                None => {
                    let text = std::fs::read_to_string(&client.client_secret_file)?;
                    let line = text.lines().next().unwrap_or_default();
                    Some(Secret::new(line)).filter(|secret| !secret.is_empty())
                }
            };
            let id = client.client_id.clone();
            Ok((name.clone(), OAuthClient { id, secret }))
        };
        self.clients.iter().map(read).collect()
    }
}
