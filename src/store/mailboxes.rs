//! Connected mailboxes, their sealed logins, and how far their folders are read.
//!
//! A removed mailbox loses address, logins and cursors; its row stays, so that its
//! conversations can still say by which address they came.

use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::counter::Counter;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::public_id::{IdKind, by_public_id, put_public_id};
use super::record;
use super::seal::Keys;
use super::table::{Order, Rows, Table, Transaction};
use super::{Store, attempts, feed, maildrops, proofs, reauthentication_links};
use crate::domain::address::Address;
use crate::domain::change::Event;
use crate::domain::folder::{Cursor, FolderName};
use crate::domain::key::{MailboxKey, PublicId, WorkspaceKey};
use crate::domain::mailbox::{
    Credentials, Mailbox, MailboxLogins, MailboxSettings, OAuthGrant, WayIn,
};
use crate::domain::maildrop::{Begin, MailIdentity, MaildropRow};
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::secret::Secret;
use crate::domain::slug::Slug;

/// Mailboxes of one gateway that are listed at most.
const LISTED_MAX: usize = 10_000;

/// Why a mailbox cannot be connected.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[error("{}", self.saying())]
pub enum AddError {
    /// Its address is connected already.
    AddressTaken {
        /// By whom.
        workspace: WorkspaceKey,
        /// As what.
        name: String,
    },
    /// Its id is in use.
    SlugTaken {
        /// The id.
        slug: Slug,
        /// Who has it.
        name: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for AddError {
    fn saying(&self) -> Saying {
        match self {
            Self::AddressTaken { name, .. } => saying!("cannot.mailbox.address_taken", name),
            Self::SlugTaken { slug, name, .. } => saying!("cannot.mailbox.slug_taken", slug, name),
            Self::Store(error) => error.saying(),
        }
    }
}

/// A connected mailbox.
pub(super) fn connected(rows: &impl Rows, key: MailboxKey) -> Result<Mailbox, StoreError> {
    find(rows, key)?.ok_or(StoreError::Missing {
        what: "mailbox",
        key: key.0,
    })
}

pub(super) fn find(rows: &impl Rows, key: MailboxKey) -> Result<Option<Mailbox>, StoreError> {
    let found: Option<Mailbox> = rows.record(Table::Mailboxes, &key.0.to_be_bytes())?;
    let Some(found) = found else {
        return Ok(None);
    };
    let owner = with_address(rows, &found.settings.address)?;
    Ok((owner == Some(key)).then_some(found))
}

fn with_address(rows: &impl Rows, address: &Address) -> Result<Option<MailboxKey>, StoreError> {
    let key = rows.pointer(Table::MailboxAddresses, address.folded().as_bytes())?;
    Ok(key.map(MailboxKey))
}

fn with_slug(rows: &impl Rows, slug: &Slug) -> Result<Option<MailboxKey>, StoreError> {
    let key = rows.pointer(Table::MailboxSlugs, slug.as_str().as_bytes())?;
    Ok(key.map(MailboxKey))
}

pub(super) fn refuse_taken(
    rows: &impl Rows,
    settings: &MailboxSettings,
    own: Option<MailboxKey>,
) -> Result<(), AddError> {
    let other = |key: Option<MailboxKey>| {
        let key = key.filter(|key| Some(*key) != own);
        key.map(|key| connected(rows, key)).transpose()
    };
    if let Some(other) = other(with_address(rows, &settings.address)?)? {
        return Err(AddError::AddressTaken {
            workspace: other.workspace,
            name: other.settings.name,
        });
    }
    if let Some(other) = other(with_slug(rows, &settings.slug)?)? {
        return Err(AddError::SlugTaken {
            slug: settings.slug.clone(),
            name: other.settings.name,
        });
    }
    Ok(())
}

/// The row a login is bound to.
fn login_row(key: MailboxKey) -> Key {
    Key::text("logins").number(key.0)
}

pub(super) fn put_logins(
    transaction: &Transaction<'_>,
    keys: &Keys,
    key: MailboxKey,
    logins: &MailboxLogins,
) -> Result<(), StoreError> {
    let clear = Zeroizing::new(record::encode(logins));
    let sealed = keys.seal(login_row(key).as_ref(), &clear)?;
    transaction.put(Table::Logins, &key.0.to_be_bytes(), &sealed)
}

fn logins_of(rows: &impl Rows, keys: &Keys, key: MailboxKey) -> Result<MailboxLogins, StoreError> {
    let sealed = rows.get(Table::Logins, &key.0.to_be_bytes())?;
    let sealed = sealed.ok_or(StoreError::Missing {
        what: "login of mailbox",
        key: key.0,
    })?;
    let clear = keys.unseal(login_row(key).as_ref(), &sealed)?;
    Ok(record::decode(&clear)?)
}

pub(super) fn put_mailbox(
    transaction: &Transaction<'_>,
    mailbox: &Mailbox,
) -> Result<(), StoreError> {
    let (key, settings) = (mailbox.key.0, &mailbox.settings);
    let folded = settings.address.folded();
    transaction.point(Table::MailboxAddresses, folded.as_bytes(), key)?;
    transaction.point(Table::MailboxSlugs, settings.slug.as_str().as_bytes(), key)?;
    if let WayIn::Forwarding(way) = &settings.way_in {
        put_receiving(transaction, &way.local_part, mailbox.key, None)?;
    }
    transaction.put_record(Table::Mailboxes, &mailbox.key.0.to_be_bytes(), mailbox)
}

/// What a mailbox is found by.
pub(super) fn remove_names(
    transaction: &Transaction<'_>,
    settings: &MailboxSettings,
) -> Result<(), StoreError> {
    let (folded, slug) = (settings.address.folded(), settings.slug.as_str());
    transaction.remove(Table::MailboxAddresses, folded.as_bytes())?;
    transaction.remove(Table::MailboxSlugs, slug.as_bytes())?;
    if let WayIn::Forwarding(way) = &settings.way_in {
        transaction.remove(Table::ReceivingAddresses, way.local_part.as_bytes())?;
    }
    Ok(())
}

/// Stands for no end in a row of a receiving address.
const FOR_EVER: u64 = u64::MAX;

/// Mail for this local part goes to the mailbox, until then.
pub(super) fn put_receiving(
    transaction: &Transaction<'_>,
    local_part: &str,
    mailbox: MailboxKey,
    until: Option<Timestamp>,
) -> Result<(), StoreError> {
    let until = until.map_or(FOR_EVER, |at| at.as_microsecond().cast_unsigned());
    let row = Key::new(mailbox.0).number(until);
    let key = local_part.as_bytes();
    transaction.put(Table::ReceivingAddresses, key, row.as_ref())
}

/// Whose a row of a receiving address is, and until when.
pub(super) fn read_receiving(row: &[u8]) -> (MailboxKey, Option<Timestamp>) {
    let until = Some(number_at(row, 8)).filter(|until| *until != FOR_EVER);
    // What was written came from a timestamp; what is none has ended long ago.
    let until = until.map(|micros| {
        Timestamp::from_microsecond(micros.cast_signed()).unwrap_or(Timestamp::UNIX_EPOCH)
    });
    (MailboxKey(number_at(row, 0)), until)
}

/// Removes the receiving addresses of a mailbox that `gone` picks by their end.
pub(super) fn remove_receiving(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    gone: impl Fn(Option<Timestamp>) -> bool,
) -> Result<(), StoreError> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], row: &[u8]| {
        let (owner, until) = read_receiving(row);
        if owner == mailbox && gone(until) {
            found.push(key.to_vec());
        }
        std::ops::ControlFlow::Continue(())
    };
    transaction.walk(Table::ReceivingAddresses, &[], None, Order::Up, &mut visit)?;
    for key in found {
        transaction.remove(Table::ReceivingAddresses, &key)?;
    }
    Ok(())
}

pub(super) fn announce(
    transaction: &Transaction<'_>,
    mailbox: &Mailbox,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::MailboxChanged {
        mailbox: mailbox.key,
    };
    feed::append(transaction, mailbox.workspace, now, event)
}

fn cursor_key(mailbox: MailboxKey, folder: &FolderName) -> Key {
    Key::new(mailbox.0).bytes(folder.as_str().as_bytes())
}

pub(super) fn put_cursor(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    folder: &FolderName,
    cursor: &Cursor,
) -> Result<(), StoreError> {
    let key = cursor_key(mailbox, folder);
    transaction.put_record(Table::Cursors, key.as_ref(), cursor)
}

/// Takes away what makes it a connected mailbox; its row stays.
pub(super) fn remove(transaction: &Transaction<'_>, mailbox: &Mailbox) -> Result<(), StoreError> {
    remove_names(transaction, &mailbox.settings)?;
    remove_receiving(transaction, mailbox.key, |_| true)?;
    let prefix = mailbox.key.0.to_be_bytes();
    transaction.remove(Table::Logins, &prefix)?;
    transaction.remove(Table::Standings, &prefix)?;
    transaction.remove(Table::Told, &prefix)?;
    reauthentication_links::revoke(transaction, mailbox.key)?;
    transaction.remove(Table::ForwardingConfirmations, &prefix)?;
    transaction.remove(Table::ArrivedTwice, &prefix)?;
    attempts::remove_of(transaction, mailbox.key)?;
    proofs::remove_of(transaction, mailbox.key)?;
    maildrops::remove_of(transaction, mailbox.key)?;
    transaction.remove_all(Table::Cursors, &prefix)
}

impl Store {
    /// Connects a mailbox. With `begin`, reading begins there.
    ///
    /// # Errors
    /// [`AddError::AddressTaken`] when another one has the address.
    pub async fn add_mailbox(
        &self,
        settings: MailboxSettings,
        logins: &MailboxLogins,
        workspace: WorkspaceKey,
        begin: Option<Begin>,
        now: Timestamp,
        random: [u8; 10],
    ) -> Result<Mailbox, AddError> {
        let (shared, logins) = (Arc::clone(self.shared()), logins.clone());
        self.write(move |transaction| {
            refuse_taken(transaction, &settings, None)?;
            let mailbox = Mailbox {
                key: MailboxKey(transaction.next(Counter::Mailbox)?),
                id: PublicId::new(now, random),
                workspace,
                settings: settings.clone(),
                connected_at: now,
            };
            put_mailbox(transaction, &mailbox)?;
            put_public_id(transaction, IdKind::Mailbox, mailbox.id, mailbox.key.0)?;
            put_logins(transaction, &shared.keys, mailbox.key, &logins)?;
            match (&begin, &mailbox.settings.way_in) {
                (Some(Begin::Folder(cursor)), WayIn::Imap(way)) => {
                    put_cursor(transaction, mailbox.key, &way.folder, cursor)?;
                }
                (Some(Begin::Maildrop(rows)), WayIn::Pop3(_)) => {
                    maildrops::begin(transaction, mailbox.key, rows)?;
                }
                _ => {}
            }
            announce(transaction, &mailbox, now)?;
            Ok(mailbox)
        })
        .await
    }

    /// All connected mailboxes of the gateway, by address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        self.read(|rows| {
            let mut found = Vec::new();
            rows.walk(
                Table::MailboxAddresses,
                &[],
                None,
                Order::Up,
                &mut |_, key| {
                    found.push(number_at(key, 0));
                    if found.len() < LISTED_MAX {
                        std::ops::ControlFlow::Continue(())
                    } else {
                        std::ops::ControlFlow::Break(())
                    }
                },
            )?;
            found
                .into_iter()
                .map(|key| rows.named(Table::Mailboxes, key, "mailbox"))
                .collect()
        })
    }

    /// One connected mailbox.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mailbox(&self, key: MailboxKey) -> Result<Option<Mailbox>, StoreError> {
        self.read(|rows| find(rows, key))
    }

    /// A mailbox, also one that was removed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mailbox_even_removed(&self, key: MailboxKey) -> Result<Option<Mailbox>, StoreError> {
        self.read(|rows| rows.record(Table::Mailboxes, &key.0.to_be_bytes()))
    }

    /// One connected mailbox, by its id outside.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mailbox_by_id(&self, id: PublicId) -> Result<Option<Mailbox>, StoreError> {
        self.read(|rows| match by_public_id(rows, IdKind::Mailbox, id)? {
            Some(key) => find(rows, MailboxKey(key)),
            None => Ok(None),
        })
    }

    /// The connected mailbox with that address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mailbox_by_address(&self, address: &Address) -> Result<Option<Mailbox>, StoreError> {
        self.read(|rows| match with_address(rows, address)? {
            Some(key) => find(rows, key),
            None => Ok(None),
        })
    }

    /// The logins of a mailbox, in clear.
    ///
    /// # Errors
    /// When there are none, or our keys do not open them.
    pub fn logins(&self, key: MailboxKey) -> Result<MailboxLogins, StoreError> {
        self.read(|rows| logins_of(rows, &self.shared().keys, key))
    }

    /// Puts a renewed grant in place of the one with the refresh token `before`, wherever
    /// a login of the mailbox has it. The answer is how the logins are then: a person may
    /// have given others meanwhile, and those stay.
    ///
    /// # Errors
    /// When there is no such mailbox any more, or it cannot be made durable.
    pub async fn renew_grant(
        &self,
        key: MailboxKey,
        before: Secret,
        grant: OAuthGrant,
    ) -> Result<MailboxLogins, StoreError> {
        let shared = Arc::clone(self.shared());
        self.write(move |transaction| {
            let mut logins = logins_of(transaction, &shared.keys, key)?;
            for login in [&mut logins.incoming, &mut logins.outgoing] {
                if let Some(Credentials::OAuth(stored)) =
                    login.as_mut().map(|login| &mut login.credentials)
                    && stored.refresh_token.expose() == before.expose()
                {
                    *stored = grant.clone();
                }
            }
            put_logins(transaction, &shared.keys, key, &logins)?;
            Ok(logins)
        })
        .await
    }

    /// The connected mailbox with that slug.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mailbox_by_slug(&self, slug: &Slug) -> Result<Option<Mailbox>, StoreError> {
        self.read(|rows| match with_slug(rows, slug)? {
            Some(key) => find(rows, key),
            None => Ok(None),
        })
    }

    /// How far a folder has been read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn cursor(
        &self,
        mailbox: MailboxKey,
        folder: &FolderName,
    ) -> Result<Option<Cursor>, StoreError> {
        self.read(|rows| rows.record(Table::Cursors, cursor_key(mailbox, folder).as_ref()))
    }

    /// Changes rows of a maildrop without a mail, and takes others away. The maildrop
    /// counts as looked into from then on.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn set_maildrop(
        &self,
        mailbox: MailboxKey,
        rows: Vec<(MailIdentity, MaildropRow)>,
        forgotten: Vec<MailIdentity>,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let mailbox = connected(transaction, mailbox)?.key;
            maildrops::forget(transaction, mailbox, &forgotten)?;
            maildrops::begin(transaction, mailbox, &rows)
        })
        .await
    }

    /// Sets how far a folder has been read, when no mail comes with it.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn set_cursor(
        &self,
        mailbox: MailboxKey,
        folder: FolderName,
        cursor: Cursor,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let mailbox = connected(transaction, mailbox)?;
            put_cursor(transaction, mailbox.key, &folder, &cursor)
        })
        .await
    }
}
