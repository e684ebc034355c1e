//! What people say of a reply on its way, carried out in one transaction with the work
//! that follows, the history and the feed. What it means stands in `domain::order`.

use jiff::Timestamp;

use super::error::StoreError;
use super::table::Transaction;
use super::{Store, feed, jobs, outbox};
use crate::domain::change::Event;
use crate::domain::job::Work;
use crate::domain::key::{OutgoingKey, UserKey};
use crate::domain::order::Order;
use crate::domain::outbox::{Known, Outgoing, OutgoingState, Release};
use crate::domain::saying::saying;

/// What sends a reply from where it stands.
fn sending(outgoing: &Outgoing) -> Work {
    match outgoing.raw {
        Some(_) => Work::Submit(outgoing.key),
        None => Work::Compose(outgoing.key),
    }
}

/// The work that follows from a word.
fn follow(
    transaction: &Transaction<'_>,
    outgoing: &Outgoing,
    order: Order,
    now: Timestamp,
) -> Result<(), StoreError> {
    let work = match order {
        Order::Retry => {
            if jobs::hasten(transaction, outgoing.key, now)? {
                return Ok(());
            }
            Some(sending(outgoing))
        }
        // Somebody had it before.
        Order::Cancel if outgoing.state != OutgoingState::Cancelled => {
            Some(Work::File(outgoing.key))
        }
        Order::Cancel => None,
        Order::Arrived => Some(Work::File(outgoing.key)),
        Order::Again => Some(sending(outgoing)),
    };
    jobs::finish_of(transaction, outgoing.key)?;
    if let Some(work) = work {
        let (workspace, conversation) = (outgoing.workspace, outgoing.conversation);
        jobs::add(transaction, workspace, conversation, work, now)?;
    }
    Ok(())
}

impl Store {
    /// Carries a person's word out. `false` when it no longer fits where the reply stands.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn order(
        &self,
        outgoing: OutgoingKey,
        order: Order,
        by: Option<UserKey>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |transaction| {
            let (after, done) = outbox::update(transaction, outgoing, now, |outgoing| {
                Ok(order.apply(outgoing, by, now))
            })?;
            if done {
                follow(transaction, &after, order, now)?;
                let event = Event::OutgoingOrdered {
                    outgoing,
                    conversation: after.conversation,
                    order,
                    by,
                };
                feed::append(transaction, after.workspace, now, event)?;
            }
            Ok(done)
        })
        .await
    }

    /// Sends a reply that was held back. `false` when nothing holds it back.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn release_reply(
        &self,
        outgoing: OutgoingKey,
        by: Option<UserKey>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |transaction| {
            let (after, released) = outbox::update(transaction, outgoing, now, |outgoing| {
                let held = matches!(outgoing.state, OutgoingState::Held { .. });
                if held {
                    outgoing.state = OutgoingState::Queued;
                    // Patience begins now.
                    outgoing.send_at = outgoing.send_at.max(now);
                    if let Some(hold) = &mut outgoing.hold {
                        hold.released = Some(Release { at: now, by });
                    }
                    let what = saying!("known.released");
                    outgoing.note(Known { at: now, by, what });
                }
                Ok(held)
            })?;
            if released {
                let (workspace, conversation) = (after.workspace, after.conversation);
                let work = Work::Compose(outgoing);
                jobs::add(transaction, workspace, conversation, work, now)?;
                let event = Event::OutgoingReleased {
                    outgoing,
                    conversation,
                    by,
                };
                feed::append(transaction, workspace, now, event)?;
            }
            Ok(released)
        })
        .await
    }
}
