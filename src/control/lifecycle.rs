//! What becomes of connected mailboxes, by command: one call of the service each.

use std::path::PathBuf;

use super::change::{EditForm, LoginsForm};
use super::desk::{Desk, words};
use super::message::{Answer, Hidden};
use super::row::{counted, moment, row, settings, told};
use crate::domain::address::Address;
use crate::domain::mailbox::Mailbox;
use crate::domain::notice::NoticeState;
use crate::domain::user::Actor;
use crate::service::mailboxes::{Changed, MailboxError, Removal};

const ACTOR: Actor = Actor::Console;

impl Desk {
    pub(super) fn find(&self, which: &str) -> Result<Mailbox, String> {
        self.mailboxes
            .find(&ACTOR, which)
            .map_err(|error| match error {
                MailboxError::NoSuchMailbox => format!(
                    "no mailbox has the address, slug or id {which}; `postern mailbox list` shows them"
                ),
                error => words(error),
            })
    }

    pub(super) fn show(&self, which: &str) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let (mailbox, health) = self.mailboxes.get(&ACTOR, mailbox.id).map_err(words)?;
        Ok(Answer::Mailbox {
            row: Box::new(row(&mailbox, &health, self.is_running)),
            settings: settings(&mailbox, &health),
        })
    }

    pub(super) async fn rotate_address(&self, which: &str) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let rotated = self.mailboxes.rotate_address(&ACTOR, mailbox.id);
        let rotated = rotated.await.map_err(words)?;
        let address = &rotated.settings.address;
        let words = match self.connect.receiving_address(&rotated) {
            Some(receiving) => format!(
                "Let the provider of {address} forward to {receiving} from now on. The address \
                 before is good for some days more ([smtp_listener] old_address_days)."
            ),
            None => format!("{address} has another receiving address; the listener is off."),
        };
        Ok(Answer::Done { words })
    }

    pub(super) async fn edit(
        &self,
        which: &str,
        form: EditForm,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let step = |step: &_| tell(told(step));
        let changed = self
            .mailboxes
            .edit(&ACTOR, mailbox.id, form.into(), step)
            .await
            .map_err(words)?;
        Ok(done("is changed", &changed))
    }

    pub(super) async fn unbind(&self, which: &str) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        self.mailboxes
            .unbind(&ACTOR, mailbox.id)
            .await
            .map_err(words)?;
        let address = &mailbox.settings.address;
        Ok(Answer::Done {
            words: format!(
                "{address} is unbound: its login is forgotten. Mail waits on its server until \
                 `postern mailbox bind {address}`."
            ),
        })
    }

    pub(super) async fn bind(
        &self,
        which: &str,
        logins: LoginsForm,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let step = |step: &_| tell(told(step));
        let changed = self
            .mailboxes
            .bind(&ACTOR, mailbox.id, logins.into(), step)
            .await
            .map_err(words)?;
        Ok(done("is bound", &changed))
    }

    pub(super) async fn reauthenticate(
        &self,
        which: &str,
        logins: LoginsForm,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let step = |step: &_| tell(told(step));
        let changed = self
            .mailboxes
            .reauthenticate(&ACTOR, mailbox.id, logins.into(), step)
            .await
            .map_err(words)?;
        Ok(done("is signed in again", &changed))
    }

    pub(super) async fn remove(
        &self,
        which: &str,
        confirmed: bool,
        with_conversations: bool,
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let address = mailbox.settings.address.to_string();
        let removal = Removal {
            confirmed: confirmed.then(|| address.clone()),
            with_conversations,
        };
        let removed = self.mailboxes.remove(&ACTOR, mailbox.id, &removal).await;
        let loss = removed.map_err(|error| match error {
            MailboxError::NotConfirmed(..) => format!(
                "{error} (`--yes`). `postern mailbox export {address} FILE` keeps its mails"
            ),
            error => words(error),
        })?;
        let conversations = if with_conversations {
            "are removed as well"
        } else {
            "stay"
        };
        Ok(Answer::Done {
            words: format!(
                "{address} is no longer connected; {} replies were ended, and its {} conversations \
                 {conversations}. Nothing was touched on its server.",
                loss.replies, loss.conversations
            ),
        })
    }

    pub(super) async fn export(&self, which: &str, to: PathBuf) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let shown = to.display().to_string();
        let exported = self
            .mailboxes
            .export_to(&ACTOR, mailbox.id, to)
            .await
            .map_err(words)?;
        Ok(Answer::Done {
            words: format!(
                "{shown} holds {} of {} ({} bytes).",
                counted(exported.mails, "mail", "mails"),
                mailbox.settings.address,
                exported.bytes
            ),
        })
    }

    pub(super) async fn reauthenticate_link(&self, which: &str) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let made = self.links.make(&ACTOR, mailbox.id).await.map_err(words)?;
        let begins = if made.is_local {
            "Warning: http.public_url is not set in the configuration, so the link begins with \
             the address the gateway listens at, and mostly opens on this machine only:"
        } else {
            "It begins with http.public_url of the configuration:"
        };
        Ok(Answer::Made {
            words: format!(
                "Whoever opens this link can give {} a new login, once, until {}, and do nothing \
                 else. {begins}",
                mailbox.settings.address,
                moment(made.expires_at)
            ),
            secret: Hidden(made.url.expose().to_owned()),
        })
    }

    pub(super) fn notices(
        &self,
        limit: usize,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let latest = self.alerts.latest(&ACTOR, limit).map_err(words)?;
        for (notice, told) in &latest {
            let state = match notice.state {
                NoticeState::Waiting { next } => {
                    format!("waits, next attempt at {}", moment(next))
                }
                NoticeState::Sent { at } => format!("sent at {}", moment(at)),
                NoticeState::Dropped => "not sent: it was overtaken".to_owned(),
                NoticeState::GivenUp => "given up".to_owned(),
            };
            let why = notice.failure.as_ref().map(ToString::to_string);
            let failure = why.as_ref();
            let failure = failure.map_or_else(String::new, |words| format!(" ({words})"));
            let to: Vec<&str> = notice.accepted.iter().map(Address::as_str).collect();
            tell(Answer::Item {
                words: format!("{}  {told}: {state}{failure}", moment(notice.made_at)),
                item: serde_json::json!({
                    "id": notice.id(), "at": notice.made_at.to_string(), "text": told,
                    "state": state, "to": to, "webhook": notice.hooked, "failure": why,
                }),
            });
        }
        Ok(Answer::Done {
            words: format!(
                "{}, the latest first.",
                counted(latest.len(), "notice", "notices")
            ),
        })
    }

    pub(super) fn refresh(&self, which: &str) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        if !self.is_running && !mailbox.settings.offline() {
            return Err(format!(
                "the gateway is not running, so {} is not looked at; `postern serve` starts it, and \
                 looks for mail at once",
                mailbox.settings.address
            ));
        }
        self.mailboxes.refresh(&ACTOR, mailbox.id).map_err(words)?;
        Ok(Answer::Done {
            words: format!("{} is being looked at now.", mailbox.settings.address),
        })
    }

    pub(super) async fn offline(&self, which: &str, offline: bool) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        self.mailboxes
            .set_offline(&ACTOR, mailbox.id, offline)
            .await
            .map_err(words)?;
        let state = if offline {
            "offline; mail waits on the server and replies wait here"
        } else {
            "online"
        };
        Ok(Answer::Done {
            words: format!("{} is {state}.", mailbox.settings.address),
        })
    }
}

pub(super) fn done(what: &str, changed: &Changed) -> Answer {
    let address = &changed.mailbox.settings.address;
    let words = match &changed.reading {
        Some(reading) => format!("{address} {what}; {reading}."),
        None => format!("{address} {what}."),
    };
    Answer::Done { words }
}
