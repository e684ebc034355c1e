//! Mails of the Sent folder: copies of ours are recognised, and what people wrote elsewhere
//! joins its conversation as our words.
//!
//! What belongs to no conversation is put on record and shown nowhere: a mailbox's Sent
//! also holds what its people write to suppliers and to each other.

use super::{Arrival, Delivered, Question, Stage, contacts, public_ids, threading};
use crate::domain::address::Address;
use crate::domain::change::Event;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::key::{ContactKey, ConversationKey, MessageKey, RawKey};
use crate::domain::ledger::Fate;
use crate::domain::message::{Direction, Message};
use crate::domain::outbox::Outgoing;
use crate::domain::threading::Evidence;
use crate::store::counter::Counter;
use crate::store::error::StoreError;
use crate::store::key::Key;
use crate::store::table::{Rows as _, Table};
use crate::store::{conversations, fate, feed, last_word, listing, proofs};

/// Recipients of one mail that are looked for among the contacts.
const RECIPIENTS_ASKED_MAX: usize = 50;

impl Stage<'_, '_> {
    /// Takes a mail of the Sent folder in.
    pub(super) fn arrive_in_sent(&self, arrival: &Arrival) -> Result<Delivered, StoreError> {
        let head = &arrival.head;
        if proofs::recognise(self.transaction, self.workspace(), head)?.is_some() {
            // It counts where it comes back, not where it left.
            self.refuse_copy(arrival, Fate::Canary)?;
            return Ok(Delivered::Canary);
        }
        let evidence = self.evidence_of_sent(arrival)?;
        let own = match self.own(head)? {
            Some(own) => Some(own),
            None => self.own_under_another_id(arrival, &evidence)?,
        };
        if let Some(own) = own {
            fate::seen(self.transaction, &own, true, arrival.arrived_at)?;
            self.refuse_copy(arrival, Fate::Own(own.message))?;
            return Ok(Delivered::Own(own.message));
        }
        if let Some(beginning) = self.beginning_of(arrival)?
            && let Some(completed) = self.complete(beginning, arrival)?
        {
            return Ok(completed);
        }
        let fingerprint = Key::new(self.workspace().0).bytes(&arrival.fingerprint.0);
        let known = self
            .transaction
            .pointer(Table::Fingerprints, fingerprint.as_ref())?;
        if let Some(known) = known.map(MessageKey) {
            self.refuse_copy(arrival, Fate::Duplicate(known))?;
            return Ok(Delivered::Duplicate(known));
        }
        let place = self.place_of_sent(arrival, &evidence)?;
        let Some(conversation) = place.filter(|_| self.is_ours(arrival)) else {
            self.refuse_copy(arrival, Fate::Elsewhere)?;
            return Ok(Delivered::Elsewhere);
        };
        let message = self.join_sent(arrival, conversation)?;
        self.transaction
            .point(Table::Fingerprints, fingerprint.as_ref(), message.key.0)?;
        Ok(Delivered::Stored {
            message: message.key,
            conversation: message.conversation,
        })
    }

    /// Whoever can put a mail into Sent has the login; but people also drag mails there.
    fn is_ours(&self, arrival: &Arrival) -> bool {
        let sender = arrival.head.from.as_ref().map(|from| from.address.folded());
        let mut own = self.mailbox.settings.own_addresses();
        own.any(|one| Some(one.folded()) == sender)
    }

    fn evidence_of_sent(&self, arrival: &Arrival) -> Result<Evidence, StoreError> {
        let contact = self.written_to(arrival)?;
        let question = Question {
            workspace: self.workspace(),
            mailbox: self.mailbox.key,
            contact: contact.unwrap_or(ContactKey(0)),
            head: &arrival.head,
        };
        threading::evidence(self.transaction, self.keys, &question)
    }

    /// The first of its recipients who is known and none of us.
    fn written_to(&self, arrival: &Arrival) -> Result<Option<ContactKey>, StoreError> {
        let own: Vec<String> = self
            .mailbox
            .settings
            .own_addresses()
            .map(Address::folded)
            .collect();
        let head = &arrival.head;
        let readers = head.to.iter().chain(&head.cc).take(RECIPIENTS_ASKED_MAX);
        for reader in readers.filter(|reader| !own.contains(&reader.address.folded())) {
            let known = contacts::known(self.transaction, self.workspace(), &reader.address)?;
            if known.is_some() {
                return Ok(known);
            }
        }
        Ok(None)
    }

    /// By thread, else by subject. A contact alone is no reason: not everything that is
    /// written to them belongs to what they asked last.
    fn place_of_sent(
        &self,
        arrival: &Arrival,
        evidence: &Evidence,
    ) -> Result<Option<ConversationKey>, StoreError> {
        if let Some(own) = &arrival.head.message_id {
            // It stands in a conversation already, by another mailbox.
            let known = threading::message_with_id(self.transaction, self.workspace(), own)?;
            if known.is_some() {
                return Ok(None);
            }
        }
        let rules = &self.mailbox.settings.threading;
        let same_subject = evidence
            .same_subject
            .filter(|one| rules.joins_by_subject(one, arrival.arrived_at));
        let joined = evidence
            .token
            .or_else(|| evidence.references.first().copied());
        Ok(joined.or(same_subject).map(|one| one.conversation))
    }

    /// A provider that writes its own Message-ID into the copy leaves the rest as it was.
    fn own_under_another_id(
        &self,
        arrival: &Arrival,
        evidence: &Evidence,
    ) -> Result<Option<Outgoing>, StoreError> {
        let Some(id) = &arrival.head.message_id else {
            return Ok(None);
        };
        let candidates = evidence.token.iter().chain(&evidence.references);
        for candidate in candidates.chain(&evidence.same_subject) {
            let place = candidate.conversation;
            if let Some(own) = fate::original_of(self.transaction, place, &arrival.head)? {
                fate::learn_alias(self.transaction, own.key, id, arrival.arrived_at)?;
                return Ok(Some(own));
            }
        }
        Ok(None)
    }

    /// Somebody wrote after it was sent, and it does not answer them: Sent is read less often
    /// than what comes in.
    fn was_overtaken(&self, place: &Conversation, sent: &Message) -> Result<bool, StoreError> {
        let newest = last_word::newest(self.transaction, place)?;
        let mut inbound = newest.iter();
        let inbound =
            inbound.find(|one| one.direction == Direction::Inbound && one.key != sent.key);
        let Some(inbound) = inbound else {
            return Ok(false);
        };
        let answers = inbound
            .head
            .message_id
            .as_ref()
            .is_some_and(|id| sent.head.references.contains(id));
        let came_at = inbound.head.date.unwrap_or(inbound.arrived_at);
        let sent_at = sent.head.date.unwrap_or(sent.arrived_at);
        Ok(!answers && sent_at < came_at.min(inbound.arrived_at))
    }

    fn join_sent(&self, arrival: &Arrival, place: ConversationKey) -> Result<Message, StoreError> {
        let before = conversations::after_merges(self.transaction, place)?;
        let place = before.key;
        let raw: RawKey = self.keep_raw(arrival)?;
        let message = Message {
            key: MessageKey(self.transaction.next(Counter::Message)?),
            id: public_ids(arrival).0,
            workspace: self.workspace(),
            conversation: place,
            mailbox: self.mailbox.key,
            contact: before.contact,
            direction: Direction::Outbound,
            head: arrival.head.clone(),
            raw: Some(raw),
            size: arrival.size,
            written: None,
            arrived_at: arrival.arrived_at,
            late: false,
            imported: arrival.imported,
            new_participant: false,
        };
        self.transaction
            .put_record(Table::Messages, &message.key.0.to_be_bytes(), &message)?;
        self.index(&message)?;
        let mut after = before.clone();
        let overtaken = self.was_overtaken(&before, &message)?;
        if message.head.kind.is_by_machine() || message.imported || overtaken {
            // A vacation notice answers nothing, what was answered long ago waits for nothing
            // now, and what somebody wrote since then is not answered by it.
            after.message_count = after.message_count.saturating_add(1);
        } else {
            conversations::count_in(&mut after, &message);
            if after.status == Status::Open {
                after.status = Status::Pending;
            }
        }
        listing::save(self.transaction, Some(&before), &after)?;
        let (at, print) = (arrival.arrived_at, Some(arrival.fingerprint));
        self.record(&arrival.source, at, print, Fate::Stored(message.key))?;
        let event = Event::ConversationChanged {
            conversation: place,
        };
        feed::append(self.transaction, message.workspace, at, event)?;
        Ok(message)
    }
}
