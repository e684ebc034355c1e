//! What is known about a mail provider: servers, how one signs in, how it behaves, and
//! what its refusals mean. Everything comes from a plugin; nothing here is code for
//! one provider.

use std::time::Duration;

use super::mailbox::Server;
use super::oauth::OAuthModule;
use super::refusal::{Bilingual, Dialogue, FailureClass};

/// A provider, with everything its plugin and those it extends say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The plugin's id.
    pub id: String,
    /// Its name.
    pub name: Bilingual,
    /// It has no servers and lies over the provider of the address.
    pub overlay: bool,
    /// Domains of its addresses, lower case.
    pub domains: Vec<String>,
    /// Ends of the names of its MX hosts, lower case.
    pub mx: Vec<String>,
    /// Where codes are made and services switched on.
    pub settings_url: Option<String>,
    /// Hosts, ports and the form of the login have a named source.
    pub verified: bool,
    /// What has none.
    pub unverified: Vec<String>,
    /// Reading by IMAP.
    pub imap: Option<ImapFacts>,
    /// Reading by POP3.
    pub pop3: Option<Pop3Facts>,
    /// Sending.
    pub smtp: Option<SmtpFacts>,
    /// How one signs in, best first.
    pub sign_in: SignIn,
    /// Names of folders.
    pub folders: Folders,
    /// What a day allows.
    pub limits: Limits,
    /// What refusals mean, in the order in which they are tried.
    pub failures: Vec<FailureRule>,
    /// What hooks put on a mail.
    pub fields: Vec<Field>,
    /// What a notice can be about, as hooks call it.
    pub notices: Vec<Field>,
    /// From where replies to some addresses must leave.
    pub replies: Option<ReplyRule>,
    /// The question for the address registered at a marketplace.
    pub asks_registered_address: Option<Bilingual>,
}

/// The form of a user name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserName {
    /// The whole address.
    #[default]
    Address,
    /// What stands before the `@`.
    LocalPart,
}

/// How a server keeps its promise to push (RFC 2177).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdleQuality {
    /// It pushes.
    Push,
    /// It has no IDLE.
    None,
    /// It takes IDLE and tells nothing.
    Silent,
    /// It offers IDLE; nobody has measured it.
    Advertised,
    /// Nothing is known.
    #[default]
    Unknown,
}

/// Whether a server wants to know who we are (RFC 2971).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImapId {
    /// Before SELECT, or it refuses.
    Required,
    /// It likes to.
    Recommended,
    /// No.
    #[default]
    No,
}

/// Reading by IMAP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapFacts {
    /// The server.
    pub server: Server,
    /// The form of the user name.
    pub user_name: UserName,
    /// Another form, tried once when the first is refused.
    pub user_name_other: Option<UserName>,
    /// Whether it pushes.
    pub idle: IdleQuality,
    /// The shortest polite interval where it does not.
    pub check_every_min: Option<Duration>,
    /// Whether it wants ID.
    pub id: ImapId,
    /// Connections of an account at the same time, all programs together.
    pub connections_max: Option<u32>,
}

/// Reading by POP3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop3Facts {
    /// The server.
    pub server: Server,
    /// The form of the user name.
    pub user_name: UserName,
    /// The shortest polite interval between two logins.
    pub check_every_min: Option<Duration>,
    /// Why IMAP is better here.
    pub discouraged: Option<Bilingual>,
}

/// Whether a provider puts what it submits into Sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilesSent {
    /// Always.
    Yes,
    /// Never.
    No,
    /// The owner of the mailbox decides.
    Setting,
    /// Nothing is known; we look before we copy.
    #[default]
    Unknown,
}

/// Sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpFacts {
    /// The server.
    pub server: Server,
    /// Other ports and servers that work too.
    pub also: Vec<Server>,
    /// The form of the user name.
    pub user_name: UserName,
    /// Whether it files what it submits.
    pub files_sent: FilesSent,
    /// The largest mail, in MB.
    pub message_mb_max: Option<u32>,
    /// The From address must be the login.
    pub from_must_match: bool,
}

/// A way to prove who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignInMethod {
    /// The password of the account.
    Password,
    /// A password made for programs.
    AppPassword,
    /// A code made for programs (授权码).
    AuthorizationCode,
    /// A sign-in at the provider (RFC 6749).
    OAuth2,
}

/// How one signs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignIn {
    /// Best first.
    pub methods: Vec<SignInMethod>,
    /// Codes end after so many days.
    pub code_valid_days: Option<u16>,
    /// What a code looks like, for people.
    pub code_shape: Option<Bilingual>,
    /// How a sign-in goes.
    pub oauth: Option<OAuthModule>,
}

/// Names of folders, where the server does not tell (RFC 6154).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// What was sent.
    pub sent: Option<String>,
    /// What is being written.
    pub drafts: Option<String>,
    /// What was deleted.
    pub trash: Option<String>,
    /// What is suspected of being spam.
    pub junk: Option<String>,
}

/// What a provider allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Mails a day.
    pub messages_per_day: Option<u32>,
    /// Recipients of one mail.
    pub recipients_per_message: Option<u32>,
}

/// What words of a server mean.
#[derive(Clone, Debug)]
pub struct FailureRule {
    /// In which dialogue; `None` in all.
    pub dialogue: Option<Dialogue>,
    /// What the words must hold.
    pub words: Words,
    /// What they mean.
    pub class: FailureClass,
    /// What else they can mean.
    pub may_be: Vec<FailureClass>,
    /// A source has them.
    pub verified: bool,
    /// The provider's own way out.
    pub advice: Option<Bilingual>,
    /// Where the rule stands.
    pub place: String,
}

/// What a text must hold to match.
#[derive(Clone, Debug)]
pub enum Words {
    /// These words, whatever their case; kept in lower case.
    Text(String),
    /// What this finds.
    Pattern(regex::Regex),
}

impl PartialEq for FailureRule {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place && self.class == other.class
    }
}

impl Eq for FailureRule {}

/// Replies to some domains leave from the registered address only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyRule {
    /// Domains of recipients for whom it holds, lower case.
    pub to_domains: Vec<String>,
    /// What to do about a reply that is refused.
    pub advice: Option<Bilingual>,
}

impl ReplyRule {
    /// It holds for mail to this domain.
    #[must_use]
    pub fn holds_for(&self, domain: &str) -> bool {
        let same = |own: &String| own.eq_ignore_ascii_case(domain);
        self.to_domains.iter().any(same)
    }
}

/// A word that hooks use, and its name for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in scripts.
    pub key: String,
    /// Its name for people.
    pub label: Bilingual,
}

impl Preset {
    /// A sign-in at the provider is the way, or one of the ways.
    #[must_use]
    pub fn takes(&self, method: SignInMethod) -> bool {
        self.sign_in.methods.contains(&method)
    }
}
