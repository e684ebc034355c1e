//! Stage 3 of a mail's way: shows new mail to the scripts and stores what they decide.
//!
//! Jobs of one conversation run singly and in order of arrival, so that the second
//! mail sees what was decided on the first. Many conversations share a transaction.

use std::collections::HashSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::decision::{Outcome, Routing, ScriptVersion};
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::MessageKey;
use crate::script::Scripts;
use crate::service::clock::Clock;
use crate::service::view;
use crate::store::{NewDecision, Store, StoreError, Triaged};

/// Mails decided on in one transaction.
const BATCH_MAX: usize = 256;
/// A script that takes longer costs its mail the decision.
const SCRIPT_TIME_MAX: Duration = Duration::from_millis(200);
/// The longest wait without looking, in case the wall clock jumps back.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The wait after trouble with the store.
const STORE_TROUBLE_PAUSE: Duration = Duration::from_secs(2);

/// The service.
#[derive(Clone, Debug)]
pub struct Triage {
    store: Store,
    scripts: Scripts,
    clock: Clock,
    zone: TimeZone,
}

impl Triage {
    /// A service over the store and the scripts; `zone` is what scripts see as local time.
    #[must_use]
    pub fn new(store: Store, scripts: Scripts, clock: Clock, zone: TimeZone) -> Self {
        Self {
            store,
            scripts,
            clock,
            zone,
        }
    }

    /// Decides on what comes in until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut feed = self.store.subscribe();
        let mut kept = None;
        while !shutdown.is_cancelled() {
            feed.mark_unchanged();
            match self.decide_due(&mut kept).await {
                Ok(0) => tokio::select! {
                    () = shutdown.cancelled() => return,
                    changed = feed.changed() => if changed.is_err() { return },
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                },
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "decisions could not be stored; they are tried again");
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = tokio::time::sleep(STORE_TROUBLE_PAUSE) => {}
                    }
                }
            }
        }
    }

    /// Decides on one batch; answers how many mails it held.
    async fn decide_due(&self, kept: &mut Option<ScriptVersion>) -> Result<usize, StoreError> {
        let jobs = self
            .store
            .due_jobs(WorkKind::Triage, self.clock.now(), BATCH_MAX)?;
        if jobs.is_empty() {
            return Ok(0);
        }
        self.keep_scripts(kept).await?;
        let mut conversations = HashSet::new();
        let first: Vec<Job> = jobs
            .into_iter()
            .filter(|job| conversations.insert(job.conversation))
            .collect();
        // Scripts compute; they have no place on a thread that serves sockets.
        let this = self.clone();
        let decided = tokio::task::spawn_blocking(move || this.decide_all(&first)).await;
        let batch = match decided {
            Ok(batch) => batch?,
            Err(error) => return Err(StoreError::worker_lost("triage", &error)),
        };
        let count = batch.len();
        self.store.triage(batch).await?;
        Ok(count)
    }

    /// A trace always shows the source that decided, so the source is stored first.
    async fn keep_scripts(&self, kept: &mut Option<ScriptVersion>) -> Result<(), StoreError> {
        let Some(snapshot) = self.scripts.current() else {
            return Ok(());
        };
        if *kept != Some(snapshot.version()) {
            self.store
                .keep_script(snapshot.version(), snapshot.files().to_vec())
                .await?;
            *kept = Some(snapshot.version());
        }
        Ok(())
    }

    fn decide_all(&self, jobs: &[Job]) -> Result<Vec<Triaged>, StoreError> {
        let mut decided = Vec::with_capacity(jobs.len());
        for job in jobs {
            let Work::Triage(message) = job.work else {
                continue;
            };
            decided.push(Triaged {
                job: job.key,
                message,
                decision: self.decide(message)?,
            });
        }
        Ok(decided)
    }

    fn decide(&self, key: MessageKey) -> Result<NewDecision, StoreError> {
        let at = self.clock.now();
        let undecided = |outcome| NewDecision {
            at,
            version: None,
            outcome,
            routing: Routing::default(),
            trace: Vec::new(),
            warnings: Vec::new(),
        };
        let Some(message) = self.store.message(key)? else {
            return Ok(undecided(Outcome::Failed(
                "the mail is no longer there".to_owned(),
            )));
        };
        let Some(snapshot) = self.scripts.current() else {
            return Ok(undecided(Outcome::NoScript));
        };
        let (mail, context) =
            view::of_message(&self.store, message, at.to_zoned(self.zone.clone()))?;
        let begun = Instant::now();
        let routed = snapshot.route(mail, context, move || begun.elapsed() > SCRIPT_TIME_MAX);
        if let Outcome::Failed(words) = &routed.outcome {
            tracing::warn!(message = key.0, %words, "the routing script failed; the mail took the default route");
        }
        Ok(NewDecision {
            at,
            version: Some(snapshot.version()),
            outcome: routed.outcome,
            routing: routed.routing,
            trace: routed.trace,
            warnings: routed.warnings,
        })
    }
}
