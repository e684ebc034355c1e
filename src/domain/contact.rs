//! A person who writes to us.

use jiff::Timestamp;

use super::address::Address;
use super::key::{ContactKey, PublicId, WorkspaceKey};

/// Most addresses one contact may gather.
pub const ADDRESSES_MAX: usize = 50;

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its key.
    pub key: ContactKey,
    /// Its id outside.
    pub id: PublicId,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// The name last shown in a From.
    pub name: Option<String>,
    /// First one first seen.
    pub addresses: Vec<Address>,
    /// When the first mail came.
    pub first_seen: Timestamp,
    /// Conversations with this contact.
    pub conversation_count: u32,
}

impl Contact {
    /// The name, or else the first address.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.name
            .as_deref()
            .or_else(|| self.addresses.first().map(Address::as_str))
            .unwrap_or("?")
    }
}
