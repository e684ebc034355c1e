//! Asks `on_mailbox_state` of the administrator's scripts when the state of a mailbox has
//! changed and lasts, and makes notices of what it says.
//!
//! What the gateway tells by itself is stored before, so that a script adds to it and never
//! stands in its place.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::Alerts;
use super::watching::LookError;
use crate::domain::alert::{Due, SCRIPT_NOTICES_MAX, Told};
use crate::domain::decision::Outcome;
use crate::domain::mailbox::Mailbox;
use crate::domain::state::{Doing, MailboxState};
use crate::script::{Alerted, Scripts};
use crate::service::view;
use crate::store::StoreError;
use crate::wire::decision::hexadecimal;

/// Who is asked.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) scripts: Scripts,
    /// What scripts see as local time.
    pub(super) zone: TimeZone,
}

impl Alerts {
    /// The scripts are asked about states; `zone` is what they see as local time.
    #[must_use]
    pub fn asking(mut self, scripts: Scripts, zone: TimeZone) -> Self {
        self.asking = Some(Asking { scripts, zone });
        self
    }

    /// Asks about a state that came after `before`, and stores what is to be told with the
    /// memory that it was asked.
    pub(super) async fn ask(
        &self,
        mailbox: Mailbox,
        doing: Doing,
        before: MailboxState,
        mut told: Told,
        now: Timestamp,
    ) -> Result<(), LookError> {
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
        let Some(snapshot) = asking.scripts.current() else {
            return Ok(Vec::new());
        };
        let (address, state) = (mailbox.settings.address.clone(), doing.state.word());
        let (now, asked) = (now.to_zoned(asking.zone.clone()), snapshot.clone());
        // Scripts compute; they have no place on a thread that serves sockets.
        let answer = tokio::task::spawn_blocking(move || {
            let context = view::of_state(mailbox, &doing, before, now);
            let (begun, max) = (Instant::now(), asked.time_max());
            asked.on_mailbox_state(context, move || begun.elapsed() > max)
        });
        let Alerted { texts, outcome, .. } = match answer.await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%address, state, %error, "states.rhai could not be asked about a mailbox");
                return Ok(Vec::new());
            }
        };
        let version = snapshot.version();
        let shown = hexadecimal(&version.0);
        match &outcome {
            Outcome::NoScript => return Ok(Vec::new()),
            Outcome::Decided => {
                tracing::info!(%address, state, before = before.word(), alerts = texts.len(), version = %shown, "states.rhai was asked about a mailbox");
            }
            Outcome::Failed(words) => {
                tracing::warn!(%address, state, before = before.word(), alerts = texts.len(), version = %shown, %words, "states.rhai failed; what the gateway tells by itself is told as ever");
            }
        }
        // The log names the version, so its source is kept as that of every decision.
        if self.store.script(version)?.is_none() {
            let files = snapshot.files().to_vec();
            self.store.keep_script(version, files).await?;
        }
        Ok(texts)
    }
}
