//! Forms of changes to a connected mailbox, and what they mean to the service.

use serde::{Deserialize, Serialize};

use super::hidden::Hidden;
use super::replying::RepliesForm;
use super::threading::ThreadingForm;
use crate::domain::secret::Secret;
use crate::service::mailboxes::{Edit, GivenLogins};

/// New settings as they were typed; what is absent stays, what is empty is taken away.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct EditForm {
    /// What the team calls it.
    pub name: Option<String>,
    /// Its id for people and scripts.
    pub slug: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// `host:port` mail is fetched from.
    pub incoming: Option<String>,
    /// `tls`, `starttls` or `none`.
    pub incoming_security: Option<String>,
    /// The folder to watch.
    pub folder: Option<String>,
    /// `leave`, `once-stored` or a number of days.
    pub pop3_keep: Option<String>,
    /// `host:port` replies are handed to.
    pub smtp: Option<String>,
    /// `tls`, `starttls` or `none`.
    pub smtp_security: Option<String>,
    /// Replies leave by the gateway's own server.
    pub system_smtp: Option<bool>,
    /// Where copies of replies go.
    pub sent_folder: Option<String>,
    /// The provider files replies in Sent itself.
    pub provider_files_sent: Option<bool>,
    /// The name replies leave under.
    pub from_name: Option<String>,
    /// Further addresses replies may leave from.
    pub aliases: Option<Vec<String>>,
    /// Text under replies.
    pub signature: Option<String>,
    /// Who is written to when the login no longer works.
    pub rescue_address: Option<String>,
    /// Preset that lies over the provider's.
    pub overlay: Option<String>,
    /// The address that is registered there.
    pub registered_address: Option<String>,
    /// When the authorization code was made.
    pub code_created_on: Option<String>,
    /// Seconds between looks.
    pub check_interval: Option<String>,
    /// Failed attempts before an error.
    pub attempts_max: Option<String>,
    /// Values for scripts, by name.
    #[serde(default)]
    pub settings: Vec<(String, String)>,
    /// How replies are written and filed.
    #[serde(default)]
    pub replies: RepliesForm,
    /// When a mail joins an older conversation.
    #[serde(default)]
    pub threading: ThreadingForm,
    /// New logins.
    pub logins: LoginsForm,
}

/// A login as a person gives it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct LoginsForm {
    /// User name at the incoming server.
    pub user: Option<String>,
    /// Password or authorization code.
    pub password: Option<Hidden>,
    /// User name at the outgoing server, when it differs.
    pub smtp_user: Option<String>,
    /// Password at the outgoing server, when it differs.
    pub smtp_password: Option<Hidden>,
}

impl From<EditForm> for Edit {
    fn from(form: EditForm) -> Self {
        Self {
            name: form.name,
            slug: form.slug,
            address: form.address,
            incoming: form.incoming,
            incoming_security: form.incoming_security,
            folder: form.folder,
            pop3_keep: form.pop3_keep,
            outgoing: form.smtp,
            outgoing_security: form.smtp_security,
            system_smtp: form.system_smtp,
            sent_folder: form.sent_folder,
            provider_files_sent: form.provider_files_sent,
            from_name: form.from_name,
            aliases: form.aliases,
            signature: form.signature,
            rescue_address: form.rescue_address,
            overlay: form.overlay,
            registered_address: form.registered_address,
            code_created_on: form.code_created_on,
            check_interval: form.check_interval,
            attempts_max: form.attempts_max,
            values: form.settings,
            replies: form.replies.into(),
            threading: form.threading.into(),
            logins: form.logins.into(),
        }
    }
}

impl From<LoginsForm> for GivenLogins {
    fn from(form: LoginsForm) -> Self {
        let secret = |hidden: Hidden| Secret::new(hidden.0);
        Self {
            user: form.user,
            password: form.password.map(secret),
            outgoing_user: form.smtp_user,
            outgoing_password: form.smtp_password.map(secret),
        }
    }
}
