//! Whose a receiving address is: an index row per local part, also for one that was
//! replaced and is still good for a while.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::mailboxes::{
    announce, connected, find, put_mailbox, put_receiving, read_receiving, remove_receiving,
};
use super::table::{Rows, Table};
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{ForwardingWay, Mailbox, WayIn};
use crate::domain::saying::{Said, Saying, saying};

/// The mailbox behind a receiving address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The mailbox.
    pub mailbox: Mailbox,
    /// When the address ends; `None` for the one in use.
    pub until: Option<Timestamp>,
}

/// Why a mailbox got no new receiving address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum RotateError {
    /// Nothing is forwarded to it.
    NotForwarded,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for RotateError {
    fn saying(&self) -> Saying {
        match self {
            Self::NotForwarded => saying!("cannot.mailbox.not_forwarded"),
            Self::Store(error) => error.saying(),
        }
    }
}

impl Store {
    /// The connected mailbox that mail for this local part goes to.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn receiver(
        &self,
        local_part: &str,
        now: Timestamp,
    ) -> Result<Option<Receiver>, StoreError> {
        self.read(|rows| {
            let Some(row) = rows.get(Table::ReceivingAddresses, local_part.as_bytes())? else {
                return Ok(None);
            };
            let (key, until) = read_receiving(&row);
            if until.is_some_and(|until| until <= now) {
                return Ok(None);
            }
            let mailbox = find(rows, key)?;
            Ok(mailbox.map(|mailbox| Receiver { mailbox, until }))
        })
    }

    /// Gives a mailbox another receiving address; the one before is good until then.
    ///
    /// # Errors
    /// When nothing is forwarded to it, or it cannot be made durable.
    pub async fn rotate_receiving(
        &self,
        key: MailboxKey,
        local_part: String,
        old_until: Timestamp,
        now: Timestamp,
    ) -> Result<Mailbox, RotateError> {
        self.write(move |transaction| {
            let mut mailbox = connected(transaction, key)?;
            let WayIn::Forwarding(way) = &mailbox.settings.way_in else {
                return Err(RotateError::NotForwarded);
            };
            let old = way.local_part.clone();
            // Only the one before the new one stays: whoever rotates twice means it.
            remove_receiving(transaction, key, |_| true)?;
            if old_until > now {
                put_receiving(transaction, &old, key, Some(old_until))?;
            }
            mailbox.settings.way_in = WayIn::Forwarding(ForwardingWay {
                local_part: local_part.clone(),
            });
            put_mailbox(transaction, &mailbox)?;
            announce(transaction, &mailbox, now)?;
            Ok(mailbox)
        })
        .await
    }
}
