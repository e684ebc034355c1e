//! A connected support address: its way in, its way out, and how it is doing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::address::{Address, NamedAddress};
use super::expiry::Expiry;
use super::folder::{Cursor, FolderName, PendingReason};
use super::forwarded::{Confirmation, TwoWays};
use super::key::{MailboxKey, PublicId, WorkspaceKey};
use super::proof::MailboxProofs;
use super::replying::ReplySettings;
use super::secret::Secret;
use super::slug::Slug;
use super::threading::ThreadingRules;
use crate::domain::saying::Saying;

/// How a connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Security {
    /// TLS from the first byte (RFC 8314).
    #[default]
    Tls,
    /// Plain, then upgraded; never used without the upgrade.
    StartTls,
    /// Readable by everyone on the way. Only after somebody has confirmed it.
    None,
}

/// A server as configured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Protection.
    pub security: Security,
}

/// How we say who we are.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A password or authorization code.
    Password(Secret),
    /// An OAuth2 access token (RFC 7628, XOAUTH2).
    AccessToken(Secret),
    /// What a sign-in at the provider gave us; access tokens come from it.
    OAuth(OAuthGrant),
}

impl Credentials {
    /// The token, where one is shown instead of a password.
    #[must_use]
    pub fn bearer(&self) -> Option<&Secret> {
        match self {
            Self::Password(_) => None,
            Self::AccessToken(token) => Some(token),
            Self::OAuth(grant) => Some(&grant.access_token),
        }
    }

    /// How a token is shown where a server takes it both ways.
    #[must_use]
    pub fn mechanism(&self) -> TokenMechanism {
        match self {
            Self::Password(_) | Self::AccessToken(_) => TokenMechanism::default(),
            Self::OAuth(grant) => grant.mechanism,
        }
    }
}

/// How a token is shown to a mail server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TokenMechanism {
    /// Google's and Microsoft's.
    #[default]
    XOAuth2,
    /// RFC 7628.
    OAuthBearer,
}

/// The right to read and send for an account, given by its owner at the provider (RFC 6749).
#[derive(Clone, Debug)]
pub struct OAuthGrant {
    /// Which client of ours it was given to: the name of an `[oauth.*]` setting.
    pub client: String,
    /// Gives new access tokens; providers replace it as they like.
    pub refresh_token: Secret,
    /// The newest access token.
    pub access_token: Secret,
    /// When that one ends.
    pub access_expires_at: Timestamp,
    /// The account that signed in, as the provider names it.
    pub account: String,
    /// When the refresh token came.
    pub obtained_at: Timestamp,
    /// How the access token is shown, where a server takes it both ways.
    pub mechanism: TokenMechanism,
}

/// A login at one server.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name; often the address, not always.
    pub user: String,
    /// What proves it.
    pub credentials: Credentials,
}

/// What of the mail that was there before is fetched at the first connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// Only what comes from now on.
    #[default]
    Nothing,
    /// The last days.
    Days(u16),
    /// Everything.
    All,
}

/// Where and how mail comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayIn {
    /// A folder is watched (RFC 9051).
    Imap(ImapWay),
    /// A maildrop is looked into now and then (RFC 1939).
    Pop3(Pop3Way),
    /// The provider forwards to an address of ours, and the SMTP listener takes it.
    Forwarding(ForwardingWay),
}

/// Reading by IMAP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapWay {
    /// The server.
    pub server: Server,
    /// The folder that is watched live.
    pub folder: FolderName,
    /// Further folders that are asked now and then.
    pub more_folders: Vec<FolderName>,
    /// The provider's folder for suspected spam, when that is to be read as well.
    pub junk: Option<FolderName>,
}

/// Reading by POP3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop3Way {
    /// The server.
    pub server: Server,
    /// What becomes of mail on the server.
    pub keep: Pop3Keep,
}

/// How long mail stays in a maildrop. Whatever this says, nothing is deleted there
/// that is not durable here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pop3Keep {
    /// For ever.
    #[default]
    Leave,
    /// So many days after it was stored here.
    Days(u16),
    /// Until it is stored here; other devices lose it.
    DeleteOnceStored,
}

/// Taking forwarded mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardingWay {
    /// In front of the `@`; nobody can guess it. The domain is a setting of the gateway.
    pub local_part: String,
}

/// Where replies are handed over (RFC 6409).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayOut {
    /// The mailbox's own server.
    Own(Server),
    /// The one the gateway sends its own notices by.
    System,
}

impl WayIn {
    /// The INBOX of a server.
    #[must_use]
    pub fn inbox(server: Server) -> Self {
        Self::Imap(ImapWay {
            server,
            folder: FolderName::inbox(),
            more_folders: Vec::new(),
            junk: None,
        })
    }

    /// The server that is asked for mail; forwarding has none.
    #[must_use]
    pub fn server(&self) -> Option<&Server> {
        match self {
            Self::Imap(way) => Some(&way.server),
            Self::Pop3(way) => Some(&way.server),
            Self::Forwarding(_) => None,
        }
    }
}

impl WayOut {
    /// The mailbox's own server.
    #[must_use]
    pub fn server(&self) -> Option<&Server> {
        match self {
            Self::Own(server) => Some(server),
            Self::System => None,
        }
    }
}

/// What a person has done with a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// It works.
    #[default]
    On,
    /// Nothing is fetched and nothing is sent; both go on where they stopped.
    Offline,
    /// As offline, and the logins are forgotten: binding asks for them again.
    Unbound,
}

/// What a person sets; the sealed logins are apart ([`MailboxLogins`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxSettings {
    /// What the team calls it.
    pub name: String,
    /// The support address; once per gateway.
    pub address: Address,
    /// The id that people, scripts and logs use; once per gateway.
    pub slug: Slug,
    /// Id of the provider preset, or `other`.
    pub preset: String,
    /// Id of a preset that lies over the provider's, such as a marketplace's.
    pub overlay: Option<String>,
    /// The address that is registered there, when the overlay asks for it.
    pub registered_address: Option<Address>,
    /// Where mail comes in.
    pub way_in: WayIn,
    /// Where replies leave.
    pub way_out: WayOut,
    /// Where copies of replies go, when SPECIAL-USE does not tell.
    pub sent_folder: Option<FolderName>,
    /// The provider files what it submits itself, so no copy is made.
    pub provider_files_sent: bool,
    /// The name replies leave under.
    pub identity: NamedAddress,
    /// Further addresses replies may leave from.
    pub aliases: Vec<NamedAddress>,
    /// Text under replies; the shipped signature script returns it.
    pub signature: String,
    /// What was fetched at the first connection.
    pub history: History,
    /// How new mail finds its conversation.
    pub threading: ThreadingRules,
    /// When the authorization code was made, where codes end by age.
    pub code_created_on: Option<Date>,
    /// Who is written to, besides administrators, when the login no longer works.
    pub rescue_address: Option<Address>,
    /// How often a server that does not push is asked; the gateway's interval when not set.
    pub check_interval: Option<Duration>,
    /// Failed attempts before the condition is `Error`; the gateway's number when not set.
    pub attempts_max: Option<u32>,
    /// How often a mail to itself proves the whole way, when it does.
    pub canary_every: Option<Duration>,
    /// What a person has done with it.
    pub switch: Switch,
    /// Texts that an administrator attaches for scripts, by name.
    pub values: BTreeMap<String, String>,
    /// How replies are written and filed.
    pub replies: ReplySettings,
}

impl MailboxSettings {
    /// Settings of an address with everything else as usual.
    #[must_use]
    pub fn new(address: Address, way_in: WayIn, way_out: WayOut) -> Self {
        Self {
            name: address.as_str().to_owned(),
            slug: Slug::of(&address),
            preset: OTHER_PRESET.to_owned(),
            overlay: None,
            registered_address: None,
            way_in,
            way_out,
            sent_folder: None,
            provider_files_sent: false,
            identity: address.clone().into(),
            aliases: Vec::new(),
            signature: String::new(),
            history: History::default(),
            threading: ThreadingRules::default(),
            code_created_on: None,
            rescue_address: None,
            check_interval: None,
            attempts_max: None,
            canary_every: None,
            switch: Switch::On,
            values: BTreeMap::new(),
            replies: ReplySettings::default(),
            address,
        }
    }

    /// How it is read by IMAP, if it is.
    #[must_use]
    pub fn imap(&self) -> Option<&ImapWay> {
        match &self.way_in {
            WayIn::Imap(way) => Some(way),
            WayIn::Pop3(_) | WayIn::Forwarding(_) => None,
        }
    }

    /// Every address that is ours by it; some more than once.
    pub fn own_addresses(&self) -> impl Iterator<Item = &Address> {
        let named = std::iter::once(&self.identity).chain(&self.aliases);
        let named = named.map(|one| &one.address);
        named.chain([&self.address]).chain(&self.registered_address)
    }

    /// As whom it can send, the usual one first, each address once.
    #[must_use]
    pub fn senders(&self) -> Vec<NamedAddress> {
        let mut senders: Vec<NamedAddress> = Vec::new();
        let main = self.address.clone().into();
        for one in std::iter::once(&self.identity)
            .chain(&self.aliases)
            .chain([&main])
        {
            let folded = one.address.folded();
            if senders.iter().all(|known| known.address.folded() != folded) {
                senders.push(one.clone());
            }
        }
        senders
    }

    /// As whom it sends from this address; `None` when it does not.
    #[must_use]
    pub fn sender(&self, address: &Address) -> Option<NamedAddress> {
        let folded = address.folded();
        let mut known = std::iter::once(&self.identity).chain(&self.aliases);
        let named = known.find(|one| one.address.folded() == folded).cloned();
        named.or_else(|| (self.address.folded() == folded).then(|| self.address.clone().into()))
    }

    /// A person has switched it off, one way or another.
    #[must_use]
    pub fn offline(&self) -> bool {
        self.switch != Switch::On
    }
}

/// Preset of a mailbox whose servers were typed in.
pub const OTHER_PRESET: &str = "other";

/// The logins of a mailbox, in clear only while in use.
#[derive(Clone, Debug, Default)]
pub struct MailboxLogins {
    /// At the incoming server; `None` where mail is forwarded.
    pub incoming: Option<Login>,
    /// At the outgoing server; `None` submits without authentication.
    pub outgoing: Option<Login>,
}

/// A mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Its key.
    pub key: MailboxKey,
    /// Its id outside.
    pub id: PublicId,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// What a person set.
    pub settings: MailboxSettings,
    /// When it was connected. Older mail is imported, never answered automatically.
    pub connected_at: Timestamp,
}

/// How one direction of a mailbox is doing, judged by its last proven success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Not tried yet.
    #[default]
    Connecting,
    /// It works.
    Active,
    /// Trouble on the way; attempt `retry` of `retries_max` comes at `next_at`.
    Interrupted {
        /// What happened.
        reason: Saying,
        /// Which attempt failed, from 1.
        retry: u32,
        /// After this many the state is [`Condition::Error`].
        retries_max: u32,
        /// When it is tried again.
        next_at: Timestamp,
    },
    /// Attempts used up; slow retries go on.
    Error {
        /// What happened.
        reason: Saying,
        /// When it is tried again.
        next_at: Timestamp,
    },
    /// The provider refused the credentials. Nothing but a person mends that.
    ReauthenticationNeeded {
        /// The provider's words and what to do.
        reason: Saying,
    },
    /// Switched off by a person.
    Offline,
    /// A person has taken its logins away; binding it again gives new ones.
    Unbound,
}

/// What is known of a mailbox at this moment. Lives in memory; what outlives a restart
/// is its [`MailboxStanding`](super::condition::MailboxStanding).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxHealth {
    /// Receiving.
    pub receiving: Condition,
    /// Sending.
    pub sending: Condition,
    /// The last time the incoming server answered us.
    pub last_sign_of_life: Option<Timestamp>,
    /// The last time the outgoing server took a mail or a trial login.
    pub last_submission: Option<Timestamp>,
    /// The last time a mail came.
    pub last_mail_at: Option<Timestamp>,
    /// Mail waiting on the server, when a catch-up is under way.
    pub catching_up: Option<u32>,
    /// Mail that was seen on the server and is not here.
    pub held: HeldMail,
    /// What it has proven by mails to itself.
    pub proofs: MailboxProofs,
    /// Where its mail is to be forwarded to, when it comes that way.
    pub receiving_address: Option<String>,
    /// A provider asks whether it may forward.
    pub confirmation: Option<Confirmation>,
    /// Mail comes by two ways, one of them too many.
    pub two_ways: Option<TwoWays>,
    /// What of its login ends by age, and in how many days.
    pub expiry: Option<(Expiry, i64)>,
}

impl MailboxHealth {
    /// Sending worked when it was last used, and the login it uses has been refused since
    /// where mail is read.
    #[must_use]
    pub fn sending_is_in_doubt(&self, settings: &MailboxSettings) -> bool {
        settings.way_out.server().is_some()
            && self.sending == Condition::Active
            && matches!(self.receiving, Condition::ReauthenticationNeeded { .. })
    }
}

/// Mail the cursor has passed without taking it in, so that it holds nothing up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldMail {
    /// Larger than the limit; stays on the server until somebody asks for it.
    pub too_large: usize,
    /// The server did not give it whole; it is tried again.
    pub incomplete: usize,
}

impl HeldMail {
    /// What a cursor remembers.
    #[must_use]
    pub fn of(cursor: &Cursor) -> Self {
        let count = |reason| {
            let held = cursor.pending.values();
            held.filter(|pending| pending.reason == reason).count()
        };
        Self {
            too_large: count(PendingReason::TooLarge),
            incomplete: count(PendingReason::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::folder::{Pending, Uid, UidValidity};

    #[test]
    fn it_sends_from_its_own_addresses_only() {
        let address = |text: &str| Address::parse(text).expect("an address");
        let server = Server {
            host: "localhost".to_owned(),
            port: 1,
            security: Security::None,
        };
        let (way_in, way_out) = (WayIn::inbox(server.clone()), WayOut::Own(server));
        let mut settings = MailboxSettings::new(address("help@shop.example"), way_in, way_out);
        settings.aliases = vec![NamedAddress::new(
            Some("Sales"),
            address("Sales@shop.example"),
        )];
        let sales = settings.sender(&address("sales@SHOP.example"));
        assert_eq!(sales.as_ref().and_then(NamedAddress::name), Some("Sales"));
        assert!(settings.sender(&address("HELP@shop.example")).is_some());
        assert_eq!(settings.sender(&address("other@shop.example")), None);
    }

    #[test]
    fn what_a_cursor_passed_is_counted_by_its_reason() {
        let mut cursor = Cursor::start(UidValidity::new(1).expect("not zero"));
        for (uid, reason) in [
            (3, PendingReason::TooLarge),
            (4, PendingReason::Incomplete),
            (9, PendingReason::TooLarge),
        ] {
            let pending = Pending {
                reason,
                attempts: 1,
                retry_at: Timestamp::UNIX_EPOCH,
            };
            cursor.defer(Uid::new(uid).expect("not zero"), pending);
        }
        let held = HeldMail::of(&cursor);
        assert_eq!((held.too_large, held.incomplete), (2, 1));
    }
}
