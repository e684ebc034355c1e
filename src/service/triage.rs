//! Stage 3 of a mail's way: shows new mail to the scripts and stores what they decide.
//!
//! Jobs of one conversation run singly and in order of arrival, so that the second
//! mail sees what was decided on the first. Many conversations share a transaction.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::decision::{Gating, NotAsked, Occasion, Outcome, Routing};
use crate::domain::extraction::Extraction;
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::MessageKey;
use crate::domain::mailbox::Mailbox;
use crate::domain::message::{Kind, Message};
use crate::script::{ContextView, MailView, Snapshot};
use crate::service::asking::{Asking, Live};
use crate::service::clock::Clock;
use crate::service::presets::Presets;
use crate::service::random::Random;
use crate::service::sync::board::Board;
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
    asking: Asking,
    presets: Presets,
    board: Board,
    clock: Clock,
}

impl Triage {
    /// A service over the store, the scripts and the hooks of plugins.
    #[must_use]
    pub fn new(store: Store, asking: Asking, presets: Presets, board: Board, clock: Clock) -> Self {
        Self {
            store,
            asking,
            presets,
            board,
            clock,
        }
    }

    /// Decides on what comes in until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut feed = self.store.subscribe();
        while !shutdown.is_cancelled() {
            feed.mark_unchanged();
            match self.decide_due().await {
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
    async fn decide_due(&self) -> Result<usize, StoreError> {
        let jobs = self
            .store
            .due_jobs(WorkKind::Triage, self.clock.now(), BATCH_MAX)?;
        if jobs.is_empty() {
            return Ok(0);
        }
        let scripts = self.asking.live().await?;
        let mut conversations = HashSet::new();
        let first: Vec<Job> = jobs
            .into_iter()
            .filter(|job| conversations.insert(job.conversation))
            .collect();
        // Scripts compute; they have no place on a thread that serves sockets.
        let this = self.clone();
        let decided =
            tokio::task::spawn_blocking(move || this.decide_all(scripts.as_ref(), &first)).await;
        let batch = match decided {
            Ok(batch) => batch?,
            Err(error) => return Err(StoreError::worker_lost("triage", &error)),
        };
        let count = batch.len();
        self.store.triage(batch).await?;
        Ok(count)
    }

    fn decide_all(
        &self,
        scripts: Option<&Arc<Snapshot>>,
        jobs: &[Job],
    ) -> Result<Vec<Triaged>, StoreError> {
        let mut decided = Vec::with_capacity(jobs.len());
        for job in jobs {
            let Work::Triage(message) = job.work else {
                continue;
            };
            let (extraction, decision, acknowledgement) = self.decide(scripts, message)?;
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
    fn decide(
        &self,
        scripts: Option<&Arc<Snapshot>>,
        key: MessageKey,
    ) -> Result<Decided, StoreError> {
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
        let now = self.asking.local(at);
        let (mut mail, mut context) =
            view::of_message(&self.store, Some(&self.board), message.clone(), now)?;
        let read = mailbox
            .as_ref()
            .and_then(|mailbox| self.presets.extract(&mailbox.settings, &mail));
        if let Some(read) = &read {
            let shown = (&mut mail, &mut context);
            view::learn(&self.store, shown, &message, &read.extraction);
        }
        let mut acknowledgement = None;
        if let Some(snapshot) = scripts {
            let live = self.asking.about(snapshot.clone(), message.mailbox);
            let shown = Shown {
                kind: mail.head.kind,
                message,
                mailbox,
            };
            route(&live, mail, context, &shown, &mut decision);
            acknowledgement = self.acknowledgement(live.snapshot(), &shown, &mut decision)?;
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

/// Asks where the mail goes, and what the assistant may do about it.
fn route(
    live: &Live,
    mail: MailView,
    context: ContextView,
    shown: &Shown,
    decision: &mut NewDecision,
) {
    let routed = live.route(&mail, &context);
    let fell_back = routed.instead_of.is_some();
    routed.onto(decision);
    if let Outcome::Failed(words) = &decision.outcome {
        tracing::warn!(message = shown.message.key.0, %words, "the routing script failed; the mail took the default route");
    }
    let not_asked = fell_back.then_some(NotAsked::FellBack);
    let not_asked = not_asked.or_else(|| {
        let Message { imported, late, .. } = shown.message;
        let (outcome, routing) = (&decision.outcome, &decision.routing);
        NotAsked::of(shown.kind, imported, late, outcome, routing)
    });
    decision.gating = Some(match not_asked {
        Some(reason) => Gating::not_asked(reason),
        None => {
            let gated = live.ai_reply(mail, context);
            if let Outcome::Failed(words) = &gated.outcome {
                tracing::warn!(message = shown.message.key.0, %words, "the script of the assistant's gate failed; it is off for this mail");
            }
            gated.into()
        }
    });
}

/// What is known of the mail that is decided on.
struct Shown {
    message: Message,
    /// What it is, hooks included.
    kind: Kind,
    mailbox: Option<Mailbox>,
}
