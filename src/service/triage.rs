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
use crate::domain::extraction::Extraction;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::MessageKey;
use crate::script::Scripts;
use crate::service::clock::Clock;
use crate::service::presets::Presets;
use crate::service::view;
use crate::store::{NewDecision, Store, StoreError, Triaged};

/// Mails decided on in one transaction.
const BATCH_MAX: usize = 256;
/// The longest wait without looking, in case the wall clock jumps back.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The wait after trouble with the store.
const STORE_TROUBLE_PAUSE: Duration = Duration::from_secs(2);

/// The service.
#[derive(Clone, Debug)]
pub struct Triage {
    store: Store,
    scripts: Scripts,
    presets: Presets,
    clock: Clock,
    zone: TimeZone,
}

impl Triage {
    /// A service over the store, the scripts and the hooks of plugins; `zone` is what scripts see as local time.
    #[must_use]
    pub fn new(
        store: Store,
        scripts: Scripts,
        presets: Presets,
        clock: Clock,
        zone: TimeZone,
    ) -> Self {
        Self {
            store,
            scripts,
            presets,
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
            let (extraction, decision) = self.decide(message)?;
            decided.push(Triaged {
                job: job.key,
                message,
                extraction,
                decision,
            });
        }
        Ok(decided)
    }

    /// What the hooks of the mailbox read in a mail, and what the scripts decide on it.
    fn decide(&self, key: MessageKey) -> Result<(Option<Extraction>, NewDecision), StoreError> {
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
            let gone = Outcome::Failed("the mail is no longer there".to_owned());
            return Ok((None, undecided(gone)));
        };
        let mailbox = self.store.mailbox(message.mailbox)?;
        let (mut mail, context) =
            view::of_message(&self.store, message, at.to_zoned(self.zone.clone()))?;
        let read = mailbox.and_then(|mailbox| self.presets.extract(&mailbox.settings, &mail));
        if let Some(read) = &read {
            mail.learn(&read.extraction);
        }
        let mut decision = match self.scripts.current() {
            Some(snapshot) => {
                let (begun, max) = (Instant::now(), snapshot.time_max());
                let expired = move || begun.elapsed() > max;
                let routed = snapshot.route(mail, context, expired);
                if let Outcome::Failed(words) = &routed.outcome {
                    tracing::warn!(message = key.0, %words, "the routing script failed; the mail took the default route");
                }
                NewDecision {
                    at,
                    version: Some(snapshot.version()),
                    outcome: routed.outcome,
                    routing: routed.routing,
                    trace: routed.trace,
                    warnings: routed.warnings,
                }
            }
            None => undecided(Outcome::NoScript),
        };
        let Some(read) = read else {
            return Ok((None, decision));
        };
        if let Some(words) = &read.extraction.failure {
            tracing::warn!(message = key.0, %words, "the hooks of a plugin failed; the mail goes without its fields");
            decision.warnings.push(words.clone());
            // How far they came stands before what the script did after them.
            decision.trace = [read.trace, decision.trace].concat();
        }
        Ok((Some(read.extraction), decision))
    }
}
