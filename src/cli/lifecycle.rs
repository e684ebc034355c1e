//! What can be typed about a connected mailbox.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::password;
use super::replying::ReplyingOptions;
use super::threading::ThreadingOptions;
use crate::control::change::{EditForm, LoginsForm};
use crate::control::message::{Hidden, Request};

/// Settings; those that are not named stay. An empty value takes one away.
#[derive(Debug, Args)]
pub(super) struct EditOptions {
    /// Address, slug or id
    mailbox: String,
    /// What the team calls it
    #[arg(long)]
    name: Option<String>,
    /// Its id in lists, scripts and logs
    #[arg(long)]
    slug: Option<String>,
    /// Another address of the same mailbox; tried first, like servers and logins
    #[arg(long)]
    address: Option<String>,
    /// Incoming server, HOST or HOST:PORT
    #[arg(long, visible_aliases = ["imap", "pop3"], value_name = "HOST")]
    incoming: Option<String>,
    /// Protection of the incoming connection: tls, starttls or none
    #[arg(long, visible_alias = "imap-security", value_name = "SECURITY")]
    incoming_security: Option<String>,
    /// The folder to watch
    #[arg(long)]
    folder: Option<String>,
    /// What becomes of POP3 mail on the server: leave, once-stored, or a number of days
    #[arg(long, value_name = "KEEP")]
    pop3_keep: Option<String>,
    /// Outgoing server, HOST or HOST:PORT
    #[arg(long, value_name = "HOST")]
    smtp: Option<String>,
    /// Protection of the outgoing connection: tls, starttls or none
    #[arg(long, value_name = "SECURITY")]
    smtp_security: Option<String>,
    /// Send replies by the gateway's own server, or no longer: true or false
    #[arg(long, value_name = "BOOL", conflicts_with = "smtp")]
    system_smtp: Option<bool>,
    /// User name at the servers
    #[arg(long)]
    user: Option<String>,
    /// User name at the outgoing server, when it differs
    #[arg(long)]
    smtp_user: Option<String>,
    /// A new password is in this file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Where copies of replies go, and where what was written elsewhere is found
    #[arg(long, value_name = "FOLDER")]
    sent_folder: Option<String>,
    /// The provider puts what it sends into Sent by itself: true or false
    #[arg(long, value_name = "BOOL")]
    provider_files_sent: Option<bool>,
    /// The name replies leave under
    #[arg(long)]
    from_name: Option<String>,
    /// The further addresses replies may leave from, ADDRESS or "NAME <ADDRESS>"; may be repeated
    #[arg(long = "alias", value_name = "ADDRESS")]
    aliases: Option<Vec<String>>,
    /// Text under replies
    #[arg(long)]
    signature: Option<String>,
    #[command(flatten)]
    replies: ReplyingOptions,
    #[command(flatten)]
    threading: ThreadingOptions,
    /// Who is written to, besides administrators, when the login no longer works
    #[arg(long, value_name = "ADDRESS")]
    rescue_address: Option<String>,
    /// A preset over the provider's, such as amazon-seller
    #[arg(long, value_name = "PRESET")]
    overlay: Option<String>,
    /// The address that is registered there: replies leave only from it
    #[arg(long, value_name = "ADDRESS")]
    registered_address: Option<String>,
    /// The day the authorization code was made, as 2026-01-31
    #[arg(long, value_name = "DAY")]
    code_created_on: Option<String>,
    /// Seconds between looks at a server that does not push [default: the configuration's]
    #[arg(long, value_name = "SECONDS")]
    check_interval: Option<String>,
    /// Failed attempts before it is shown as in error [default: the configuration's]
    #[arg(long, value_name = "NUMBER")]
    attempts_max: Option<String>,
    /// A text for scripts to read as `ctx.mailbox.settings.KEY`; an empty one removes it; may be
    /// repeated
    #[arg(long = "setting", value_name = "KEY=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
}

/// `KEY=VALUE`
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write KEY=VALUE, or KEY= to remove it")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

impl EditOptions {
    /// The request, with the password read from its file.
    pub(super) fn request(self) -> anyhow::Result<Request> {
        let password = match &self.password_file {
            Some(file) => Some(secret(Some(file), &self.mailbox)?),
            None => None,
        };
        let edit = EditForm {
            name: self.name,
            slug: self.slug,
            address: self.address,
            incoming: self.incoming,
            incoming_security: self.incoming_security,
            folder: self.folder,
            pop3_keep: self.pop3_keep,
            smtp: self.smtp,
            smtp_security: self.smtp_security,
            system_smtp: self.system_smtp,
            sent_folder: self.sent_folder,
            provider_files_sent: self.provider_files_sent,
            from_name: self.from_name,
            aliases: self.aliases,
            signature: self.signature,
            replies: self.replies.into(),
            threading: self.threading.into(),
            rescue_address: self.rescue_address,
            overlay: self.overlay,
            registered_address: self.registered_address,
            code_created_on: self.code_created_on,
            check_interval: self.check_interval,
            attempts_max: self.attempts_max,
            settings: self.settings,
            logins: LoginsForm {
                user: self.user,
                password,
                smtp_user: self.smtp_user,
                smtp_password: None,
            },
        };
        Ok(Request::MailboxEdit {
            mailbox: self.mailbox,
            edit: Box::new(edit),
        })
    }
}

/// A mailbox and its login.
#[derive(Debug, Args)]
pub(super) struct LoginOptions {
    /// Address, slug or id
    mailbox: String,
    /// User name at the servers [default: the one in use, or the address]
    #[arg(long)]
    user: Option<String>,
    /// Read the password from this file; `-` is standard input. Otherwise it is taken
    /// from POSTERN_PASSWORD or asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// User name at the outgoing server, when it differs
    #[arg(long)]
    smtp_user: Option<String>,
    /// The password at the outgoing server is in this file, when it differs
    #[arg(long, value_name = "FILE")]
    smtp_password_file: Option<PathBuf>,
}

impl LoginOptions {
    fn form(self) -> anyhow::Result<(String, LoginsForm)> {
        let smtp_password = match &self.smtp_password_file {
            Some(file) => Some(secret(Some(file), &self.mailbox)?),
            None => None,
        };
        let form = LoginsForm {
            password: Some(secret(self.password_file.as_deref(), &self.mailbox)?),
            user: self.user,
            smtp_user: self.smtp_user,
            smtp_password,
        };
        Ok((self.mailbox, form))
    }

    /// `mailbox bind`
    pub(super) fn bind(self) -> anyhow::Result<Request> {
        let (mailbox, logins) = self.form()?;
        Ok(Request::MailboxBind { mailbox, logins })
    }
}

/// A mailbox and its new login, or none.
#[derive(Debug, Args)]
pub(super) struct ReauthenticateOptions {
    #[command(flatten)]
    login: LoginOptions,
    /// Try the stored password or authorization code again
    #[arg(long, conflicts_with_all = ["password_file", "user", "smtp_user", "smtp_password_file"])]
    stored: bool,
    /// Sign in at the provider (OAuth): prints a code to be typed in a browser
    #[arg(long, conflicts_with_all = ["stored", "password_file", "user", "smtp_user", "smtp_password_file"])]
    sign_in: bool,
    /// Who signs in there, when it is a shared mailbox
    #[arg(long, value_name = "ACCOUNT", requires = "sign_in")]
    account: Option<String>,
}

impl ReauthenticateOptions {
    /// `mailbox reauthenticate`
    pub(super) fn request(self) -> anyhow::Result<Request> {
        if self.sign_in {
            let mailbox = self.login.mailbox;
            let account = self.account;
            return Ok(Request::MailboxSignIn { mailbox, account });
        }
        let (mailbox, logins) = if self.stored {
            (self.login.mailbox, LoginsForm::default())
        } else {
            self.login.form()?
        };
        Ok(Request::MailboxReauthenticate { mailbox, logins })
    }
}

/// `mailbox export`: the gateway writes, and it may run in another folder.
pub(super) fn export(mailbox: String, to: &Path) -> anyhow::Result<Request> {
    let to = std::path::absolute(to)
        .with_context(|| format!("cannot tell where {} is", to.display()))?;
    Ok(Request::MailboxExport { mailbox, to })
}

fn secret(file: Option<&Path>, mailbox: &str) -> anyhow::Result<Hidden> {
    let secret = password::read(file, mailbox)?;
    Ok(Hidden(secret.expose().to_owned()))
}
