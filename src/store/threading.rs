//! What the store knows for `domain::threading`: Message-IDs in any direction (also
//! of mails that never came), who takes part, and the last conversation of a contact.

use super::error::StoreError;
use super::key::{Key, hash16, number_at};
use super::seal::Keys;
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::address::Address;
use crate::domain::address_tag::conversation_of;
use crate::domain::conversation::Conversation;
use crate::domain::key::{ContactKey, ConversationKey, MailboxKey, MessageKey, WorkspaceKey};
use crate::domain::mailbox::MailboxSettings;
use crate::domain::message::{Direction, Head, Kind, Message};
use crate::domain::message_id::MessageId;
use crate::domain::regrouping::{MERGES_FOLLOWED_MAX, ParticipantHash};
use crate::domain::subject::base_subject;
use crate::domain::threading::{Candidate, Evidence};

/// Ids of one mail that are indexed and looked up, nearest first. A reader that
/// cuts References keeps at least these many.
const REFERENCES_MAX: usize = 32;
/// Conversations of one id that are looked at; more than one is rare and odd.
const CONVERSATIONS_OF_ID_MAX: usize = 8;
/// Addresses of one mail whose owners take part from then on.
const PARTICIPANTS_MAX: usize = 50;

/// Addresses of one mail that are looked at for a tag of ours.
const TAGGED_MAX: usize = 200;

/// A mail to be placed.
pub(super) struct Question<'q> {
    pub(super) workspace: WorkspaceKey,
    pub(super) mailbox: MailboxKey,
    pub(super) contact: ContactKey,
    pub(super) head: &'q Head,
}

fn id_prefix(workspace: WorkspaceKey, id: &MessageId) -> Key {
    Key::new(workspace.0).bytes(&hash16(id.as_str().as_bytes()))
}

fn participant_key(conversation: ConversationKey, address: &Address) -> Key {
    Key::new(conversation.0).bytes(&hash16(address.folded().as_bytes()))
}

fn last_key(question: &Question<'_>) -> Key {
    Key::new(question.workspace.0)
        .number(question.mailbox.0)
        .number(question.contact.0)
}

fn subject_key(question: &Question<'_>) -> Option<Key> {
    let base = base_subject(&question.head.subject);
    (!base.is_empty()).then(|| last_key(question).bytes(&hash16(base.as_bytes())))
}

/// References from nearest to farthest.
fn references(head: &Head) -> impl Iterator<Item = &MessageId> {
    head.references.iter().rev().take(REFERENCES_MAX)
}

/// Where the mails of a conversation stand now: itself, or where it was merged into.
pub(super) fn after_merges(
    rows: &impl Rows,
    key: ConversationKey,
) -> Result<Option<Conversation>, StoreError> {
    let mut next = key;
    for _ in 0..=MERGES_FOLLOWED_MAX {
        let found: Option<Conversation> =
            rows.record(Table::Conversations, &next.0.to_be_bytes())?;
        match found.as_ref().and_then(|found| found.merged_into) {
            Some(further) => next = further,
            None => return Ok(found),
        }
    }
    Ok(None)
}

/// The conversation that a token of ours names; where the very mail is known that bears
/// it, that mail's: a person may have moved it since.
fn named_by_token(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    id: &MessageId,
    named: ConversationKey,
) -> Result<ConversationKey, StoreError> {
    let Some(message) = message_with_id(transaction, workspace, id)? else {
        return Ok(named);
    };
    let message: Option<Message> = transaction.record(Table::Messages, &message.0.to_be_bytes())?;
    let own = message.filter(|message| message.direction == Direction::Outbound);
    Ok(own.map_or(named, |message| message.conversation))
}

/// Gathers what is known about a mail before it is placed.
pub(super) fn evidence(
    transaction: &Transaction<'_>,
    keys: &Keys,
    question: &Question<'_>,
) -> Result<Evidence, StoreError> {
    let head = question.head;
    let sender = head.author().map(|author| &author.address);
    let judge = |key: Option<u64>| -> Result<Option<Candidate>, StoreError> {
        key.map_or(Ok(None), |key| {
            candidate(
                transaction,
                question.workspace,
                ConversationKey(key),
                sender,
            )
        })
    };
    let token = references(head)
        .filter_map(|id| Some((Some(id), id.verify(|number| keys.signing_by_id(number))?)))
        .find(|(_, (workspace, _))| *workspace == question.workspace)
        .or_else(|| Some((None, tag_of(head, keys, question.workspace)?)));
    let token = match token {
        Some((Some(id), (workspace, named))) => {
            judge(Some(named_by_token(transaction, workspace, id, named)?.0))?
        }
        Some((None, (_, named))) => judge(Some(named.0))?,
        None => None,
    };
    let mut candidates: Vec<Candidate> = Vec::new();
    // Nearest reference first; the mail's own id last: others only waited for it.
    for id in references(head).chain(&head.message_id) {
        for known in conversations_with_id(transaction, question.workspace, id)? {
            if let Some(found) = judge(Some(known))?
                && candidates
                    .iter()
                    .all(|seen| seen.conversation != found.conversation)
            {
                candidates.push(found);
            }
        }
    }
    let (mut same_subject, mut last_of_contact) = (None, None);
    if token.is_none() && candidates.is_empty() {
        if let Some(key) = subject_key(question) {
            same_subject = judge(transaction.pointer(Table::LastOf, key.as_ref())?)?;
        }
        last_of_contact = judge(transaction.pointer(Table::LastOf, last_key(question).as_ref())?)?;
    }
    Ok(Evidence {
        token,
        references: candidates,
        same_subject,
        last_of_contact,
        automatic: head.kind != Kind::Personal,
    })
}

/// What our own Reply-To says, where the mail was written to it.
fn tag_of(
    head: &Head,
    keys: &Keys,
    workspace: WorkspaceKey,
) -> Option<(WorkspaceKey, ConversationKey)> {
    let places = head.to.iter().chain(&head.cc).chain(&head.delivered_to);
    places
        .take(TAGGED_MAX)
        .filter_map(|one| conversation_of(&one.address, |number| keys.signing_by_id(number)))
        .find(|(of, _)| *of == workspace)
}

fn candidate(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    key: ConversationKey,
    sender: Option<&Address>,
) -> Result<Option<Candidate>, StoreError> {
    let found = after_merges(transaction, key)?;
    let Some(found) = found.filter(|found| found.workspace == workspace) else {
        return Ok(None);
    };
    let sender_takes_part = match sender {
        Some(sender) => takes_part(transaction, found.key, sender)?,
        None => false,
    };
    Ok(Some(Candidate {
        conversation: found.key,
        sender_takes_part,
        last_at: found.last_at,
    }))
}

/// Conversations that know an id: where the mail itself stands before those that only
/// refer to it.
fn conversations_with_id(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    id: &MessageId,
) -> Result<Vec<u64>, StoreError> {
    let prefix = id_prefix(workspace, id);
    let rows = transaction.keys(
        Table::MessageIds,
        prefix.as_ref(),
        None,
        Order::Up,
        CONVERSATIONS_OF_ID_MAX,
    )?;
    let (mut bearing, mut referring) = (Vec::new(), Vec::new());
    for row in rows {
        let message = transaction.pointer(Table::MessageIds, &row)?;
        let list = if message.is_some_and(|message| message > 0) {
            &mut bearing
        } else {
            &mut referring
        };
        list.push(number_at(&row, 24));
    }
    bearing.append(&mut referring);
    Ok(bearing)
}

fn takes_part(
    rows: &impl Rows,
    conversation: ConversationKey,
    address: &Address,
) -> Result<bool, StoreError> {
    let key = participant_key(conversation, address);
    Ok(rows.get(Table::Participants, key.as_ref())?.is_some())
}

/// Remembers the ids of a placed mail: its own with the message, those it refers
/// to without, so that a mail that comes later finds its conversation.
pub(super) fn index_ids(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    conversation: ConversationKey,
    message: MessageKey,
    head: &Head,
) -> Result<(), StoreError> {
    if let Some(id) = &head.message_id {
        let key = id_prefix(workspace, id).number(conversation.0);
        transaction.point(Table::MessageIds, key.as_ref(), message.0)?;
    }
    for id in references(head) {
        let key = id_prefix(workspace, id).number(conversation.0);
        if transaction.get(Table::MessageIds, key.as_ref())?.is_none() {
            transaction.put(Table::MessageIds, key.as_ref(), &[])?;
        }
    }
    Ok(())
}

/// A message moves: its own id leads to where it stands now.
pub(super) fn move_ids(
    transaction: &Transaction<'_>,
    message: &Message,
    from: ConversationKey,
    into: ConversationKey,
) -> Result<(), StoreError> {
    let Some(id) = &message.head.message_id else {
        return Ok(());
    };
    let prefix = id_prefix(message.workspace, id);
    let old = prefix.clone().number(from.0);
    if transaction.pointer(Table::MessageIds, old.as_ref())? == Some(message.key.0) {
        transaction.remove(Table::MessageIds, old.as_ref())?;
    }
    let new = prefix.number(into.0);
    transaction.point(Table::MessageIds, new.as_ref(), message.key.0)
}

/// Who takes part in `from` takes part in `into`; who did not before.
pub(super) fn join_participants(
    transaction: &Transaction<'_>,
    from: ConversationKey,
    into: ConversationKey,
) -> Result<Vec<ParticipantHash>, StoreError> {
    let prefix = from.0.to_be_bytes();
    let mut new = Vec::new();
    for row in transaction.keys(Table::Participants, &prefix, None, Order::Up, usize::MAX)? {
        let Some(hash) = row.last_chunk::<16>().copied() else {
            continue;
        };
        let key = Key::new(into.0).bytes(&hash);
        if transaction
            .get(Table::Participants, key.as_ref())?
            .is_none()
        {
            transaction.put(Table::Participants, key.as_ref(), &[])?;
            new.push(ParticipantHash(hash));
        }
    }
    Ok(new)
}

/// They take part no longer.
pub(super) fn take_out(
    transaction: &Transaction<'_>,
    conversation: ConversationKey,
    participants: &[ParticipantHash],
) -> Result<(), StoreError> {
    for ParticipantHash(hash) in participants {
        let key = Key::new(conversation.0).bytes(hash);
        transaction.remove(Table::Participants, key.as_ref())?;
    }
    Ok(())
}

/// Forgets the ids of a mail that goes with its conversation.
pub(super) fn forget_ids(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    conversation: ConversationKey,
    head: &Head,
) -> Result<(), StoreError> {
    for id in head.message_id.iter().chain(references(head)) {
        let key = id_prefix(workspace, id).number(conversation.0);
        transaction.remove(Table::MessageIds, key.as_ref())?;
    }
    Ok(())
}

/// Forgets who took part in a conversation.
pub(super) fn forget_participants(
    transaction: &Transaction<'_>,
    conversation: ConversationKey,
) -> Result<(), StoreError> {
    transaction.remove_all(Table::Participants, &conversation.0.to_be_bytes())
}

/// Forgets the last conversations of everybody who wrote to a mailbox.
pub(super) fn forget_last(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    mailbox: MailboxKey,
) -> Result<(), StoreError> {
    let prefix = Key::new(workspace.0).number(mailbox.0);
    transaction.remove_all(Table::LastOf, prefix.as_ref())
}

/// Remembers the contact's last conversation, by subject and at all.
pub(super) fn index_last(
    transaction: &Transaction<'_>,
    question: &Question<'_>,
    conversation: ConversationKey,
) -> Result<(), StoreError> {
    for key in [Some(last_key(question)), subject_key(question)]
        .into_iter()
        .flatten()
    {
        if transaction.pointer(Table::LastOf, key.as_ref())? != Some(conversation.0) {
            transaction.point(Table::LastOf, key.as_ref(), conversation.0)?;
        }
    }
    Ok(())
}

/// Whoever wrote, or was written to, takes part from now on, but only when `trusted`: a
/// stranger who guessed an id stays one however often they write, and brings in nobody,
/// until we write to them. The mailbox's own addresses never count: anybody can write one
/// into a From.
pub(super) fn index_participants(
    transaction: &Transaction<'_>,
    conversation: ConversationKey,
    head: &Head,
    trusted: bool,
    own: &MailboxSettings,
) -> Result<(), StoreError> {
    if !trusted {
        return Ok(());
    }
    let own: Vec<String> = own.own_addresses().map(Address::folded).collect();
    let readers = head.to.iter().chain(&head.cc);
    // A list that stands in From would let in whoever writes to it.
    for named in head
        .author()
        .into_iter()
        .chain(readers)
        .filter(|one| !own.contains(&one.address.folded()))
        .take(PARTICIPANTS_MAX)
    {
        let key = participant_key(conversation, &named.address);
        if transaction
            .get(Table::Participants, key.as_ref())?
            .is_none()
        {
            transaction.put(Table::Participants, key.as_ref(), &[])?;
        }
    }
    Ok(())
}

/// The message with that id, in whichever conversation.
pub(super) fn message_with_id(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    id: &MessageId,
) -> Result<Option<MessageKey>, StoreError> {
    Ok(messages_with_id(rows, workspace, id)?.into_iter().next())
}

/// The messages with that id; more than one conversation has one only when it was forged.
pub(super) fn messages_with_id(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    id: &MessageId,
) -> Result<Vec<MessageKey>, StoreError> {
    let prefix = id_prefix(workspace, id);
    let mut found = Vec::new();
    for key in rows.keys(
        Table::MessageIds,
        prefix.as_ref(),
        None,
        Order::Up,
        CONVERSATIONS_OF_ID_MAX,
    )? {
        // An id only referred to has an empty row, which reads as 0.
        let message = rows.pointer(Table::MessageIds, &key)?;
        found.extend(message.filter(|message| *message > 0).map(MessageKey));
    }
    Ok(found)
}
