//! The canary: where a mailbox asks for it, a mail to itself every so often, so that a
//! path that has died in silence is noticed before a customer does.
//!
//! What is due follows from what is stored, so it survives a restart. A canary that
//! comes back is counted within its delivery (`store`) and makes no conversation.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Proving;
use super::mail::{Hands, SendError};
use crate::domain::change::Event;
use crate::domain::key::{MailboxKey, PublicId};
use crate::domain::mailbox::{Condition, Mailbox, MailboxHealth};
use crate::domain::proof::{Canary, SelfMailKind};
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::user::Actor;
use crate::service::agenda::{Agenda, LOOK_AGAIN};
use crate::service::mailboxes::MailboxError;
use crate::store::{AddError, GoesOn, NewLogins, StoreError};

/// Shortest time between two canaries: providers count what an account sends.
pub const EVERY_MIN: Duration = Duration::from_secs(60);
/// Longest.
pub const EVERY_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A canary that is not back after this is late, or after half its interval if that is less.
const ARRIVAL_TIME_MAX: SignedDuration = SignedDuration::from_mins(10);
/// Canaries handed over at the same time.
const SENDING_MAX: usize = 8;

/// The interval is not one.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum CanaryError {
    /// Out of range.
    Every,
    /// The actor may not, or there is no such mailbox.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
}

impl Said for CanaryError {
    fn saying(&self) -> Saying {
        match self {
            Self::Every => saying!(
                "cannot.canary.every",
                seconds = EVERY_MIN.as_secs(),
                days = EVERY_MAX.as_secs() / 86_400
            ),
            Self::Mailbox(error) => error.saying(),
        }
    }
}

impl Proving {
    /// Lets canaries of a mailbox fly, the first one now; `None` ends that.
    ///
    /// # Errors
    /// When the interval is out of range, or the actor may not.
    pub async fn set_canary(
        &self,
        actor: &Actor,
        id: PublicId,
        every: Option<Duration>,
    ) -> Result<Mailbox, CanaryError> {
        if every.is_some_and(|every| !(EVERY_MIN..=EVERY_MAX).contains(&every)) {
            return Err(CanaryError::Every);
        }
        let mailbox = self.mailboxes.managed(actor, id)?;
        let changed = self.hands.store.alter_mailbox(
            mailbox.key,
            move |settings| settings.canary_every = every,
            NewLogins::Keep,
            GoesOn::WhereItStopped,
            self.hands.clock.now(),
        );
        changed.await.map_err(|error| match error {
            AddError::Store(error) => CanaryError::Mailbox(error.into()),
            taken => CanaryError::Mailbox(taken.into()),
        })
    }

    /// Lets canaries fly until `shutdown`.
    pub async fn run_canaries(self, shutdown: CancellationToken) {
        let mut feed = self.hands.store.subscribe();
        let flies = |mailbox: &Mailbox| mailbox.settings.canary_every.is_some();
        let agenda = Agenda::new(&self.hands.store, self.hands.clock.now(), flies);
        let mut aviary = match agenda {
            Ok(agenda) => Aviary {
                hands: self.hands,
                places: Arc::new(Semaphore::new(SENDING_MAX)),
                agenda,
            },
            Err(error) => {
                tracing::error!(%error, "canaries cannot be read; none flies before a restart");
                return;
            }
        };
        loop {
            feed.mark_unchanged();
            let wait = match aviary.look() {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "canaries cannot be looked after at this moment");
                    LOOK_AGAIN
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                changed = feed.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// Who is looked after when.
struct Aviary {
    hands: Hands,
    places: Arc<Semaphore>,
    agenda: Agenda,
}

impl Aviary {
    /// Does what is due; answers how long nothing is.
    fn look(&mut self) -> Result<Duration, StoreError> {
        let now = self.hands.clock.now();
        self.agenda.read_changes(&self.hands.store, now)?;
        while let Some(key) = self.agenda.take_due(now) {
            match self.look_after(key, now) {
                Ok(Some(next)) => self.agenda.put(key, next),
                Ok(None) => {}
                Err(error) => {
                    self.agenda.put(key, now);
                    return Err(error);
                }
            }
        }
        Ok(self.agenda.rest(now))
    }

    /// What is to be done for one mailbox now, and when to look again.
    fn look_after(&self, key: MailboxKey, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let Some(mailbox) = self.hands.store.mailbox(key)? else {
            return Ok(None);
        };
        let every = mailbox.settings.canary_every;
        let every = every.and_then(|every| SignedDuration::try_from(every).ok());
        let Some(every) = every.filter(|_| !mailbox.settings.offline()) else {
            return Ok(None);
        };
        let canary = self.hands.store.proofs(key)?.canary;
        let plan = plan(&canary, every, now);
        match plan.act {
            Act::Wait => {}
            Act::Late(sent_at) => {
                let waited = now.duration_since(sent_at).as_secs();
                let words = saying!("canary.late", seconds = waited);
                let hands = self.hands.clone();
                tokio::spawn(async move { report(&hands, &mailbox, words).await });
            }
            Act::Send => {
                let (hands, places) = (self.hands.clone(), Arc::clone(&self.places));
                tokio::spawn(async move {
                    let _place = places.acquire_owned().await;
                    fly(&hands, &mailbox).await;
                });
            }
        }
        Ok(Some(plan.look_at))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Act {
    Wait,
    Send,
    Late(Timestamp),
}

#[derive(Debug, PartialEq, Eq)]
struct Plan {
    act: Act,
    look_at: Timestamp,
}

fn plan(canary: &Canary, every: SignedDuration, now: Timestamp) -> Plan {
    let later = |at: Timestamp, by| at.checked_add(by).unwrap_or(Timestamp::MAX);
    let patience = ARRIVAL_TIME_MAX.min(every / 2);
    let Some(sent_at) = canary.sent_at else {
        return Plan {
            act: Act::Send,
            look_at: later(now, patience),
        };
    };
    let (due, late) = (later(sent_at, every), later(sent_at, patience));
    if now >= due {
        return Plan {
            act: Act::Send,
            look_at: later(now, patience),
        };
    }
    match canary.is_out() && canary.failing_since.is_none() {
        true if now >= late => Plan {
            act: Act::Late(sent_at),
            look_at: due,
        },
        true => Plan {
            act: Act::Wait,
            look_at: late,
        },
        false => Plan {
            act: Act::Wait,
            look_at: due,
        },
    }
}

/// Sends one, unless it is known that it would not get through.
async fn fly(hands: &Hands, mailbox: &Mailbox) {
    let health = hands.board.health(mailbox.key);
    let token = match (trouble(&health), hands.token()) {
        (Some(words), _) => return report(hands, mailbox, words).await,
        (None, Err(error)) => return report(hands, mailbox, error.saying()).await,
        (None, Ok(token)) => token,
    };
    let kind = SelfMailKind::Canary;
    let sent = match hands.await_mail(mailbox, kind, &token).await {
        Ok(()) => hands.send(mailbox, kind, &token).await,
        Err(error) => Err(error),
    };
    match sent {
        Ok(()) => {}
        Err(SendError::Words(words)) => report(hands, mailbox, words).await,
        Err(SendError::Store(error)) => {
            tracing::warn!(mailbox = %mailbox.settings.address, %error, "a canary could not fly");
        }
    }
}

fn trouble(health: &MailboxHealth) -> Option<Saying> {
    if let Some(what) = reason(&health.receiving) {
        return Some(saying!("canary.receiving", what));
    }
    reason(&health.sending).map(|what| saying!("canary.sending", what))
}

fn reason(condition: &Condition) -> Option<&Saying> {
    match condition {
        Condition::Connecting | Condition::Active | Condition::Offline | Condition::Unbound => None,
        Condition::Interrupted { reason, .. }
        | Condition::Error { reason, .. }
        | Condition::ReauthenticationNeeded { reason } => Some(reason),
    }
}

/// Puts the failure on record, and tells of it when it is news.
async fn report(hands: &Hands, mailbox: &Mailbox, words: Saying) {
    let (key, now) = (mailbox.key, hands.clock.now());
    tracing::warn!(mailbox = %mailbox.settings.address, %words, "the canary failed");
    let change = move |proofs: &mut crate::domain::proof::MailboxProofs| {
        let canary = &mut proofs.canary;
        // One that never left counts as sent now, so that the next comes in its time.
        if !canary.is_out() {
            canary.sent_at = Some(now);
        }
        let news = canary.failed(words.clone(), now);
        news.then_some(Event::CanaryFailed { mailbox: key })
    };
    let stored = hands
        .store
        .change_proofs(mailbox.workspace, key, now, change);
    if let Err(error) = stored.await {
        tracing::warn!(mailbox = %mailbox.settings.address, %error, "a failed canary could not be recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_flies_when_due_and_is_late_once() {
        let at = |second| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        let every = SignedDuration::from_secs(100);
        let check = |canary: &Canary, now, act, look_at| {
            let look_at = at(look_at);
            assert_eq!(plan(canary, every, at(now)), Plan { act, look_at });
        };
        let mut canary = Canary::default();
        check(&canary, 0, Act::Send, 50);
        canary.sent_at = Some(at(0));
        check(&canary, 10, Act::Wait, 50);
        check(&canary, 50, Act::Late(at(0)), 100);
        canary.failed("late".into(), at(50));
        check(&canary, 60, Act::Wait, 100);
        check(&canary, 100, Act::Send, 150);
        canary.sent_at = Some(at(100));
        canary.came(at(100), at(101));
        check(&canary, 102, Act::Wait, 200);
    }
}
