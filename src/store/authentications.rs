//! What forwarded mails prove of their senders: a row per message that was checked.

use super::Store;
use super::error::StoreError;
use super::jobs;
use super::table::{Rows, Table};
use crate::domain::authentication::Authentication;
use crate::domain::key::{JobKey, MessageKey};

impl Store {
    /// What a mail proves of its sender, once it was checked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn authentication(
        &self,
        message: MessageKey,
    ) -> Result<Option<Authentication>, StoreError> {
        self.read(|rows| rows.record(Table::Authentications, &message.0.to_be_bytes()))
    }

    /// Keeps what was found, and ends the job.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn authenticated(
        &self,
        job: JobKey,
        message: MessageKey,
        found: Authentication,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let key = message.0.to_be_bytes();
            let is_there = transaction.get(Table::Messages, &key)?.is_some();
            if jobs::finish(transaction, job)? && is_there {
                transaction.put_record(Table::Authentications, &key, &found)?;
            }
            Ok(())
        })
        .await
    }
}
