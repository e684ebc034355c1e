//! Looks at every mailbox when something about it changes, or when a notice ripens.
//!
//! What was told is stored, so it survives a restart; who is looked at when is not.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Alerts;
use crate::domain::alert::{Seen, Situation, judge};
use crate::domain::change::Event;
use crate::domain::key::{MailboxKey, Sequence};
use crate::domain::mailbox::WayIn;
use crate::service::random::NoRandomness;
use crate::store::StoreError;

/// The longest wait without looking, in case the wall clock jumps.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Changes read at a time.
const CHANGES_AT_ONCE: usize = 1_000;

/// Why a mailbox could not be looked at.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Who is looked at when.
struct Watch<'a> {
    alerts: &'a Alerts,
    queue: BTreeSet<(Timestamp, MailboxKey)>,
    at: HashMap<MailboxKey, Timestamp>,
    seen: Sequence,
}

impl Alerts {
    pub(super) async fn watch(&self, shutdown: CancellationToken) {
        let mut watch = Watch {
            alerts: self,
            queue: BTreeSet::new(),
            at: HashMap::new(),
            seen: Sequence::default(),
        };
        let mut feed = self.store.subscribe();
        if let Err(error) = watch.begin() {
            tracing::error!(%error, "mailboxes cannot be read; no notices are made before a restart");
            return;
        }
        loop {
            feed.mark_unchanged();
            let wait = match watch.look().await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "what is due to be told cannot be found out at this moment");
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

    /// Stores what is due for a mailbox; answers when to look again.
    async fn look_at(
        &self,
        key: MailboxKey,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, LookError> {
        let Some(mailbox) = self.store.mailbox(key)? else {
            return Ok(None);
        };
        let forwarded = matches!(mailbox.settings.way_in, WayIn::Forwarding(_));
        let seen = Seen {
            now,
            expiry: self.mailboxes.expiry(&mailbox)?,
            situation: Situation::of(&self.board.health(key), forwarded),
        };
        let before = self.store.told(key)?;
        let judged = judge(&before, &seen, &self.options.rules);
        if judged.told != before || !judged.due.is_empty() {
            let mut due = Vec::with_capacity(judged.due.len());
            for one in judged.due {
                due.push((one, self.random.bytes()?));
            }
            let news = !due.is_empty();
            self.store.tell(key, judged.told, due, now).await?;
            if news {
                self.made.notify_one();
            }
        }
        Ok(judged.look_at)
    }
}

impl Watch<'_> {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.seen = self.alerts.store.last_sequence()?;
        let now = self.alerts.clock.now();
        for mailbox in self.alerts.store.mailboxes()? {
            self.put(mailbox.key, now);
        }
        Ok(())
    }

    /// Looks at those whose time has come; answers how long nothing is to be done.
    async fn look(&mut self) -> Result<Duration, LookError> {
        self.read_changes()?;
        let now = self.alerts.clock.now();
        while let Some((at, key)) = self.queue.first().copied().filter(|(at, _)| *at <= now) {
            let next = self.alerts.look_at(key, now).await?;
            self.queue.remove(&(at, key));
            self.at.remove(&key);
            if let Some(next) = next {
                self.put(key, next);
            }
        }
        let next = self.queue.first().map(|(at, _)| at.duration_since(now));
        let next = next.and_then(|wait| Duration::try_from(wait).ok());
        Ok(next.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN))
    }

    fn put(&mut self, key: MailboxKey, at: Timestamp) {
        if let Some(before) = self.at.insert(key, at) {
            self.queue.remove(&(before, key));
        }
        self.queue.insert((at, key));
    }

    fn read_changes(&mut self) -> Result<(), StoreError> {
        loop {
            let changes = self.alerts.store.changes(self.seen, CHANGES_AT_ONCE)?;
            let Some(last) = changes.last() else {
                return Ok(());
            };
            self.seen = last.sequence;
            let now = self.alerts.clock.now();
            for change in changes {
                if let Event::MailboxChanged { mailbox } = change.event {
                    self.put(mailbox, now);
                }
            }
        }
    }
}
