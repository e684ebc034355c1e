//! One file in, each module's own options out.
//!
//! Invariant: nobody below this storey has heard of the configuration. Every key
//! has a default that is right for a small team; an unknown key or a wrong value
//! is refused with file, line and column.

mod alerts;
mod http;
mod mail;
mod network;
mod oauth;
mod place;
mod sections;
mod smtp_listener;
mod system_smtp;

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::outbox::UNDO_MAX;
use crate::domain::turns::Ceilings;

pub use self::alerts::AlertsSection;
pub use self::http::HttpSection;
pub use self::network::NetworkSection;
pub use self::oauth::{OAuthClientSection, OAuthSection};
pub use self::place::ConfigError;
pub use self::sections::{
    LogFormat, LogSection, MailSection, OutboxSection, PluginsSection, ScriptsSection,
    ServerSecurity, StoreSection, SystemSmtpSection,
};

pub use self::smtp_listener::SmtpListenerSection;

use self::place::Source;

/// What `[log] level` may say without naming a room.
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// Looked for when no file is named.
pub const DEFAULT_PATH: &str = "config/postern.toml";

/// Everything that can be set.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The data folder.
    pub store: StoreSection,
    /// Pages and API.
    pub http: HttpSection,
    /// Admins' scripts.
    pub scripts: ScriptsSection,
    /// What is known about providers.
    pub plugins: PluginsSection,
    /// Connections to mail servers.
    pub mail: MailSection,
    /// Replies on their way.
    pub outbox: OutboxSection,
    /// The gateway's own way out.
    pub system_smtp: SystemSmtpSection,
    /// Notices about mailboxes.
    pub alerts: AlertsSection,
    /// Mail that is forwarded to us.
    pub smtp_listener: SmtpListenerSection,
    /// How far connections may reach.
    pub network: NetworkSection,
    /// Sign-ins at providers.
    pub oauth: OAuthSection,
    /// The log.
    pub log: LogSection,
}

impl Config {
    /// Reads a file. Relative paths inside it are resolved against its folder.
    ///
    /// # Errors
    /// When the file cannot be read, or something in it is wrong; the error names
    /// file, line and column.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read {
            path: path.to_owned(),
            cause,
        })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        Self::parse(&text, path).map(|config| config.resolved(folder))
    }

    /// The defaults, with paths relative to `folder`.
    #[must_use]
    pub fn defaults_in(folder: &Path) -> Self {
        Self::default().resolved(folder)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let source = Source { text, path };
        let config: Self = toml::from_str(text).map_err(|error| source.of_toml(&error))?;
        config.check(&source)?;
        Ok(config)
    }

    fn check(&self, source: &Source<'_>) -> Result<(), ConfigError> {
        let within = |key: &str, value: u64, range: std::ops::RangeInclusive<u64>| {
            if range.contains(&value) {
                return Ok(());
            }
            Err(source.at_key(
                key,
                format!(
                    "{key} is {value}; it must be from {} to {}",
                    range.start(),
                    range.end()
                ),
            ))
        };
        within("cache_mib", u64::from(self.store.cache_mib), 4..=65_536)?;
        within(
            "free_space_floor_mib",
            self.store.free_space_floor_mib,
            0..=1_048_576,
        )?;
        within(
            "check_interval_seconds",
            self.mail.check_interval_seconds,
            5..=86_400,
        )?;
        within(
            "time_max_milliseconds",
            self.scripts.time_max_milliseconds,
            1..=10_000,
        )?;
        within("rescan_seconds", self.mail.rescan_seconds, 30..=540)?;
        within(
            "max_reconnect_attempts",
            u64::from(self.mail.max_reconnect_attempts),
            1..=1_000,
        )?;
        within("mail_size_max_mib", self.mail.mail_size_max_mib, 1..=1_024)?;
        let undo_max = UNDO_MAX.as_secs().unsigned_abs();
        within(
            "undo_seconds",
            u64::from(self.outbox.undo_seconds),
            0..=undo_max,
        )?;
        for (key, value) in self.mail.ceilings_by_key() {
            within(key, u64::from(value), 1..=100_000)?;
        }
        if let Err(error) = self.zone() {
            return Err(source.at_key(
                "time_zone",
                format!("time_zone is {:?}: {error}", self.scripts.time_zone),
            ));
        }
        let level = &self.log.level;
        let plain_word = level.chars().all(|c| c.is_ascii_alphabetic());
        if plain_word && !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
            let words = format!(
                "level is {level:?}; it must be one of {}",
                LEVELS.join(", ")
            );
            return Err(source.at_key("level", words));
        }
        let folder = source.path.parent().unwrap_or_else(|| Path::new("."));
        for file in &self.mail.ca_files {
            if !folder.join(file).is_file() {
                let words = format!("ca_files names {}, which is no file", file.display());
                return Err(source.at_key("ca_files", words));
            }
        }
        self.system_smtp.check(source, folder)?;
        self.alerts.check(source)?;
        self.smtp_listener.check(source, folder)?;
        self.network.check(source)?;
        self.oauth.check(source, folder)?;
        self.http.check(source)
    }

    fn resolved(mut self, folder: &Path) -> Self {
        let resolve = |path: &mut PathBuf| *path = plain(&folder.join(&*path));
        resolve(&mut self.store.folder);
        resolve(&mut self.scripts.folder);
        resolve(&mut self.plugins.folder);
        self.mail.ca_files.iter_mut().for_each(resolve);
        self.oauth.resolve(resolve);
        self.smtp_listener.resolve(resolve);
        if !self.system_smtp.password_file.as_os_str().is_empty() {
            resolve(&mut self.system_smtp.password_file);
        }
        self
    }

    /// What scripts see as local time.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn zone(&self) -> Result<TimeZone, jiff::Error> {
        TimeZone::get(&self.scripts.time_zone)
    }

    /// The address for links, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> String {
        if self.http.public_url.is_empty() {
            return format!("http://{}", self.http.listen);
        }
        self.http.public_url.trim_end_matches('/').to_owned()
    }

    /// The same for mails that are read elsewhere: only an address that was set.
    #[must_use]
    pub fn address_in_mails(&self) -> Option<String> {
        (!self.http.public_url.is_empty()).then(|| self.public_url())
    }

    /// Every setting in force, as a file that could be loaded.
    ///
    /// # Errors
    /// When a path is no UTF-8.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// How often a server that does not push is asked.
    #[must_use]
    pub fn check_interval(&self) -> Duration {
        Duration::from_secs(self.mail.check_interval_seconds)
    }

    /// How long one call of a script may take.
    #[must_use]
    pub fn script_time_max(&self) -> Duration {
        Duration::from_millis(self.scripts.time_max_milliseconds)
    }

    /// How many connections to mail servers are opened at a time.
    #[must_use]
    pub fn ceilings(&self) -> Ceilings {
        self.mail.ceilings()
    }

    /// How long a reply can be taken back.
    #[must_use]
    pub fn undo(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.outbox.undo_seconds))
    }

    /// How often IDLE is renewed and the folder looked through.
    #[must_use]
    pub fn rescan(&self) -> Duration {
        Duration::from_secs(self.mail.rescan_seconds)
    }
}

/// The path without `folder/..`, so that it can be opened before `folder` exists.
fn plain(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                parts.pop();
            }
            (Component::CurDir, _) => {}
            _ => parts.push(part),
        }
    }
    let plain: PathBuf = parts.iter().collect();
    if plain.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse(text, Path::new("postern.toml"))
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn the_shipped_file_says_the_defaults_and_every_key() {
        let shipped = include_str!("../config/postern.toml");
        let config =
            Config::parse(shipped, Path::new("postern.toml")).expect("the shipped file is right");
        let written = config.to_toml().expect("writable");
        assert_eq!(written, Config::default().to_toml().expect("writable"));
        for line in written.lines().filter_map(|line| line.split_once(" = ")) {
            assert!(
                shipped.contains(&format!("\n{} = ", line.0)),
                "{} is not written out",
                line.0
            );
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let words = error("[http]\nlisten = \"127.0.0.1:1\"\nlissten = 3\n");
        assert!(words.starts_with("postern.toml:3:1: "), "{words}");
        assert!(words.contains("lissten"), "{words}");
    }

    #[test]
    fn a_wrong_type_is_refused_with_its_place() {
        let words = error("[store]\ncache_mib = \"much\"\n");
        assert!(words.starts_with("postern.toml:2:13: "), "{words}");
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_place() {
        let words = error("[mail]\n\nrescan_seconds = 2000\n");
        assert!(
            words
                .starts_with("postern.toml:3:1: rescan_seconds is 2000; it must be from 30 to 540"),
            "{words}"
        );
        let off = "[smtp_listener]\nenabled = true\n";
        assert!(error(off).contains("domain is \"\"; it must be a domain"));
        assert!(error("[smtp_listener]\nconnections_max = 0\n").contains("from 1 to"));
        assert!(error("[mail]\nconnects_at_once_max = 0\n").contains("from 1 to"));
        assert!(error("[alerts]\ndays_before = [0]\n").starts_with("postern.toml:2:1: "));
        assert!(error("[alerts]\nalso_to = [\"me\"]\n").contains("\"me\""));
        assert!(error("[log]\nlevel = \"loud\"\n").starts_with("postern.toml:2:1: level is"));
        assert!(error("[mail]\nca_files = [\"no.pem\"]\n").contains("no.pem"));
        assert!(error("[scripts]\ntime_zone = \"Mars\"\n").contains("time_zone is \"Mars\""));
    }

    #[test]
    fn clients_of_providers_are_named_and_their_secrets_are_not_shown() {
        let text = "[oauth.google]\nclient_id = \"us\"\nclient_secret = \"hunter2\"\n";
        let config = Config::parse(text, Path::new("postern.toml")).expect("right");
        assert!(config.oauth.enabled);
        let clients = config.oauth.clients().expect("nothing to read");
        assert_eq!(
            (clients[0].0.as_str(), clients[0].1.id.as_str()),
            ("google", "us")
        );
        let secret = clients[0].1.secret.as_ref().expect("one");
        assert_eq!(secret.expose(), "hunter2");
        assert!(!config.to_toml().expect("writable").contains("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(error("[oauth.google]\nclient_id = \"\"\n").contains("client_id"));
        assert!(error("[oauth.google]\nclient = \"\"\n").contains("client"));
        assert!(error("[oauth]\nenable = false\n").contains("expected `enabled`"));
    }

    #[test]
    fn networks_are_read_or_refused_with_their_place() {
        let text =
            "[network]\nlookups_may_reach = [\"10.0.0.0/8\"]\nprivate_mail_servers = false\n";
        let network = Config::parse(text, Path::new("postern.toml"))
            .expect("right")
            .network;
        assert!(network.lookups().check([10, 1, 2, 3].into()).is_ok());
        assert!(network.reach().check([192, 168, 1, 1].into()).is_err());
        let words = error("[network]\nlookups_may_reach = [\"10.0.0.0/40\"]\n");
        assert!(words.starts_with("postern.toml:2:1: "), "{words}");
        assert!(error("[network]\nname_server = \"dns\"\n").contains("name_server"));
        let words = error("[http]\nproxies = [\"proxy\"]\n");
        assert!(words.starts_with("postern.toml:2:1: "), "{words}");
        assert!(error("[http]\nconnections_per_address_max = 0\n").contains("from 1 to 1024"));
    }

    #[test]
    fn paths_begin_at_the_file() {
        let config = Config::defaults_in(Path::new("/etc/postern"));
        assert_eq!(config.store.folder, Path::new("/etc/data"));
        let config = Config::defaults_in(Path::new("config"));
        assert_eq!(config.store.folder, Path::new("data"));
        assert_eq!(plain(Path::new("../../a/../b/./c")), Path::new("../../b/c"));
    }
}
