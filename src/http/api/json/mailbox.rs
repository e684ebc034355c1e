//! Mailboxes. Passwords come in and never go out.

use serde::{Deserialize, Serialize};

use super::super::super::body::shortened;
use super::super::super::error::{Kind, Problem};
use super::PersonBody;
use super::conversation::unknown_word;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{
    Condition, Credentials, History, ImapWay, Login, Mailbox, MailboxHealth, MailboxLogins,
    MailboxSettings, Security, Server, WayIn, WayOut,
};
use crate::domain::secret::Secret;
use crate::service::connect::{Proposal, Step, StepResult};

/// What is needed to connect a mailbox.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct ProposalBody {
    address: String,
    /// What the team calls it; the address when left out.
    name: Option<String>,
    #[serde(default = "other")]
    preset: String,
    incoming: ServerBody,
    outgoing: ServerBody,
    /// The address when left out.
    user: Option<String>,
    password: String,
    /// When the outgoing server wants another login.
    outgoing_user: Option<String>,
    outgoing_password: Option<String>,
    folder: Option<String>,
    sent_folder: Option<String>,
    #[serde(default)]
    provider_files_sent: bool,
    /// The name replies leave under.
    identity_name: Option<String>,
    #[serde(default)]
    signature: String,
    #[serde(default)]
    history: HistoryBody,
}

/// `"nothing"`, `"all"` or `{"days": 30}`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HistoryBody {
    #[default]
    Nothing,
    Days(u16),
    All,
}

/// A server. `security` is `tls`, `starttls` or `none`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerBody {
    host: String,
    port: u16,
    #[serde(default = "tls")]
    security: String,
}

fn other() -> String {
    "other".to_owned()
}

fn tls() -> String {
    "tls".to_owned()
}

impl ProposalBody {
    pub(in crate::http::api) fn into_proposal(self) -> Result<Proposal, Problem> {
        let address = Address::parse(&self.address)
            .map_err(|error| unusable("address", &error.to_string(), &self.address))?;
        let incoming = Login {
            user: self.user.unwrap_or_else(|| address.to_string()),
            credentials: Credentials::Password(Secret::new(self.password)),
        };
        let outgoing = Login {
            user: self.outgoing_user.unwrap_or_else(|| incoming.user.clone()),
            credentials: self.outgoing_password.map_or_else(
                || incoming.credentials.clone(),
                |password| Credentials::Password(Secret::new(password)),
            ),
        };
        let watched = self.folder.map(|name| folder("folder", name)).transpose()?;
        let way_in = WayIn::Imap(ImapWay {
            server: self.incoming.into_server("incoming")?,
            folder: watched.unwrap_or_else(FolderName::inbox),
            more_folders: Vec::new(),
            junk: None,
        });
        let way_out = WayOut::Own(self.outgoing.into_server("outgoing")?);
        let identity = NamedAddress::new(self.identity_name.as_deref(), address.clone());
        let usual = MailboxSettings::new(address, way_in, way_out);
        let settings = MailboxSettings {
            name: self.name.unwrap_or_else(|| usual.name.clone()),
            preset: self.preset,
            sent_folder: self
                .sent_folder
                .map(|name| folder("sent_folder", name))
                .transpose()?,
            provider_files_sent: self.provider_files_sent,
            identity,
            signature: self.signature,
            history: self.history.into(),
            ..usual
        };
        Ok(Proposal {
            settings,
            logins: MailboxLogins {
                incoming: Some(incoming),
                outgoing: Some(outgoing),
            },
        })
    }
}

fn folder(field: &str, name: String) -> Result<FolderName, Problem> {
    FolderName::new(name.clone()).ok_or_else(|| unusable(field, "not a folder name", &name))
}

fn unusable(field: &str, why: &str, value: &str) -> Problem {
    Problem::new(
        Kind::Unprocessable,
        format!("`{field}`: {why}: `{}`.", shortened(value)),
    )
}

impl ServerBody {
    fn into_server(self, field: &str) -> Result<Server, Problem> {
        let security = match self.security.as_str() {
            "tls" => Security::Tls,
            "starttls" => Security::StartTls,
            "none" => Security::None,
            word => {
                return Err(unknown_word(
                    &format!("{field}.security"),
                    word,
                    "tls, starttls or none",
                ));
            }
        };
        if self.host.is_empty()
            || self
                .host
                .contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(unusable(
                &format!("{field}.host"),
                "not a host name",
                &self.host,
            ));
        }
        Ok(Server {
            host: self.host,
            port: self.port,
            security,
        })
    }

    fn new(server: &Server) -> Self {
        let security = match server.security {
            Security::Tls => "tls",
            Security::StartTls => "starttls",
            Security::None => "none",
        };
        Self {
            host: server.host.clone(),
            port: server.port,
            security: security.to_owned(),
        }
    }
}

impl From<HistoryBody> for History {
    fn from(body: HistoryBody) -> Self {
        match body {
            HistoryBody::Nothing => Self::Nothing,
            HistoryBody::Days(days) => Self::Days(days),
            HistoryBody::All => Self::All,
        }
    }
}

/// A connected mailbox and how it is doing.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct MailboxBody {
    id: String,
    name: String,
    address: String,
    preset: String,
    slug: String,
    /// `imap`, `pop3` or `forwarding`.
    way_in: &'static str,
    incoming: Option<ServerBody>,
    /// Absent when replies leave by the gateway's own server.
    outgoing: Option<ServerBody>,
    folder: Option<String>,
    identity: PersonBody,
    signature: String,
    offline: bool,
    connected_at: String,
    receiving: ConditionBody,
    sending: ConditionBody,
    last_sign_of_life: Option<String>,
    last_mail_at: Option<String>,
    catching_up: Option<u32>,
    /// Seen on the server and not taken in.
    held: HeldBody,
}

/// Mail that was seen on the server and is not here.
#[derive(Debug, Serialize)]
struct HeldBody {
    too_large: usize,
    incomplete: usize,
}

/// How one direction is doing.
#[derive(Debug, Serialize)]
struct ConditionBody {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries_max: Option<u32>,
}

impl MailboxBody {
    pub(in crate::http::api) fn new(mailbox: &Mailbox, health: &MailboxHealth) -> Self {
        let settings = &mailbox.settings;
        Self {
            id: mailbox.id.to_string(),
            name: settings.name.clone(),
            address: settings.address.to_string(),
            preset: settings.preset.clone(),
            slug: settings.slug.to_string(),
            way_in: way_name(&settings.way_in),
            incoming: settings.way_in.server().map(ServerBody::new),
            outgoing: settings.way_out.server().map(ServerBody::new),
            folder: settings.imap().map(|way| way.folder.to_string()),
            identity: PersonBody::new(&settings.identity),
            signature: settings.signature.clone(),
            offline: settings.offline(),
            connected_at: mailbox.connected_at.to_string(),
            receiving: ConditionBody::new(&health.receiving),
            sending: ConditionBody::new(&health.sending),
            last_sign_of_life: health.last_sign_of_life.map(|at| at.to_string()),
            last_mail_at: health.last_mail_at.map(|at| at.to_string()),
            catching_up: health.catching_up,
            held: HeldBody {
                too_large: health.held.too_large,
                incomplete: health.held.incomplete,
            },
        }
    }
}

impl ConditionBody {
    fn new(condition: &Condition) -> Self {
        let mut body = Self {
            state: condition_name(condition),
            reason: None,
            next_at: None,
            retry: None,
            retries_max: None,
        };
        match condition {
            Condition::Connecting | Condition::Active | Condition::Offline | Condition::Unbound => {
            }
            Condition::Interrupted {
                reason,
                retry,
                retries_max,
                next_at,
            } => {
                body.reason = Some(reason.clone());
                body.next_at = Some(next_at.to_string());
                body.retry = Some(*retry);
                body.retries_max = Some(*retries_max);
            }
            Condition::Error { reason, next_at } => {
                body.reason = Some(reason.clone());
                body.next_at = Some(next_at.to_string());
            }
            Condition::ReauthenticationNeeded { reason } => body.reason = Some(reason.clone()),
        }
        body
    }
}

fn way_name(way: &WayIn) -> &'static str {
    match way {
        WayIn::Imap(_) => "imap",
        WayIn::Pop3(_) => "pop3",
        WayIn::Forwarding(_) => "forwarding",
    }
}

pub(in crate::http) fn condition_name(condition: &Condition) -> &'static str {
    match condition {
        Condition::Connecting => "connecting",
        Condition::Active => "active",
        Condition::Interrupted { .. } => "interrupted",
        Condition::Error { .. } => "error",
        Condition::ReauthenticationNeeded { .. } => "reauthentication_needed",
        Condition::Offline => "offline",
        Condition::Unbound => "unbound",
    }
}

/// How a trial connection went.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ProbeBody {
    passed: bool,
    steps: Vec<StepBody>,
}

/// A step of it.
#[derive(Debug, Serialize)]
struct StepBody {
    step: &'static str,
    passed: bool,
    words: String,
    took_ms: u64,
}

impl ProbeBody {
    pub(in crate::http::api) fn new(steps: &[StepResult]) -> Self {
        Self {
            passed: !steps.is_empty() && steps.iter().all(|step| step.outcome.is_ok()),
            steps: steps.iter().map(StepBody::new).collect(),
        }
    }
}

impl StepBody {
    fn new(result: &StepResult) -> Self {
        let step = match result.step {
            Step::Incoming => "incoming",
            Step::Folder => "folder",
            Step::Outgoing => "outgoing",
        };
        let (Ok(words) | Err(words)) = result.outcome.clone();
        let took_ms = u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX);
        Self {
            step,
            passed: result.outcome.is_ok(),
            words,
            took_ms,
        }
    }
}
