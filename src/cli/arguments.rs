//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::lifecycle::{EditOptions, LoginOptions, ReauthenticateOptions};
use super::mailbox_options::MailboxOptions;
use super::outbox::OutboxCommand;
use super::script::ScriptCommand;

/// A self-hosted mail gateway for customer support.
#[derive(Debug, Parser)]
#[command(name = "postern", version, about, max_term_width = 100)]
pub(super) struct Arguments {
    /// The configuration file [default: config/postern.toml where it exists]
    #[arg(long, global = true, env = "POSTERN_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the gateway
    Serve,
    /// Run a gateway with a practice mail provider and sample customers; needs nothing
    Demo(DemoOptions),
    /// Connect, look at and remove mailboxes
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// Replies on their way: look at them, and say what is to become of them
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Measure everything that a mailbox, or each of them, depends on
    Doctor {
        /// Address, slug or id [default: all]
        mailbox: Option<String>,
    },
    /// Check scripts, and try them
    #[command(subcommand)]
    Script(ScriptCommand),
    /// What is known about mail providers
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// People who sign in
    #[command(subcommand)]
    User(UserCommand),
    /// Teams that scripts route to
    #[command(subcommand)]
    Team(TeamCommand),
    /// Tokens for programs
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(Debug, Args)]
pub(super) struct DemoOptions {
    /// Where the pages answer
    #[arg(long, default_value = "127.0.0.1:8460")]
    pub(super) listen: SocketAddr,
    /// Keep everything in this folder instead of a temporary one
    #[arg(long)]
    pub(super) folder: Option<PathBuf>,
    /// Seconds between two new mails of the sample customers; 0 means none
    #[arg(long, default_value_t = 45)]
    pub(super) every: u64,
}

#[derive(Debug, Subcommand)]
pub(super) enum MailboxCommand {
    /// Say which servers an address probably has, and how that was found out
    Suggest {
        /// The support address
        address: String,
        /// The plugin of its provider [default: found by the address]
        #[arg(long, value_name = "PLUGIN")]
        preset: Option<String>,
    },
    /// Try a mailbox and connect it
    Add(Box<MailboxOptions>),
    /// Try a mailbox without connecting it
    Probe(Box<MailboxOptions>),
    /// Show the mailboxes and how they are doing
    List,
    /// Show one mailbox with its settings
    Show {
        /// Address, slug or id
        mailbox: String,
    },
    /// Change settings; servers, address and logins are tried before they are saved
    Edit(Box<EditOptions>),
    /// Give a new password or authorization code, and collect everything missed
    Reauthenticate(ReauthenticateOptions),
    /// Show the latest notices about mailboxes: what was told, to whom, and what waits
    Notices {
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Make a link by which somebody gives a mailbox a new login, once, without an account
    ReauthenticateLink {
        /// Address, slug or id
        mailbox: String,
    },
    /// Forget the login; what comes meanwhile is collected when it is bound again
    Unbind {
        /// Address, slug or id
        mailbox: String,
    },
    /// Give a mailbox that is forwarded to another receiving address; the old one goes on for a while
    RotateAddress {
        /// Address, slug or id
        mailbox: String,
    },
    /// Give an unbound mailbox its login, and collect everything missed
    Bind(LoginOptions),
    /// Look for mail now
    Refresh {
        /// Address, slug or id
        mailbox: String,
    },
    /// Stop fetching and sending; nothing is lost meanwhile
    Offline {
        /// Address, slug or id
        mailbox: String,
    },
    /// Show what was said to its servers, passwords masked; it is kept after `--on`
    Log {
        /// Address or id
        mailbox: String,
        /// Keep dialogues from now on, in memory (256 KiB per mailbox)
        #[arg(long, conflicts_with = "off")]
        on: bool,
        /// Keep them no longer
        #[arg(long)]
        off: bool,
        /// Show every attempt of the last 30 days instead, which is always kept
        #[arg(long, conflicts_with_all = ["on", "off"])]
        attempts: bool,
        /// How many attempts to show, the latest first
        #[arg(long, default_value_t = 100, requires = "attempts")]
        limit: usize,
    },
    /// Show what became of every mail it has seen, the latest first
    Ledger {
        /// Address or id
        mailbox: String,
        /// Only mails whose subject, sender or Message-ID contain this
        #[arg(long)]
        search: Option<String>,
        /// Only the mail with this Message-ID
        #[arg(long, conflicts_with = "search")]
        message_id: Option<String>,
        /// Only mails that came on this day or later: 2026-01-31
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
        /// Rows before this one, where the last page ended
        #[arg(long, value_name = "ROW")]
        before: Option<u64>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Compare the watched folder or the maildrop on the server with the ledger
    Count {
        /// Address or id
        mailbox: String,
    },
    /// Collect mail that came on a day or later and is not here
    Collect {
        /// Address or id
        mailbox: String,
        /// 2026-01-31
        #[arg(long, value_name = "DATE")]
        since: String,
        /// Only say how much that is
        #[arg(long)]
        dry_run: bool,
    },
    /// Fetch the whole of a mail that is larger than the limit
    Fetch {
        /// Address or id
        mailbox: String,
        /// The mail's Message-ID; the ledger shows it with --json
        message_id: String,
    },
    /// Send a mail from it to itself, wait until it is here, and answer it
    Test {
        /// Address or id
        mailbox: String,
    },
    /// Let it write to itself every so often, and notice when that does not come back
    Canary {
        /// Address or id
        mailbox: String,
        /// Minutes between two such mails
        #[arg(long, value_name = "MINUTES", required_unless_present = "off")]
        every: Option<u64>,
        /// No longer
        #[arg(long, conflicts_with = "every")]
        off: bool,
    },
    /// Fetch and send again
    Online {
        /// Address, slug or id
        mailbox: String,
    },
    /// Write all its mails to a new mbox file, or into a folder as exact .eml files
    Export {
        /// Address, slug or id
        mailbox: String,
        /// A file that is not there yet, or a folder that is; the gateway writes it
        to: PathBuf,
    },
    /// Disconnect a mailbox; says what is lost unless --yes. Nothing is touched on its server
    Remove {
        /// Address, slug or id
        mailbox: String,
        /// It is meant
        #[arg(long)]
        yes: bool,
        /// Its conversations go with it
        #[arg(long)]
        with_conversations: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Show every plugin, shipped and own
    List,
    /// Make the folder of a new plugin
    New {
        /// Its name: lower-case letters, digits and hyphens
        id: String,
        /// Start from this plugin and take its place
        #[arg(long, value_name = "PLUGIN")]
        extends: Option<String>,
    },
    /// Say what is wrong with a plugin, with line and column, and try its tests
    Check {
        /// Its name, or its folder
        plugin: Option<String>,
        /// Check every plugin
        #[arg(long, conflicts_with = "plugin")]
        all: bool,
        /// What is only worth mending counts as wrong
        #[arg(long)]
        strict: bool,
    },
    /// Say what the words of a server mean, and by which rule
    Classify {
        /// The plugin of the provider
        provider: String,
        /// imap, pop3, smtp-login or smtp
        protocol: String,
        /// What the server said
        text: String,
        /// The text is given as pairs of hexadecimal digits
        #[arg(long)]
        hex: bool,
    },
    /// Print the JSON Schema of plugin.toml
    Schema,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the file and show every setting in force
    Check,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person
    Add {
        /// Where notices go
        address: String,
        /// Shown to colleagues and in signatures
        #[arg(long)]
        name: String,
        /// operator, manager or administrator
        #[arg(long, default_value = "operator")]
        role: String,
    },
    /// Say whether a person is given conversations in turn and by load
    Available {
        /// Whom
        address: String,
        /// on or off
        #[arg(value_parser = ["on", "off"])]
        state: String,
    },
    /// Make a one-time link to sign in
    LoginLink {
        /// Whose [default: the first administrator's, who is made when there is nobody]
        address: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TeamCommand {
    /// Add a team
    Add {
        /// Scripts call it by this name
        name: String,
        /// Addresses of its people
        #[arg(long = "member", value_name = "ADDRESS")]
        members: Vec<String>,
    },
    /// Let people join a team, or leave it
    Members {
        /// What scripts call it
        name: String,
        /// Address of somebody who joins; may be given several times
        #[arg(long, value_name = "ADDRESS", required_unless_present = "leave")]
        join: Vec<String>,
        /// Address of somebody who leaves; may be given several times
        #[arg(long, value_name = "ADDRESS")]
        leave: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token for the API; it is shown only once
    Create {
        /// What it is for
        #[arg(long, default_value = "token")]
        name: String,
        /// On whose behalf [default: the first administrator]
        #[arg(long, value_name = "ADDRESS")]
        user: Option<String>,
    },
}
