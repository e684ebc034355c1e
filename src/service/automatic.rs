//! The one place where it is decided whether a mail that no person wrote may leave: the
//! acknowledgement a script asks for, what an assistant writes, and notices about a mailbox.
//!
//! The rules are those of RFC 3834, and of `domain::automatic` where they need no question.
//! How many leave is counted in the transaction that accepts them. No script reaches any of
//! it.

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::Address;
use crate::domain::authentication::Verdict;
use crate::domain::automatic::{Unanswered, answerable};
use crate::domain::ledger::Source;
use crate::domain::mailbox::Mailbox;
use crate::domain::message::Message;
use crate::domain::outbox::Outgoing;
use crate::domain::saying::{Saying, saying};
use crate::mime::says_dmarc_failed;
use crate::service::reading::header_of;
use crate::store::{Store, StoreError};

/// So long an automatic answer to a forwarded mail waits for what DNS says of its sender.
const CHECK_PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// It is asked for again after this.
const CHECK_PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// Whether an automatic mail that was accepted may be composed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Nothing stands against it.
    Now,
    /// What is asked for is not known yet.
    Later(Timestamp),
    /// For good.
    Never(Saying),
}

/// Whom an automatic answer to the mail would go to, or why it gets none. `message` has the
/// kind that hooks have found out.
pub(super) fn may_answer(
    store: &Store,
    message: &Message,
) -> Result<Result<Address, Unanswered>, StoreError> {
    let mailboxes = store.mailboxes()?;
    let is_own = |address: &Address| mailboxes.iter().any(|one| is_of(one, address));
    let sender = match answerable(message, is_own) {
        Ok(sender) => sender.clone(),
        Err(why) => return Ok(Err(why)),
    };
    if is_disproved(store, message)? {
        return Ok(Err(Unanswered::NotProven));
    }
    Ok(Ok(sender))
}

/// Asked once more before an automatic mail is composed: the check of a forwarded mail's
/// sender ends after the scripts have decided.
pub(super) fn may_leave(
    store: &Store,
    outgoing: &Outgoing,
    now: Timestamp,
) -> Result<Leave, StoreError> {
    let answered = outgoing.in_reply_to.filter(|_| outgoing.automatic);
    let Some(message) = answered
        .map(|key| store.message(key))
        .transpose()?
        .flatten()
    else {
        return Ok(Leave::Now);
    };
    if is_disproved(store, &message)? {
        return Ok(Leave::Never(saying!("outbox.not_proven")));
    }
    let waits = now.duration_since(message.arrived_at) < CHECK_PATIENCE;
    if waits && store.authentication(message.key)?.is_none() {
        let rows = store.ledger_of_message(message.key)?;
        if rows.iter().any(|row| matches!(row.source, Source::Smtp(_))) {
            let due = now.checked_add(CHECK_PAUSE).unwrap_or(Timestamp::MAX);
            return Ok(Leave::Later(due));
        }
    }
    Ok(Leave::Now)
}

/// Whether somebody may be told of trouble with a mailbox. Mail to the sick mailbox itself
/// would wait in it, and make work there once it is well.
pub(super) fn may_be_told(about: &Mailbox, address: &Address) -> bool {
    !is_of(about, address)
}

fn is_of(mailbox: &Mailbox, address: &Address) -> bool {
    let folded = address.folded();
    let mut own = mailbox.settings.own_addresses();
    own.any(|one| one.folded() == folded)
}

/// The domain of the sender says that the mail is not its: by our own check, or by that of
/// the server that took the mail for the mailbox.
fn is_disproved(store: &Store, message: &Message) -> Result<bool, StoreError> {
    let checked = store.authentication(message.key)?;
    if checked.is_some_and(|found| found.dmarc == Verdict::Fail) {
        return Ok(true);
    }
    let Some(raw) = message.raw else {
        return Ok(false);
    };
    Ok(says_dmarc_failed(&header_of(store, raw, message.size)?))
}
