//! What people do with connected mailboxes: look, switch off and on, look now, remove.

use crate::domain::key::{MailboxKey, PublicId};
use crate::domain::mailbox::{HeldMail, Mailbox, MailboxHealth, Switch};
use crate::domain::user::{Actor, Role};
use crate::service::clock::Clock;
use crate::service::sync::Sync;
use crate::service::sync::board::Board;
use crate::store::{AddError, Store, StoreError};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// It does not exist, or the actor may not see it.
    #[error("there is no such mailbox")]
    NoSuchMailbox,
    /// It is switched off, or its task has just ended.
    #[error("the mailbox is offline; switch it on to look for mail")]
    Offline,
    /// Seen, but not the actor's to change.
    #[error("this needs a mailbox manager or an administrator")]
    NotAllowed,
    /// The changed settings were refused.
    #[error(transparent)]
    Change(#[from] AddError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The service.
#[derive(Clone, Debug)]
pub struct Mailboxes {
    store: Store,
    sync: Sync,
    board: Board,
    clock: Clock,
}

impl Mailboxes {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, sync: Sync, board: Board, clock: Clock) -> Self {
        Self {
            store,
            sync,
            board,
            clock,
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

    /// Looks for mail now, also when a pause after trouble is not over.
    ///
    /// # Errors
    /// When the actor may not see it, or it is switched off.
    pub fn refresh(&self, actor: &Actor, id: PublicId) -> Result<(), MailboxError> {
        let (mailbox, _) = self.get(actor, id)?;
        if self.sync.refresh(mailbox.key) {
            Ok(())
        } else {
            Err(MailboxError::Offline)
        }
    }

    /// Switches receiving and sending off or on. Mail that comes meanwhile stays on
    /// the server and is collected afterwards.
    ///
    /// # Errors
    /// When the actor may not, or the store does not take it.
    pub async fn set_offline(
        &self,
        actor: &Actor,
        id: PublicId,
        offline: bool,
    ) -> Result<(), MailboxError> {
        let mut mailbox = self.managed(actor, id)?;
        mailbox.settings.switch = if offline { Switch::Offline } else { Switch::On };
        self.store
            .change_mailbox(
                mailbox.key,
                mailbox.settings.clone(),
                None,
                self.clock.now(),
            )
            .await?;
        self.sync.start(mailbox);
        Ok(())
    }

    /// Removes the mailbox. Its conversations stay; nothing is touched on the server.
    ///
    /// # Errors
    /// When the actor may not, or the store does not take it.
    pub async fn remove(&self, actor: &Actor, id: PublicId) -> Result<(), MailboxError> {
        let mailbox = self.managed(actor, id)?;
        self.store
            .remove_mailbox(mailbox.key, self.clock.now())
            .await?;
        // The store refuses what a task would still deliver.
        self.sync.stop(mailbox.key).await;
        self.forget(mailbox.key);
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

    fn health(&self, mailbox: &Mailbox) -> Result<MailboxHealth, StoreError> {
        let cursor = match mailbox.settings.imap() {
            Some(way) => self.store.cursor(mailbox.key, &way.folder)?,
            None => None,
        };
        let held = cursor.as_ref().map(HeldMail::of).unwrap_or_default();
        Ok(MailboxHealth {
            held,
            ..self.board.health(mailbox.key)
        })
    }

    fn forget(&self, key: MailboxKey) {
        self.board.remove(key);
    }
}
