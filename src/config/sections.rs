//! The sections of the file, with their defaults. Absent: what makes a value wrong.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[store]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// Where mail, settings and keys live.
    pub folder: PathBuf,
    /// MiB of memory for pages.
    pub cache_mib: u32,
    /// MiB that must stay free.
    pub free_space_floor_mib: u64,
}

/// `[scripts]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScriptsSection {
    /// The folder.
    pub folder: PathBuf,
    /// IANA name.
    pub time_zone: String,
    /// Milliseconds for one call.
    pub time_max_milliseconds: u64,
    /// Nothing goes live whose tests fail.
    pub require_tests: bool,
    /// Administrators may change scripts on the pages and by the API.
    pub edit_on_page: bool,
    /// An older version answers in the place of one that fails.
    pub fall_back: bool,
}

/// `[plugins]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginsSection {
    /// The folder.
    pub folder: PathBuf,
}

/// `[mail]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSection {
    /// Seconds between looks at servers without IDLE.
    pub check_interval_seconds: u64,
    /// Seconds between renewals of IDLE.
    pub rescan_seconds: u64,
    /// Attempts before a mailbox is shown as in error.
    pub max_reconnect_attempts: u32,
    /// MiB.
    pub mail_size_max_mib: u64,
    /// New connections to one host within a second.
    pub connects_per_second_per_host_max: u32,
    /// Those being opened there at the same time.
    pub connects_at_once_per_host_max: u32,
    /// New connections to all hosts within a second.
    pub connects_per_second_max: u32,
    /// Those being opened at the same time.
    pub connects_at_once_max: u32,
    /// PEM files.
    pub ca_files: Vec<PathBuf>,
}

/// `[outbox]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboxSection {
    /// Seconds in which a person takes a reply back; 0 is off.
    pub undo_seconds: u8,
}

/// `[system_smtp]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct SystemSmtpSection {
    /// Empty: there is none.
    pub host: String,
    /// 0: the usual one of the protection.
    pub port: u16,
    /// How it is protected.
    pub security: ServerSecurity,
    /// Empty: no login.
    pub user: String,
    /// Holds the password, in its first line.
    pub password_file: PathBuf,
    /// Who notices are from.
    pub from: String,
}

/// How a server of the configuration is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerSecurity {
    /// TLS from the first byte.
    #[default]
    Tls,
    /// Upgraded before anything is said.
    StartTls,
    /// Readable on the way.
    None,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// For people or for programs.
    pub format: LogFormat,
    /// Filter.
    pub level: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            folder: "../data".into(),
            cache_mib: 16,
            free_space_floor_mib: 256,
        }
    }
}

impl Default for ScriptsSection {
    fn default() -> Self {
        Self {
            folder: "../scripts".into(),
            time_zone: "UTC".to_owned(),
            time_max_milliseconds: 50,
            require_tests: false,
            edit_on_page: true,
            fall_back: false,
        }
    }
}

impl Default for PluginsSection {
    fn default() -> Self {
        Self {
            folder: "../data/plugins".into(),
        }
    }
}

impl Default for OutboxSection {
    fn default() -> Self {
        Self { undo_seconds: 5 }
    }
}

impl Default for MailSection {
    fn default() -> Self {
        Self {
            check_interval_seconds: 60,
            rescan_seconds: 300,
            max_reconnect_attempts: 5,
            mail_size_max_mib: 64,
            connects_per_second_per_host_max: 10,
            connects_at_once_per_host_max: 8,
            connects_per_second_max: 50,
            connects_at_once_max: 32,
            ca_files: Vec::new(),
        }
    }
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "info".to_owned(),
        }
    }
}
