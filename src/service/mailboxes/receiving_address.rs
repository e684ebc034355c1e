//! Another address in place of the one that mail of a mailbox is forwarded to.

use super::{MailboxError, Mailboxes};
use crate::domain::key::PublicId;
use crate::domain::mailbox::Mailbox;
use crate::domain::user::Actor;
use crate::service::connect::wish::receiving_local_part;
use crate::service::random::Random;

impl Mailboxes {
    /// Gives a mailbox another receiving address. The one before goes on for a while,
    /// so that the rule at the provider can be changed without losing a mail.
    ///
    /// # Errors
    /// When the actor may not, or nothing is forwarded to the mailbox.
    pub async fn rotate_address(
        &self,
        actor: &Actor,
        id: PublicId,
    ) -> Result<Mailbox, MailboxError> {
        let mailbox = self.managed(actor, id)?;
        let local_part = receiving_local_part(&mailbox.settings.address, Random.bytes()?);
        let now = self.clock.now();
        let until = self.connect.receiving().old_address_until(now);
        let rotated = self
            .store
            .rotate_receiving(mailbox.key, local_part, until, now);
        Ok(rotated.await?)
    }
}
