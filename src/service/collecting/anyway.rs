//! "Fetch anyway": a mail above the limit, of which only the beginning is here, is fetched
//! whole because somebody wants it.

use super::{Collecting, CollectingError};
use crate::domain::folder::{FolderName, Pending, PendingReason, Uid, UidValidity};
use crate::domain::key::{MailboxKey, MessageKey, PublicId};
use crate::domain::ledger::{Fate, LedgerRow, Source};
use crate::domain::mailbox::Mailbox;
use crate::domain::maildrop::MailState;
use crate::domain::message::{Defect, Message};
use crate::domain::user::{Actor, Role};
use crate::service::mailboxes::MailboxError;
use crate::service::sync::ANYWAY_BYTES_MAX;
use crate::service::sync::maildrop::identity_of;

/// What of a mail is still on its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The size of the whole mail there, in bytes.
    pub size: u64,
    /// Somebody has asked for it.
    pub is_coming: bool,
}

/// A mail that is on its way now.
#[derive(Clone, Debug)]
pub struct OnItsWay {
    /// The mailbox it waits in.
    pub mailbox: Mailbox,
    /// Its size on the server, in bytes.
    pub size: u64,
}

impl Collecting {
    /// The rest of a mail, when only its beginning is here.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rest_of(&self, message: &Message) -> Result<Option<Rest>, CollectingError> {
        if !message.head.defects.contains(&Defect::TooLarge) {
            return Ok(None);
        }
        let Some(row) = self.row_of_beginning(message.key)? else {
            return Ok(None);
        };
        let Fate::TooLarge { size, .. } = row.fate else {
            return Ok(None);
        };
        let pending = self.pending(row.mailbox, &row.source)?;
        Ok(Some(Rest {
            size,
            is_coming: pending.is_some_and(|pending| pending.reason == PendingReason::Anyway),
        }))
    }

    fn pending(
        &self,
        mailbox: MailboxKey,
        source: &Source,
    ) -> Result<Option<Pending>, CollectingError> {
        Ok(match source {
            Source::Imap { folder, uid, .. } => {
                let cursor = self.store.cursor(mailbox, folder)?;
                cursor.and_then(|mut cursor| cursor.pending.remove(uid))
            }
            Source::Pop3 { uidl } => {
                let mut known = self.store.maildrop(mailbox)?;
                let row = known.rows.remove(&identity_of(uidl.as_bytes()));
                row.and_then(|row| match row.state {
                    MailState::Pending(pending) => Some(pending),
                    _ => None,
                })
            }
            Source::Smtp(_) => None,
        })
    }

    /// Lets the rest of a mail be fetched whose beginning this message shows. It takes the
    /// place of the beginning when it is here.
    ///
    /// # Errors
    /// See [`CollectingError`]; nothing is changed then.
    pub async fn fetch_anyway(
        &self,
        actor: &Actor,
        message: PublicId,
    ) -> Result<OnItsWay, CollectingError> {
        if !actor.may(Role::Operator, actor.workspace()) {
            return Err(MailboxError::NotAllowed.into());
        }
        let message = self.store.message_by_id(actor.workspace(), message)?;
        let message = message.ok_or(CollectingError::NoSuchMail)?;
        if !message.head.defects.contains(&Defect::TooLarge) {
            return Err(CollectingError::IsWhole);
        }
        let row = self.row_of_beginning(message.key)?;
        let row = row.ok_or(CollectingError::NoSuchMail)?;
        let size = match row.fate {
            Fate::TooLarge { size, .. } if size <= ANYWAY_BYTES_MAX => size,
            _ => return Err(CollectingError::LargerThanAnything),
        };
        let mailbox = self.store.mailbox(row.mailbox)?;
        let mailbox = mailbox.ok_or(MailboxError::NoSuchMailbox)?;
        let pending = self.pending(mailbox.key, &row.source)?;
        if pending.is_some_and(|pending| pending.reason == PendingReason::Anyway) {
            // Asked for before: its task has it.
            return Ok(OnItsWay { mailbox, size });
        }
        // The task that reads the mailbox holds what is known of it, so it is stopped
        // meanwhile.
        let (this, key) = (self.clone(), mailbox.key);
        let mark = async move { this.mark_anyway(key, row.source).await };
        self.while_stopped(key, mark).await?;
        Ok(OnItsWay { mailbox, size })
    }

    /// The latest row that says of the mail that it was left on a server.
    fn row_of_beginning(&self, message: MessageKey) -> Result<Option<LedgerRow>, CollectingError> {
        let rows = self.store.ledger_of_message(message)?;
        let beginnings = rows
            .into_iter()
            .filter(|row| matches!(row.fate, Fate::TooLarge { .. }));
        Ok(beginnings.max_by_key(|row| row.at))
    }

    async fn mark_anyway(
        &self,
        mailbox: MailboxKey,
        source: Source,
    ) -> Result<(), CollectingError> {
        match source {
            Source::Imap {
                folder,
                validity,
                uid,
            } => self.mark_in_folder(mailbox, folder, validity, uid).await,
            Source::Pop3 { uidl } => self.mark_in_maildrop(mailbox, &uidl).await,
            // Our own listener refuses what is larger than its limit.
            Source::Smtp(_) => Err(CollectingError::NoSuchMail),
        }
    }

    fn wanted_anyway(&self) -> Pending {
        Pending {
            reason: PendingReason::Anyway,
            attempts: 0,
            retry_at: self.clock.now(),
        }
    }

    async fn mark_in_folder(
        &self,
        mailbox: MailboxKey,
        folder: FolderName,
        validity: UidValidity,
        uid: Uid,
    ) -> Result<(), CollectingError> {
        let cursor = self.store.cursor(mailbox, &folder)?;
        let same = cursor.filter(|cursor| cursor.validity == validity);
        let Some(mut cursor) = same else {
            return Err(CollectingError::Renumbered(folder));
        };
        cursor.pending.insert(uid, self.wanted_anyway());
        self.store.set_cursor(mailbox, folder, cursor).await?;
        Ok(())
    }

    async fn mark_in_maildrop(
        &self,
        mailbox: MailboxKey,
        uidl: &str,
    ) -> Result<(), CollectingError> {
        let id = identity_of(uidl.as_bytes());
        let mut known = self.store.maildrop(mailbox)?;
        let row = known
            .rows
            .remove(&id)
            .filter(|row| row.gone_since.is_none());
        let Some(mut row) = row.filter(|_| !uidl.is_empty()) else {
            return Err(CollectingError::Unnamed);
        };
        row.state = MailState::Pending(self.wanted_anyway());
        let changed = vec![(id, row)];
        self.store
            .set_maildrop(mailbox, changed, Vec::new())
            .await?;
        Ok(())
    }
}
