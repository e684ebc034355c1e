//! What `mailbox add` and its relatives are told of a mailbox.

use std::path::PathBuf;

use clap::Args;

use super::password;
use super::replying::ReplyingOptions;
use super::threading::ThreadingOptions;
use crate::control::message::{Hidden, MailboxForm};

#[derive(Debug, Args)]
pub(super) struct MailboxOptions {
    /// The support address
    address: String,
    /// What the team calls it [default: the address]
    #[arg(long)]
    name: Option<String>,
    /// User name at the servers [default: the address]
    #[arg(long)]
    user: Option<String>,
    /// Read the password from this file; `-` is standard input. Otherwise it is taken
    /// from POSTERN_PASSWORD or asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Sign in at the provider instead (OAuth): prints a code to be typed in a browser
    #[arg(long, conflicts_with = "password_file")]
    sign_in: bool,
    /// Who signs in there, when the address is a shared mailbox
    #[arg(long, value_name = "ACCOUNT", requires = "sign_in")]
    account: Option<String>,
    /// The plugin of the provider [default: found by the address]
    #[arg(long, value_name = "PLUGIN")]
    preset: Option<String>,
    /// Its id in lists, scripts and logs [default: made of the address]
    #[arg(long)]
    slug: Option<String>,
    /// Read it by IMAP from HOST or HOST:PORT [default: imap. and the domain]
    #[arg(long, value_name = "HOST")]
    imap: Option<String>,
    /// Read it by POP3, from HOST or HOST:PORT [default: pop. and the domain]
    #[arg(long, value_name = "HOST", num_args = 0..=1, default_missing_value = "", conflicts_with = "imap")]
    pop3: Option<String>,
    /// Take it by forwarding: its provider sends copies to an address of ours, which is printed
    #[arg(long, conflicts_with_all = ["imap", "pop3"])]
    forward: bool,
    /// Protection of the incoming connection: tls, starttls or none
    #[arg(long, visible_alias = "imap-security", value_name = "SECURITY")]
    incoming_security: Option<String>,
    /// What becomes of POP3 mail on the server: leave, once-stored, or a number of days
    #[arg(long, value_name = "KEEP")]
    pop3_keep: Option<String>,
    /// Send replies by the gateway's own server, [system_smtp] of the configuration
    #[arg(long, conflicts_with = "smtp")]
    system_smtp: bool,
    /// Outgoing server, HOST or HOST:PORT [default: smtp. and the domain]
    #[arg(long)]
    smtp: Option<String>,
    /// Protection of the outgoing connection: tls, starttls or none
    #[arg(long)]
    smtp_security: Option<String>,
    /// User name at the outgoing server, when it differs
    #[arg(long)]
    smtp_user: Option<String>,
    /// The password at the outgoing server is in this file, when it differs
    #[arg(long, value_name = "FILE", conflicts_with = "system_smtp")]
    smtp_password_file: Option<PathBuf>,
    /// Old mail to take in: nothing, all, or a number of days [default: nothing]
    #[arg(long)]
    history: Option<String>,
    /// The folder to watch [default: INBOX]
    #[arg(long)]
    folder: Option<String>,
    /// Where copies of replies go, and where what was written elsewhere is found [default:
    /// the folder marked as Sent]
    #[arg(long)]
    sent_folder: Option<String>,
    /// The provider puts what it sends into Sent by itself, as Gmail does
    #[arg(long)]
    provider_files_sent: bool,
    /// The name replies leave under
    #[arg(long)]
    from_name: Option<String>,
    /// Text under replies
    #[arg(long)]
    signature: Option<String>,
    #[command(flatten)]
    replies: ReplyingOptions,
    #[command(flatten)]
    threading: ThreadingOptions,
    /// A further folder to read; may be repeated
    #[arg(long = "more-folder", value_name = "FOLDER")]
    more_folders: Vec<String>,
    /// Read this spam folder too, and mark what comes from it
    #[arg(long, value_name = "FOLDER")]
    junk: Option<String>,
    /// A further address replies may leave from, ADDRESS or "NAME <ADDRESS>"; may be repeated
    #[arg(long = "alias", value_name = "ADDRESS")]
    aliases: Vec<String>,
    /// The day the authorization code was made, as 2026-01-31, where codes end by age
    #[arg(long, value_name = "DAY")]
    code_created_on: Option<String>,
    /// Who is written to, besides administrators, when the login no longer works
    #[arg(long, value_name = "ADDRESS")]
    rescue_address: Option<String>,
    /// A preset over the provider's, such as amazon-seller
    #[arg(long, value_name = "PRESET")]
    overlay: Option<String>,
    /// The address that is registered there: replies leave only from it
    #[arg(long, value_name = "ADDRESS")]
    registered_address: Option<String>,
}

impl MailboxOptions {
    /// The form, with the password read from where it is.
    pub(super) fn form(self) -> anyhow::Result<MailboxForm> {
        // Forwarding asks for no password to receive, and one to send may stand in its own file.
        let sends_otherwise = self.system_smtp || self.smtp_password_file.is_some();
        let password = if self.sign_in || self.forward && sends_otherwise {
            None
        } else {
            let secret = password::read(self.password_file.as_deref(), &self.address)?;
            Some(Hidden(secret.expose().to_owned()))
        };
        let smtp_password = match &self.smtp_password_file {
            Some(file) => {
                let secret = password::read(Some(file), &self.address)?;
                Some(Hidden(secret.expose().to_owned()))
            }
            None => None,
        };
        let protocol = match (&self.pop3, self.forward) {
            (Some(_), _) => "pop3",
            (None, true) => "forwarding",
            (None, false) => "imap",
        };
        Ok(MailboxForm {
            address: self.address,
            name: self.name,
            preset: self.preset,
            slug: self.slug,
            protocol: Some(protocol.to_owned()),
            user: self.user,
            password,
            sign_in: self.sign_in,
            account: self.account,
            incoming: self.pop3.or(self.imap),
            incoming_security: self.incoming_security,
            pop3_keep: self.pop3_keep,
            smtp: self.smtp,
            smtp_security: self.smtp_security,
            smtp_user: self.smtp_user,
            smtp_password,
            system_smtp: self.system_smtp,
            history: self.history,
            folder: self.folder,
            sent_folder: self.sent_folder,
            provider_files_sent: self.provider_files_sent,
            from_name: self.from_name,
            signature: self.signature,
            replies: self.replies.into(),
            threading: self.threading.into(),
            more_folders: self.more_folders,
            junk: self.junk,
            aliases: self.aliases,
            code_created_on: self.code_created_on,
            rescue_address: self.rescue_address,
            overlay: self.overlay,
            registered_address: self.registered_address,
        })
    }
}
