//! Looks at every mailbox when something about it changes, or when a notice ripens.
//!
//! What was told is stored, so it survives a restart; who is looked at when is not.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Alerts;
use crate::domain::alert::{Asked, Judged, Question, Seen, Situation, Told, judge};
use crate::domain::decision::ScriptVersion;
use crate::domain::key::MailboxKey;
use crate::domain::mailbox::{Mailbox, WayIn};
use crate::domain::state::{Doing, MailboxState};
use crate::service::agenda::{Agenda, LOOK_AGAIN};
use crate::service::asking::Asking;
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

/// A script is to be asked about the state of a mailbox.
pub(super) struct Open {
    pub(super) mailbox: Mailbox,
    pub(super) doing: Doing,
    /// The state before.
    pub(super) before: MailboxState,
    /// What is known once it was asked.
    pub(super) told: Told,
}

/// What a look at a mailbox came to.
#[derive(Default)]
struct Looked {
    /// Look again then.
    next: Option<Timestamp>,
    open: Option<Open>,
}

/// What is remembered from look to look.
pub(super) struct Watch {
    pub(super) agenda: Agenda,
    /// The scripts that were live.
    scripts: Option<ScriptVersion>,
}

impl Alerts {
    pub(super) async fn watch(&self, shutdown: CancellationToken) {
        let mut feed = self.store.subscribe();
        let agenda = match Agenda::new(&self.store, self.clock.now(), |_| true) {
            Ok(agenda) => agenda,
            Err(error) => {
                tracing::error!(%error, "mailboxes cannot be read; no notices are made before a restart");
                return;
            }
        };
        let mut watch = self.begin(agenda);
        loop {
            feed.mark_unchanged();
            let wait = match self.look(&mut watch).await {
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

    pub(super) fn begin(&self, agenda: Agenda) -> Watch {
        let scripts = self.scripts();
        Watch { agenda, scripts }
    }

    fn scripts(&self) -> Option<ScriptVersion> {
        self.asking.as_ref().and_then(Asking::live_version)
    }

    /// Looks at those whose time has come; answers how long nothing is to be done. What is
    /// due for all of them is stored before a script is asked about any.
    pub(super) async fn look(&self, watch: &mut Watch) -> Result<Duration, LookError> {
        let now = self.clock.now();
        self.read_changes(watch, now)?;
        let agenda = &mut watch.agenda;
        let mut open = Vec::new();
        let mut looked = Ok(());
        while let Some(key) = agenda.take_due(now) {
            match self.look_at(key, now).await {
                Ok(Looked { next, open: found }) => {
                    if let Some(next) = next {
                        agenda.put(key, next);
                    }
                    open.extend(found);
                }
                Err(error) => {
                    agenda.put(key, now);
                    looked = Err(error);
                    break;
                }
            }
        }
        // Until a question is stored as asked, a look finds it again.
        for one in open {
            let key = one.mailbox.key;
            if looked.is_ok() {
                looked = self.ask(one, now).await;
            }
            if looked.is_err() {
                agenda.put(key, now);
            }
        }
        looked.map(|()| agenda.rest(now))
    }

    /// Mailboxes that have changed are due, and all of them when other scripts are live:
    /// these begin with what is so now.
    fn read_changes(&self, watch: &mut Watch, now: Timestamp) -> Result<(), StoreError> {
        watch.agenda.read_changes(&self.store, now)?;
        let scripts = self.scripts();
        if scripts == watch.scripts {
            return Ok(());
        }
        for mailbox in self.store.mailboxes()? {
            watch.agenda.put(mailbox.key, now);
        }
        watch.scripts = scripts;
        Ok(())
    }

    /// Stores what is due for a mailbox.
    async fn look_at(&self, key: MailboxKey, now: Timestamp) -> Result<Looked, LookError> {
        let Some(mailbox) = self.store.mailbox(key)? else {
            return Ok(Looked::default());
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
        let question = self.question(&mailbox, &before.asked, &seen, doing.state);
        if question.before.is_none() {
            judged.told.asked = question.asked.clone();
        }
        let next = judged.look_at.into_iter().chain(question.look_at).min();
        let mut told = judged.told.clone();
        self.remember(key, &before, judged, now).await?;
        let open = question.before.map(|before| {
            told.asked = question.asked;
            Open {
                mailbox,
                doing,
                before,
                told,
            }
        });
        Ok(Looked { next, open })
    }

    /// Whether a script is to be asked about a state.
    fn question(
        &self,
        mailbox: &Mailbox,
        asked: &Asked,
        seen: &Seen,
        state: MailboxState,
    ) -> Question {
        let none = |asked: Asked| Question {
            asked,
            before: None,
            look_at: None,
        };
        let asking = self.asking.as_ref();
        match asking.and_then(|asking| asking.answers_mailbox_state(mailbox)) {
            Some(true) => {
                let proven = seen.situation.proves(state);
                asked.judge(seen.now, state, proven, self.options.rules.state_rest)
            }
            // A state that flaps costs nothing where nobody asks for it.
            Some(false) => {
                let mut asked = asked.clone();
                asked.forget();
                none(asked)
            }
            None => none(asked.clone()),
        }
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
