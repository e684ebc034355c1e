//! A mailbox is removed: what that costs is said first, and meant.

use super::{Loss, MailboxError, Mailboxes};
use crate::domain::key::{MailboxKey, PublicId};
use crate::domain::mailbox::Mailbox;
use crate::domain::user::Actor;
use crate::service::sync::to_the_end;
use crate::store::StoreError;

/// How a mailbox is to be removed.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// The address of the mailbox, typed or sent by whoever means it.
    pub confirmed: Option<String>,
    /// Its conversations go with it.
    pub with_conversations: bool,
}

impl Mailboxes {
    /// What removing a mailbox would cost.
    ///
    /// # Errors
    /// When the actor may not remove it, or the store cannot be read.
    pub fn loss(&self, actor: &Actor, id: PublicId) -> Result<(Mailbox, Loss), MailboxError> {
        let mailbox = self.managed(actor, id)?;
        let loss = self.store.loss(&mailbox)?;
        Ok((mailbox, loss))
    }

    /// Removes a mailbox: its login, its place, and what was still to be done for it.
    /// Nothing is touched on its server, and its conversations stay unless they are to
    /// go; then they disappear one after the other.
    ///
    /// # Errors
    /// [`MailboxError::NotConfirmed`] says what it would cost; also when the actor may
    /// not, or the store does not take it.
    pub async fn remove(
        &self,
        actor: &Actor,
        id: PublicId,
        removal: &Removal,
    ) -> Result<Loss, MailboxError> {
        let (mailbox, loss) = self.loss(actor, id)?;
        let address = &mailbox.settings.address;
        let confirmed = removal.confirmed.as_deref().unwrap_or_default();
        if confirmed.trim().to_lowercase() != address.folded() {
            return Err(MailboxError::NotConfirmed(address.clone(), loss));
        }
        let (this, key, all) = (self.clone(), mailbox.key, removal.with_conversations);
        to_the_end(async move { this.remove_now(key, all).await }).await?;
        tracing::info!(mailbox = %address, ?loss, with_conversations = removal.with_conversations, "a mailbox was removed");
        if removal.with_conversations {
            self.purge(mailbox.key);
        }
        Ok(loss)
    }

    async fn remove_now(
        &self,
        key: MailboxKey,
        with_conversations: bool,
    ) -> Result<(), MailboxError> {
        let _turn = self.sync.turn(key).await;
        self.store
            .remove_mailbox(key, with_conversations, self.clock.now())
            .await?;
        // The store refuses what a task would still deliver.
        self.sync.stop(key).await;
        self.board.remove(key);
        Ok(())
    }

    /// Goes on with removing conversations where a stop interrupted it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn finish_removals(&self) -> Result<(), StoreError> {
        for mailbox in self.store.purges()? {
            self.purge(mailbox);
        }
        Ok(())
    }

    fn purge(&self, mailbox: MailboxKey) {
        let store = self.store.clone();
        // What a stop interrupts is marked in the store.
        tokio::spawn(async move {
            loop {
                match store.purge_some(mailbox).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        tracing::error!(%error, "conversations of a removed mailbox could not be removed; it goes on at the next start");
                        return;
                    }
                }
            }
        });
    }
}
