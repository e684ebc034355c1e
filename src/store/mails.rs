//! Mails in the order they came, for an export, or the other way round, for a rehearsal.
//!
//! Absent: an index. Whoever asks looks at every message once, in portions.

use super::Store;
use super::error::StoreError;
use super::key::number_at;
use super::table::{Order, Rows, Table};
use crate::domain::key::{MailboxKey, MessageKey};
use crate::domain::message::{Direction, Message};

/// Messages looked at in one snapshot.
const LOOKED_AT: usize = 500;
/// The same where several threads share them.
const PORTION: usize = 64;

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

    /// Inbound mails that came before `before`, of one mailbox or of all, the latest first,
    /// and where to go on; `None` at the end. The list may be empty before that.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mails_before(
        &self,
        mailbox: Option<MailboxKey>,
        before: Option<MessageKey>,
    ) -> Result<(Vec<Message>, Option<MessageKey>), StoreError> {
        let before = before.map(|key| key.0.to_be_bytes());
        let before = before.as_ref().map(<[u8; 8]>::as_slice);
        self.read(|rows| {
            let keys = rows.keys(Table::Messages, &[], before, Order::Down, PORTION)?;
            let mut mails = Vec::with_capacity(keys.len());
            for key in &keys {
                let message: Message = rows.named(Table::Messages, number_at(key, 0), "message")?;
                let wanted = mailbox.is_none_or(|mailbox| message.mailbox == mailbox);
                if wanted && message.direction == Direction::Inbound && message.raw.is_some() {
                    mails.push(message);
                }
            }
            let next = keys.last().filter(|_| keys.len() == PORTION);
            Ok((mails, next.map(|key| MessageKey(number_at(key, 0)))))
        })
    }

    /// How many messages the conversation had when this one came, itself counted; no more
    /// than `most`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn count_up_to(&self, message: &Message, most: usize) -> Result<usize, StoreError> {
        let prefix = message.conversation.0.to_be_bytes();
        self.read(|rows| {
            let keys = rows.keys(Table::ConversationMessages, &prefix, None, Order::Up, most)?;
            let before = keys
                .iter()
                .take_while(|key| number_at(key, 8) <= message.key.0);
            Ok(before.count())
        })
    }
}
