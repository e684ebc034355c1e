//! What tasks of every way in share: their handles, how they open connections, what
//! they tell the board and the feed, and how they wait.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::options::SyncOptions;
use crate::domain::condition::Failure;
use crate::domain::mailbox::{Condition, Mailbox, MailboxSettings};
use crate::domain::refusal::Dialogue;
use crate::domain::saying::Saying;
use crate::net::dial::Dialer;
use crate::service::clock::Clock;
use crate::service::credentials::Keyring;
use crate::service::presets::{Presets, resting};
use crate::service::random::Random;
use crate::store::Store;

/// The handles a task works with; all tasks share one set.
#[derive(Debug)]
pub(super) struct Handles {
    pub(super) store: Store,
    pub(super) dialer: Dialer,
    pub(super) board: Board,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) options: SyncOptions,
    pub(super) presets: Presets,
    pub(super) keyring: Keyring,
}

impl Handles {
    /// How often a server that does not push is asked.
    pub(super) fn check_interval(&self, mailbox: &Mailbox) -> Duration {
        let own = mailbox.settings.check_interval;
        own.unwrap_or(self.options.check_interval)
    }

    /// The server has answered: everything is well.
    pub(super) async fn record_life(&self, mailbox: &Mailbox) {
        if self.board.alive(mailbox.key, self.clock.now()) {
            self.tell(mailbox).await;
        }
    }

    pub(super) async fn record_failure(
        &self,
        mailbox: &Mailbox,
        failure: Failure,
        error: &impl Display,
    ) -> Condition {
        let (now, jitter) = (self.clock.now(), self.random.jitter());
        let condition = self
            .board
            .receiving_failed(mailbox.key, failure, now, jitter);
        tracing::warn!(mailbox = %mailbox.settings.address, %error, ?condition, "receiving is interrupted");
        self.tell(mailbox).await;
        condition
    }

    /// What the refusal of a login means. Only such a one may lead to re-authentication.
    pub(super) fn refused(
        &self,
        settings: &MailboxSettings,
        dialogue: Dialogue,
        said: &str,
        sentence: Saying,
        clear: bool,
    ) -> Failure {
        let found = self
            .presets
            .understand(settings, dialogue, said, sentence, clear);
        match found.failure {
            Failure::Refused(reason) => Failure::Refused(resting(reason)),
            other => other,
        }
    }

    /// Keeps the change and writes it into the feed. The board has it already, so a
    /// store in trouble only delays pages that listen.
    async fn tell(&self, mailbox: &Mailbox) {
        let (board, key) = (self.board.clone(), mailbox.key);
        let standing = move || board.standing(key);
        let noted = self
            .store
            .note_condition(mailbox.key, standing, self.clock.now());
        if let Err(error) = noted.await {
            tracing::warn!(%error, "a mailbox's change of condition could not be written to the feed");
        }
    }
}

/// Waits until the condition's next attempt, a refresh, or the end (`None`).
pub(super) async fn wait_to_retry(
    clock: &Clock,
    condition: &Condition,
    refresh: &Notify,
    shutdown: &CancellationToken,
) -> Option<()> {
    let wait = match condition {
        Condition::Interrupted { next_at, .. } | Condition::Error { next_at, .. } => {
            Some(until(clock.now(), *next_at))
        }
        Condition::Connecting | Condition::Active => Some(Duration::from_secs(1)),
        // Only a person ends these; they say so by a refresh.
        Condition::ReauthenticationNeeded { .. } | Condition::Offline | Condition::Unbound => None,
    };
    let timer = async {
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => None,
        () = refresh.notified() => Some(()),
        () = timer => Some(()),
    }
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}
