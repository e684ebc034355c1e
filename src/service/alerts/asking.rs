//! Asks `on_mailbox_state` of the administrator's scripts when the state of a mailbox has
//! changed and lasts, and makes notices of what it says, and of scripts that go on failing.
//!
//! What the gateway tells by itself is stored before, so that a script adds to it and never
//! stands in its place.

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Alerts;
use super::watching::{LookError, Open};
use crate::domain::alert::{Due, SCRIPT_NOTICES_MAX};
use crate::domain::decision::Outcome;
use crate::domain::mailbox::Mailbox;
use crate::domain::state::{Doing, MailboxState};
use crate::script::Alerted;
use crate::service::agenda::LOOK_AGAIN;
use crate::service::asking::Asking;
use crate::service::script_failures::Failing;
use crate::service::view;
use crate::store::StoreError;
use crate::wire::decision::hexadecimal;

impl Alerts {
    /// The scripts are asked about states, and people are told when they go on failing.
    #[must_use]
    pub fn asking(mut self, scripts: Asking) -> Self {
        self.asking = Some(scripts);
        self
    }

    /// Makes a notice of each script that goes on failing, until `shutdown`.
    pub(super) async fn tell_of_failures(&self, shutdown: CancellationToken) {
        let Some(asking) = &self.asking else {
            return;
        };
        loop {
            let failing = tokio::select! {
                () = shutdown.cancelled() => return,
                failing = asking.failures_to_tell() => failing,
            };
            for one in failing {
                match self.tell_of_failure(&one).await {
                    Ok(()) => asking.failure_told(&one),
                    Err(error) => {
                        tracing::warn!(%error, "no notice can be made of a script that goes on failing; it is tried again");
                        tokio::select! {
                            () = shutdown.cancelled() => return,
                            () = tokio::time::sleep(LOOK_AGAIN) => {}
                        }
                    }
                }
            }
        }
    }

    async fn tell_of_failure(&self, one: &Failing) -> Result<(), LookError> {
        let due = Due::ScriptFails {
            function: one.function.to_owned(),
            words: one.last.words.clone(),
            count: one.count,
            since: one.since,
        };
        let (mark, now) = (self.random.bytes()?, self.clock.now());
        self.store
            .tell_besides(one.last.mailbox, due, mark, now)
            .await?;
        self.made.notify_one();
        Ok(())
    }

    /// Asks about a state that came after `before`, and stores what is to be told with the
    /// memory that it was asked.
    pub(super) async fn ask(&self, open: Open, now: Timestamp) -> Result<(), LookError> {
        let Open {
            mailbox,
            doing,
            before,
            mut told,
        } = open;
        let (key, state) = (mailbox.key, doing.state);
        let address = mailbox.settings.address.clone();
        let texts = self.texts(mailbox, doing, before, now).await?;
        let admitted = told.asked.admit(texts.len(), now);
        let over = texts.len() - admitted;
        if over > 0 {
            tracing::warn!(%address, over, in_all = told.asked.left_out, "states.rhai has told {SCRIPT_NOTICES_MAX} things about this mailbox within the hour; the rest is left out");
        }
        let mut due = Vec::with_capacity(admitted);
        for words in texts.into_iter().take(admitted) {
            let left_out = std::mem::take(&mut told.asked.left_out);
            let notice = Due::Script {
                state,
                words,
                left_out,
            };
            due.push((notice, self.random.bytes()?));
        }
        let news = !due.is_empty();
        self.store.tell(key, told, due, now).await?;
        if news {
            self.made.notify_one();
        }
        Ok(())
    }

    /// What the scripts want people to be told.
    async fn texts(
        &self,
        mailbox: Mailbox,
        doing: Doing,
        before: MailboxState,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let Some(asking) = &self.asking else {
            return Ok(Vec::new());
        };
        let Some(snapshot) = asking.live().await? else {
            return Ok(Vec::new());
        };
        let (address, state) = (mailbox.settings.address.clone(), doing.state.word());
        let shown = hexadecimal(&snapshot.version().0);
        let (now, live) = (asking.local(now), asking.about(snapshot, mailbox.key));
        // Scripts compute; they have no place on a thread that serves sockets.
        let answer = tokio::task::spawn_blocking(move || {
            live.on_mailbox_state(view::of_state(mailbox, &doing, before, now))
        });
        let Alerted { texts, outcome, .. } = match answer.await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%address, state, %error, "states.rhai could not be asked about a mailbox");
                return Ok(Vec::new());
            }
        };
        match &outcome {
            Outcome::NoScript => {}
            Outcome::Decided => {
                tracing::info!(%address, state, before = before.word(), alerts = texts.len(), version = %shown, "states.rhai was asked about a mailbox");
            }
            Outcome::Failed(words) => {
                tracing::warn!(%address, state, before = before.word(), alerts = texts.len(), version = %shown, %words, "states.rhai failed; what the gateway tells by itself is told as ever");
            }
        }
        Ok(texts)
    }
}
