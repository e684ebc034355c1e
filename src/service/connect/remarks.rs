//! What can be said of an address before anything else is typed: that it is connected
//! already, that another was probably meant, that nobody knows its domain.

use super::Connect;
use super::suggestion::{How, Suggestion};
use crate::domain::address::Address;
use crate::domain::mailbox::Mailbox;
use crate::store::StoreError;

/// Remarks on an address.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
    /// It is connected as this one, and an address is connected once.
    pub connected: Option<Mailbox>,
    /// It differs from that of a known provider by a slip of the hand.
    pub meant: Option<Address>,
    /// DNS was asked, and there is no such domain.
    pub no_domain: bool,
}

impl Connect {
    /// What is to be said of an address beside what is suggested for it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn remarks(
        &self,
        address: &Address,
        suggestion: &Suggestion,
    ) -> Result<Remarks, StoreError> {
        // A domain whose servers were found is no slip of the hand.
        let unsure = matches!(suggestion.how, How::Chosen | How::Guess);
        let domain = if unsure {
            self.presets.similar_domain(address.domain())
        } else {
            None
        };
        let meant = domain.map(|domain| format!("{}@{domain}", address.local()));
        Ok(Remarks {
            connected: self.connected_as(address)?,
            meant: meant.and_then(|text| Address::parse(&text).ok()),
            no_domain: self.detection.knows_of_no_domain(address.domain()),
        })
    }

    /// The mailbox that has this address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn connected_as(&self, address: &Address) -> Result<Option<Mailbox>, StoreError> {
        self.store.mailbox_by_address(address)
    }

    /// Whether replies can leave by the gateway's own mail server.
    #[must_use]
    pub fn sends_by_itself(&self) -> bool {
        self.system.is_some()
    }
}
