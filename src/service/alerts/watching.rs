//! Looks at every mailbox when something about it changes, or when a notice ripens.
//!
//! What was told is stored, so it survives a restart; who is looked at when is not.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Alerts;
use crate::domain::alert::{Judged, Seen, Situation, Told, judge};
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::WayIn;
use crate::domain::state::{Doing, MailboxState};
use crate::service::agenda::{Agenda, LOOK_AGAIN};
use crate::service::random::NoRandomness;
use crate::store::StoreError;

/// Why a mailbox could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Alerts {
    pub(super) async fn watch(&self, shutdown: CancellationToken) {
        let mut feed = self.store.subscribe();
        let mut agenda = match Agenda::new(&self.store, self.clock.now(), |_| true) {
            Ok(agenda) => agenda,
            Err(error) => {
                tracing::error!(%error, "mailboxes cannot be read; no notices are made before a restart");
                return;
            }
        };
        loop {
            feed.mark_unchanged();
            let wait = match self.look(&mut agenda).await {
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

    /// Looks at those whose time has come; answers how long nothing is to be done.
    async fn look(&self, agenda: &mut Agenda) -> Result<Duration, LookError> {
        let now = self.clock.now();
        agenda.read_changes(&self.store, now)?;
        while let Some(key) = agenda.take_due(now) {
            match self.look_at(key, now).await {
                Ok(Some(next)) => agenda.put(key, next),
                Ok(None) => {}
                Err(error) => {
                    agenda.put(key, now);
                    return Err(error);
                }
            }
        }
        Ok(agenda.rest(now))
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
        let health = self.board.health(key);
        let seen = Seen {
            now,
            expiry: self.mailboxes.expiry(&mailbox)?,
            situation: Situation::of(&health, forwarded),
        };
        let before = self.store.told(key)?;
        let mut judged = judge(&before, &seen, &self.options.rules);
        let doing = Doing::of(&health);
        // Where mail is forwarded to us, no connection proves anything.
        let proven = forwarded || doing.state != MailboxState::Connecting;
        let rest = self.options.rules.state_rest;
        let question = before.asked.judge(now, doing.state, proven, rest);
        if question.before.is_none() {
            judged.told.asked = question.asked.clone();
        }
        let look_at = judged.look_at.into_iter().chain(question.look_at).min();
        let mut told = judged.told.clone();
        self.remember(key, &before, judged, now).await?;
        if let Some(state_before) = question.before {
            told.asked = question.asked;
            self.ask(mailbox, doing, state_before, told, now).await?;
        }
        Ok(look_at)
    }

    /// Stores what is due by the rule alone.
    async fn remember(
        &self,
        key: MailboxKey,
        before: &Told,
        judged: Judged,
        now: Timestamp,
    ) -> Result<(), LookError> {
        if judged.told == *before && judged.due.is_empty() {
            return Ok(());
        }
        let mut due = Vec::with_capacity(judged.due.len());
        for one in judged.due {
            due.push((one, self.random.bytes()?));
        }
        let news = !due.is_empty();
        self.store.tell(key, judged.told, due, now).await?;
        if news {
            self.made.notify_one();
        }
        Ok(())
    }
}
