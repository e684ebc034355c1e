//! A connected support address: its way in, its way out, and how it is doing.

use jiff::Timestamp;

use super::address::{Address, NamedAddress};
use super::folder::{Cursor, FolderName, PendingReason};
use super::key::{MailboxKey, PublicId, WorkspaceKey};
use super::secret::Secret;
use super::threading::ThreadingRules;

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

/// What a person sets; the sealed logins are apart ([`MailboxLogins`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxSettings {
    /// What the team calls it.
    pub name: String,
    /// The support address; once per gateway.
    pub address: Address,
    /// Id of the provider preset, or `other`.
    pub preset: String,
    /// Where mail is read (IMAP).
    pub incoming: Server,
    /// Where replies are handed over (RFC 6409).
    pub outgoing: Server,
    /// The folder that is watched live.
    pub folder: FolderName,
    /// Where copies of replies go, when SPECIAL-USE does not tell.
    pub sent_folder: Option<FolderName>,
    /// The provider files what it submits itself, so no copy is made.
    pub provider_files_sent: bool,
    /// The name replies leave under.
    pub identity: NamedAddress,
    /// Text under replies; the shipped signature script returns it.
    pub signature: String,
    /// What was fetched at the first connection.
    pub history: History,
    /// How new mail finds its conversation.
    pub threading: ThreadingRules,
    /// A person has switched it off: nothing is fetched, nothing is sent.
    pub offline: bool,
}

/// The logins of a mailbox, in clear only while in use.
#[derive(Clone, Debug)]
pub struct MailboxLogins {
    /// At the incoming server.
    pub incoming: Login,
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
        reason: String,
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
        reason: String,
        /// When it is tried again.
        next_at: Timestamp,
    },
    /// The provider refused the credentials. Nothing but a person mends that.
    ReauthenticationNeeded {
        /// The provider's words and what to do.
        reason: String,
    },
    /// Switched off by a person.
    Offline,
}

/// What is known of a mailbox at this moment. Lives in memory; the last success is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxHealth {
    /// Receiving.
    pub receiving: Condition,
    /// Sending.
    pub sending: Condition,
    /// The last time the incoming server answered us.
    pub last_sign_of_life: Option<Timestamp>,
    /// The last time a mail came.
    pub last_mail_at: Option<Timestamp>,
    /// Mail waiting on the server, when a catch-up is under way.
    pub catching_up: Option<u32>,
    /// Mail that was seen on the server and is not here.
    pub held: HeldMail,
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
