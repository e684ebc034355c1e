//! Sessions kept between two mails of a mailbox, one each. What makes a session fit to be
//! used again is decided in `net::submission`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::sleep;

use crate::domain::key::MailboxKey;
use crate::net::submission::{IDLE_MAX, Line};

/// Sessions kept at the same time, all mailboxes together.
const KEPT_MAX: usize = 64;

/// The sessions. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: HashMap<MailboxKey, (u64, Line)>,
    /// Tells one keeping from the next.
    stamp: u64,
}

impl Lines {
    fn with<T>(&self, change: impl FnOnce(&mut Kept) -> T) -> T {
        // Lines are put and taken whole, so a panic elsewhere leaves nothing half-done.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The session of the mail before.
    pub(super) fn take(&self, mailbox: MailboxKey) -> Option<Line> {
        let kept = self.with(|kept| kept.lines.remove(&mailbox));
        kept.map(|(_, line)| line)
    }

    /// Keeps a session for the next mail; it is closed when none comes soon.
    pub(super) async fn keep(&self, mailbox: MailboxKey, line: Line) {
        let mut line = Some(line);
        let stamp = self.with(|kept| {
            let place = kept.lines.len() < KEPT_MAX;
            let line = line.take_if(|_| place)?;
            kept.stamp += 1;
            kept.lines.insert(mailbox, (kept.stamp, line));
            Some(kept.stamp)
        });
        if let Some(stamp) = stamp {
            let lines = self.clone();
            tokio::spawn(async move {
                sleep(IDLE_MAX).await;
                if let Some(line) = lines.unused(mailbox, stamp) {
                    line.quit().await;
                }
            });
        }
        if let Some(line) = line {
            line.quit().await;
        }
    }

    fn unused(&self, mailbox: MailboxKey, stamp: u64) -> Option<Line> {
        self.with(|kept| {
            let same = kept
                .lines
                .get(&mailbox)
                .is_some_and(|(own, _)| *own == stamp);
            let taken = same.then(|| kept.lines.remove(&mailbox)).flatten();
            taken.map(|(_, line)| line)
        })
    }
}
