//! Stage 3 of a mail's way: shows new mail to the scripts and stores what they decide.
//!
//! Jobs of one conversation run singly and in order of arrival, so that the second
//! mail sees what was decided on the first. Many conversations share a transaction.

use std::collections::HashSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::decision::{
    Asked, Gate, Gating, NotAsked, Occasion, Outcome, Routing, ScriptVersion,
};
use crate::domain::extraction::Extraction;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::MessageKey;
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Kind, Message};
use crate::script::{ContextView, MailView, Scripts, Snapshot};
use crate::service::clock::Clock;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::{acknowledging, view};
use crate::store::{Acknowledgement, NewDecision, Store, StoreError, Triaged};

/// Mails decided on in one transaction.
const BATCH_MAX: usize = 256;
/// The longest wait without looking, in case the wall clock jumps back.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The wait after trouble with the store.
const STORE_TROUBLE_PAUSE: Duration = Duration::from_secs(2);

/// What the hooks read, what was decided, and an automatic answer.
type Decided = (Option<Extraction>, NewDecision, Option<Acknowledgement>);

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
            let (extraction, decision, acknowledgement) = self.decide(message)?;
            decided.push(Triaged {
                job: job.key,
                message,
                extraction,
                decision,
                acknowledgement,
            });
        }
        Ok(decided)
    }

    /// What the hooks of the mailbox read in a mail, what the scripts decide on it, and the
    /// automatic answer they ask for.
    fn decide(&self, key: MessageKey) -> Result<Decided, StoreError> {
        let at = self.clock.now();
        let mut decision = NewDecision {
            at,
            version: None,
            outcome: Outcome::NoScript,
            routing: Routing::default(),
            trace: Vec::new(),
            warnings: Vec::new(),
            occasion: Occasion::Mail,
            gating: None,
        };
        let Some(message) = self.store.message(key)? else {
            decision.outcome = Outcome::Failed("the mail is no longer there".to_owned());
            return Ok((None, decision, None));
        };
        let mailbox = self.store.mailbox(message.mailbox)?;
        let now = at.to_zoned(self.zone.clone());
        let (mut mail, context) = view::of_message(&self.store, message.clone(), now)?;
        let read = mailbox
            .as_ref()
            .and_then(|mailbox| self.presets.extract(&mailbox.settings, &mail));
        if let Some(read) = &read {
            mail.learn(&read.extraction);
        }
        let mut acknowledgement = None;
        if let Some(snapshot) = self.scripts.current() {
            let shown = Shown {
                kind: mail.head.kind,
                message,
                mailbox,
            };
            self.route(&snapshot, mail, context, &shown, &mut decision);
            acknowledgement = self.acknowledgement(&snapshot, &shown, &mut decision)?;
        }
        let Some(read) = read else {
            return Ok((None, decision, acknowledgement));
        };
        if let Some(words) = &read.extraction.failure {
            tracing::warn!(message = key.0, %words, "the hooks of a plugin failed; the mail goes without its fields");
            decision.warnings.push(words.clone());
            // How far they came stands before what the script did after them.
            decision.trace = [read.trace, decision.trace].concat();
        }
        Ok((Some(read.extraction), decision, acknowledgement))
    }

    /// Asks where the mail goes, and what the assistant may do about it.
    fn route(
        &self,
        snapshot: &Snapshot,
        mail: MailView,
        context: ContextView,
        shown: &Shown,
        decision: &mut NewDecision,
    ) {
        let routed = snapshot.route(mail.clone(), context.clone(), expired(snapshot));
        if let Outcome::Failed(words) = &routed.outcome {
            tracing::warn!(message = shown.message.key.0, %words, "the routing script failed; the mail took the default route");
        }
        decision.version = Some(snapshot.version());
        decision.outcome = routed.outcome;
        decision.routing = routed.routing;
        decision.trace = routed.trace;
        decision.warnings = routed.warnings;
        decision.gating = Some(match shown.not_asked(&decision.routing) {
            Some(reason) => Gating {
                gate: Gate::Off { why: String::new() },
                asked: Asked::No(reason),
                warnings: Vec::new(),
                trace: Vec::new(),
            },
            None => {
                let gated = snapshot.ai_reply(mail, context, expired(snapshot));
                if let Outcome::Failed(words) = &gated.outcome {
                    tracing::warn!(message = shown.message.key.0, %words, "the script of the assistant's gate failed; it is off for this mail");
                }
                Gating {
                    gate: gated.gate,
                    asked: Asked::Yes(gated.outcome),
                    warnings: gated.warnings,
                    trace: gated.trace,
                }
            }
        });
    }

    /// The automatic answer that the script asked for; a warning when there can be none.
    fn acknowledgement(
        &self,
        snapshot: &Snapshot,
        shown: &Shown,
        decision: &mut NewDecision,
    ) -> Result<Option<Acknowledgement>, StoreError> {
        let Some(template) = &decision.routing.acknowledge else {
            return Ok(None);
        };
        let mut message = shown.message.clone();
        // What the hooks have found out counts: a notice of a marketplace is no person's.
        message.head.kind = shown.kind;
        let made = acknowledging::made(
            &self.store,
            Random,
            snapshot,
            template,
            &message,
            shown.mailbox.as_ref(),
            decision.at,
        )?;
        match made {
            Ok(acknowledgement) => Ok(Some(acknowledgement)),
            Err(why) => {
                decision
                    .warnings
                    .push(format!("no automatic mail left: {why}"));
                Ok(None)
            }
        }
    }
}

/// Ends a script that takes too long from now on.
fn expired(snapshot: &Snapshot) -> impl Fn() -> bool + 'static {
    let (begun, max) = (Instant::now(), snapshot.time_max());
    move || begun.elapsed() > max
}

/// What is known of the mail that is decided on.
struct Shown {
    message: Message,
    /// What it is, hooks included.
    kind: Kind,
    mailbox: Option<Mailbox>,
}

impl Shown {
    /// Why the gate of the assistant is not asked, when it is not.
    fn not_asked(&self, routing: &Routing) -> Option<NotAsked> {
        if self.message.imported {
            return Some(NotAsked::Imported);
        }
        if self.message.late {
            return Some(NotAsked::Late);
        }
        if self.kind != Kind::Personal {
            return Some(NotAsked::Automatic);
        }
        let put_aside = routing.spam || routing.ignore.is_some();
        put_aside.then_some(NotAsked::PutAside)
    }
}
