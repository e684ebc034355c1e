//! What happened outside the desk: mails that were written elsewhere, and addresses that
//! mail came back from.

use super::{ConversationError, Conversations};
use crate::domain::address::Address;
use crate::domain::contact::Contact;
use crate::domain::message::{Direction, Message};
use crate::domain::undelivered::AddressTrouble;

impl Conversations {
    /// Whether a message of ours was sent by another program and found in Sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_written_elsewhere(&self, message: &Message) -> Result<bool, ConversationError> {
        let outbound = message.direction == Direction::Outbound;
        Ok(outbound && self.outgoing_of(message)?.is_none())
    }

    /// The addresses of a contact that mail came back from.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn troubles(
        &self,
        contact: &Contact,
    ) -> Result<Vec<(Address, AddressTrouble)>, ConversationError> {
        let mut found = Vec::new();
        for address in &contact.addresses {
            if let Some(trouble) = self.store.address_trouble(contact.workspace, address)? {
                found.push((address.clone(), trouble));
            }
        }
        Ok(found)
    }
}
