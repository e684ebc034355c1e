//! The delivery transaction: raw bytes, message, conversation, contact, ledger row,
//! cursor, change and job, all or nothing, many arrivals per commit.
//!
//! Deliberately absent: reading mail (`mime/`) and the rules of threading
//! (`domain::threading`); this is where their answers become durable.

mod beginning;
mod elsewhere;
mod types;

use jiff::Timestamp;

use super::counter::Counter;
use super::error::StoreError;
use super::key::Key;
use super::raw;
use super::seal::Keys;
use super::table::{Rows, Table, Transaction};
use super::threading::{self, Question};
use super::{
    Store, contacts, conversations, fate, feed, forwarding, jobs, ledger, listing, mailboxes,
    maildrops, outgoing_ids, proofs,
};
use crate::domain::change::Event;
use crate::domain::conversation::{Conversation, Priority, Status};
use crate::domain::fingerprint::Fingerprint;
use crate::domain::job::Work;
use crate::domain::key::{ConversationKey, LedgerKey, MessageKey, PublicId, RawKey, WorkspaceKey};
use crate::domain::ledger::{Fate, LedgerRow, Source};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Defect, Direction, Head, Kind, Message};
use crate::domain::outbox::Outgoing;
use crate::domain::threading::{Placement, place};
use crate::fault::{Point, reach};

pub use self::types::{Arrival, ArrivalRaw, Delivered, Delivery, Passed, Why};

impl Store {
    /// Makes arrivals and the cursor behind them durable, in one transaction.
    ///
    /// # Errors
    /// When nothing of it was kept; the mails are still on their server then.
    pub async fn deliver(&self, delivery: Delivery) -> Result<Vec<Delivered>, StoreError> {
        let shared = std::sync::Arc::clone(self.shared());
        if delivery.arrivals.is_empty() {
            let writing =
                self.write(move |transaction| deliver(transaction, &shared.keys, &delivery));
            return writing.await;
        }
        reach(Point::ArrivalRead);
        let writing = self.write(move |transaction| deliver(transaction, &shared.keys, &delivery));
        let delivered = writing.await?;
        reach(Point::ArrivalKept);
        Ok(delivered)
    }
}

fn deliver(
    transaction: &Transaction<'_>,
    keys: &Keys,
    delivery: &Delivery,
) -> Result<Vec<Delivered>, StoreError> {
    if !delivery.arrivals.is_empty() {
        transaction.demand_space()?;
    }
    let mailbox = mailboxes::connected(transaction, delivery.mailbox)?;
    let stage = Stage {
        transaction,
        keys,
        mailbox: &mailbox,
        is_junk: delivery.is_junk,
    };
    let delivered: Vec<Delivered> = delivery
        .arrivals
        .iter()
        .map(|arrival| match delivery.is_sent {
            true => stage.arrive_in_sent(arrival),
            false => stage.arrive(arrival),
        })
        .collect::<Result<_, _>>()?;
    for key in &delivery.also_for {
        let further = mailboxes::connected(transaction, *key)?;
        let stage = Stage {
            mailbox: &further,
            ..stage
        };
        for (arrival, delivered) in delivery.arrivals.iter().zip(&delivered) {
            stage.arrive_too(arrival, *delivered)?;
        }
    }
    for passed in &delivery.passed {
        stage.pass(passed)?;
    }
    if let Some((folder, cursor)) = &delivery.cursor {
        mailboxes::put_cursor(transaction, mailbox.key, folder, cursor)?;
    }
    maildrops::put(transaction, mailbox.key, &delivery.maildrop)?;
    Ok(delivered)
}

/// One delivery under way.
#[derive(Clone, Copy)]
struct Stage<'s, 't> {
    transaction: &'s Transaction<'t>,
    keys: &'s Keys,
    mailbox: &'s Mailbox,
    is_junk: bool,
}

impl Stage<'_, '_> {
    fn workspace(&self) -> WorkspaceKey {
        self.mailbox.workspace
    }

    fn arrive(&self, arrival: &Arrival) -> Result<Delivered, StoreError> {
        let to_itself = proofs::recognise(self.transaction, self.workspace(), &arrival.head)?;
        if let Some(canary) = to_itself.as_ref().filter(|mail| mail.is_canary()) {
            let at = arrival.arrived_at;
            proofs::came(self.transaction, self.mailbox, canary, None, at)?;
            self.refuse_copy(arrival, Fate::Canary)?;
            return Ok(Delivered::Canary);
        }
        if let Some(own) = self.own(&arrival.head)? {
            fate::seen(self.transaction, &own, false, arrival.arrived_at)?;
            self.refuse_copy(arrival, Fate::Own(own.message))?;
            return Ok(Delivered::Own(own.message));
        }
        if let Some(beginning) = self.beginning_of(arrival)?
            && let Some(completed) = self.complete(beginning, arrival)?
        {
            return Ok(completed);
        }
        let fingerprint = Key::new(self.workspace().0).bytes(&arrival.fingerprint.0);
        if let Some(known) = self
            .transaction
            .pointer(Table::Fingerprints, fingerprint.as_ref())?
        {
            forwarding::came_again(self.transaction, self.mailbox, MessageKey(known), arrival)?;
            let fate = self.fate_of_double(MessageKey(known), arrival)?;
            self.refuse_copy(arrival, fate)?;
            return Ok(Delivered::Duplicate(MessageKey(known)));
        }
        let stored = self.store(arrival, to_itself.is_some())?;
        self.transaction
            .point(Table::Fingerprints, fingerprint.as_ref(), stored.key.0)?;
        forwarding::note_question(self.transaction, self.mailbox, &arrival.source, &stored)?;
        if let Some(test) = to_itself {
            let place = Some(stored.conversation);
            let at = arrival.arrived_at;
            proofs::came(self.transaction, self.mailbox, &test, place, at)?;
        }
        Ok(Delivered::Stored {
            message: stored.key,
            conversation: stored.conversation,
        })
    }

    /// The mail was addressed to this mailbox as well.
    fn arrive_too(&self, arrival: &Arrival, delivered: Delivered) -> Result<(), StoreError> {
        let fate = match delivered {
            Delivered::Stored { message, .. } | Delivered::Duplicate(message) => {
                Fate::Duplicate(message)
            }
            Delivered::Own(message) => Fate::Own(message),
            Delivered::Canary => Fate::Canary,
            Delivered::Elsewhere => Fate::Elsewhere,
        };
        let (at, fingerprint) = (arrival.arrived_at, arrival.fingerprint);
        self.record(&arrival.source, at, Some(fingerprint), fate)
    }

    /// The reply of ours that this is a copy of. Its Message-ID is known to whoever got
    /// it, so the sender must be ours as well: nobody hides a mail behind a known id.
    fn own(&self, head: &Head) -> Result<Option<Outgoing>, StoreError> {
        let (Some(id), Some(from)) = (&head.message_id, &head.from) else {
            return Ok(None);
        };
        let Some(own) = outgoing_ids::with_message_id(self.transaction, self.workspace(), id)?
        else {
            return Ok(None);
        };
        let message: Message = self
            .transaction
            .named(Table::Messages, own.message.0, "message")?;
        let sender = message.head.from.map(|from| from.address.folded());
        Ok((sender == Some(from.address.folded())).then_some(own))
    }

    /// Puts the further way on record; its bytes are not kept a second time.
    fn refuse_copy(&self, arrival: &Arrival, fate: Fate) -> Result<(), StoreError> {
        if let ArrivalRaw::Stored(raw) = arrival.raw {
            raw::remove(self.transaction, raw)?;
        }
        self.record(
            &arrival.source,
            arrival.arrived_at,
            Some(arrival.fingerprint),
            fate,
        )
    }

    fn pass(&self, passed: &Passed) -> Result<(), StoreError> {
        let fate = match passed.why {
            Why::TooLarge(size) => Fate::TooLarge {
                size,
                beginning: None,
            },
            Why::NotGiven => {
                // What is known of it already says more.
                let known = ledger::find(self.transaction, self.mailbox.key, &passed.source)?;
                if known.is_some() {
                    return Ok(());
                }
                Fate::NotGiven
            }
        };
        self.record(&passed.source, passed.at, None, fate)
    }

    fn record(
        &self,
        source: &Source,
        at: Timestamp,
        fingerprint: Option<Fingerprint>,
        fate: Fate,
    ) -> Result<(), StoreError> {
        let row = LedgerRow {
            key: LedgerKey(0),
            workspace: self.workspace(),
            mailbox: self.mailbox.key,
            source: source.clone(),
            at,
            fingerprint,
            fate,
        };
        ledger::add(self.transaction, row)
    }

    /// A test mail is no work for anybody: no script is asked, and nobody is told.
    fn store(&self, arrival: &Arrival, is_test: bool) -> Result<Message, StoreError> {
        let raw = self.keep_raw(arrival)?;
        let message = self.place(arrival, raw, is_test)?;
        self.transaction
            .put_record(Table::Messages, &message.key.0.to_be_bytes(), &message)?;
        self.index(&message)?;
        let fate = match arrival.whole_size {
            Some(size) => Fate::TooLarge {
                size,
                beginning: Some(message.key),
            },
            None if message.head.defects.contains(&Defect::Unreadable) => {
                Fate::Unreadable(message.key)
            }
            None => Fate::Stored(message.key),
        };
        self.record(
            &arrival.source,
            arrival.arrived_at,
            Some(arrival.fingerprint),
            fate,
        )?;
        if is_test {
            let event = Event::ConversationChanged {
                conversation: message.conversation,
            };
            feed::append(
                self.transaction,
                message.workspace,
                message.arrived_at,
                event,
            )?;
        } else {
            fate::answered(
                self.transaction,
                message.workspace,
                &message.head,
                message.arrived_at,
            )?;
            self.announce(&message)?;
            self.have_checked(&arrival.source, &message)?;
        }
        Ok(message)
    }

    fn keep_raw(&self, arrival: &Arrival) -> Result<RawKey, StoreError> {
        match &arrival.raw {
            ArrivalRaw::Whole(compressed) => raw::put(self.transaction, compressed),
            ArrivalRaw::Stored(raw) => {
                raw::adopt(self.transaction, *raw)?;
                Ok(*raw)
            }
        }
    }

    /// Finds or makes the conversation, and writes it with the mail counted in.
    fn place(&self, arrival: &Arrival, raw: RawKey, is_test: bool) -> Result<Message, StoreError> {
        let (id, conversation_id) = public_ids(arrival);
        let mut contact = contacts::contact_of(
            self.transaction,
            self.workspace(),
            arrival.head.author(),
            id,
            arrival.arrived_at,
        )?;
        let question = Question {
            workspace: self.workspace(),
            mailbox: self.mailbox.key,
            contact: contact.key,
            head: &arrival.head,
        };
        let mut message = Message {
            key: MessageKey(self.transaction.next(Counter::Message)?),
            id,
            workspace: self.workspace(),
            conversation: ConversationKey(0),
            mailbox: self.mailbox.key,
            contact: contact.key,
            direction: Direction::Inbound,
            head: arrival.head.clone(),
            raw: Some(raw),
            size: arrival.size,
            written: None,
            arrived_at: arrival.arrived_at,
            late: arrival.late,
            imported: arrival.imported,
            new_participant: false,
        };
        let reported = fate::reported_on(self.transaction, self.workspace(), &arrival.head)?;
        let joined = match &reported {
            Some(outgoing) => Some((outgoing.conversation, false)),
            None if is_test => {
                let tests = proofs::conversation_of_tests(self.transaction, self.mailbox.key)?;
                tests.map(|tests| (tests, false))
            }
            None => self.joined(&question, arrival.arrived_at)?,
        };
        let (before, mut conversation) = match joined {
            Some((key, new_participant)) => {
                message.new_participant = new_participant;
                let found = conversations::after_merges(self.transaction, key)?;
                (Some(found.clone()), found)
            }
            None => {
                contact.conversation_count += 1;
                contacts::put_contact(self.transaction, &contact)?;
                (None, self.open_conversation(&message, conversation_id)?)
            }
        };
        message.conversation = conversation.key;
        if let Some(outgoing) = reported {
            if fate::reported(self.transaction, &outgoing, &message)? {
                conversation.status = Status::Open;
            }
        } else if before.is_some() && message.head.kind == Kind::Personal && !message.imported {
            conversation.status = Status::Open;
        }
        conversations::count_in(&mut conversation, &message);
        if is_test {
            proofs::set_aside(&mut conversation);
        }
        listing::save(self.transaction, before.as_ref(), &conversation)?;
        if !message.new_participant && !is_test {
            // Else all that a stranger writes later would follow into the thread of others.
            threading::index_last(self.transaction, &question, conversation.key)?;
        }
        Ok(message)
    }

    fn joined(
        &self,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Option<(ConversationKey, bool)>, StoreError> {
        let evidence = threading::evidence(self.transaction, self.keys, question)?;
        Ok(
            match place(&evidence, &self.mailbox.settings.threading, now) {
                Placement::New => None,
                Placement::Join {
                    conversation,
                    new_participant,
                    because: _,
                } => Some((conversation, new_participant)),
            },
        )
    }

    fn open_conversation(
        &self,
        message: &Message,
        id: PublicId,
    ) -> Result<Conversation, StoreError> {
        let key = ConversationKey(self.transaction.next(Counter::Conversation)?);
        let number = conversations::next_number(self.transaction, self.workspace(), key)?;
        conversations::put_id(self.transaction, id, key)?;
        Ok(Conversation {
            key,
            id,
            workspace: self.workspace(),
            number,
            subject: message.head.subject.clone(),
            contact: message.contact,
            mailbox: self.mailbox.key,
            status: if message.imported {
                Status::Closed
            } else {
                Status::Open
            },
            priority: Priority::Normal,
            assignee: None,
            team: None,
            tags: Vec::new(),
            spam: self.is_junk,
            triaged: false,
            first_at: message.arrived_at,
            last_at: message.arrived_at,
            last_direction: Direction::Inbound,
            preview: String::new(),
            message_count: 0,
            merged_into: None,
        })
    }

    fn index(&self, message: &Message) -> Result<(), StoreError> {
        conversations::index_message(self.transaction, message)?;
        threading::index_ids(
            self.transaction,
            message.workspace,
            message.conversation,
            message.key,
            &message.head,
        )?;
        threading::index_participants(
            self.transaction,
            message.conversation,
            &message.head,
            !message.new_participant && brings_people_in(message.head.kind),
            &self.mailbox.settings,
        )
    }

    /// Who took a mail from a stranger also checks what it proves.
    fn have_checked(&self, source: &Source, message: &Message) -> Result<(), StoreError> {
        if matches!(source, Source::Smtp(_)) {
            jobs::add(
                self.transaction,
                message.workspace,
                message.conversation,
                Work::Authenticate(message.key),
                message.arrived_at,
            )?;
        }
        Ok(())
    }

    fn announce(&self, message: &Message) -> Result<(), StoreError> {
        let (key, conversation) = (message.key, message.conversation);
        let event = if message.imported {
            Event::MailImported {
                message: key,
                conversation,
            }
        } else {
            Event::MessageReceived {
                message: key,
                conversation,
            }
        };
        feed::append(
            self.transaction,
            message.workspace,
            message.arrived_at,
            event,
        )?;
        jobs::add(
            self.transaction,
            message.workspace,
            conversation,
            Work::Triage(key),
            message.arrived_at,
        )?;
        Ok(())
    }
}

/// Whether who is named in a mail of this kind takes part from then on. Reports join their
/// conversation by an id alone, whoever wrote them.
fn brings_people_in(kind: Kind) -> bool {
    !matches!(kind, Kind::Bounce | Kind::ReadReceipt)
}

/// Ids outside, for the message and for a new conversation.
fn public_ids(arrival: &Arrival) -> (PublicId, PublicId) {
    let (mut first, mut second) = ([0; 10], [0; 10]);
    first.copy_from_slice(&arrival.random[..10]);
    second.copy_from_slice(&arrival.random[10..]);
    (
        PublicId::new(arrival.arrived_at, first),
        PublicId::new(arrival.arrived_at, second),
    )
}
