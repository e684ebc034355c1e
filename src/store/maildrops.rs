//! Rows of maildrops: which mails of one are known, and what became of each.

use std::collections::HashMap;

use super::Store;
use super::error::StoreError;
use super::key::Key;
use super::record;
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::folder::PendingReason;
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::HeldMail;
use crate::domain::maildrop::{MailIdentity, MailState, MaildropRow};

/// Stands before every row: the maildrop has been looked into. No hash is this.
const BEGUN: [u8; 16] = [0; 16];

/// What is known of a maildrop.
#[derive(Clone, Debug, Default)]
pub struct Maildrop {
    /// It has been looked into before.
    pub begun: bool,
    /// What is in it may be here already, although no row says so.
    pub compare: bool,
    /// Its mails.
    pub rows: HashMap<MailIdentity, MaildropRow>,
}

/// Its row, when another account has taken the place of the one that was read.
const COMPARE: &[u8] = &[1];

fn row_key(mailbox: MailboxKey, id: [u8; 16]) -> Key {
    Key::new(mailbox.0).bytes(&id)
}

/// From now on what is not known is new.
pub(super) fn begin(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    rows: &[(MailIdentity, MaildropRow)],
) -> Result<(), StoreError> {
    transaction.put(Table::Maildrops, row_key(mailbox, BEGUN).as_ref(), &[])?;
    put(transaction, mailbox, rows)
}

/// It is another account: what is known of the one before it is forgotten.
pub(super) fn begin_anew(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
) -> Result<(), StoreError> {
    remove_of(transaction, mailbox)?;
    let key = row_key(mailbox, BEGUN);
    transaction.put(Table::Maildrops, key.as_ref(), COMPARE)
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    rows: &[(MailIdentity, MaildropRow)],
) -> Result<(), StoreError> {
    rows.iter().try_for_each(|(id, row)| {
        transaction.put_record(Table::Maildrops, row_key(mailbox, id.0).as_ref(), row)
    })
}

pub(super) fn forget(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    mails: &[MailIdentity],
) -> Result<(), StoreError> {
    for id in mails {
        let key = row_key(mailbox, id.0);
        transaction.remove(Table::Maildrops, key.as_ref())?;
    }
    Ok(())
}

pub(super) fn remove_of(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
) -> Result<(), StoreError> {
    transaction.remove_all(Table::Maildrops, &mailbox.0.to_be_bytes())
}

impl Store {
    /// What is known of a maildrop.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn maildrop(&self, mailbox: MailboxKey) -> Result<Maildrop, StoreError> {
        self.read(|rows| {
            let (mut found, mut failed) = (Maildrop::default(), None);
            let prefix = mailbox.0.to_be_bytes();
            rows.walk(
                Table::Maildrops,
                &prefix,
                None,
                Order::Up,
                &mut |key, row| {
                    match (key.get(8..).and_then(<[u8]>::first_chunk), row) {
                        (Some(&BEGUN), row) => {
                            found.begun = true;
                            found.compare = row == COMPARE;
                        }
                        (Some(id), row) => match record::decode(row) {
                            Ok(row) => drop(found.rows.insert(MailIdentity(*id), row)),
                            Err(error) => failed = Some(error),
                        },
                        (None, _) => {}
                    }
                    if failed.is_none() {
                        std::ops::ControlFlow::Continue(())
                    } else {
                        std::ops::ControlFlow::Break(())
                    }
                },
            )?;
            failed.map_or(Ok(found), |error| Err(error.into()))
        })
    }

    /// Mails of a maildrop that were seen and are not here.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn held_in_maildrop(&self, mailbox: MailboxKey) -> Result<HeldMail, StoreError> {
        let mut held = HeldMail::default();
        for row in self.maildrop(mailbox)?.rows.values() {
            match &row.state {
                MailState::Pending(_) if row.gone_since.is_some() => {}
                MailState::Pending(pending) if pending.reason == PendingReason::TooLarge => {
                    held.too_large += 1;
                }
                MailState::Pending(_) => held.incomplete += 1,
                MailState::Waiting | MailState::Passed | MailState::Stored => {}
            }
        }
        Ok(held)
    }
}
