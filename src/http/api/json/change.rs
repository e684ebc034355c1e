//! Changes to a connected mailbox. `null` takes a setting away; what is not named stays.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::mailbox::{MailboxBody, ServerBody};
use super::replying::ReplySettingsBody;
use super::threading::ThreadingBody;
use crate::domain::secret::Secret;
use crate::service::mailboxes::{Edit, GivenLogins};

/// New settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct ChangeBody {
    #[serde(default, deserialize_with = "named")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    slug: Option<Option<String>>,
    address: Option<String>,
    incoming: Option<ServerBody>,
    outgoing: Option<ServerBody>,
    /// Replies leave by the gateway's own server.
    system_smtp: Option<bool>,
    folder: Option<String>,
    /// `leave`, `once-stored` or a number of days.
    pop3_keep: Option<String>,
    #[serde(default, deserialize_with = "named")]
    sent_folder: Option<Option<String>>,
    provider_files_sent: Option<bool>,
    /// The name replies leave under.
    #[serde(default, deserialize_with = "named")]
    identity_name: Option<Option<String>>,
    aliases: Option<Vec<String>>,
    signature: Option<String>,
    #[serde(default)]
    replies: ReplySettingsBody,
    #[serde(default)]
    threading: ThreadingBody,
    #[serde(default, deserialize_with = "named")]
    rescue_address: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    overlay: Option<Option<String>>,
    /// The address that is registered there.
    #[serde(default, deserialize_with = "named")]
    registered_address: Option<Option<String>>,
    /// `2026-01-31`
    #[serde(default, deserialize_with = "named")]
    code_created_on: Option<Option<String>>,
    /// The gateway's when `null`.
    #[serde(default, deserialize_with = "named")]
    check_interval_seconds: Option<Option<u64>>,
    /// The gateway's when `null`.
    #[serde(default, deserialize_with = "named")]
    max_reconnect_attempts: Option<Option<u64>>,
    /// Texts for scripts, by name; `null` takes one away, and those that are not named stay.
    #[serde(default)]
    settings: BTreeMap<String, Option<String>>,
    user: Option<String>,
    password: Option<String>,
    outgoing_user: Option<String>,
    outgoing_password: Option<String>,
}

/// `null` is a value here, not an absence.
fn named<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// As somebody would type it.
fn typed<T: ToString>(value: Option<Option<T>>) -> Option<String> {
    value.map(|value| value.map(|value| value.to_string()).unwrap_or_default())
}

impl ChangeBody {
    pub(in crate::http::api) fn into_edit(self) -> Edit {
        let (incoming, incoming_security) = ServerBody::typed(self.incoming);
        let (outgoing, outgoing_security) = ServerBody::typed(self.outgoing);
        Edit {
            name: typed(self.name),
            slug: typed(self.slug),
            address: self.address,
            incoming,
            incoming_security,
            folder: self.folder,
            pop3_keep: self.pop3_keep,
            outgoing,
            outgoing_security,
            system_smtp: self.system_smtp,
            sent_folder: typed(self.sent_folder),
            provider_files_sent: self.provider_files_sent,
            from_name: typed(self.identity_name),
            aliases: self.aliases,
            signature: self.signature,
            replies: self.replies.into(),
            threading: self.threading.into(),
            rescue_address: typed(self.rescue_address),
            overlay: typed(self.overlay),
            registered_address: typed(self.registered_address),
            code_created_on: typed(self.code_created_on),
            check_interval: typed(self.check_interval_seconds),
            attempts_max: typed(self.max_reconnect_attempts),
            values: self
                .settings
                .into_iter()
                .map(|(name, value)| (name, value.unwrap_or_default()))
                .collect(),
            logins: GivenLogins {
                user: self.user,
                password: self.password.map(Secret::new),
                outgoing_user: self.outgoing_user,
                outgoing_password: self.outgoing_password.map(Secret::new),
            },
        }
    }
}

/// A login: mostly one password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct LoginsBody {
    user: Option<String>,
    password: Option<String>,
    outgoing_user: Option<String>,
    outgoing_password: Option<String>,
}

impl From<LoginsBody> for GivenLogins {
    fn from(body: LoginsBody) -> Self {
        Self {
            user: body.user,
            password: body.password.map(Secret::new),
            outgoing_user: body.outgoing_user,
            outgoing_password: body.outgoing_password.map(Secret::new),
        }
    }
}

/// The mailbox as it is now, and where reading goes on when that was a question.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ChangedBody {
    #[serde(flatten)]
    mailbox: MailboxBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<String>,
}

impl ChangedBody {
    pub(in crate::http::api) fn new(mailbox: MailboxBody, reading: Option<String>) -> Self {
        Self { mailbox, reading }
    }
}
