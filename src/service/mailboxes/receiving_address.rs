//! A mailbox that is forwarded to: another receiving address, and what its provider asks.

use super::{MailboxError, Mailboxes};
use jiff::SignedDuration;

use crate::domain::forwarded::{Confirmation, TwoWays, Way};
use crate::domain::forwarding::{confirmation_account, confirmation_code, confirmation_link};
use crate::domain::key::PublicId;
use crate::domain::ledger::Source;
use crate::domain::mailbox::Mailbox;
use crate::domain::user::Actor;
use crate::service::connect::wish::receiving_local_part;
use crate::service::random::Random;
use crate::service::reading::text_of;
use crate::store::StoreError;

/// What a provider asked, or that mail came twice, is shown for so long.
const SHOWN_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Mailboxes {
    /// What stands behind the `@` of every address our own listener takes mail for.
    pub(in crate::service) fn receiving_domain(&self) -> Option<&str> {
        self.connect.receiving().domain.as_deref()
    }

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

    /// What a provider asks of the mailbox, not long ago.
    pub(super) fn confirmation(
        &self,
        mailbox: &Mailbox,
    ) -> Result<Option<Confirmation>, StoreError> {
        let Some(message) = self.store.forwarding_question(mailbox.key)? else {
            return Ok(None);
        };
        let Some(code) = confirmation_code(&message.head) else {
            return Ok(None);
        };
        if self.clock.now().duration_since(message.arrived_at) > SHOWN_FOR {
            return Ok(None);
        }
        let text = text_of(&self.store, &message)?;
        Ok(Some(Confirmation {
            code: code.to_owned(),
            link: confirmation_link(&text).map(str::to_owned),
            account: confirmation_account(&message.head.subject),
            at: message.arrived_at,
        }))
    }

    /// By which two ways one mail came, not long ago.
    pub(super) fn two_ways(&self, mailbox: &Mailbox) -> Result<Option<TwoWays>, StoreError> {
        let Some(twice) = self.store.arrived_twice(mailbox.key)? else {
            return Ok(None);
        };
        if self.clock.now().duration_since(twice.at) > SHOWN_FOR {
            return Ok(None);
        }
        Ok(Some(TwoWays {
            first: self.way(&twice.first)?,
            second: self.way(&twice.second)?,
            at: twice.at,
            count: twice.count,
        }))
    }

    fn way(&self, way: &Way) -> Result<String, StoreError> {
        let of_mailbox = |place: &str| {
            let mailbox = self.store.mailbox_even_removed(way.mailbox)?;
            Ok::<_, StoreError>(match mailbox {
                Some(mailbox) => format!("{place} of {}", mailbox.settings.address),
                None => place.to_owned(),
            })
        };
        match &way.source {
            Source::Imap { folder, .. } => of_mailbox(&format!("by IMAP from {folder}")),
            Source::Pop3 { .. } => of_mailbox("by POP3"),
            Source::Smtp(forwarded) => Ok(match &forwarded.written_to {
                Some(from) => format!("forwarded from {from} to {}", forwarded.recipient),
                None => format!("forwarded to {}", forwarded.recipient),
            }),
        }
    }
}
