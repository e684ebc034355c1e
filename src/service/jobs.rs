//! Borrows durable work and sees that it is done.
//!
//! A job is a row written with the result that demands it. It is borrowed in the
//! memory of this process (one gateway per data folder), so a crash gives every
//! job back at once; the worker removes the row in the transaction that records
//! its own result. Jobs of one lane run singly and in order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::job::{Job, WorkKind};
use crate::domain::key::{JobKey, Sequence};
use crate::service::clock::Clock;
use crate::store::{Store, StoreError};

/// Jobs looked at in one go.
const LOOK_AHEAD: usize = 256;
/// Most jobs looked at when those before them wait for others of their lane.
const LOOK_AHEAD_MAX: usize = 64 * LOOK_AHEAD;
/// A job whose result could not be stored is not begun again before this.
const STORE_TROUBLE_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// A job whose result could not be stored so often no longer holds up those behind it in
/// its lane: the trouble is its own.
const TROUBLES_MAX: u32 = 3;
/// The longest pause of such a job is so many times the first.
const PAUSES_MAX: u32 = 60;
/// While jobs are under way, what else is due is looked at no sooner than after this: each
/// of them changes the feed more than once, and looks at a long queue are not free.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
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
        troubles: HashMap::new(),
        lanes: HashMap::new(),
        behind: HashMap::new(),
        full: false,
        abandoned: HashSet::new(),
        names: HashMap::new(),
        running: JoinSet::new(),
    };
    loop {
        feed.mark_unchanged();
        let look_at = Instant::now() + desk.begin_due_jobs();
        if !desk.wait(&mut feed, look_at, &shutdown).await {
            break;
        }
    }
    // What waits for its lane stays where it is.
    desk.behind.clear();
    while let Some(done) = desk.running.join_next_with_id().await {
        desk.give_back(done);
    }
}

/// Whether the result of a job is stored.
type Ended = Result<(), StoreError>;

struct Desk<W> {
    worker: W,
    store: Store,
    clock: Clock,
    /// Jobs under way, with their lanes.
    borrowed: HashMap<JobKey, u64>,
    paused: HashMap<JobKey, Timestamp>,
    /// How often the result of a job could not be stored.
    troubles: HashMap<JobKey, u32>,
    /// Lanes of jobs that were due at the last look.
    lanes: HashMap<JobKey, u64>,
    /// Those that waited for their lane then, in order.
    behind: HashMap<u64, VecDeque<JobKey>>,
    /// At the last look there was no place for all lanes: they take turns by looking.
    full: bool,
    /// Jobs whose worker failed outright; they wait for a restart.
    abandoned: HashSet<JobKey>,
    /// Which task does which job.
    names: HashMap<task::Id, JobKey>,
    running: JoinSet<Ended>,
}

impl<W: Worker> Desk<W> {
    /// Waits until it is time to look again; `false` to stop. What ends meanwhile makes way
    /// for the next of its lane.
    async fn wait(
        &mut self,
        feed: &mut watch::Receiver<Sequence>,
        mut look_at: Instant,
        shutdown: &CancellationToken,
    ) -> bool {
        let mut news = false;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return false,
                Some(done) = self.running.join_next_with_id() => {
                    if !self.give_back(done) {
                        return true;
                    }
                }
                changed = feed.changed(), if !news => {
                    if changed.is_err() {
                        return false;
                    }
                    if self.running.is_empty() {
                        return true;
                    }
                    news = true;
                    look_at = look_at.min(Instant::now() + BUSY_PAUSE);
                }
                () = tokio::time::sleep_until(look_at) => return true,
            }
        }
    }

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
        let mut limit = LOOK_AHEAD;
        // One lane may hold more jobs than one look shows; those behind it are not its affair.
        while !self.begin_among(now, limit)? && limit < LOOK_AHEAD_MAX {
            limit *= 4;
        }
        // A job that is due and was not begun waits for one under way, whose end is
        // an event of its own.
        let next_due = self.store.next_due(W::KIND, now)?;
        Ok(next_due
            .into_iter()
            .chain(self.paused.values().copied())
            .min())
    }

    /// Begins what is free among the first `limit` jobs; whether looking further is idle.
    fn begin_among(&mut self, now: Timestamp, limit: usize) -> Result<bool, StoreError> {
        let jobs = self.store.due_jobs(W::KIND, now, limit)?;
        let seen = jobs.len();
        let mut before = std::mem::take(&mut self.lanes);
        self.behind.clear();
        self.full = false;
        let mut taken: HashSet<u64> = self.borrowed.values().copied().collect();
        for job in jobs {
            if self.running.len() >= W::PARALLEL_MAX {
                self.full = true;
                return Ok(true);
            }
            if self.borrowed.contains_key(&job.key) || self.abandoned.contains(&job.key) {
                continue;
            }
            let lane = match before.remove(&job.key) {
                Some(lane) => lane,
                None => self.worker.lane(&job)?,
            };
            self.lanes.insert(job.key, lane);
            let is_paused = self.paused.contains_key(&job.key);
            if is_paused && self.troubles.get(&job.key) >= Some(&TROUBLES_MAX) {
                continue;
            }
            // An earlier job of the lane that has to wait holds up the later ones.
            if !taken.insert(lane) {
                self.behind.entry(lane).or_default().push_back(job.key);
                continue;
            }
            if is_paused {
                continue;
            }
            self.begin(job, lane);
        }
        Ok(seen < limit)
    }

    fn begin(&mut self, job: Job, lane: u64) {
        self.borrowed.insert(job.key, lane);
        let (worker, key) = (self.worker.clone(), job.key);
        let task = self.running.spawn(worker.work(job));
        self.names.insert(task.id(), key);
    }

    /// Begins the next job of a lane, as the last look saw it; whether there was one.
    fn go_on(&mut self, lane: u64) -> bool {
        if self.full {
            return false;
        }
        let now = self.clock.now();
        while let Some(key) = self.behind.get_mut(&lane).and_then(VecDeque::pop_front) {
            match self.store.job(key) {
                // It may have ended or been put off since.
                Ok(Some(job)) if job.due <= now => {
                    self.begin(job, lane);
                    return true;
                }
                Ok(_) => {}
                // The look that follows says so.
                Err(_) => return false,
            }
        }
        false
    }

    /// Takes back what has ended; whether the next of its lane goes on by that, so that
    /// nobody need look.
    fn give_back(&mut self, done: Result<(task::Id, Ended), task::JoinError>) -> bool {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(key) = self.names.remove(&id) else {
            return false;
        };
        let lane = self.borrowed.remove(&key);
        match done {
            Ok((_, Ok(()))) => {
                self.troubles.remove(&key);
                return lane.is_some_and(|lane| self.go_on(lane));
            }
            Ok((_, Err(error))) => {
                tracing::error!(kind = ?W::KIND, job = key.0, %error, "the result of a job could not be stored; it is tried again");
                let troubles = self.troubles.entry(key).or_default();
                *troubles = troubles.saturating_add(1).min(PAUSES_MAX);
                let pause =
                    STORE_TROUBLE_PAUSE.saturating_mul(i32::try_from(*troubles).unwrap_or(1));
                let until = self.clock.now().checked_add(pause);
                self.paused.insert(key, until.unwrap_or(Timestamp::MAX));
            }
            // A panic: the job must not run in a circle, nor hold up its lane.
            Err(error) => {
                tracing::error!(kind = ?W::KIND, job = key.0, %error, "a worker failed; its job waits for a restart");
                self.abandoned.insert(key);
            }
        }
        false
    }
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use tokio::sync::mpsc;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::domain::folder::{FolderName, Uid, UidValidity};
    use crate::domain::ledger::Source;
    use crate::service::ingest::{Circumstances, Intake};
    use crate::service::random::Random;
    use crate::store::{Delivery, Options};

    const WAIT_MAX: Duration = Duration::from_secs(20);

    /// Tells which job it has begun, and ends it as the test says for that job.
    #[derive(Clone)]
    struct Probe {
        store: Store,
        begun: mpsc::UnboundedSender<JobKey>,
        fate: Arc<dyn Fn(&Job) -> Fate + Send + Sync>,
        lanes: Arc<dyn Fn(&Job) -> u64 + Send + Sync>,
        at_once: Arc<Mutex<HashMap<u64, usize>>>,
    }

    enum Fate {
        Done,
        Panic,
        Never,
    }

    impl Worker for Probe {
        const KIND: WorkKind = WorkKind::Triage;
        const PARALLEL_MAX: usize = 8;

        fn lane(&self, job: &Job) -> Result<u64, StoreError> {
            Ok((self.lanes)(job))
        }

        async fn work(self, job: Job) -> Result<(), StoreError> {
            let lane = (self.lanes)(&job);
            let count = |by: isize| {
                let mut lanes = self.at_once.lock().expect("no panic holds it");
                let running = lanes.entry(lane).or_default();
                *running = running.saturating_add_signed(by);
                assert!(*running <= 1, "two jobs of a lane at once");
            };
            count(1);
            self.begun.send(job.key).expect("the test listens");
            let fate = (self.fate)(&job);
            if matches!(fate, Fate::Never) {
                std::future::pending::<()>().await;
            }
            count(-1);
            assert!(!matches!(fate, Fate::Panic), "as the test wants it");
            self.store.drop_job(job.key).await
        }
    }

    /// A store with so many jobs, in the order of their keys.
    async fn store_with(count: u32) -> (tempfile::TempDir, Store, Vec<JobKey>) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            cache_bytes: 8 * 1024 * 1024,
            free_space_floor_bytes: 0,
        };
        let store = Store::open(folder.path(), options).expect("a store");
        let mailbox = store
            .add_mailbox(
                crate::service::testing::settings("help@shop.example"),
                &crate::service::testing::logins(),
                crate::domain::key::WorkspaceKey::DEFAULT,
                None,
                Timestamp::UNIX_EPOCH,
                [0; 10],
            )
            .await
            .expect("a mailbox");
        let mut arrivals = Vec::new();
        for number in 1..=count {
            let raw = format!("From: a@example.net\r\nSubject: {number}\r\n\r\nx\r\n");
            let mut intake = Intake::begin(&store, raw.len() as u64).await;
            intake.take(Bytes::from(raw)).await.expect("taken");
            let circumstances = Circumstances {
                source: Source::Imap {
                    folder: FolderName::inbox(),
                    validity: UidValidity::new(1).expect("not zero"),
                    uid: Uid::new(number).expect("not zero"),
                },
                received_at: None,
                arrived_at: Timestamp::UNIX_EPOCH,
                imported: false,
                whole_size: None,
            };
            arrivals.push(intake.finish(circumstances, Random).await.expect("read"));
        }
        let delivery = Delivery {
            mailbox: mailbox.key,
            is_junk: false,
            is_sent: false,
            also_for: Vec::new(),
            arrivals,
            cursor: None,
            maildrop: Vec::new(),
            passed: Vec::new(),
        };
        store.deliver(delivery).await.expect("delivered");
        let jobs = store
            .due_jobs(WorkKind::Triage, Timestamp::now(), count as usize)
            .expect("jobs");
        let keys = jobs.iter().map(|job| job.key).collect();
        (folder, store, keys)
    }

    /// Runs until the jobs have begun that `expected` names, and stops.
    async fn begun_of(
        store: &Store,
        count: usize,
        fate: impl Fn(&Job) -> Fate + Send + Sync + 'static,
        lanes: impl Fn(&Job) -> u64 + Send + Sync + 'static,
    ) -> Vec<JobKey> {
        let (begun, mut told) = mpsc::unbounded_channel();
        let probe = Probe {
            store: store.clone(),
            begun,
            fate: Arc::new(fate),
            lanes: Arc::new(lanes),
            at_once: Arc::default(),
        };
        let tasks = TaskTracker::new();
        let clock = Clock::new(Timestamp::now);
        let running = tasks.spawn(run(probe, store.clone(), clock, CancellationToken::new()));
        let mut keys = Vec::new();
        while keys.len() < count {
            let key = tokio::time::timeout(WAIT_MAX, told.recv()).await;
            keys.push(key.expect("a job begins").expect("the desk runs"));
        }
        running.abort();
        keys
    }

    #[tokio::test]
    async fn jobs_of_a_lane_run_singly_and_in_the_order_they_were_made() {
        let (_folder, store, keys) = store_with(20).await;
        let begun = begun_of(&store, 20, |_| Fate::Done, |_| 1).await;
        assert_eq!(begun, keys);
    }

    #[tokio::test]
    async fn a_worker_that_panics_costs_its_job_and_not_the_lane() {
        let (_folder, store, keys) = store_with(3).await;
        let first = keys[0];
        let fate = move |job: &Job| {
            if job.key == first {
                Fate::Panic
            } else {
                Fate::Done
            }
        };
        assert_eq!(begun_of(&store, 3, fate, |_| 1).await, keys);
        // It is still there for a restart, and was not begun again.
        let left = store
            .due_jobs(WorkKind::Triage, Timestamp::now(), 9)
            .expect("jobs");
        assert!(left.iter().any(|job| job.key == first));
    }

    #[tokio::test]
    async fn a_lane_that_hangs_with_a_thousand_jobs_does_not_hide_the_others() {
        let (_folder, store, keys) = store_with(1_001).await;
        let last = *keys.last().expect("jobs");
        let fate = move |job: &Job| {
            if job.key == last {
                Fate::Done
            } else {
                Fate::Never
            }
        };
        let begun = begun_of(&store, 2, fate, move |job| u64::from(job.key == last)).await;
        assert_eq!(begun, [keys[0], last]);
    }
}
