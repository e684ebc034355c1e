//! The diary as people read and switch it.

use crate::domain::attempt::{Attempt, Way};
use crate::domain::key::PublicId;
use crate::domain::mailbox::Mailbox;
use crate::domain::user::Actor;
use crate::net::tap::LogLine;
use crate::service::diary::Diary;
use crate::service::mailboxes::{MailboxError, Mailboxes};
use crate::store::Store;

/// Attempts of one page.
pub const PAGE_MAX: usize = 500;

/// The diary for people: managers of the mailbox, since dialogues name who writes.
#[derive(Clone, Debug)]
pub struct DiaryReading {
    store: Store,
    diary: Diary,
    mailboxes: Mailboxes,
}

/// A mailbox's dialogues.
#[derive(Clone, Debug)]
pub struct Dialogues {
    /// Whose.
    pub mailbox: Mailbox,
    /// Whether they are being kept.
    pub on: bool,
    /// What was kept, oldest first.
    pub lines: Vec<LogLine>,
}

impl DiaryReading {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, diary: Diary, mailboxes: Mailboxes) -> Self {
        Self {
            store,
            diary,
            mailboxes,
        }
    }

    /// What was said, and whether it is being kept.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn dialogues(&self, actor: &Actor, id: PublicId) -> Result<Dialogues, MailboxError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        let log = self.diary.log(mailbox.key);
        Ok(Dialogues {
            mailbox,
            on: log.is_on(),
            lines: log.lines(),
        })
    }

    /// Keeps dialogues from now on, also of connections that are open; or no longer.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn switch(&self, actor: &Actor, id: PublicId, on: bool) -> Result<Mailbox, MailboxError> {
        let mailbox = self.mailboxes.managed(actor, id)?;
        self.diary.log(mailbox.key).switch(on);
        Ok(mailbox)
    }

    /// What was tried, the latest first, with numbers to go on before.
    ///
    /// # Errors
    /// When the actor may not see the mailbox, or the store cannot be read.
    pub fn attempts(
        &self,
        actor: &Actor,
        id: PublicId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Attempt)>, MailboxError> {
        let (mailbox, _) = self.mailboxes.get(actor, id)?;
        let limit = limit.clamp(1, PAGE_MAX);
        Ok(self.store.attempts(mailbox.key, before, limit)?)
    }
}

/// `receiving` or `sending`, as API and command line say it.
#[must_use]
pub fn way_name(way: Way) -> &'static str {
    match way {
        Way::Receiving => "receiving",
        Way::Sending => "sending",
    }
}
