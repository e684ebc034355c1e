//! The mails of one mailbox in the order they came, for an export.
//!
//! Absent: an index. An export looks at every message once, in portions.

use super::Store;
use super::error::StoreError;
use super::key::number_at;
use super::table::{Order, Rows, Table};
use crate::domain::key::{MailboxKey, MessageKey};
use crate::domain::message::Message;

/// Messages looked at in one snapshot.
const LOOKED_AT: usize = 500;

impl Store {
    /// Mails of a mailbox behind `after` whose exact bytes are kept, and where to go on;
    /// `None` at the end. The list may be empty before that.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mails_of(
        &self,
        mailbox: MailboxKey,
        after: MessageKey,
    ) -> Result<(Vec<Message>, Option<MessageKey>), StoreError> {
        let after = after.0.to_be_bytes();
        self.read(|rows| {
            let keys = rows.keys(Table::Messages, &[], Some(&after), Order::Up, LOOKED_AT)?;
            let mut mails = Vec::new();
            for key in &keys {
                let message: Message = rows.named(Table::Messages, number_at(key, 0), "message")?;
                if message.mailbox == mailbox && message.raw.is_some() {
                    mails.push(message);
                }
            }
            let next = keys.last().filter(|_| keys.len() == LOOKED_AT);
            Ok((mails, next.map(|key| MessageKey(number_at(key, 0)))))
        })
    }
}
