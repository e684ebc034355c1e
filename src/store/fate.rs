//! What becomes known of a reply after it was handed over: a copy that stands in a folder,
//! the name its provider gave it, a report of what became of it, an answer to it.
//!
//! Invariant: whatever comes from outside changes a reply only when it names an id that
//! nobody can guess, and says nothing of anybody who was not written to.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::error::StoreError;
use super::key::Key;
use super::outbox::update;
use super::outgoing_ids::{self, with_message_id};
use super::table::{Order, Rows, Table, Transaction};
use super::{Store, jobs, threading};
use crate::domain::address::Address;
use crate::domain::job::Work;
use crate::domain::key::{ConversationKey, MessageKey, OutgoingKey, WorkspaceKey};
use crate::domain::message::{
    BounceReport, DeliveryAction, Direction, Head, Kind, Message, ReportedRecipient,
};
use crate::domain::message_id::MessageId;
use crate::domain::outbox::{ALIASES_MAX, Filing, Known, Outgoing, OutgoingState, RecipientState};
use crate::domain::saying::{Saying, saying};
use crate::domain::undelivered::AddressTrouble;

/// References of a mail that are looked up for replies of ours, nearest first.
const REFERENCES_MAX: usize = 32;
/// Messages of a conversation among which the original of a copy is looked for, last first.
const ORIGINALS_MAX: usize = 50;

/// Remembers that a mail of ours bears another Message-ID elsewhere. An id that is known of
/// another mail stays that mail's.
pub(super) fn learn_alias(
    transaction: &Transaction<'_>,
    key: OutgoingKey,
    id: &MessageId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let outgoing: Outgoing = transaction.named(Table::Outgoing, key.0, "reply")?;
    let taken = with_message_id(transaction, outgoing.workspace, id)?.is_some()
        || threading::message_with_id(transaction, outgoing.workspace, id)?.is_some();
    if taken || outgoing.aliases.len() >= ALIASES_MAX {
        return Ok(());
    }
    update(transaction, key, now, |outgoing| {
        outgoing.aliases.push(id.clone());
        outgoing.note(Known::found(
            now,
            saying!("known.alias", id = id.to_string()),
        ));
        Ok(())
    })?;
    outgoing_ids::point_id(transaction, outgoing.workspace, id, key)?;
    let head = Head {
        message_id: Some(id.clone()),
        ..Head::default()
    };
    let (place, message) = (outgoing.conversation, outgoing.message);
    threading::index_ids(transaction, outgoing.workspace, place, message, &head)
}

/// A copy of the reply stands in a folder: evidence that an uncertain one was sent.
pub(super) fn seen(
    transaction: &Transaction<'_>,
    own: &Outgoing,
    in_sent: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    update(transaction, own.key, now, |outgoing| {
        // What lies in INBOX anybody may have put there.
        let settles = in_sent && outgoing.is_proven_by_a_copy();
        if settles {
            outgoing.note(Known::found(now, saying!("known.in_sent")));
            outgoing.was_taken_over();
            outgoing.filing = Filing::Filed;
        }
        Ok(settles)
    })
    .and_then(|(_, settled)| {
        if settled {
            // It may have been on its way again.
            jobs::finish_of(transaction, own.key)?;
        }
        Ok(())
    })
}

/// The copy of a reply that was proven to be sent is looked for and made anew: it may have
/// been given up while nobody knew.
fn file(
    transaction: &Transaction<'_>,
    outgoing: &Outgoing,
    now: Timestamp,
) -> Result<(), StoreError> {
    if outgoing.filing == Filing::Filed {
        return Ok(());
    }
    jobs::finish_of(transaction, outgoing.key)?;
    let work = Work::File(outgoing.key);
    jobs::add(
        transaction,
        outgoing.workspace,
        outgoing.conversation,
        work,
        now,
    )?;
    Ok(())
}

/// The reply of ours that a report is about: the one it names, else one that stands in it.
pub(super) fn reported_on(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    head: &Head,
) -> Result<Option<Outgoing>, StoreError> {
    let Some(report) = &head.bounce else {
        return Ok(None);
    };
    for id in report.about.iter().chain(&report.mentioned) {
        if let Some(own) = with_message_id(rows, workspace, id)? {
            return Ok(Some(own));
        }
    }
    Ok(None)
}

/// Takes down what a report says of a reply. Whether it came back.
pub(super) fn reported(
    transaction: &Transaction<'_>,
    outgoing: &Outgoing,
    bounce: &Message,
) -> Result<bool, StoreError> {
    // One that was never begun cannot have come back.
    let Some(report) = bounce
        .head
        .bounce
        .as_ref()
        .filter(|_| outgoing.attempts > 0)
    else {
        return Ok(false);
    };
    let now = bounce.arrived_at;
    let told = told_of(outgoing, report);
    let failed = report.action == DeliveryAction::Failed;
    let (after, proven) = update(transaction, outgoing.key, now, |outgoing| {
        // Whatever a server says of somebody, it had the mail for them.
        let mut named = told
            .iter()
            .filter_map(|(place, _)| outgoing.recipients.get(*place));
        let proven = named.any(|one| outgoing.is_doubted(one));
        for (place, said) in &told {
            let Some(one) = outgoing.recipients.get_mut(*place) else {
                continue;
            };
            if said.action == DeliveryAction::Failed {
                one.state = RecipientState::Bounced;
                one.text.clone_from(&said.text);
            } else if said.action.is_taken_over() && one.state == RecipientState::Uncertain {
                one.state = RecipientState::Accepted;
            }
        }
        outgoing.note(Known::found(now, in_words(report)));
        if proven {
            outgoing.was_taken_over();
        }
        // One that is under way learns of it at the end of its attempt: others may still wait.
        let over = matches!(
            outgoing.state,
            OutgoingState::Sent | OutgoingState::Bounced { .. }
        );
        if failed && over {
            outgoing.state = OutgoingState::Bounced {
                reason: report.text.clone().into(),
            };
        }
        Ok(proven)
    })?;
    if proven {
        file(transaction, &after, now)?;
    }
    for (place, said) in told {
        if said.action == DeliveryAction::Failed
            && let Some(one) = after.recipients.get(place)
        {
            count(transaction, after.workspace, &one.address, &said, now)?;
        }
    }
    Ok(failed)
}

fn in_words(report: &BounceReport) -> Saying {
    let recipient = report.recipient.clone().unwrap_or_default();
    let text = report.text.clone();
    match report.action {
        DeliveryAction::Failed => saying!("known.bounced", recipient, text),
        DeliveryAction::Delayed => saying!("known.delayed", recipient, text),
        DeliveryAction::Delivered | DeliveryAction::Relayed | DeliveryAction::Expanded => {
            saying!("known.delivered", recipient)
        }
    }
}

/// What is told of those it was sent to, by their places. A report that names none of them
/// speaks of the only one there is.
fn told_of(outgoing: &Outgoing, report: &BounceReport) -> Vec<(usize, ReportedRecipient)> {
    let place_of = |said: &ReportedRecipient| {
        let bare = said.address.trim_matches(['<', '>', ' ']).to_lowercase();
        let mut all = outgoing.recipients.iter();
        all.position(|one| one.address.folded() == bare)
    };
    let known: Vec<_> = report
        .recipients
        .iter()
        .filter_map(|said| Some((place_of(said)?, said.clone())))
        .collect();
    if known.is_empty() && outgoing.recipients.len() == 1 {
        let said = ReportedRecipient {
            address: outgoing.recipients[0].address.to_string(),
            action: report.action,
            status: report.status.clone(),
            text: report.text.clone(),
        };
        return vec![(0, said)];
    }
    known
}

fn trouble_key(workspace: WorkspaceKey, address: &Address) -> Key {
    Key::new(workspace.0).bytes(address.folded().as_bytes())
}

fn count(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    address: &Address,
    said: &ReportedRecipient,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = trouble_key(workspace, address);
    let known = transaction.record(Table::AddressTroubles, key.as_ref())?;
    let mut trouble = known.unwrap_or_else(|| AddressTrouble::none(now));
    trouble.count(now, said.status.as_deref(), &said.text);
    transaction.put_record(Table::AddressTroubles, key.as_ref(), &trouble)
}

/// A mail that came refers to replies of ours. One by somebody it was sent to shows that it
/// arrived, and a read receipt that it was shown.
pub(super) fn answered(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    head: &Head,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(from) = &head.from else {
        return Ok(());
    };
    let sender = from.address.folded();
    let is_receipt = head.kind == Kind::ReadReceipt;
    let mut known = BTreeSet::new();
    for id in head.references.iter().rev().take(REFERENCES_MAX) {
        let Some(own) = with_message_id(transaction, workspace, id)? else {
            continue;
        };
        let mut recipients = own.recipients.iter();
        let writer = recipients.find(|one| one.address.folded() == sender);
        let uncertain = writer.is_some_and(|one| own.is_doubted(one));
        let got_it = writer.is_some();
        if !(got_it && (uncertain || is_receipt) && known.insert(own.key.0)) {
            continue;
        }
        let (after, ()) = update(transaction, own.key, now, |outgoing| {
            let by = from.address.to_string();
            outgoing.note(Known::found(
                now,
                if is_receipt {
                    saying!("known.read", by)
                } else {
                    saying!("known.answered", by)
                },
            ));
            if uncertain {
                outgoing.was_taken_over();
            }
            Ok(())
        })?;
        if uncertain {
            file(transaction, &after, now)?;
        }
    }
    Ok(())
}

/// The reply in a conversation of which a mail with another Message-ID is a copy.
pub(super) fn original_of(
    rows: &impl Rows,
    conversation: ConversationKey,
    copy: &Head,
) -> Result<Option<Outgoing>, StoreError> {
    let keys = rows.keys(
        Table::ConversationMessages,
        &conversation.0.to_be_bytes(),
        None,
        Order::Down,
        ORIGINALS_MAX,
    )?;
    for key in keys {
        let key = MessageKey(super::key::number_at(&key, 8));
        let message: Message = rows.named(Table::Messages, key.0, "message")?;
        if message.direction != Direction::Outbound || !message.head.is_copied_by(copy) {
            continue;
        }
        let Some(id) = &message.head.message_id else {
            continue;
        };
        let own = with_message_id(rows, message.workspace, id)?;
        if let Some(own) = own.filter(|own| own.message == key && own.attempts > 0) {
            return Ok(Some(own));
        }
    }
    Ok(None)
}

impl Store {
    /// Remembers that a mail of ours bears another Message-ID elsewhere.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn learn_alias(
        &self,
        outgoing: OutgoingKey,
        id: MessageId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| learn_alias(transaction, outgoing, &id, now))
            .await
    }

    /// A copy of an uncertain reply was found in Sent: it was sent.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn copy_found(
        &self,
        outgoing: OutgoingKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let own: Outgoing = transaction.named(Table::Outgoing, outgoing.0, "reply")?;
            seen(transaction, &own, true, now)
        })
        .await
    }

    /// How often mail to an address came back; `None` when it never did.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn address_trouble(
        &self,
        workspace: WorkspaceKey,
        address: &Address,
    ) -> Result<Option<AddressTrouble>, StoreError> {
        self.read(|rows| {
            rows.record(
                Table::AddressTroubles,
                trouble_key(workspace, address).as_ref(),
            )
        })
    }
}
