//! The fields of the form as they were typed, and the wish that they amount to.

use serde::Deserialize;

use crate::domain::replying::ReplyChange;
use crate::domain::secret::Secret;
use crate::domain::threading::ThreadingChange;
use crate::service::connect::wish::{Readable, Wish};

/// What was typed, without passwords: those are never shown again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::http::ui) struct Typed {
    pub(super) form_token: String,
    pub(super) take_over: String,
    pub(super) preset: String,
    pub(super) address: String,
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) protocol: String,
    pub(super) incoming: String,
    pub(super) incoming_security: String,
    pub(super) pop3_keep: String,
    pub(super) outgoing: String,
    pub(super) outgoing_security: String,
    pub(super) system_smtp: String,
    pub(super) plain_confirmed: String,
    pub(super) user: String,
    pub(super) account: String,
    pub(super) password: String,
    pub(super) outgoing_user: String,
    pub(super) outgoing_password: String,
    pub(super) folder: String,
    pub(super) more_folders: String,
    pub(super) junk: String,
    pub(super) sent_folder: String,
    pub(super) from_name: String,
    pub(super) aliases: String,
    pub(super) signature: String,
    pub(super) history: String,
    pub(super) history_days: String,
    pub(super) code_created_on: String,
    pub(super) rescue_address: String,
    pub(super) overlay: String,
    pub(super) registered_address: String,
}

impl Typed {
    pub(super) fn wish(&self) -> Wish {
        let given = |text: &str| {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        // Codes are copied in groups; their spaces belong to the page they were shown on.
        let secret = |text: &str| (!text.is_empty()).then(|| Secret::new(text.trim().to_owned()));
        let lines = |text: &str| text.lines().filter_map(given).collect();
        Wish {
            address: self.address.trim().to_owned(),
            preset: given(&self.preset),
            name: given(&self.name),
            slug: given(&self.slug),
            protocol: given(&self.protocol),
            incoming: given(&self.incoming),
            incoming_security: given(&self.incoming_security),
            pop3_keep: given(&self.pop3_keep),
            outgoing: given(&self.outgoing),
            outgoing_security: given(&self.outgoing_security),
            system_smtp: !self.system_smtp.is_empty(),
            readable: if self.plain_confirmed.is_empty() {
                Readable::Unconfirmed
            } else {
                Readable::Confirmed
            },
            user: given(&self.user),
            password: secret(&self.password),
            grant: None,
            account: given(&self.account),
            outgoing_user: given(&self.outgoing_user),
            outgoing_password: secret(&self.outgoing_password),
            folder: given(&self.folder),
            more_folders: lines(&self.more_folders),
            junk: given(&self.junk),
            sent_folder: given(&self.sent_folder),
            provider_files_sent: None,
            replies: ReplyChange::default(),
            threading: ThreadingChange::default(),
            from_name: given(&self.from_name),
            aliases: lines(&self.aliases),
            signature: given(&self.signature),
            history: match self.history.as_str() {
                "days" => Some(given(&self.history_days).unwrap_or_else(|| "0".to_owned())),
                other => given(other),
            },
            code_created_on: given(&self.code_created_on),
            rescue_address: given(&self.rescue_address),
            overlay: given(&self.overlay),
            registered_address: given(&self.registered_address),
            receiving: None,
        }
    }

    /// What an earlier attempt was begun with.
    pub(super) fn of(wish: &Wish) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let on = |on: bool| if on { "on".to_owned() } else { String::new() };
        let history = text(&wish.history);
        let days = history.parse::<u16>().is_ok();
        Self {
            form_token: String::new(),
            take_over: String::new(),
            preset: text(&wish.preset),
            address: wish.address.clone(),
            name: text(&wish.name),
            slug: text(&wish.slug),
            protocol: text(&wish.protocol),
            incoming: text(&wish.incoming),
            incoming_security: text(&wish.incoming_security),
            pop3_keep: text(&wish.pop3_keep),
            outgoing: text(&wish.outgoing),
            outgoing_security: text(&wish.outgoing_security),
            system_smtp: on(wish.system_smtp),
            plain_confirmed: on(wish.readable == Readable::Confirmed),
            user: text(&wish.user),
            account: text(&wish.account),
            password: String::new(),
            outgoing_user: text(&wish.outgoing_user),
            outgoing_password: String::new(),
            folder: text(&wish.folder),
            more_folders: wish.more_folders.join("\n"),
            junk: text(&wish.junk),
            sent_folder: text(&wish.sent_folder),
            from_name: text(&wish.from_name),
            aliases: wish.aliases.join("\n"),
            signature: text(&wish.signature),
            history_days: if days { history.clone() } else { String::new() },
            history: if days { "days".to_owned() } else { history },
            code_created_on: text(&wish.code_created_on),
            rescue_address: text(&wish.rescue_address),
            overlay: text(&wish.overlay),
            registered_address: text(&wish.registered_address),
        }
    }

    pub(super) fn without_secrets(mut self) -> Self {
        self.password.clear();
        self.outgoing_password.clear();
        self
    }
}
