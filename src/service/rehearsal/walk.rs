//! The walk over stored mails, the latest first, by as many threads as there are processors.
//! What is held at a time is a portion of mails per thread, and what is listed.

use std::cmp::Reverse;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::super::view;
use super::found::{Answers, Changed, LISTED_MAX, Rehearsed, SLOWEST_LISTED, Slow, TIME_MAX};
use crate::domain::decision::{Asked, Gate, Gating, Outcome, Routing};
use crate::domain::key::{MailboxKey, MessageKey};
use crate::domain::message::{Direction, Kind, Message};
use crate::script::{ContextView, ConversationView, Later, MailView, Routed, Snapshot};
use crate::store::{Store, StoreError};

/// Messages counted before one of the same conversation.
const COUNTED_MAX: usize = 1_000;

/// What is walked over, and whom it is shown to.
pub(super) struct Walk<'w> {
    pub(super) store: &'w Store,
    pub(super) zone: &'w TimeZone,
    pub(super) live: Option<&'w Snapshot>,
    pub(super) candidate: &'w Snapshot,
    pub(super) script_time_max: Duration,
    pub(super) since: Option<Timestamp>,
    pub(super) mailbox: Option<MailboxKey>,
}

/// How far the walk is.
struct Place {
    before: Option<MessageKey>,
    left: usize,
    ended: bool,
    cut_short: bool,
}

impl Walk<'_> {
    pub(super) fn run(&self, last: usize) -> Result<Rehearsed, StoreError> {
        let begun = Instant::now();
        let place = Mutex::new(Place {
            before: None,
            left: last,
            ended: false,
            cut_short: false,
        });
        let work = || self.work(&place, begun);
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let mut found = thread::scope(|scope| {
            let helpers: Vec<_> = (1..processors).map(|_| scope.spawn(work)).collect();
            let mut found = work();
            for helper in helpers {
                match helper.join() {
                    Ok(more) => found = joined(found, more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            found
        })?;
        let place = place.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.cut_short = place.cut_short;
        found.took = begun.elapsed();
        Ok(found)
    }

    fn work(&self, place: &Mutex<Place>, begun: Instant) -> Result<Rehearsed, StoreError> {
        let mut found = Rehearsed::default();
        loop {
            let portion = self.next(place, begun)?;
            if portion.is_empty() {
                return Ok(found);
            }
            for message in portion {
                self.show(message, &mut found)?;
            }
        }
    }

    /// The next mails; none at the end. Only the looking up is done one after the other.
    fn next(&self, place: &Mutex<Place>, begun: Instant) -> Result<Vec<Message>, StoreError> {
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        while !place.ended && place.left > 0 {
            if begun.elapsed() > TIME_MAX {
                place.ended = true;
                place.cut_short = true;
                break;
            }
            let (mut mails, next) = self.store.mails_before(self.mailbox, place.before)?;
            place.before = next;
            place.ended = next.is_none();
            if let Some(since) = self.since {
                // Mails come to us in the order of their keys.
                let older = mails.iter().any(|mail| mail.arrived_at < since);
                place.ended |= older;
                mails.retain(|mail| mail.arrived_at >= since);
            }
            mails.truncate(place.left);
            place.left -= mails.len();
            if place.left == 0 && self.since.is_some() {
                place.cut_short = true;
            }
            if !mails.is_empty() {
                return Ok(mails);
            }
        }
        Ok(Vec::new())
    }

    fn show(&self, message: Message, found: &mut Rehearsed) -> Result<(), StoreError> {
        let key = message.key;
        let of = Changed {
            key,
            message: message.id,
            conversation: None,
            subject: message.head.subject.clone(),
            from: message
                .head
                .from
                .as_ref()
                .map_or_else(String::new, |from| from.address.folded()),
            arrived_at: message.arrived_at,
            old: nothing(),
            new: nothing(),
        };
        let conversation = self.store.conversation(message.conversation)?;
        let conversation = conversation.map(|one| (one.id, one.number));
        let (mail, context) = as_it_came(self.store, self.zone, message)?;
        let old = self.live.map_or_else(nothing, |live| {
            self.ask(live, mail.clone(), context.clone())
        });
        let begun = Instant::now();
        let new = self.ask(self.candidate, mail, context);
        let took = begun.elapsed();
        found.mails += 1;
        found.errors_old += usize::from(failed(&old));
        found.errors_new += usize::from(failed(&new));
        slowest(
            found,
            || Slow {
                took,
                message: of.message,
                subject: of.subject.clone(),
            },
            took,
        );
        if differ(&old, &new) {
            found.changed += 1;
            if found.listed.len() < LISTED_MAX {
                found.listed.push(Changed {
                    conversation,
                    old,
                    new,
                    ..of
                });
            }
        }
        Ok(())
    }

    fn ask(&self, snapshot: &Snapshot, mail: MailView, context: ContextView) -> Answers {
        let max = self.script_time_max;
        let begun = Instant::now();
        let routed = snapshot.route(mail.clone(), context.clone(), move || begun.elapsed() > max);
        let begun = Instant::now();
        let gating = snapshot.gating(mail, context, &routed, move || begun.elapsed() > max);
        Answers { routed, gating }
    }
}

/// A stored mail and what surrounds it, as at its time as far as the store can say.
pub(in crate::service) fn as_it_came(
    store: &Store,
    zone: &TimeZone,
    message: Message,
) -> Result<(MailView, ContextView), StoreError> {
    let now = message.arrived_at.to_zoned(zone.clone());
    let arrived_at = message.arrived_at;
    let before = store.count_up_to(&message, COUNTED_MAX)?;
    let extraction = store.extraction(message.key)?;
    let (mut mail, mut context) = view::of_message(store, None, message, now)?;
    if let Some(extraction) = extraction {
        mail.learn(&extraction);
    }
    if let Some(one) = &mut context.conversation {
        as_it_was(one, before, arrived_at, mail.head.kind);
    }
    Ok((mail, context))
}

/// A conversation as it was when its `count`th message, a mail of this kind, came.
fn as_it_was(view: &mut ConversationView, count: usize, arrived_at: Timestamp, kind: Kind) {
    view.last_at = Some(arrived_at);
    view.last_direction = Some(Direction::Inbound);
    if count > 1 {
        view.message_count = u32::try_from(count).unwrap_or(u32::MAX);
        return;
    }
    // Nothing had been decided on it yet, and nobody had touched it.
    *view = ConversationView {
        number: view.number,
        subject: std::mem::take(&mut view.subject),
        message_count: 1,
        first_at: Some(arrived_at),
        last_at: view.last_at,
        last_direction: view.last_direction,
        waiting_since: Later::Known((!kind.is_by_machine()).then_some(arrived_at)),
        language: std::mem::take(&mut view.language),
        ..ConversationView::default()
    };
}

/// What is said where there are no scripts.
fn nothing() -> Answers {
    Answers {
        routed: Routed {
            outcome: Outcome::NoScript,
            routing: Routing::default(),
            warnings: Vec::new(),
            trace: Vec::new(),
        },
        gating: Gating {
            gate: Gate::Off { why: String::new() },
            asked: Asked::Yes(Outcome::NoScript),
            warnings: Vec::new(),
            trace: Vec::new(),
        },
    }
}

fn failed(answers: &Answers) -> bool {
    matches!(answers.routed.outcome, Outcome::Failed(_)) || answers.gating.failed()
}

/// Another answer, or one where there was a failure. That there is no script at all decides
/// the same as a script that answers nothing.
fn differ(old: &Answers, new: &Answers) -> bool {
    failed(old) != failed(new)
        || old.routed.routing != new.routed.routing
        || !old.gating.does_as(&new.gating)
}

fn slowest(found: &mut Rehearsed, slow: impl FnOnce() -> Slow, took: Duration) {
    let full = found.slowest.len() >= SLOWEST_LISTED;
    if full && found.slowest.last().is_some_and(|last| last.took >= took) {
        return;
    }
    found.slowest.push(slow());
    found.slowest.sort_by_key(|one| Reverse(one.took));
    found.slowest.truncate(SLOWEST_LISTED);
}

fn joined(
    one: Result<Rehearsed, StoreError>,
    other: Result<Rehearsed, StoreError>,
) -> Result<Rehearsed, StoreError> {
    let (mut one, other) = (one?, other?);
    one.mails += other.mails;
    one.changed += other.changed;
    one.errors_old += other.errors_old;
    one.errors_new += other.errors_new;
    one.listed.extend(other.listed);
    one.listed.sort_by_key(|changed| Reverse(changed.key));
    one.listed.truncate(LISTED_MAX);
    one.slowest.extend(other.slowest);
    one.slowest.sort_by_key(|slow| Reverse(slow.took));
    one.slowest.truncate(SLOWEST_LISTED);
    Ok(one)
}
