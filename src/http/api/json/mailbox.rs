//! Mailboxes. Passwords come in and never go out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PersonBody;
use super::proof::CanaryBody;
use super::replying::ReplySettingsBody;
use super::threading::ThreadingBody;
use crate::domain::forwarded::{Confirmation, TwoWays};
use crate::domain::mailbox::{Condition, Mailbox, MailboxHealth, Security, Server, Switch, WayIn};
use crate::domain::secret::Secret;
use crate::domain::state::MailboxState;
use crate::service::connect::wish::{Readable, Wish};

/// What is needed to connect a mailbox. What is left out follows from the address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct ProposalBody {
    address: String,
    /// What the team calls it; the address when left out.
    name: Option<String>,
    /// The plugin of the provider; found by the address when left out.
    preset: Option<String>,
    slug: Option<String>,
    /// `imap`, `pop3` or `forwarding`.
    protocol: Option<String>,
    incoming: Option<ServerBody>,
    /// `leave`, `once-stored` or a number of days.
    pop3_keep: Option<String>,
    outgoing: Option<ServerBody>,
    /// Replies leave by the gateway's own server.
    #[serde(default)]
    system_smtp: bool,
    /// The address when left out.
    user: Option<String>,
    password: Option<String>,
    /// When the outgoing server wants another login.
    outgoing_user: Option<String>,
    outgoing_password: Option<String>,
    folder: Option<String>,
    #[serde(default)]
    more_folders: Vec<String>,
    junk: Option<String>,
    sent_folder: Option<String>,
    provider_files_sent: Option<bool>,
    /// The name replies leave under.
    identity_name: Option<String>,
    /// `Name <address>` or an address, each.
    #[serde(default)]
    aliases: Vec<String>,
    signature: Option<String>,
    #[serde(default)]
    replies: ReplySettingsBody,
    #[serde(default)]
    threading: ThreadingBody,
    #[serde(default)]
    history: HistoryBody,
    /// `2026-01-31`
    code_created_on: Option<String>,
    rescue_address: Option<String>,
    overlay: Option<String>,
    registered_address: Option<String>,
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
pub(super) struct ServerBody {
    host: String,
    port: Option<u16>,
    security: Option<String>,
}

impl ProposalBody {
    pub(in crate::http::api) fn into_wish(self) -> Wish {
        let (incoming, incoming_security) = ServerBody::typed(self.incoming);
        let (outgoing, outgoing_security) = ServerBody::typed(self.outgoing);
        Wish {
            address: self.address,
            name: self.name,
            preset: self.preset,
            slug: self.slug,
            protocol: self.protocol,
            incoming,
            incoming_security,
            pop3_keep: self.pop3_keep,
            outgoing,
            outgoing_security,
            system_smtp: self.system_smtp,
            readable: Readable::WhereTyped,
            user: self.user,
            password: self.password.map(Secret::new),
            grant: None,
            account: None,
            outgoing_user: self.outgoing_user,
            outgoing_password: self.outgoing_password.map(Secret::new),
            folder: self.folder,
            more_folders: self.more_folders,
            junk: self.junk,
            sent_folder: self.sent_folder,
            provider_files_sent: self.provider_files_sent,
            from_name: self.identity_name,
            aliases: self.aliases,
            signature: self.signature,
            replies: self.replies.into(),
            threading: self.threading.into(),
            history: Some(self.history.typed()),
            code_created_on: self.code_created_on,
            rescue_address: self.rescue_address,
            overlay: self.overlay,
            registered_address: self.registered_address,
            receiving: None,
        }
    }
}

impl ServerBody {
    /// As somebody would type it.
    pub(super) fn typed(server: Option<Self>) -> (Option<String>, Option<String>) {
        let Some(server) = server else {
            return (None, None);
        };
        let host = match (server.host.contains(':'), server.port) {
            (_, None) => server.host,
            (false, Some(port)) => format!("{}:{port}", server.host),
            (true, Some(port)) => format!("[{}]:{port}", server.host),
        };
        (Some(host), server.security)
    }

    pub(super) fn new(server: &Server) -> Self {
        let security = match server.security {
            Security::Tls => "tls",
            Security::StartTls => "starttls",
            Security::None => "none",
        };
        Self {
            host: server.host.clone(),
            port: Some(server.port),
            security: Some(security.to_owned()),
        }
    }
}

impl HistoryBody {
    fn typed(self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Days(days) => days.to_string(),
            Self::All => "all".to_owned(),
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
    /// Id of the preset that lies over the provider's.
    overlay: Option<String>,
    /// The address that is registered there; replies leave only from it.
    registered_address: Option<String>,
    slug: String,
    /// `imap`, `pop3` or `forwarding`.
    way_in: &'static str,
    incoming: Option<ServerBody>,
    /// Where the provider is to forward to, when mail comes that way.
    receiving_address: Option<String>,
    /// A provider asks whether it may forward.
    confirmation: Option<ConfirmationBody>,
    /// Mail comes by two ways, one of them too many.
    two_ways: Option<TwoWaysBody>,
    /// Absent when replies leave by the gateway's own server.
    outgoing: Option<ServerBody>,
    folder: Option<String>,
    identity: PersonBody,
    signature: String,
    replies: ReplySettingsBody,
    threading: ThreadingBody,
    aliases: Vec<PersonBody>,
    sent_folder: Option<String>,
    provider_files_sent: bool,
    rescue_address: Option<String>,
    code_created_on: Option<String>,
    /// The day its code or sign-in ends by age, where that is known.
    expires_on: Option<String>,
    /// Days until then; negative when it should have ended.
    days_left: Option<i64>,
    /// The gateway's when absent.
    check_interval_seconds: Option<u64>,
    /// The gateway's when absent.
    max_reconnect_attempts: Option<u32>,
    /// Texts for scripts, by name.
    settings: BTreeMap<String, String>,
    /// `on`, `offline` or `unbound`.
    switch: &'static str,
    offline: bool,
    connected_at: String,
    receiving: ConditionBody,
    sending: ConditionBody,
    last_sign_of_life: Option<String>,
    last_submission: Option<String>,
    last_mail_at: Option<String>,
    catching_up: Option<u32>,
    /// Seen on the server and not taken in.
    held: HeldBody,
    /// A test mail has come in and its answer has left.
    tested: bool,
    canary: CanaryBody,
}

/// What a person types, or opens, at the provider to let it forward.
#[derive(Debug, Serialize)]
struct ConfirmationBody {
    code: String,
    link: Option<String>,
    account: Option<String>,
    at: String,
}

impl ConfirmationBody {
    fn new(asked: &Confirmation) -> Self {
        Self {
            code: asked.code.clone(),
            link: asked.link.clone(),
            account: asked.account.as_ref().map(ToString::to_string),
            at: asked.at.to_string(),
        }
    }
}

/// The two ways, in words.
#[derive(Debug, Serialize)]
struct TwoWaysBody {
    first: String,
    second: String,
    last_at: String,
    count: u64,
}

impl TwoWaysBody {
    fn new(two: &TwoWays) -> Self {
        Self {
            first: two.first.clone(),
            second: two.second.clone(),
            last_at: two.at.to_string(),
            count: two.count,
        }
    }
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
            overlay: settings.overlay.clone(),
            registered_address: settings
                .registered_address
                .as_ref()
                .map(ToString::to_string),
            slug: settings.slug.to_string(),
            way_in: way_name(&settings.way_in),
            incoming: settings.way_in.server().map(ServerBody::new),
            receiving_address: health.receiving_address.clone(),
            confirmation: health.confirmation.as_ref().map(ConfirmationBody::new),
            two_ways: health.two_ways.as_ref().map(TwoWaysBody::new),
            outgoing: settings.way_out.server().map(ServerBody::new),
            folder: settings.imap().map(|way| way.folder.to_string()),
            identity: PersonBody::new(&settings.identity),
            signature: settings.signature.clone(),
            replies: settings.replies.into(),
            threading: settings.threading.into(),
            aliases: settings.aliases.iter().map(PersonBody::new).collect(),
            sent_folder: settings.sent_folder.as_ref().map(ToString::to_string),
            provider_files_sent: settings.provider_files_sent,
            rescue_address: settings.rescue_address.as_ref().map(ToString::to_string),
            code_created_on: settings.code_created_on.map(|day| day.to_string()),
            expires_on: health.expiry.map(|(expiry, _)| expiry.ends_on.to_string()),
            days_left: health.expiry.map(|(_, days_left)| days_left),
            check_interval_seconds: settings.check_interval.map(|wait| wait.as_secs()),
            max_reconnect_attempts: settings.attempts_max,
            settings: settings.values.clone(),
            switch: switch_name(settings.switch),
            offline: settings.offline(),
            connected_at: mailbox.connected_at.to_string(),
            receiving: ConditionBody::new(&health.receiving),
            sending: ConditionBody::new(&health.sending),
            last_sign_of_life: health.last_sign_of_life.map(|at| at.to_string()),
            last_submission: health.last_submission.map(|at| at.to_string()),
            last_mail_at: health.last_mail_at.map(|at| at.to_string()),
            catching_up: health.catching_up,
            held: HeldBody {
                too_large: health.held.too_large,
                incomplete: health.held.incomplete,
            },
            tested: health.proofs.proven_at.is_some(),
            canary: CanaryBody::new(&health.proofs.canary),
        }
    }
}

impl ConditionBody {
    fn new(condition: &Condition) -> Self {
        let mut body = Self {
            state: MailboxState::of(condition).word(),
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
                body.reason = Some(reason.to_string());
                body.next_at = Some(next_at.to_string());
                body.retry = Some(*retry);
                body.retries_max = Some(*retries_max);
            }
            Condition::Error { reason, next_at } => {
                body.reason = Some(reason.to_string());
                body.next_at = Some(next_at.to_string());
            }
            Condition::ReauthenticationNeeded { reason } => body.reason = Some(reason.to_string()),
        }
        body
    }
}

fn switch_name(switch: Switch) -> &'static str {
    match switch {
        Switch::On => "on",
        Switch::Offline => "offline",
        Switch::Unbound => "unbound",
    }
}

pub(in crate::http) fn way_name(way: &WayIn) -> &'static str {
    match way {
        WayIn::Imap(_) => "imap",
        WayIn::Pop3(_) => "pop3",
        WayIn::Forwarding(_) => "forwarding",
    }
}
