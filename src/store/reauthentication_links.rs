//! Links that give a mailbox a new login: by the hash of their token, and per mailbox, in
//! one table, since a hash is longer than a mailbox's key.
//!
//! Invariant: a login that changes ends every link of its mailbox in the same transaction
//! (`lifecycle`), so that a link is good once.

use jiff::Timestamp;

use super::Store;
use super::error::StoreError;
use super::table::{Rows, Table, Transaction};
use crate::domain::key::MailboxKey;
use crate::domain::reauthentication::{LINKS_MAX, ReauthenticationLink};

type Hash = [u8; 32];

fn of(rows: &impl Rows, mailbox: MailboxKey) -> Result<Vec<Hash>, StoreError> {
    let found = rows.record(Table::ReauthenticationLinks, &mailbox.0.to_be_bytes())?;
    Ok(found.unwrap_or_default())
}

/// Ends every link of a mailbox.
pub(super) fn revoke(transaction: &Transaction<'_>, mailbox: MailboxKey) -> Result<(), StoreError> {
    for hash in of(transaction, mailbox)? {
        transaction.remove(Table::ReauthenticationLinks, &hash)?;
    }
    let key = mailbox.0.to_be_bytes();
    transaction
        .remove(Table::ReauthenticationLinks, &key)
        .map(drop)
}

impl Store {
    /// Keeps a new link; those that have ended and the oldest beyond the bound go.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn add_reauthentication_link(
        &self,
        hash: Hash,
        link: ReauthenticationLink,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let mut kept = Vec::new();
            for older in of(transaction, link.mailbox)? {
                let found: Option<ReauthenticationLink> =
                    transaction.record(Table::ReauthenticationLinks, &older)?;
                if found.is_some_and(|found| found.is_good(link.made_at)) {
                    kept.push(older);
                } else {
                    transaction.remove(Table::ReauthenticationLinks, &older)?;
                }
            }
            while kept.len() >= LINKS_MAX {
                transaction.remove(Table::ReauthenticationLinks, &kept.remove(0))?;
            }
            kept.push(hash);
            transaction.put_record(Table::ReauthenticationLinks, &hash, &link)?;
            let key = link.mailbox.0.to_be_bytes();
            transaction.put_record(Table::ReauthenticationLinks, &key, &kept)
        })
        .await
    }

    /// The link with that hash, also one that has ended.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn reauthentication_link(
        &self,
        hash: &Hash,
    ) -> Result<Option<ReauthenticationLink>, StoreError> {
        self.read(|rows| rows.record(Table::ReauthenticationLinks, hash))
    }

    /// Counts a try before it is made. `None` when the link is not good any more.
    ///
    /// # Errors
    /// When it cannot be made durable; nothing must be tried then.
    pub async fn count_try(
        &self,
        hash: Hash,
        now: Timestamp,
    ) -> Result<Option<ReauthenticationLink>, StoreError> {
        self.write(move |transaction| {
            let found: Option<ReauthenticationLink> =
                transaction.record(Table::ReauthenticationLinks, &hash)?;
            let Some(mut link) = found.filter(|link| link.is_good(now)) else {
                return Ok(None);
            };
            link.tries += 1;
            transaction.put_record(Table::ReauthenticationLinks, &hash, &link)?;
            Ok(Some(link))
        })
        .await
    }
}
