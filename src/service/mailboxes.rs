//! What people do with connected mailboxes: look, look now, switch off and on; the
//! rest of their life is in the files below.

mod change;
mod edit;
mod export;
mod given;
mod leave;
mod mbox;
mod receiving_address;
mod signed_in;
#[cfg(test)]
mod tests;

use crate::domain::address::Address;
use crate::domain::alert::day_of;
use crate::domain::expiry::Expiry;
use crate::domain::key::{MailboxKey, PublicId};
use crate::domain::ledger::Fate;
use crate::domain::mailbox::{HeldMail, Mailbox, MailboxHealth, MailboxSettings, Switch, WayIn};
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::slug::Slug;
use crate::domain::user::{Actor, Role};
use crate::service::clock::Clock;
use crate::service::connect::wish::WrongField;
use crate::service::connect::{Connect, StepResult, failed_step};
use crate::service::credentials::{CredentialsError, Keyring};
use crate::service::random::NoRandomness;
use crate::service::sync::board::Board;
use crate::service::sync::{Sync, to_the_end};
use crate::store::{GoesOn, NewLogins, RotateError, Store};

pub use self::change::Changed;
pub use self::edit::Edit;
pub use self::export::{Export, Exported};
pub use self::given::GivenLogins;
pub use self::leave::Removal;
pub use crate::store::{AddError, Loss, StoreError};

/// Rows of the ledger looked at for the last mail; copies and own replies are passed.
const LAST_MAIL_ROWS: usize = 50;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum MailboxError {
    /// It does not exist, or the actor may not see it.
    NoSuchMailbox,
    /// It is switched off, or its task has just ended.
    Offline,
    /// Its login was refused, and tried again a moment ago.
    TooSoon(jiff::Timestamp),
    /// It has no logins.
    Unbound,
    /// It has logins.
    Bound,
    /// Seen, but not the actor's to change.
    NotAllowed,
    /// Nothing is forwarded to it.
    NotForwarded,
    /// No receiving address can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// A password is needed.
    NoPassword,
    /// What is stored is shown to no other server, nor with less protection.
    Elsewhere(String),
    /// A value of the changed settings cannot be used.
    #[error(transparent)]
    Wrong(#[from] WrongField),
    /// The trial connection failed, so nothing was changed; the steps say where.
    Trial(Vec<StepResult>),
    /// The person has not said that the loss is meant.
    NotConfirmed(Address, Loss),
    /// The export could not be written.
    Export {
        /// Where to.
        path: std::path::PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The changed settings were refused.
    #[error(transparent)]
    Change(#[from] AddError),
    /// The stored sign-in gives no usable token.
    #[error(transparent)]
    Credentials(CredentialsError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for MailboxError {
    fn saying(&self) -> Saying {
        match self {
            Self::NoSuchMailbox => saying!("cannot.mailbox.no_such_mailbox"),
            Self::Offline => saying!("cannot.mailbox.offline"),
            Self::TooSoon(until) => saying!("cannot.mailbox.too_soon", until),
            Self::Unbound => saying!("cannot.mailbox.unbound"),
            Self::Bound => saying!("cannot.mailbox.bound"),
            Self::NotAllowed => saying!("cannot.mailbox.not_allowed"),
            Self::NotForwarded => saying!("cannot.mailbox.not_forwarded"),
            Self::Randomness(error) => error.saying(),
            Self::NoPassword => saying!("cannot.mailbox.no_password"),
            Self::Elsewhere(host) => saying!("cannot.mailbox.elsewhere", host),
            Self::Wrong(error) => error.saying(),
            Self::Trial(steps) => failed_step(steps),
            Self::NotConfirmed(address, loss) => cost(address, loss),
            Self::Export { path, cause, .. } => saying!(
                "cannot.mailbox.export",
                path = path.display().to_string(),
                cause
            ),
            Self::Change(error) => error.saying(),
            Self::Credentials(error) => error.saying(),
            Self::Store(error) => error.saying(),
        }
    }
}

impl From<CredentialsError> for MailboxError {
    fn from(error: CredentialsError) -> Self {
        match error {
            CredentialsError::Store(error) => Self::Store(error),
            error => Self::Credentials(error),
        }
    }
}

impl From<RotateError> for MailboxError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::NotForwarded => Self::NotForwarded,
            RotateError::Store(error) => error.into(),
        }
    }
}

/// The cost of a removal, and how to go on, in words.
fn cost(address: &Address, loss: &Loss) -> Saying {
    let Loss {
        conversations,
        mails,
        replies,
    } = *loss;
    saying!(
        "cannot.mailbox.not_confirmed",
        address,
        replies,
        conversations,
        mails
    )
}

/// The service.
#[derive(Clone, Debug)]
pub struct Mailboxes {
    store: Store,
    sync: Sync,
    board: Board,
    clock: Clock,
    connect: Connect,
    keyring: Keyring,
}

impl Mailboxes {
    /// A service over its handles.
    #[must_use]
    pub fn new(
        store: Store,
        sync: Sync,
        board: Board,
        clock: Clock,
        connect: Connect,
        keyring: Keyring,
    ) -> Self {
        Self {
            store,
            sync,
            board,
            clock,
            connect,
            keyring,
        }
    }

    /// The mailboxes the actor may see, with how each is doing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(&self, actor: &Actor) -> Result<Vec<(Mailbox, MailboxHealth)>, MailboxError> {
        let all = self.store.mailboxes()?;
        let seen = all
            .into_iter()
            .filter(|mailbox| actor.may(Role::Operator, mailbox.workspace));
        seen.map(|mailbox| {
            let health = self.health(&mailbox)?;
            Ok((mailbox, health))
        })
        .collect()
    }

    /// One mailbox.
    ///
    /// # Errors
    /// When the actor may not see it, or the store cannot be read.
    pub fn get(
        &self,
        actor: &Actor,
        id: PublicId,
    ) -> Result<(Mailbox, MailboxHealth), MailboxError> {
        let found = self
            .store
            .mailbox_by_id(id)?
            .filter(|mailbox| actor.may(Role::Operator, mailbox.workspace));
        let mailbox = found.ok_or(MailboxError::NoSuchMailbox)?;
        let health = self.health(&mailbox)?;
        Ok((mailbox, health))
    }

    /// The mailbox that people call so: by its id, its slug or its address.
    ///
    /// # Errors
    /// When there is none for this actor, or the store cannot be read.
    pub fn find(&self, actor: &Actor, which: &str) -> Result<Mailbox, MailboxError> {
        let mut found = match PublicId::parse(which) {
            Some(id) => self.store.mailbox_by_id(id)?,
            None => None,
        };
        if let (None, Some(slug)) = (&found, Slug::parse(&which.to_lowercase())) {
            found = self.store.mailbox_by_slug(&slug)?;
        }
        if let (None, Ok(address)) = (&found, Address::parse(which)) {
            found = self.store.mailbox_by_address(&address)?;
        }
        found
            .filter(|mailbox| actor.may(Role::Operator, mailbox.workspace))
            .ok_or(MailboxError::NoSuchMailbox)
    }

    /// Looks for mail now, also when a pause after trouble is not over.
    ///
    /// # Errors
    /// When the actor may not see it, it is switched off, or its login was refused and
    /// tried again a moment ago.
    pub fn refresh(&self, actor: &Actor, id: PublicId) -> Result<(), MailboxError> {
        let (mailbox, _) = self.get(actor, id)?;
        match mailbox.settings.switch {
            Switch::On => {}
            Switch::Offline => return Err(MailboxError::Offline),
            Switch::Unbound => return Err(MailboxError::Unbound),
        }
        // Where mail is forwarded nothing runs that could be woken.
        let waits = mailbox.settings.way_in.server().is_none();
        let looked = self.sync.refresh(mailbox.key);
        if looked.map_err(|soon| MailboxError::TooSoon(soon.again_at))? || waits {
            Ok(())
        } else {
            Err(MailboxError::Offline)
        }
    }

    /// Switches receiving and sending off or on. Mail that comes meanwhile stays on
    /// the server and is collected afterwards; what was refused stays refused.
    ///
    /// # Errors
    /// When the actor may not, it is unbound, or the store does not take it.
    pub async fn set_offline(
        &self,
        actor: &Actor,
        id: PublicId,
        offline: bool,
    ) -> Result<(), MailboxError> {
        let key = self.managed(actor, id)?.key;
        let switch = if offline { Switch::Offline } else { Switch::On };
        let this = self.clone();
        to_the_end(async move { this.switch(key, switch).await }).await
    }

    async fn switch(&self, key: MailboxKey, switch: Switch) -> Result<(), MailboxError> {
        let _turn = self.sync.turn(key).await;
        // It may have been unbound, or removed, while others had their turn.
        let before = self.store.mailbox(key)?;
        let before = before.ok_or(MailboxError::NoSuchMailbox)?;
        if before.settings.switch == Switch::Unbound {
            return Err(MailboxError::Unbound);
        }
        let change = move |settings: &mut MailboxSettings| settings.switch = switch;
        let mailbox = self
            .alter(&before, change, NewLogins::Keep, GoesOn::WhereItStopped)
            .await?;
        self.sync.stop(key).await;
        self.sync.start(mailbox);
        Ok(())
    }

    /// One mailbox, for somebody who manages it.
    pub(super) fn managed(&self, actor: &Actor, id: PublicId) -> Result<Mailbox, MailboxError> {
        let (mailbox, _) = self.get(actor, id)?;
        if actor.may(Role::Manager, mailbox.workspace) {
            Ok(mailbox)
        } else {
            Err(MailboxError::NotAllowed)
        }
    }

    /// When the login of a mailbox ends by age, where that is known.
    pub(super) fn expiry(&self, mailbox: &Mailbox) -> Result<Option<Expiry>, StoreError> {
        let (presets, settings) = (self.connect.presets(), &mailbox.settings);
        if settings.switch == Switch::Unbound || !presets.logins_end(&settings.preset) {
            return Ok(None);
        }
        let logins = self.store.logins(mailbox.key)?;
        Ok(presets.expiry(settings, &logins))
    }

    fn health(&self, mailbox: &Mailbox) -> Result<MailboxHealth, StoreError> {
        let mut health = self.board.health(mailbox.key);
        health.held = match &mailbox.settings.way_in {
            WayIn::Imap(way) => {
                let cursor = self.store.cursor(mailbox.key, &way.folder)?;
                cursor.as_ref().map(HeldMail::of).unwrap_or_default()
            }
            WayIn::Pop3(_) => self.store.held_in_maildrop(mailbox.key)?,
            WayIn::Forwarding(_) => HeldMail::default(),
        };
        health.proofs = self.store.proofs(mailbox.key)?;
        health.confirmation = self.confirmation(mailbox)?;
        health.two_ways = self.two_ways(mailbox)?;
        health.receiving_address = self.connect.receiving_address(mailbox);
        let today = day_of(self.clock.now());
        let expiry = self.expiry(mailbox)?;
        health.expiry = expiry.map(|expiry| (expiry, expiry.days_left(today)));
        if health.last_mail_at.is_none() {
            let rows = self.store.ledger(mailbox.key, None, LAST_MAIL_ROWS)?;
            let mail = rows.iter().find(|row| {
                matches!(
                    row.fate,
                    Fate::Stored(_) | Fate::Unreadable(_) | Fate::Ignored { .. }
                )
            });
            health.last_mail_at = mail.map(|row| row.at);
        }
        Ok(health)
    }
}
