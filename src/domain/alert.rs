//! Which notice about a mailbox is due when: a rule over what is seen now and what was
//! told before.
//!
//! Invariant: a code is warned of once per stage, and an incident is told once, as is its
//! end. A retry is never news, and only a refusal that nothing but a person ends asks for
//! one. What is due comes with the new memory, so that both are stored in one go.
//! Deliberately absent: clocks, mails, and who is told.

mod state;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::expiry::Expiry;
use super::mailbox::{Condition, MailboxHealth};
use crate::domain::saying::Saying;
use crate::domain::state::MailboxState;

pub use self::state::{Asked, Question, SCRIPT_NOTICES_MAX};

/// When something is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRules {
    /// Days before a code ends.
    pub days_before: Vec<u16>,
    /// An error that lasts this long is told, and that it has ended once it has been over
    /// for as long.
    pub error_after: SignedDuration,
    /// A state that lasts this long is one that a script is asked about.
    pub state_rest: SignedDuration,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            days_before: vec![14, 7, 1],
            error_after: SignedDuration::from_mins(15),
            state_rest: SignedDuration::from_secs(60),
        }
    }
}

/// How a mailbox is doing, as far as notices are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Situation {
    /// A person wants it to rest.
    Off,
    /// Its login was refused; nothing but a person mends that.
    Refused {
        /// The condition's words.
        reason: Saying,
    },
    /// Attempts are used up.
    Failing {
        /// The condition's words.
        reason: Saying,
    },
    /// Nothing is proven either way.
    Unsettled,
    /// It works.
    Well,
}

impl Situation {
    /// Of a mailbox. Where mail is forwarded to us, no connection proves receiving.
    #[must_use]
    pub fn of(health: &MailboxHealth, forwarded: bool) -> Self {
        let ways = [&health.receiving, &health.sending];
        let found = |pick: fn(&Condition) -> Option<&Saying>| {
            ways.iter().find_map(|way| pick(way)).cloned()
        };
        if ways.iter().any(|way| is_off(way)) {
            return Self::Off;
        }
        if let Some(reason) = found(refused) {
            return Self::Refused { reason };
        }
        if let Some(reason) = found(failing) {
            return Self::Failing { reason };
        }
        let receives = matches!(health.receiving, Condition::Active)
            || forwarded && matches!(health.receiving, Condition::Connecting);
        // What worked once and is not known to work now failed before a restart.
        let unused =
            matches!(health.sending, Condition::Connecting) && health.last_submission.is_none();
        let sends = matches!(health.sending, Condition::Active) || unused;
        if receives && sends {
            Self::Well
        } else {
            Self::Unsettled
        }
    }

    /// Whether this state of the mailbox is known, and not only not known to be wrong.
    #[must_use]
    pub fn proves(&self, state: MailboxState) -> bool {
        match state {
            MailboxState::Connecting => false,
            // An attempt has just failed.
            MailboxState::Interrupted => true,
            MailboxState::Active
            | MailboxState::Error
            | MailboxState::ReauthenticationNeeded
            | MailboxState::Offline
            | MailboxState::Unbound => *self != Self::Unsettled,
        }
    }
}

fn is_off(condition: &Condition) -> bool {
    matches!(condition, Condition::Offline | Condition::Unbound)
}

fn refused(condition: &Condition) -> Option<&Saying> {
    match condition {
        Condition::ReauthenticationNeeded { reason } => Some(reason),
        _ => None,
    }
}

fn failing(condition: &Condition) -> Option<&Saying> {
    match condition {
        Condition::Error { reason, .. } => Some(reason),
        _ => None,
    }
}

/// What has been told of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The ending that was warned of.
    pub ending: Option<EndingTold>,
    /// What is going on.
    pub incident: Option<Incident>,
    /// What a script was asked.
    pub asked: Asked,
}

/// How far an ending was warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndingTold {
    /// Which ending: another day is another code.
    pub ends_on: Date,
    /// The last stage that was told, in days before.
    pub days_before: u16,
}

/// Something that goes on until the mailbox works again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What.
    pub kind: IncidentKind,
    /// Since when.
    pub since: Timestamp,
    /// People know.
    pub told: bool,
    /// It may be over since then.
    pub well_since: Option<Timestamp>,
}

/// What goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IncidentKind {
    /// Attempts are used up.
    Error,
    /// The login was refused.
    Reauthentication,
}

/// A notice that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// A code ends soon.
    Ends {
        /// Which.
        expiry: Expiry,
        /// Whole days until then; none are left when it is negative.
        days_left: i64,
    },
    /// A person has to give a new login.
    Reauthenticate {
        /// The condition's words.
        reason: Saying,
    },
    /// It has been failing for a while.
    Error {
        /// The condition's words.
        reason: Saying,
        /// Since when.
        since: Timestamp,
    },
    /// What was told before is over.
    Recovered {
        /// Since when it was going on.
        since: Timestamp,
    },
    /// A script goes on failing.
    ScriptFails {
        /// The function that is asked.
        function: String,
        /// What it failed with the last time.
        words: String,
        /// How often it has failed.
        count: u64,
        /// Since when.
        since: Timestamp,
    },
    /// A script has something to say about the state.
    Script {
        /// The state.
        state: MailboxState,
        /// Its words.
        words: String,
        /// What it was not let say since the last time.
        left_out: u32,
    },
}

/// What is known of a mailbox at a moment.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The moment.
    pub now: Timestamp,
    /// What ends by age, if something does.
    pub expiry: Option<Expiry>,
    /// How it is doing.
    pub situation: Situation,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What has been told once `due` is stored.
    pub told: Told,
    /// What is to be told.
    pub due: Vec<Due>,
    /// Look again then, also when nothing happens.
    pub look_at: Option<Timestamp>,
}

/// The day of a moment.
#[must_use]
pub fn day_of(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// What is due for a mailbox.
#[must_use]
pub fn judge(told: &Told, seen: &Seen, rules: &AlertRules) -> Judged {
    let mut due = Vec::new();
    let incident = incident(told.incident.clone(), seen, rules, &mut due);
    let ending = ending(told.ending, seen, rules, &mut due);
    let look_at = [incident_ripens(incident.as_ref(), rules), next_day(seen)];
    Judged {
        look_at: look_at.into_iter().flatten().min(),
        told: Told {
            ending,
            incident,
            asked: told.asked.clone(),
        },
        due,
    }
}

fn ending(
    before: Option<EndingTold>,
    seen: &Seen,
    rules: &AlertRules,
    due: &mut Vec<Due>,
) -> Option<EndingTold> {
    // Who is asked for a new code need not hear that the old one would end.
    let refused = matches!(seen.situation, Situation::Refused { .. });
    let Some(expiry) = seen.expiry.filter(|_| !refused) else {
        return before;
    };
    let days_left = expiry.days_left(day_of(seen.now));
    let reached = |stage: &&u16| days_left <= i64::from(**stage);
    // Stages that nobody was there to tell are passed over: the nearest says it all.
    let Some(stage) = rules.days_before.iter().filter(reached).min().copied() else {
        return before;
    };
    let known = before.filter(|before| before.ends_on == expiry.ends_on);
    if known.is_some_and(|known| known.days_before <= stage) {
        return before;
    }
    due.push(Due::Ends { expiry, days_left });
    Some(EndingTold {
        ends_on: expiry.ends_on,
        days_before: stage,
    })
}

fn incident(
    before: Option<Incident>,
    seen: &Seen,
    rules: &AlertRules,
    due: &mut Vec<Due>,
) -> Option<Incident> {
    let now = seen.now;
    match &seen.situation {
        Situation::Off => None,
        Situation::Refused { reason } => {
            let known = before.as_ref();
            if known.is_none_or(|incident| incident.kind == IncidentKind::Error) {
                due.push(Due::Reauthenticate {
                    reason: reason.clone(),
                });
            }
            Some(Incident {
                kind: IncidentKind::Reauthentication,
                since: known.map_or(now, |incident| incident.since),
                told: true,
                well_since: None,
            })
        }
        Situation::Failing { reason } => {
            let mut incident = before.unwrap_or(Incident {
                kind: IncidentKind::Error,
                since: now,
                told: false,
                well_since: None,
            });
            incident.well_since = None;
            if !incident.told && now >= later(incident.since, rules.error_after) {
                incident.told = true;
                due.push(Due::Error {
                    reason: reason.clone(),
                    since: incident.since,
                });
            }
            Some(incident)
        }
        Situation::Unsettled => before.map(|incident| Incident {
            well_since: None,
            ..incident
        }),
        Situation::Well => {
            let mut incident = before?;
            let well_since = *incident.well_since.get_or_insert(now);
            // A refused login works again because a person gave another: no flapping.
            let wait = match incident.kind {
                IncidentKind::Reauthentication => SignedDuration::ZERO,
                IncidentKind::Error => rules.error_after,
            };
            if now < later(well_since, wait) {
                return Some(incident);
            }
            if incident.told {
                due.push(Due::Recovered {
                    since: incident.since,
                });
            }
            None
        }
    }
}

/// When an incident is told, or over, if nothing changes.
fn incident_ripens(incident: Option<&Incident>, rules: &AlertRules) -> Option<Timestamp> {
    let incident = incident?;
    match (incident.well_since, incident.told) {
        (Some(since), _) => Some(later(since, rules.error_after)),
        (None, false) => Some(later(incident.since, rules.error_after)),
        (None, true) => None,
    }
}

/// The next day, when days count.
fn next_day(seen: &Seen) -> Option<Timestamp> {
    seen.expiry?;
    let tomorrow = day_of(seen.now).tomorrow().ok()?;
    let midnight = tomorrow.to_zoned(TimeZone::UTC).ok()?;
    Some(midnight.timestamp())
}

fn later(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
