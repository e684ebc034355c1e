//! The form of `plugin.toml`, key by key. The JSON Schema is generated from these types.
//!
//! Absent: whether values make sense; `facts` decides that.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// A value that remembers where it stands.
pub(super) type At<T> = Spanned<T>;

/// A whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginFile {
    /// The version of this form: 1.
    #[schemars(with = "u32")]
    pub(super) format: At<u32>,
    /// The name of the folder: lower-case letters, digits and hyphens.
    #[schemars(with = "String")]
    pub(super) id: At<String>,
    /// What people call it. Taken over from `extends` when left out.
    pub(super) name: Option<TwoTexts>,
    /// A provider, or an overlay that lies over the provider of the address.
    #[serde(default)]
    pub(super) kind: Kind,
    /// Start from this plugin; what is said here wins, failures said here come first.
    #[schemars(with = "Option<String>")]
    pub(super) extends: Option<At<String>>,
    /// Take the place of this plugin.
    #[schemars(with = "Option<String>")]
    pub(super) replaces: Option<At<String>>,
    /// Domains of addresses, lower case.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) domains: Option<Vec<At<String>>>,
    /// Ends of the names of MX hosts, lower case; the longest one wins.
    #[schemars(with = "Option<Vec<String>>")]
    pub(super) mx: Option<Vec<At<String>>>,
    /// Where codes are made and services switched on.
    #[schemars(with = "Option<String>")]
    pub(super) settings_url: Option<At<String>>,
    /// Hosts, ports and the form of the login have a named source.
    pub(super) verified: Option<bool>,
    /// What has no source: keys of this file such as `smtp.files_sent`, or `guide`, each
    /// with a remark in parentheses where only a part of it is meant.
    #[serde(default)]
    pub(super) unverified: Vec<String>,
    /// Where all this is from.
    #[serde(default)]
    pub(super) source: Vec<String>,
    /// What else is worth knowing.
    #[serde(default)]
    #[allow(
        dead_code,
        reason = "for readers of the file; the program has no use for it"
    )]
    pub(super) notes: Vec<String>,
    pub(super) imap: Option<ImapTable>,
    pub(super) pop3: Option<Pop3Table>,
    pub(super) smtp: Option<SmtpTable>,
    pub(super) sign_in: Option<SignInTable>,
    pub(super) oauth: Option<OAuthTable>,
    pub(super) folders: Option<FoldersTable>,
    pub(super) limits: Option<LimitsTable>,
    /// What refusals mean, tried from top to bottom.
    #[serde(default)]
    pub(super) failure: Vec<FailureTable>,
    /// What `hooks.rhai` puts on a mail.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, FieldTable>")]
    pub(super) fields: BTreeMap<At<String>, FieldTable>,
    /// What a notice can be about, as `hooks.rhai` calls it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, FieldTable>")]
    pub(super) notices: BTreeMap<At<String>, FieldTable>,
    /// From where replies to some addresses must leave.
    pub(super) replies: Option<RepliesTable>,
    /// What is asked when a mailbox is connected.
    pub(super) ask: Option<AskTable>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    #[default]
    Provider,
    Overlay,
}

/// A text in English and in Simplified Chinese.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TwoTexts {
    pub(super) en: String,
    pub(super) zh: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SecurityWord {
    Tls,
    StartTls,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UserNameWord {
    Address,
    LocalPart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum IdleWord {
    Push,
    None,
    /// Accepts IDLE and tells nothing.
    Silent,
    /// Offered; nobody has measured it.
    Advertised,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum IdWord {
    Required,
    Recommended,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FilesSentWord {
    Yes,
    No,
    Setting,
    Unknown,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImapTable {
    #[schemars(with = "String")]
    pub(super) host: At<String>,
    #[schemars(with = "u16")]
    pub(super) port: At<u16>,
    pub(super) security: SecurityWord,
    pub(super) user_name: Option<UserNameWord>,
    /// Tried once when the first form is refused.
    pub(super) user_name_other: Option<UserNameWord>,
    pub(super) idle: Option<IdleWord>,
    /// The shortest polite interval, in seconds, where nothing is pushed.
    pub(super) check_seconds: Option<u32>,
    pub(super) id: Option<IdWord>,
    /// Connections of an account, all programs together.
    pub(super) connections_max: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pop3Table {
    #[schemars(with = "String")]
    pub(super) host: At<String>,
    #[schemars(with = "u16")]
    pub(super) port: At<u16>,
    pub(super) security: SecurityWord,
    pub(super) user_name: Option<UserNameWord>,
    /// The shortest polite interval between two logins, in seconds.
    pub(super) check_seconds_min: Option<u32>,
    /// Why IMAP is better here.
    pub(super) discouraged: Option<TwoTexts>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SmtpTable {
    #[schemars(with = "String")]
    pub(super) host: At<String>,
    #[schemars(with = "u16")]
    pub(super) port: At<u16>,
    pub(super) security: SecurityWord,
    pub(super) user_name: Option<UserNameWord>,
    /// Other servers and ports that work too.
    #[serde(default)]
    pub(super) also: Vec<ServerTable>,
    /// Whether the provider puts what it submits into Sent.
    pub(super) files_sent: Option<FilesSentWord>,
    pub(super) message_mb_max: Option<u32>,
    /// The From address must be the login.
    pub(super) from_must_match: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerTable {
    #[schemars(with = "String")]
    pub(super) host: At<String>,
    #[schemars(with = "u16")]
    pub(super) port: At<u16>,
    pub(super) security: SecurityWord,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum MethodWord {
    Password,
    AppPassword,
    AuthorizationCode,
    #[serde(rename = "oauth2")]
    OAuth2,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInTable {
    /// Best first.
    pub(super) methods: Vec<MethodWord>,
    /// Codes end after so many days.
    pub(super) code_valid_days: Option<u16>,
    /// What a code looks like, for people.
    pub(super) code_shape: Option<TwoTexts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MechanismWord {
    XOAuth2,
    OAuthBearer,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OAuthTable {
    /// Which `[oauth.*]` of the configuration holds client id and secret.
    #[schemars(with = "String")]
    pub(super) client: At<String>,
    #[schemars(with = "String")]
    pub(super) authorize: At<String>,
    #[schemars(with = "String")]
    pub(super) token: At<String>,
    #[schemars(with = "Option<String>")]
    pub(super) device: Option<At<String>>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// Added to the first request.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
    /// RFC 7636; true when left out.
    pub(super) pkce: Option<bool>,
    pub(super) mechanism: Option<MechanismWord>,
    /// Says who signed in.
    #[schemars(with = "Option<String>")]
    pub(super) userinfo: Option<At<String>>,
    /// What it calls itself when it sends a browser back (RFC 9207).
    #[schemars(with = "Option<String>")]
    pub(super) issuer: Option<At<String>>,
    pub(super) refresh_valid_days: Option<u16>,
    /// How a client is registered; `{redirect_uri}` is replaced.
    pub(super) registration: Option<TwoTexts>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FoldersTable {
    pub(super) sent: Option<String>,
    pub(super) drafts: Option<String>,
    pub(super) trash: Option<String>,
    pub(super) junk: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsTable {
    pub(super) messages_per_day: Option<u32>,
    pub(super) recipients_per_message: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DialogueWord {
    Imap,
    Pop3,
    SmtpLogin,
    Smtp,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClassWord {
    BadCredentials,
    AuthorizationExpired,
    InteractiveLogin,
    ServiceDisabled,
    Temporary,
    Network,
    Policy,
    SendingQuota,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureTable {
    #[schemars(with = "DialogueWord")]
    pub(super) protocol: At<DialogueWord>,
    /// The text of the server holds this, whatever the case. Either this or `pattern`.
    pub(super) text: Option<String>,
    /// A regular expression that finds something in the text, whatever the case.
    #[schemars(with = "Option<String>")]
    pub(super) pattern: Option<At<String>>,
    pub(super) class: ClassWord,
    /// What else the same words can mean.
    #[serde(default)]
    pub(super) may_be: Vec<ClassWord>,
    /// A source has these words; true when left out.
    pub(super) verified: Option<bool>,
    #[allow(
        dead_code,
        reason = "for readers of the file; the program has no use for it"
    )]
    pub(super) note: Option<String>,
    /// The provider's own way out.
    pub(super) advice: Option<TwoTexts>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldTable {
    pub(super) label: TwoTexts,
}

/// The answer to a question of `[ask]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AnswerWord {
    RegisteredAddress,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RepliesTable {
    /// They leave from this address only, which `[ask]` asks for.
    #[schemars(with = "AnswerWord")]
    pub(super) only_from: At<AnswerWord>,
    /// When they go to one of these domains, lower case.
    #[schemars(with = "Vec<String>")]
    pub(super) to_domains: Vec<At<String>>,
    /// What to do about a reply that is refused.
    pub(super) advice: Option<TwoTexts>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AskTable {
    pub(super) registered_address: Option<QuestionTable>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuestionTable {
    pub(super) label: TwoTexts,
    #[serde(default)]
    #[allow(
        dead_code,
        reason = "every question that exists today must be answered"
    )]
    pub(super) required: bool,
}

/// The JSON Schema of `plugin.toml`.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(PluginFile).into()
}
