//! Asks the scripts again about conversations whose time has come.
//!
//! A wish to be woken is a job that was stored with the decision that had it; what is
//! decided now and the end of that job are one transaction, so that a stop in between
//! asks again and never acts twice. Conversations that are put off by people do not wake
//! anybody yet: nothing sets such a time.

use crate::domain::decision::{Occasion, Outcome};
use crate::domain::job::{Job, Work, WorkKind};
use crate::domain::key::MessageKey;
use crate::service::asking::Asking;
use crate::service::clock::Clock;
use crate::service::jobs::Worker;
use crate::service::sync::board::Board;
use crate::service::view;
use crate::store::{NewDecision, Store, StoreError, Woken};

/// Conversations asked about at the same time.
const PARALLEL_MAX: usize = 4;

/// The worker.
#[derive(Clone, Debug)]
pub struct Timers {
    store: Store,
    asking: Asking,
    board: Board,
    clock: Clock,
}

impl Timers {
    /// A worker over its handles.
    #[must_use]
    pub fn new(store: Store, asking: Asking, board: Board, clock: Clock) -> Self {
        Self {
            store,
            asking,
            board,
            clock,
        }
    }

    async fn wake(&self, job: &Job, message: MessageKey) -> Result<(), StoreError> {
        let snapshot = self.asking.live().await?;
        let (this, conversation) = (self.clone(), job.conversation);
        let decided = tokio::task::spawn_blocking(move || {
            let at = this.clock.now();
            let Some(conversation) = this.store.conversation(conversation)? else {
                return Ok(None);
            };
            let Some(mailbox) = this.store.mailbox(conversation.mailbox)? else {
                return Ok(None);
            };
            let mut decision = NewDecision {
                at,
                version: None,
                outcome: Outcome::NoScript,
                routing: Default::default(),
                trace: Vec::new(),
                warnings: Vec::new(),
                occasion: Occasion::Timer,
                gating: None,
            };
            if let Some(snapshot) = snapshot {
                let (now, about) = (this.asking.local(at), mailbox.key);
                let context =
                    view::of_reply(&this.store, &this.board, conversation, mailbox, None, now)?;
                let routed = this.asking.about(snapshot, about).on_timer(&context);
                routed.onto(&mut decision);
            }
            if decision.routing.acknowledge.is_some() {
                let words = "`acknowledge` left out: it answers mail that comes in";
                decision.warnings.push(words.to_owned());
            }
            Ok::<_, StoreError>(Some(decision))
        });
        let decided = decided
            .await
            .map_err(|error| StoreError::worker_lost("timers", &error))??;
        let Some(decision) = decided else {
            // The mailbox has been removed: nothing could follow.
            return self.store.drop_job(job.key).await;
        };
        if let Outcome::Failed(words) = &decision.outcome {
            tracing::warn!(message = message.0, %words, "the script of timers failed; the conversation stays as it is");
        }
        let job = job.key;
        self.store
            .woken(Woken {
                job,
                message,
                decision,
            })
            .await
    }
}

impl Worker for Timers {
    const KIND: WorkKind = WorkKind::Wake;
    const PARALLEL_MAX: usize = PARALLEL_MAX;

    fn lane(&self, job: &Job) -> Result<u64, StoreError> {
        Ok(job.conversation.0)
    }

    async fn work(self, job: Job) -> Result<(), StoreError> {
        let Work::Wake(message) = job.work else {
            return self.store.drop_job(job.key).await;
        };
        self.wake(&job, message).await
    }
}
