//! Asks the live scripts about real mail: each call has its deadline, failures are counted,
//! and where an administrator allows it an older version answers in the place of one that
//! failed.
//!
//! Invariant: an older version never says what the assistant may do, nor whether a reply may
//! leave; mails crafted to make the live version fail must not bring back a gate that was
//! closed. Deliberately absent: trials, tests and rehearsals, which count nowhere.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio::time::Instant;

use crate::domain::decision::{Outcome, ScriptVersion};
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::Mailbox;
use crate::script::{
    Alerted, ContextView, Gated, MailView, ReplyView, Routed, Scripts, Signed, Snapshot, Vetted,
    WORKSPACE,
};
use crate::service::clock::Clock;
use crate::service::script_failures::{Failing, Failure, ScriptFailures};
use crate::store::{NewDecision, Store, StoreError};

/// The service; clones share what they remember.
#[derive(Clone, Debug)]
pub struct Asking {
    store: Store,
    scripts: Scripts,
    clock: Clock,
    zone: TimeZone,
    failures: ScriptFailures,
    /// Older versions may answer.
    fall_back: bool,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Its source stands in the store.
    kept: Option<ScriptVersion>,
    /// The last two versions that have answered, the newer first.
    answered: [Option<Arc<Snapshot>>; 2],
}

/// The scripts that are asked about one mail from beginning to end.
#[derive(Clone, Debug)]
pub struct Live {
    snapshot: Arc<Snapshot>,
    asking: Asking,
    about: MailboxKey,
}

/// An answer, and who gave it.
#[derive(Clone, Debug)]
pub struct Given<T> {
    /// The answer.
    pub answer: T,
    /// The version that gave it.
    pub version: ScriptVersion,
    /// How the live version failed, when an older one answered in its place.
    pub instead_of: Option<String>,
}

impl Given<Routed> {
    /// Makes it the decision. An older version writes to nobody.
    pub fn onto(self, decision: &mut NewDecision) {
        decision.version = Some(self.version);
        decision.outcome = self.answer.outcome;
        decision.routing = self.answer.routing;
        decision.trace = self.answer.trace;
        decision.warnings = self.answer.warnings;
        let Some(words) = self.instead_of else {
            return;
        };
        let warnings = &mut decision.warnings;
        warnings.push(format!("{words}; an older version decided instead"));
        if decision.routing.acknowledge.take().is_some() {
            let words = "`acknowledge` left out: an older version wanted it";
            warnings.push(words.to_owned());
        }
    }
}

impl Asking {
    /// A service over its handles; `zone` is what scripts see as local time.
    #[must_use]
    pub fn new(store: Store, scripts: Scripts, clock: Clock, zone: TimeZone) -> Self {
        Self {
            store,
            scripts,
            clock,
            zone,
            failures: ScriptFailures::default(),
            fall_back: false,
            memory: Arc::default(),
        }
    }

    /// Whether an older version may answer in the place of one that failed.
    #[must_use]
    pub fn falling_back(mut self, allowed: bool) -> Self {
        self.fall_back = allowed;
        self
    }

    /// What goes on failing.
    #[must_use]
    pub fn failing(&self) -> Vec<Failing> {
        let live = self.scripts.current();
        live.map_or_else(Vec::new, |live| {
            self.failures.going_on(live.version(), self.clock.now())
        })
    }

    /// Other scripts are live: what failed before says nothing of them.
    pub fn forget_failures(&self) {
        self.failures.forget();
    }

    /// What people are still to be told of; waits until there is something.
    pub async fn failures_to_tell(&self) -> Vec<Failing> {
        self.failures.news().await
    }

    /// People are told of it.
    pub fn failure_told(&self, of: &Failing) {
        self.failures.told(of);
    }

    /// A moment as scripts see it.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// The version that is live.
    #[must_use]
    pub fn live_version(&self) -> Option<ScriptVersion> {
        self.scripts.current().map(|live| live.version())
    }

    /// Whether the live scripts are to be asked about the state of a mailbox; `None` when
    /// none are live.
    #[must_use]
    pub fn answers_mailbox_state(&self, mailbox: &Mailbox) -> Option<bool> {
        let live = self.scripts.current()?;
        Some(live.answers_mailbox_state(WORKSPACE, &mailbox.settings.slug))
    }

    /// The live scripts. A trace always shows the source that decided, so it is stored first.
    ///
    /// # Errors
    /// When that is impossible.
    pub async fn live(&self) -> Result<Option<Arc<Snapshot>>, StoreError> {
        let Some(snapshot) = self.scripts.current() else {
            return Ok(None);
        };
        let version = snapshot.version();
        if self.memory(|memory| memory.kept) != Some(version) {
            let files = snapshot.files().to_vec();
            self.store.keep_script(version, files).await?;
            self.memory(|memory| memory.kept = Some(version));
        }
        Ok(Some(snapshot))
    }

    /// To ask these scripts about something in a mailbox.
    #[must_use]
    pub fn about(&self, snapshot: Arc<Snapshot>, mailbox: MailboxKey) -> Live {
        Live {
            snapshot,
            asking: self.clone(),
            about: mailbox,
        }
    }

    fn memory<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
        // Nothing in here panics halfway through a change.
        look(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers that this version answers.
    fn answers(&self, snapshot: &Arc<Snapshot>) {
        if !self.fall_back {
            return;
        }
        self.memory(|memory| {
            let newest = memory.answered[0].as_ref().map(|one| one.version());
            if newest != Some(snapshot.version()) {
                let before = memory.answered[0].replace(snapshot.clone());
                memory.answered[1] = before;
            }
        });
    }

    /// The last other version that has answered.
    fn older(&self, than: ScriptVersion) -> Option<Arc<Snapshot>> {
        let answered = self.memory(|memory| memory.answered.clone());
        let other = |one: &Arc<Snapshot>| one.version() != than;
        let mut answered = answered.into_iter().flatten();
        answered.find(other).filter(|_| self.fall_back)
    }
}

impl Live {
    /// The scripts themselves.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Asks `route`.
    #[must_use]
    pub fn route(&self, mail: &MailView, context: &ContextView) -> Given<Routed> {
        self.ask(
            "route",
            |one| one.route(mail.clone(), context.clone(), expired(one)),
            |routed| &routed.outcome,
        )
    }

    /// Asks `on_timer`.
    #[must_use]
    pub fn on_timer(&self, context: &ContextView) -> Given<Routed> {
        self.ask(
            "on_timer",
            |one| one.on_timer(context.clone(), expired(one)),
            |routed| &routed.outcome,
        )
    }

    /// Asks `signature`.
    #[must_use]
    pub fn signature(&self, context: &ContextView) -> Given<Signed> {
        self.ask(
            "signature",
            |one| one.signature(context.clone(), expired(one)),
            |signed| &signed.outcome,
        )
    }

    /// Asks `ai_reply`, of the live version only.
    #[must_use]
    pub fn ai_reply(&self, mail: MailView, context: ContextView) -> Gated {
        let gated = self
            .snapshot
            .ai_reply(mail, context, expired(&self.snapshot));
        self.note("ai_reply", &gated.outcome);
        gated
    }

    /// Asks `before_send`, of the live version only.
    #[must_use]
    pub fn before_send(&self, reply: ReplyView, context: ContextView) -> Vetted {
        let vetted = self
            .snapshot
            .before_send(reply, context, expired(&self.snapshot));
        self.note("before_send", &vetted.outcome);
        vetted
    }

    /// Asks `on_mailbox_state`, of the live version only.
    #[must_use]
    pub fn on_mailbox_state(&self, context: ContextView) -> Alerted {
        let alerted = self
            .snapshot
            .on_mailbox_state(context, expired(&self.snapshot));
        self.note("on_mailbox_state", &alerted.outcome);
        alerted
    }

    /// Asks the live version, and an older one where that failed and may be helped out.
    fn ask<T>(
        &self,
        function: &'static str,
        question: impl Fn(&Snapshot) -> T,
        outcome: impl Fn(&T) -> &Outcome,
    ) -> Given<T> {
        let version = self.snapshot.version();
        let answer = question(&self.snapshot);
        self.note(function, outcome(&answer));
        let own = |answer| Given {
            answer,
            version,
            instead_of: None,
        };
        let Outcome::Failed(words) = outcome(&answer) else {
            if matches!(outcome(&answer), Outcome::Decided) {
                self.asking.answers(&self.snapshot);
            }
            return own(answer);
        };
        let words = words.clone();
        let Some(older) = self.asking.older(version) else {
            return own(answer);
        };
        let helped = question(&older);
        if !matches!(outcome(&helped), Outcome::Decided) {
            return own(answer);
        }
        tracing::warn!(function, %words, "a script failed, and an older version answered in its place");
        Given {
            answer: helped,
            version: older.version(),
            instead_of: Some(words),
        }
    }

    fn note(&self, function: &'static str, outcome: &Outcome) {
        let Outcome::Failed(words) = outcome else {
            return;
        };
        let failure = Failure {
            mailbox: self.about,
            words: words.clone(),
        };
        let (version, now) = (self.snapshot.version(), self.asking.clock.now());
        // Mails that were begun with scripts which are mended by now say nothing of the new ones.
        let live = self.asking.scripts.current();
        if live.is_some_and(|live| live.version() == version) {
            self.asking.failures.failed(function, version, failure, now);
        }
    }
}

/// Ends a script that takes too long from now on.
fn expired(snapshot: &Snapshot) -> impl Fn() -> bool + 'static {
    let (begun, max) = (Instant::now(), snapshot.time_max());
    move || begun.elapsed() > max
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::decision::{Occasion, Routing};

    fn given(instead_of: Option<&str>) -> NewDecision {
        let routing = Routing {
            team: Some("support".to_owned()),
            acknowledge: Some("received".to_owned()),
            ..Routing::default()
        };
        let given = Given {
            answer: Routed {
                outcome: Outcome::Decided,
                routing,
                warnings: Vec::new(),
                trace: Vec::new(),
            },
            version: ScriptVersion([1; 16]),
            instead_of: instead_of.map(str::to_owned),
        };
        let mut decision = NewDecision {
            at: Timestamp::UNIX_EPOCH,
            version: None,
            outcome: Outcome::NoScript,
            routing: Routing::default(),
            trace: Vec::new(),
            warnings: Vec::new(),
            occasion: Occasion::Mail,
            gating: None,
        };
        given.onto(&mut decision);
        decision
    }

    #[test]
    fn an_older_version_routes_and_says_so_and_writes_to_nobody() {
        let own = given(None);
        assert_eq!(own.routing.acknowledge.as_deref(), Some("received"));
        assert!(own.warnings.is_empty());
        let older = given(Some("routing.rhai:2:5: no"));
        assert_eq!(older.routing.team.as_deref(), Some("support"));
        assert_eq!(older.routing.acknowledge, None);
        let [first, second] = older.warnings.as_slice() else {
            panic!("{:?}", older.warnings);
        };
        assert!(first.starts_with("routing.rhai:2:5: no; an older version"));
        assert!(second.contains("`acknowledge` left out"), "{second}");
    }
}
