//! Mails of which only the beginning was taken in, because they are larger than the limit:
//! the message that shows it becomes the whole mail when that comes.

use super::{Stage, raw, threading};
use crate::domain::change::Event;
use crate::domain::key::MessageKey;
use crate::domain::ledger::Fate;
use crate::domain::message::{Defect, Head, Message};
use crate::store::delivery::{Arrival, Delivered};
use crate::store::error::StoreError;
use crate::store::key::Key;
use crate::store::table::{Rows as _, Table};
use crate::store::{feed, ledger};

impl Stage<'_, '_> {
    /// The message that shows the beginning of this mail.
    pub(super) fn beginning_of(&self, arrival: &Arrival) -> Result<Option<Message>, StoreError> {
        if arrival.whole_size.is_some() {
            return Ok(None);
        }
        let row = ledger::find(self.transaction, self.mailbox.key, &arrival.source)?;
        let beginning = match row.map(|row| row.fate) {
            Some(Fate::TooLarge { beginning, .. }) => beginning,
            _ => None,
        };
        let Some(key) = beginning else {
            return Ok(None);
        };
        self.shown_in_part(key)
    }

    fn shown_in_part(&self, key: MessageKey) -> Result<Option<Message>, StoreError> {
        let found: Option<Message> = self
            .transaction
            .record(Table::Messages, &key.0.to_be_bytes())?;
        Ok(found.filter(|found| found.head.defects.contains(&Defect::TooLarge)))
    }

    /// What is known of a mail whose content is here already, in part or whole.
    pub(super) fn fate_of_double(
        &self,
        known: MessageKey,
        arrival: &Arrival,
    ) -> Result<Fate, StoreError> {
        Ok(match arrival.whole_size {
            Some(size) if self.shown_in_part(known)?.is_some() => Fate::TooLarge {
                size,
                beginning: Some(known),
            },
            _ => Fate::Duplicate(known),
        })
    }

    /// The message becomes the whole mail, where it stands. It was triaged and announced
    /// when its beginning came. `None` when the mail does not begin like that: it is
    /// another one.
    pub(super) fn complete(
        &self,
        mut message: Message,
        arrival: &Arrival,
    ) -> Result<Option<Delivered>, StoreError> {
        let fingerprint = Key::new(self.workspace().0).bytes(&arrival.fingerprint.0);
        let known = self
            .transaction
            .pointer(Table::Fingerprints, fingerprint.as_ref())?;
        if let Some(known) = known.map(MessageKey).filter(|known| *known != message.key) {
            self.refuse_copy(arrival, Fate::Duplicate(known))?;
            return Ok(Some(Delivered::Duplicate(known)));
        }
        if !is_rest_of(&message, arrival) {
            // The server has given the place of that mail to another one.
            return Ok(None);
        }
        let beginning = message.raw.replace(self.keep_raw(arrival)?);
        if let Some(beginning) = beginning {
            raw::remove(self.transaction, beginning)?;
        }
        message.head = arrival.head.clone();
        message.size = arrival.size;
        let (key, conversation) = (message.key, message.conversation);
        self.transaction
            .put_record(Table::Messages, &key.0.to_be_bytes(), &message)?;
        threading::index_ids(
            self.transaction,
            message.workspace,
            conversation,
            key,
            &message.head,
        )?;
        // That of the beginning stays: a server that numbers its mails anew shows it again.
        self.transaction
            .point(Table::Fingerprints, fingerprint.as_ref(), key.0)?;
        let at = arrival.arrived_at;
        let print = Some(arrival.fingerprint);
        self.record(&arrival.source, at, print, Fate::Stored(key))?;
        let event = Event::ConversationChanged { conversation };
        feed::append(self.transaction, message.workspace, at, event)?;
        Ok(Some(Delivered::Stored {
            message: key,
            conversation,
        }))
    }
}

/// Whether a whole mail begins as the message does. Both were read from their own bytes,
/// and everything that stands in a header must be the same.
fn is_rest_of(message: &Message, whole: &Arrival) -> bool {
    let (begun, whole) = (&message.head, &whole.head);
    let header = |head: &Head| {
        (
            head.message_id.clone(),
            head.from.clone(),
            head.to.clone(),
            head.cc.clone(),
            head.subject.clone(),
            head.date,
            head.references.clone(),
        )
    };
    header(begun) == header(whole)
}
