//! Borrows durable work and sees that it is done.
//!
//! A job is a row written with the result that demands it. It is borrowed in the
//! memory of this process (one gateway per data folder), so a crash gives every
//! job back at once; the worker removes the row in the transaction that records
//! its own result. Jobs of one lane run singly and in order.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::job::{Job, WorkKind};
use crate::domain::key::JobKey;
use crate::service::clock::Clock;
use crate::store::{Store, StoreError};

/// Jobs looked at in one go.
const LOOK_AHEAD: usize = 256;
/// A job whose result could not be stored is not begun again before this.
const STORE_TROUBLE_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// The longest wait without looking, in case the wall clock jumps.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Does one sort of work.
pub trait Worker: Clone + Send + 'static {
    /// Which sort.
    const KIND: WorkKind;
    /// Most jobs at a time.
    const PARALLEL_MAX: usize;

    /// Jobs with the same answer run one after the other.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn lane(&self, job: &Job) -> Result<u64, StoreError>;

    /// Does the work and records the result, which removes the job.
    fn work(self, job: Job) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Runs one sort of work until `shutdown`; what is under way then is finished.
pub async fn run<W: Worker>(worker: W, store: Store, clock: Clock, shutdown: CancellationToken) {
    let mut feed = store.subscribe();
    let mut desk = Desk {
        worker,
        store,
        clock,
        borrowed: HashMap::new(),
        paused: HashMap::new(),
        running: JoinSet::new(),
    };
    loop {
        feed.mark_unchanged();
        let wait = desk.begin_due_jobs();
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(done) = desk.running.join_next() => desk.give_back(done),
            changed = feed.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(wait) => {}
        }
    }
    while let Some(done) = desk.running.join_next().await {
        desk.give_back(done);
    }
}

/// How one job ended: its key, and whether its result is stored.
type Ended = (JobKey, Result<(), StoreError>);

struct Desk<W> {
    worker: W,
    store: Store,
    clock: Clock,
    /// Jobs under way, with their lanes.
    borrowed: HashMap<JobKey, u64>,
    paused: HashMap<JobKey, Timestamp>,
    running: JoinSet<Ended>,
}

impl<W: Worker> Desk<W> {
    /// Begins what is due and free; answers how long to wait for the next.
    fn begin_due_jobs(&mut self) -> Duration {
        let now = self.clock.now();
        self.paused.retain(|_, until| *until > now);
        match self.try_begin(now) {
            Ok(next) => next.map_or(LOOK_AGAIN, |at| until(now, at)).min(LOOK_AGAIN),
            Err(error) => {
                tracing::error!(kind = ?W::KIND, %error, "cannot read the jobs that are due");
                LOOK_AGAIN
            }
        }
    }

    fn try_begin(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let jobs = self.store.due_jobs(W::KIND, now, LOOK_AHEAD)?;
        let mut taken: HashSet<u64> = self.borrowed.values().copied().collect();
        for job in jobs {
            if self.running.len() >= W::PARALLEL_MAX {
                break;
            }
            if self.borrowed.contains_key(&job.key) {
                continue;
            }
            let lane = self.worker.lane(&job)?;
            // An earlier job of the lane that has to wait holds up the later ones.
            if !taken.insert(lane) || self.paused.contains_key(&job.key) {
                continue;
            }
            self.borrowed.insert(job.key, lane);
            let (worker, key) = (self.worker.clone(), job.key);
            self.running
                .spawn(async move { (key, worker.work(job).await) });
        }
        // A job that is due and was not begun waits for one under way, whose end is
        // an event of its own.
        let next_due = self.store.next_due(W::KIND)?.filter(|at| *at > now);
        Ok(next_due
            .into_iter()
            .chain(self.paused.values().copied())
            .min())
    }

    fn give_back(&mut self, done: Result<Ended, tokio::task::JoinError>) {
        match done {
            Ok((key, Ok(()))) => {
                self.borrowed.remove(&key);
            }
            Ok((key, Err(error))) => {
                tracing::error!(kind = ?W::KIND, job = key.0, %error, "the result of a job could not be stored; it is tried again");
                self.borrowed.remove(&key);
                let until = self
                    .clock
                    .now()
                    .checked_add(STORE_TROUBLE_PAUSE)
                    .unwrap_or(Timestamp::MAX);
                self.paused.insert(key, until);
            }
            // A panic: the job stays borrowed, so that it cannot run in a circle;
            // a restart gives it back.
            Err(error) => {
                tracing::error!(kind = ?W::KIND, %error, "a worker failed; its job waits for a restart")
            }
        }
    }
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}
