//! What command line and gateway say to each other: one JSON object per line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::change::{EditForm, LoginsForm};
pub use super::hidden::Hidden;
use super::replying::RepliesForm;
use super::threading::ThreadingForm;
use crate::domain::order::Order;

/// Longest line, in bytes.
pub const LINE_LENGTH_MAX: usize = 256 * 1024;

/// What the command line asks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// The mailboxes and how they are doing.
    MailboxList,
    /// What an address probably needs.
    MailboxSuggest {
        /// The support address.
        address: String,
        /// The plugin of its provider, where it is known.
        preset: Option<String>,
    },
    /// Try a mailbox without saving it.
    MailboxProbe(Box<MailboxForm>),
    /// Try and save a mailbox.
    MailboxAdd(Box<MailboxForm>),
    /// One mailbox with its settings.
    MailboxShow {
        /// Address, slug or id.
        mailbox: String,
    },
    /// Change settings of a mailbox.
    MailboxEdit {
        /// Address, slug or id.
        mailbox: String,
        /// The new ones.
        edit: Box<EditForm>,
    },
    /// Give a mailbox another receiving address.
    MailboxRotateAddress {
        /// Address, slug or id.
        mailbox: String,
    },
    /// Forget the logins of a mailbox.
    MailboxUnbind {
        /// Address, slug or id.
        mailbox: String,
    },
    /// Give an unbound mailbox its logins.
    MailboxBind {
        /// Address, slug or id.
        mailbox: String,
        /// The logins.
        logins: LoginsForm,
    },
    /// Give a mailbox a new password, or try the stored one again.
    MailboxReauthenticate {
        /// Address, slug or id.
        mailbox: String,
        /// Nothing given: the stored ones.
        logins: LoginsForm,
    },
    /// The latest notices about mailboxes.
    MailboxNotices {
        /// How many.
        limit: usize,
    },
    /// Make a link by which somebody gives a mailbox a new login.
    MailboxReauthenticateLink {
        /// Address, slug or id.
        mailbox: String,
    },
    /// Give a mailbox a new login by signing in at its provider, with a code.
    MailboxSignIn {
        /// Address, slug or id.
        mailbox: String,
        /// Who signs in, when it is a shared mailbox.
        account: Option<String>,
    },
    /// Remove a mailbox.
    MailboxRemove {
        /// Address, slug or id.
        mailbox: String,
        /// The person has said that it is meant.
        confirmed: bool,
        /// Its conversations go with it.
        with_conversations: bool,
    },
    /// Write all mails of a mailbox to a file or into a folder.
    MailboxExport {
        /// Address, slug or id.
        mailbox: String,
        /// Where to, from the root.
        to: PathBuf,
    },
    /// Look for mail now.
    MailboxRefresh {
        /// Address or id.
        mailbox: String,
    },
    /// Switch a mailbox off or on.
    MailboxOffline {
        /// Address or id.
        mailbox: String,
        /// Off or on.
        offline: bool,
    },
    /// What was said to a mailbox's servers; with `on`, first switch that being kept.
    MailboxLog {
        /// Address or id.
        mailbox: String,
        /// Keep dialogues from now on, or no longer.
        on: Option<bool>,
    },
    /// What was tried at a mailbox's servers.
    MailboxAttempts {
        /// Address or id.
        mailbox: String,
        /// How many rows.
        limit: usize,
    },
    /// Where a mailbox's mails went.
    MailboxLedger(Box<LedgerAsked>),
    /// The ledger against the server.
    MailboxCount {
        /// Address or id.
        mailbox: String,
    },
    /// Collect what is missing from a day on.
    MailboxCollect {
        /// Address or id.
        mailbox: String,
        /// `2026-01-31`.
        since: String,
        /// Only say what would be collected.
        dry_run: bool,
    },
    /// Fetch the rest of a mail that is larger than the limit.
    MailboxFetch {
        /// Address or id.
        mailbox: String,
        /// The mail's Message-ID.
        message_id: String,
    },
    /// Examine a mailbox, or all of them.
    Doctor {
        /// Address, slug or id.
        mailbox: Option<String>,
    },
    /// Send a test mail and tell how it goes.
    MailboxTest {
        /// Address or id.
        mailbox: String,
    },
    /// Let the mailbox write to itself every so often.
    MailboxCanary {
        /// Address or id.
        mailbox: String,
        /// No longer when absent.
        every_seconds: Option<u64>,
    },
    /// Try scripts on mails that came before.
    ScriptRehearse(Box<RehearseAsked>),
    /// Replies on their way.
    OutboxList(Box<OutboxAsked>),
    /// One of them, with what became known of its fate.
    OutboxShow {
        /// Its id.
        id: String,
    },
    /// What a person says of one.
    OutboxOrder {
        /// Its id.
        id: String,
        /// The word.
        order: OrderWord,
    },
    /// Add a person.
    UserAdd {
        /// Where notices go.
        address: String,
        /// Shown to colleagues.
        name: String,
        /// `operator`, `manager` or `administrator`.
        role: String,
    },
    /// Say whether a person is given conversations in turn and by load.
    UserAvailable {
        /// Whom.
        address: String,
        /// Or away.
        available: bool,
    },
    /// Let people join and leave a team.
    TeamMembers {
        /// What scripts call it.
        name: String,
        /// Addresses of people who join it.
        join: Vec<String>,
        /// Addresses of people who leave it.
        leave: Vec<String>,
    },
    /// Add a team.
    TeamAdd {
        /// Scripts call it by this.
        name: String,
        /// Addresses of its people.
        members: Vec<String>,
    },
    /// A one-time link for a person; without an address, for the first administrator.
    LoginLink {
        /// Whom.
        address: Option<String>,
    },
    /// A token for programs.
    TokenCreate {
        /// On whose behalf; without, the first administrator's.
        address: Option<String>,
        /// What it is for.
        name: String,
    },
}

/// A mailbox as the command line describes it. Empty fields are filled from the address.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct MailboxForm {
    /// The support address.
    pub address: String,
    /// What the team calls it.
    pub name: Option<String>,
    /// The plugin of the provider; found by the address when absent.
    pub preset: Option<String>,
    /// Its id for people and scripts.
    pub slug: Option<String>,
    /// `imap`, `pop3` or `forwarding`.
    pub protocol: Option<String>,
    /// User name at the incoming server.
    pub user: Option<String>,
    /// Password or authorization code.
    pub password: Option<Hidden>,
    /// Instead of a password somebody signs in at the provider, with a code.
    pub sign_in: bool,
    /// Who signs in, when the address is a shared mailbox.
    pub account: Option<String>,
    /// `host:port` of the incoming server.
    pub incoming: Option<String>,
    /// `tls`, `starttls` or `none`.
    pub incoming_security: Option<String>,
    /// `leave`, `once-stored` or a number of days.
    pub pop3_keep: Option<String>,
    /// Replies leave by the gateway's own server.
    pub system_smtp: bool,
    /// `host:port` of the outgoing server.
    pub smtp: Option<String>,
    /// `tls`, `starttls` or `none`.
    pub smtp_security: Option<String>,
    /// User name at the outgoing server, when it differs.
    pub smtp_user: Option<String>,
    /// Password at the outgoing server, when it differs.
    pub smtp_password: Option<Hidden>,
    /// `nothing`, `all` or a number of days.
    pub history: Option<String>,
    /// The folder to watch.
    pub folder: Option<String>,
    /// Where copies of replies go.
    pub sent_folder: Option<String>,
    /// The provider files replies in Sent itself.
    pub provider_files_sent: bool,
    /// The name replies leave under.
    pub from_name: Option<String>,
    /// Text under replies.
    pub signature: Option<String>,
    /// How replies are written and filed.
    #[serde(default)]
    pub replies: RepliesForm,
    /// When a mail joins an older conversation.
    #[serde(default)]
    pub threading: ThreadingForm,
    /// Folders asked now and then.
    pub more_folders: Vec<String>,
    /// The spam folder, when it is to be read.
    pub junk: Option<String>,
    /// Further addresses replies may leave from.
    pub aliases: Vec<String>,
    /// When the authorization code was made.
    pub code_created_on: Option<String>,
    /// Who is written to when the login no longer works.
    pub rescue_address: Option<String>,
    /// Preset that lies over the provider's.
    pub overlay: Option<String>,
    /// The address that is registered there.
    pub registered_address: Option<String>,
}

/// Which rows of the ledger are asked for.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LedgerAsked {
    /// Address or id of the mailbox.
    pub mailbox: String,
    /// What subject, sender or Message-ID contain.
    pub search: Option<String>,
    /// One mail.
    pub message_id: Option<String>,
    /// `2026-01-31`.
    pub since: Option<String>,
    /// Where the last page ended.
    pub before: Option<u64>,
    /// How many.
    pub limit: usize,
}

/// Which replies are asked for.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OutboxAsked {
    /// One of the names of states, or `open`.
    pub state: Option<String>,
    /// Address, slug or id.
    pub mailbox: Option<String>,
    /// Where the last page ended.
    pub after: Option<String>,
    /// How many.
    pub limit: usize,
}

/// What a person says of a reply.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderWord {
    /// Do not send it.
    Cancel,
    /// Do not wait any longer.
    Retry,
    /// The customer has it.
    Arrived,
    /// Send the same mail again.
    Again,
}

impl From<OrderWord> for Order {
    fn from(word: OrderWord) -> Self {
        match word {
            OrderWord::Cancel => Self::Cancel,
            OrderWord::Retry => Self::Retry,
            OrderWord::Arrived => Self::Arrived,
            OrderWord::Again => Self::Again,
        }
    }
}

/// Which scripts are tried on which mails.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RehearseAsked {
    /// Their folder, from the root; the live ones' when absent.
    pub folder: Option<PathBuf>,
    /// The latest mails, this many.
    pub last: Option<usize>,
    /// `2026-01-31`.
    pub since: Option<String>,
    /// Address, slug or id of one mailbox.
    pub mailbox: Option<String>,
}

/// What the gateway answers: any number of steps, then one of the others.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// A step of a trial connection has ended.
    Step {
        /// Which, in words.
        step: String,
        /// Whether it passed.
        passed: bool,
        /// What was found, or what stopped it.
        words: String,
        /// Milliseconds.
        took_ms: u64,
    },
    /// One of several things asked for.
    Item {
        /// For people.
        words: String,
        /// For programs.
        item: serde_json::Value,
    },
    /// Done; a sentence for people.
    Done {
        /// The sentence.
        words: String,
    },
    /// A secret made for the asker: printed once, on a line of its own.
    Made {
        /// What it is.
        words: String,
        /// The secret.
        secret: Hidden,
    },
    /// The mailboxes.
    Mailboxes {
        /// One row each.
        rows: Vec<MailboxRow>,
        /// Why people would not hear of a sick one.
        warnings: Vec<String>,
    },
    /// One mailbox.
    Mailbox {
        /// How it is doing.
        row: Box<MailboxRow>,
        /// Its settings: what they are called, and what they are.
        settings: Vec<(String, String)>,
    },
    /// It was not done.
    Failed {
        /// Why, and what to do.
        words: String,
    },
}

impl Answer {
    /// Whether it is the last word; otherwise more follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        !matches!(self, Self::Step { .. } | Self::Item { .. })
    }
}

/// A row of the list of mailboxes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MailboxRow {
    /// Its id.
    pub id: String,
    /// Its id for people and scripts.
    pub slug: String,
    /// Its address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// How receiving is doing.
    pub receiving: String,
    /// How sending is doing.
    pub sending: String,
    /// The last time the incoming server answered (RFC 3339).
    pub last_sign_of_life: Option<String>,
    /// The last time a mail came (RFC 3339).
    pub last_mail_at: Option<String>,
    /// The last time the outgoing server took a mail or a trial login (RFC 3339).
    pub last_submission: Option<String>,
    /// The day the authorization code was made, where it is known.
    pub code_created_on: Option<String>,
    /// The day its code or sign-in ends by age, where that is known.
    pub expires_on: Option<String>,
    /// Days until then; negative when it should have ended.
    pub days_left: Option<i64>,
    /// Mail still to be collected in the catch-up under way.
    pub catching_up: Option<u32>,
    /// Mail too large to be taken in, left on the server.
    pub too_large: usize,
    /// Mail the server did not give whole; tried again.
    pub incomplete: usize,
    /// When a test mail last came in and its answer left (RFC 3339).
    pub proven_at: Option<String>,
    /// Why mail it sends to itself does not come back.
    pub canary_failure: Option<String>,
    /// What half of the last such mails took at most, in milliseconds.
    pub canary_median_ms: Option<u32>,
}
