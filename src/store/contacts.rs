//! Contacts: who wrote to us, known by address.

use jiff::Timestamp;

use super::Store;
use super::counter::Counter;
use super::error::StoreError;
use super::key::Key;
use super::table::{Rows, Table, Transaction};
use crate::domain::address::{Address, NamedAddress};
use crate::domain::contact::Contact;
use crate::domain::key::{ContactKey, PublicId, WorkspaceKey};

/// The contact who wrote an arrival, made when new. A mail without a sender belongs
/// to the one contact without an address.
pub(super) fn contact_of(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    from: Option<&NamedAddress>,
    id: PublicId,
    now: Timestamp,
) -> Result<Contact, StoreError> {
    let folded = from.map_or_else(String::new, |from| from.address.folded());
    let address_key = Key::new(workspace.0).bytes(folded.as_bytes());
    let name = from.and_then(NamedAddress::name);
    if let Some(known) = transaction.pointer(Table::ContactAddresses, address_key.as_ref())? {
        let mut contact: Contact = transaction.named(Table::Contacts, known, "contact")?;
        if name.is_some() && contact.name.as_deref() != name {
            contact.name = name.map(str::to_owned);
            put_contact(transaction, &contact)?;
        }
        return Ok(contact);
    }
    let contact = Contact {
        key: ContactKey(transaction.next(Counter::Contact)?),
        id,
        workspace,
        name: name.map(str::to_owned),
        addresses: from.map(|from| from.address.clone()).into_iter().collect(),
        first_seen: now,
        conversation_count: 0,
    };
    transaction.point(Table::ContactAddresses, address_key.as_ref(), contact.key.0)?;
    put_contact(transaction, &contact)?;
    Ok(contact)
}

/// The contact with that address, where there is one.
pub(super) fn known(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    address: &Address,
) -> Result<Option<ContactKey>, StoreError> {
    let key = Key::new(workspace.0).bytes(address.folded().as_bytes());
    Ok(rows
        .pointer(Table::ContactAddresses, key.as_ref())?
        .map(ContactKey))
}

pub(super) fn put_contact(
    transaction: &Transaction<'_>,
    contact: &Contact,
) -> Result<(), StoreError> {
    transaction.put_record(Table::Contacts, &contact.key.0.to_be_bytes(), contact)
}

impl Store {
    /// One contact.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn contact(&self, key: ContactKey) -> Result<Option<Contact>, StoreError> {
        self.read(|rows| rows.record(Table::Contacts, &key.0.to_be_bytes()))
    }

    /// The contact with that address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn contact_by_address(
        &self,
        workspace: WorkspaceKey,
        address: &Address,
    ) -> Result<Option<Contact>, StoreError> {
        self.read(|rows| {
            let key = Key::new(workspace.0).bytes(address.folded().as_bytes());
            match rows.pointer(Table::ContactAddresses, key.as_ref())? {
                Some(contact) => rows.record(Table::Contacts, &contact.to_be_bytes()),
                None => Ok(None),
            }
        })
    }
}
