//! The ledger: one row per arrival ever seen; by mailbox, by source, by message.

use super::counter::Counter;
use super::error::StoreError;
use super::key::{Key, hash16, number_at};
use super::table::{Order, Rows, Table, Transaction};
use super::{Store, threading};
use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::domain::key::{LedgerKey, MailboxKey, MessageKey, WorkspaceKey};
use crate::domain::ledger::{Fate, LedgerRow, Source};
use crate::domain::message_id::MessageId;

/// Rows of one message that are read: one per folder or way it was seen by.
const ROWS_OF_MESSAGE_MAX: usize = 1_000;

/// Where an arrival from a folder or a maildrop is looked up; others are never asked for.
fn source_key(mailbox: MailboxKey, source: &Source) -> Option<Key> {
    match source {
        Source::Imap {
            folder,
            validity,
            uid,
        } => {
            let folder = folder_key(mailbox, folder, *validity);
            Some(folder.bytes(&uid.get().to_be_bytes()))
        }
        Source::Pop3 { uidl } if !uidl.is_empty() => {
            Some(Key::new(mailbox.0).bytes(&hash16(uidl.as_bytes())))
        }
        Source::Smtp(_) | Source::Pop3 { .. } => None,
    }
}

fn message_of(fate: &Fate) -> Option<MessageKey> {
    match fate {
        Fate::Stored(message)
        | Fate::Duplicate(message)
        | Fate::Own(message)
        | Fate::Unreadable(message)
        | Fate::Ignored { message, .. } => Some(*message),
        Fate::TooLarge { beginning, .. } => *beginning,
        Fate::Canary | Fate::NotGiven | Fate::Elsewhere => None,
    }
}

/// Writes a row; its key is given here. It takes the place of one that says that the mail
/// was waited for.
pub(super) fn add(transaction: &Transaction<'_>, mut row: LedgerRow) -> Result<(), StoreError> {
    row.key = LedgerKey(transaction.next(Counter::Ledger)?);
    let key = Key::new(row.mailbox.0).number(row.key.0);
    transaction.put_record(Table::Ledger, key.as_ref(), &row)?;
    if let Some(source) = source_key(row.mailbox, &row.source) {
        let waited_for = find(transaction, row.mailbox, &row.source)?;
        if let Some(waited_for) = waited_for.filter(|known| known.fate == Fate::NotGiven) {
            remove(transaction, &waited_for)?;
        }
        transaction.point(Table::LedgerBySource, source.as_ref(), row.key.0)?;
    }
    if let Some(message) = message_of(&row.fate) {
        let by_message = Key::new(message.0).number(row.key.0);
        transaction.point(Table::LedgerByMessage, by_message.as_ref(), row.mailbox.0)?;
    }
    Ok(())
}

/// A script put the mail aside: the row it was stored by says so from now on.
pub(super) fn ignore(
    transaction: &Transaction<'_>,
    message: MessageKey,
    by: &str,
) -> Result<(), StoreError> {
    for mut row in rows_of(transaction, message)? {
        if row.fate == Fate::Stored(message) {
            row.fate = Fate::Ignored {
                message,
                by: by.to_owned(),
            };
            let key = Key::new(row.mailbox.0).number(row.key.0);
            transaction.put_record(Table::Ledger, key.as_ref(), &row)?;
        }
    }
    Ok(())
}

/// What became of one mail of a folder or a maildrop.
pub(super) fn find(
    rows: &impl Rows,
    mailbox: MailboxKey,
    source: &Source,
) -> Result<Option<LedgerRow>, StoreError> {
    let Some(key) = source_key(mailbox, source) else {
        return Ok(None);
    };
    let Some(row) = rows.pointer(Table::LedgerBySource, key.as_ref())? else {
        return Ok(None);
    };
    rows.record(Table::Ledger, Key::new(mailbox.0).number(row).as_ref())
}

pub(super) fn rows_of(rows: &impl Rows, message: MessageKey) -> Result<Vec<LedgerRow>, StoreError> {
    let prefix = message.0.to_be_bytes();
    let keys = rows.keys(
        Table::LedgerByMessage,
        &prefix,
        None,
        Order::Up,
        ROWS_OF_MESSAGE_MAX,
    )?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(mailbox) = rows.pointer(Table::LedgerByMessage, &key)? {
            let row = Key::new(mailbox).number(number_at(&key, 8));
            found.extend(rows.record(Table::Ledger, row.as_ref())?);
        }
    }
    Ok(found)
}

/// The beginning of the keys of one incarnation of a folder.
fn folder_key(mailbox: MailboxKey, folder: &FolderName, validity: UidValidity) -> Key {
    Key::new(mailbox.0)
        .bytes(&hash16(folder.as_str().as_bytes()))
        .bytes(&validity.get().to_be_bytes())
}

/// Takes the ways away by which a message came, and with them what makes another
/// arrival the same mail.
pub(super) fn forget(transaction: &Transaction<'_>, message: MessageKey) -> Result<(), StoreError> {
    for row in rows_of(transaction, message)? {
        if let Some(fingerprint) = row.fingerprint {
            let key = Key::new(row.workspace.0).bytes(&fingerprint.0);
            if transaction.pointer(Table::Fingerprints, key.as_ref())? == Some(message.0) {
                transaction.remove(Table::Fingerprints, key.as_ref())?;
            }
        }
        remove(transaction, &row)?;
    }
    transaction.remove_all(Table::LedgerByMessage, &message.0.to_be_bytes())
}

/// Takes rows of a mailbox away, at most `limit`; whether there were any.
pub(super) fn forget_some(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    limit: usize,
) -> Result<bool, StoreError> {
    let prefix = mailbox.0.to_be_bytes();
    let rows: Vec<LedgerRow> =
        transaction.records(Table::Ledger, &prefix, None, Order::Up, limit)?;
    for row in &rows {
        remove(transaction, row)?;
    }
    Ok(!rows.is_empty())
}

fn remove(transaction: &Transaction<'_>, row: &LedgerRow) -> Result<(), StoreError> {
    let key = Key::new(row.mailbox.0).number(row.key.0);
    transaction.remove(Table::Ledger, key.as_ref())?;
    if let Some(source) = source_key(row.mailbox, &row.source) {
        // A server may have given two mails at one place.
        let last = transaction.pointer(Table::LedgerBySource, source.as_ref())?;
        if last == Some(row.key.0) {
            transaction.remove(Table::LedgerBySource, source.as_ref())?;
        }
    }
    if let Some(message) = message_of(&row.fate) {
        let by_message = Key::new(message.0).number(row.key.0);
        transaction.remove(Table::LedgerByMessage, by_message.as_ref())?;
    }
    Ok(())
}

impl Store {
    /// UIDs of a folder that have a row, ascending, above `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ledger_uids(
        &self,
        mailbox: MailboxKey,
        folder: &FolderName,
        validity: UidValidity,
        after: u32,
        limit: usize,
    ) -> Result<Vec<Uid>, StoreError> {
        let prefix = folder_key(mailbox, folder, validity);
        let after = prefix.clone().bytes(&after.to_be_bytes());
        let keys = self.read(|rows| {
            rows.keys(
                Table::LedgerBySource,
                prefix.as_ref(),
                Some(after.as_ref()),
                Order::Up,
                limit,
            )
        })?;
        let uid_at = prefix.as_ref().len();
        let uid = |key: &Vec<u8>| {
            let bytes = key.get(uid_at..)?.first_chunk()?;
            Uid::new(u32::from_be_bytes(*bytes))
        };
        Ok(keys.iter().filter_map(uid).collect())
    }

    /// Every way the mails with that Message-ID came.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ledger_of_message_id(
        &self,
        workspace: WorkspaceKey,
        id: &MessageId,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        self.read(|rows| {
            let mut found = Vec::new();
            for message in threading::messages_with_id(rows, workspace, id)? {
                found.extend(rows_of(rows, message)?);
            }
            Ok(found)
        })
    }

    /// Every way a message came.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ledger_of_message(&self, message: MessageKey) -> Result<Vec<LedgerRow>, StoreError> {
        self.read(|rows| rows_of(rows, message))
    }

    /// What a mailbox has seen, the latest first, before the row `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ledger(
        &self,
        mailbox: MailboxKey,
        before: Option<LedgerKey>,
        limit: usize,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let prefix = mailbox.0.to_be_bytes();
        let before = before.map(|row| Key::new(mailbox.0).number(row.0));
        self.read(|rows| {
            rows.records(
                Table::Ledger,
                &prefix,
                before.as_ref().map(AsRef::as_ref),
                Order::Down,
                limit,
            )
        })
    }

    /// What became of one mail of a folder or a maildrop.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ledger_find(
        &self,
        mailbox: MailboxKey,
        source: &Source,
    ) -> Result<Option<LedgerRow>, StoreError> {
        self.read(|rows| find(rows, mailbox, source))
    }
}
