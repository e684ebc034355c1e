//! A mailbox as a card, and its settings as a form.

use super::super::language::Words;
use super::Moment;
use super::proof::{CanaryView, TestView};
use super::threading::ThreadingView;
use crate::domain::address::NamedAddress;
use crate::domain::forwarded::{Confirmation, TwoWays};
use crate::domain::mailbox::{
    Condition, Mailbox, MailboxHealth, MailboxSettings, Security, Server, Switch, WayIn,
};
use crate::domain::replying::ReplySettings;
use crate::domain::state::MailboxState;
use crate::http::api::way_name;

/// A mailbox.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct MailboxView {
    pub(in crate::http::ui) id: String,
    pub(in crate::http::ui) name: String,
    pub(in crate::http::ui) address: String,
    pub(in crate::http::ui) receiving: ConditionView,
    pub(in crate::http::ui) sending: ConditionView,
    pub(in crate::http::ui) incoming: Option<String>,
    pub(in crate::http::ui) outgoing: Option<String>,
    pub(in crate::http::ui) folder: Option<String>,
    pub(in crate::http::ui) last_sign_of_life: Option<Moment>,
    pub(in crate::http::ui) last_mail_at: Option<Moment>,
    pub(in crate::http::ui) catching_up: Option<u32>,
    pub(in crate::http::ui) too_large: usize,
    pub(in crate::http::ui) incomplete: usize,
    /// When a mail last travelled its whole way; `None` when nobody has tried, or it
    /// never did.
    pub(in crate::http::ui) proven_at: Option<Moment>,
    /// The last test mail.
    pub(in crate::http::ui) test: Option<TestView>,
    pub(in crate::http::ui) canary: CanaryView,
    /// By a person: what cannot be refreshed.
    pub(in crate::http::ui) offline: bool,
    pub(in crate::http::ui) unbound: bool,
    /// It has a login of its own that a person can give anew.
    pub(in crate::http::ui) has_login: bool,
    /// Its provider has a sign-in.
    pub(in crate::http::ui) signs_in: bool,
    /// A login is refused: the field for a new one stands open.
    pub(in crate::http::ui) refused: bool,
    pub(in crate::http::ui) slug: String,
    /// `imap`, `pop3` or `forwarding`.
    pub(in crate::http::ui) way_in: &'static str,
    pub(in crate::http::ui) code_created_on: Option<String>,
    /// The day its login ends by age.
    pub(in crate::http::ui) expires_on: Option<String>,
    /// Days until then.
    pub(in crate::http::ui) days_left: i64,
    pub(in crate::http::ui) receiving_address: Option<String>,
    pub(in crate::http::ui) confirmation: Option<Confirmation>,
    pub(in crate::http::ui) two_ways: Option<TwoWays>,
    /// What came of the last thing a person asked of it.
    pub(in crate::http::ui) notice: Option<String>,
    /// A link that was made for somebody who gives it a new login.
    pub(in crate::http::ui) link: Option<LinkView>,
    /// The preset that lies over its provider's.
    pub(in crate::http::ui) overlay: Option<OverlayLine>,
}

/// A link as it stands on a card, once.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct LinkView {
    pub(in crate::http::ui) url: String,
    /// No address was set for people elsewhere, so nobody else can open it.
    pub(in crate::http::ui) is_local: bool,
}

/// What lies over the provider of a mailbox.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct OverlayLine {
    pub(in crate::http::ui) name: String,
    /// From where answers leave.
    pub(in crate::http::ui) registered: Option<String>,
    /// The mailbox does not send from that address, so they are refused.
    pub(in crate::http::ui) is_refused: bool,
}

impl OverlayLine {
    /// `name` is what the overlay is called in the language of the page.
    pub(in crate::http::ui) fn new(mailbox: &Mailbox, name: String) -> Self {
        let settings = &mailbox.settings;
        let registered = settings.registered_address.as_ref();
        Self {
            name,
            registered: registered.map(ToString::to_string),
            is_refused: registered.is_some_and(|address| settings.sender(address).is_none()),
        }
    }
}

/// The settings of a mailbox as a form shows them.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct SettingsView {
    pub(in crate::http::ui) id: String,
    pub(in crate::http::ui) name: String,
    pub(in crate::http::ui) slug: String,
    pub(in crate::http::ui) address: String,
    pub(in crate::http::ui) from_name: String,
    /// One per line.
    pub(in crate::http::ui) aliases: String,
    pub(in crate::http::ui) signature: String,
    pub(in crate::http::ui) rescue_address: String,
    /// Id of the preset that lies over the provider's; empty without one.
    pub(in crate::http::ui) overlay: String,
    pub(in crate::http::ui) registered_address: String,
    pub(in crate::http::ui) code_created_on: String,
    pub(in crate::http::ui) check_interval: String,
    pub(in crate::http::ui) attempts_max: String,
    /// `host:port`, where mail is fetched.
    pub(in crate::http::ui) incoming: Option<String>,
    pub(in crate::http::ui) incoming_security: &'static str,
    pub(in crate::http::ui) folder: Option<String>,
    /// `host:port`; empty when replies leave by the gateway's own server.
    pub(in crate::http::ui) outgoing: String,
    pub(in crate::http::ui) outgoing_security: &'static str,
    pub(in crate::http::ui) sent_folder: String,
    pub(in crate::http::ui) replies: ReplySettings,
    pub(in crate::http::ui) threading: ThreadingView,
}

/// How one direction is doing.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ConditionView {
    pub(in crate::http::ui) state: &'static str,
    pub(in crate::http::ui) reason: Option<String>,
    pub(in crate::http::ui) next_at: Option<Moment>,
    /// `3/10`.
    pub(in crate::http::ui) retry: Option<String>,
}

impl MailboxView {
    pub(in crate::http::ui) fn new(
        mailbox: &Mailbox,
        health: &MailboxHealth,
        words: Words,
    ) -> Self {
        let settings = &mailbox.settings;
        Self {
            id: mailbox.id.to_string(),
            name: settings.name.clone(),
            address: settings.address.to_string(),
            receiving: ConditionView::of_receiving(&settings.way_in, &health.receiving, words),
            sending: ConditionView::of_sending(settings, health, words),
            incoming: settings.way_in.server().map(shown),
            outgoing: settings.way_out.server().map(shown),
            folder: settings.imap().map(|way| way.folder.to_string()),
            last_sign_of_life: health.last_sign_of_life.map(Moment::new),
            last_mail_at: health.last_mail_at.map(Moment::new),
            catching_up: health.catching_up,
            too_large: health.held.too_large,
            incomplete: health.held.incomplete,
            proven_at: health.proofs.proven_at.map(Moment::new),
            test: health
                .proofs
                .test
                .as_ref()
                .map(|test| TestView::new(test, words)),
            canary: CanaryView::new(settings.canary_every, &health.proofs.canary, words),
            offline: settings.switch == Switch::Offline,
            unbound: settings.switch == Switch::Unbound,
            has_login: settings.way_in.server().is_some() || settings.way_out.server().is_some(),
            signs_in: false,
            refused: [&health.receiving, &health.sending]
                .iter()
                .any(|one| matches!(one, Condition::ReauthenticationNeeded { .. })),
            slug: settings.slug.to_string(),
            way_in: way_name(&settings.way_in),
            code_created_on: settings.code_created_on.map(|day| day.to_string()),
            expires_on: health.expiry.map(|(expiry, _)| expiry.ends_on.to_string()),
            days_left: health.expiry.map_or(0, |(_, days_left)| days_left),
            receiving_address: health.receiving_address.clone(),
            confirmation: health.confirmation.clone(),
            two_ways: health.two_ways.clone(),
            notice: None,
            link: None,
            overlay: None,
        }
    }
}

impl SettingsView {
    pub(in crate::http::ui) fn new(mailbox: &Mailbox) -> Self {
        let settings = &mailbox.settings;
        let aliases: Vec<String> = settings.aliases.iter().map(typed).collect();
        let (incoming, outgoing) = (settings.way_in.server(), settings.way_out.server());
        Self {
            id: mailbox.id.to_string(),
            name: settings.name.clone(),
            slug: settings.slug.to_string(),
            address: settings.address.to_string(),
            from_name: settings.identity.name().unwrap_or_default().to_owned(),
            aliases: aliases.join("\n"),
            signature: settings.signature.clone(),
            rescue_address: shown_or_empty(settings.rescue_address.as_ref()),
            overlay: settings.overlay.clone().unwrap_or_default(),
            registered_address: shown_or_empty(settings.registered_address.as_ref()),
            code_created_on: shown_or_empty(settings.code_created_on.as_ref()),
            check_interval: shown_or_empty(
                settings.check_interval.map(|wait| wait.as_secs()).as_ref(),
            ),
            attempts_max: shown_or_empty(settings.attempts_max.as_ref()),
            incoming: incoming.map(shown),
            incoming_security: security_name(incoming),
            folder: settings.imap().map(|way| way.folder.to_string()),
            outgoing: outgoing.map(shown).unwrap_or_default(),
            outgoing_security: security_name(outgoing),
            sent_folder: shown_or_empty(settings.sent_folder.as_ref()),
            replies: settings.replies,
            threading: ThreadingView::new(&settings.threading),
        }
    }
}

fn shown_or_empty(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn typed(alias: &NamedAddress) -> String {
    match alias.name() {
        Some(name) => format!("{name} <{}>", alias.address),
        None => alias.address.to_string(),
    }
}

fn security_name(server: Option<&Server>) -> &'static str {
    match server.map(|server| server.security) {
        None | Some(Security::Tls) => "tls",
        Some(Security::StartTls) => "starttls",
        Some(Security::None) => "none",
    }
}

fn shown(server: &Server) -> String {
    if server.host.contains(':') {
        return format!("[{}]:{}", server.host, server.port);
    }
    format!("{}:{}", server.host, server.port)
}

impl ConditionView {
    /// Where mail is forwarded nothing is connected to: the first mail shows that it works.
    fn of_receiving(way_in: &WayIn, condition: &Condition, words: Words) -> Self {
        let mut view = Self::new(condition, words);
        if matches!(
            (way_in, condition),
            (WayIn::Forwarding(_), Condition::Connecting)
        ) {
            view.state = "waiting";
        }
        view
    }

    /// Sending keeps no connection: what was never tried is not connecting, and what
    /// worked is in doubt once the login is refused on the other way.
    fn of_sending(settings: &MailboxSettings, health: &MailboxHealth, words: Words) -> Self {
        let mut view = Self::new(&health.sending, words);
        match &health.sending {
            Condition::Connecting => view.state = "unused",
            Condition::Active if health.sending_is_in_doubt(settings) => view.state = "doubtful",
            _ => {}
        }
        view
    }

    fn new(condition: &Condition, words: Words) -> Self {
        let state = MailboxState::of(condition).word();
        match condition {
            Condition::Connecting | Condition::Active | Condition::Offline | Condition::Unbound => {
                Self {
                    state,
                    reason: None,
                    next_at: None,
                    retry: None,
                }
            }
            Condition::Interrupted {
                reason,
                retry,
                retries_max,
                next_at,
            } => Self {
                state,
                reason: Some(words.say(reason)),
                next_at: Some(Moment::new(*next_at)),
                retry: Some(format!("{retry}/{retries_max}")),
            },
            Condition::Error { reason, next_at } => Self {
                state,
                reason: Some(words.say(reason)),
                next_at: Some(Moment::new(*next_at)),
                retry: None,
            },
            Condition::ReauthenticationNeeded { reason } => Self {
                state,
                reason: Some(words.say(reason)),
                next_at: None,
                retry: None,
            },
        }
    }
}
