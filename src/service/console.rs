//! The desk of whoever writes scripts: an edited file, over those of the folder, is shown a
//! mail that came before, its tests are run, and it is saved on top of what its author saw.
//!
//! Invariant: but for saving nothing is stored, sent or done.

pub mod difference;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::Semaphore;

use super::conversations::{ConversationError, Conversations};
use super::rehearsal::as_it_came;
use super::script_editing::{EditError, ScriptEditing, Written};
use super::script_testing;
use super::trying::{self, Answered, Tried};
use crate::domain::key::PublicId;
use crate::domain::mailbox::Mailbox;
use crate::domain::message::Message;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::slug::Slug;
use crate::domain::user::{Actor, Role};
use crate::script::{Diagnostic, Limits, Scripts, Snapshot, Suite, mailbox_of};
use crate::store::{Store, StoreError};

/// Mails that are offered to be tried on.
const LATEST: usize = 20;
/// Portions of the store that are looked through for them.
const PORTIONS_MAX: usize = 8;
/// Tries at a time, of all people; who comes next waits.
const AT_ONCE: usize = 2;

/// The service.
#[derive(Clone, Debug)]
pub struct Console {
    store: Store,
    conversations: Conversations,
    editing: ScriptEditing,
    scripts: Scripts,
    zone: TimeZone,
    script_time_max: Duration,
    turns: Arc<Semaphore>,
}

/// Why something was not tried or saved.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum ConsoleError {
    /// The scripts.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The mail.
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file is for a mailbox of this slug, and there is none.
    NoMailbox(String),
}

impl Said for ConsoleError {
    fn saying(&self) -> Saying {
        match self {
            Self::NoMailbox(slug) => saying!("cannot.scripts.no_mailbox", slug = slug),
            Self::Edit(error) => error.saying(),
            Self::Conversation(error) => error.saying(),
            Self::Store(error) => error.saying(),
        }
    }
}

/// What came of a try.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What is wrong with the scripts, or odd about them.
    pub problems: Vec<Diagnostic>,
    /// What they decide; absent when they are wrong or no mail was picked.
    pub tried: Option<Tried>,
    /// What the function of the edited file answers, where that is another one.
    pub answered: Option<Answered>,
}

/// What came of the tests.
#[derive(Clone, Debug, Default)]
pub struct TestsRun {
    /// Scripts or tests that are wrong, and tests that fail.
    pub problems: Vec<Diagnostic>,
    /// How many were run.
    pub count: usize,
    /// How many failed.
    pub failed: usize,
    /// How long they took.
    pub took: Duration,
}

/// What came of saving.
#[derive(Clone, Debug)]
pub enum Saved {
    /// It stands in the folder.
    Written(Written),
    /// Somebody else has saved the file meanwhile: this.
    Changed(String),
}

/// A name of a text, to find out whether it is still the same.
#[must_use]
pub fn mark_of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

impl Console {
    /// A service over its handles; `zone` is what scripts see as local time.
    #[must_use]
    pub fn new(
        store: Store,
        conversations: Conversations,
        editing: ScriptEditing,
        scripts: Scripts,
        zone: TimeZone,
        script_time_max: Duration,
    ) -> Self {
        Self {
            store,
            conversations,
            editing,
            scripts,
            zone,
            script_time_max,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The mailboxes that may have scripts of their own, by address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn mailboxes(&self, actor: &Actor) -> Result<Vec<Mailbox>, ConsoleError> {
        let mut all = self.store.mailboxes()?;
        all.retain(|mailbox| actor.may(Role::Operator, mailbox.workspace));
        Ok(all)
    }

    /// The mailbox that a file is for alone; `None` where it is for all.
    ///
    /// # Errors
    /// When there is no such mailbox, or the store cannot be read.
    pub fn mailbox_of(&self, file: &str) -> Result<Option<Mailbox>, ConsoleError> {
        let Some(name) = mailbox_of(file) else {
            return Ok(None);
        };
        let found = match Slug::parse(name) {
            Some(slug) => self.store.mailbox_by_slug(&slug)?,
            None => None,
        };
        let found = found.ok_or_else(|| ConsoleError::NoMailbox(name.to_owned()))?;
        Ok(Some(found))
    }

    /// The latest mails that the scripts in `file` would be asked about.
    ///
    /// # Errors
    /// When the actor may not see them, or the store cannot be read.
    pub fn latest(&self, actor: &Actor, file: &str) -> Result<Vec<Message>, ConsoleError> {
        let mailbox = match self.mailbox_of(file) {
            Ok(mailbox) => mailbox.map(|mailbox| mailbox.key),
            // Nobody's file is asked about no mail.
            Err(ConsoleError::NoMailbox(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let (mut found, mut before) = (Vec::new(), None);
        for _ in 0..PORTIONS_MAX {
            let (mails, next) = self.store.mails_before(mailbox, before)?;
            let seen = mails
                .into_iter()
                .filter(|mail| actor.may(Role::Operator, mail.workspace));
            found.extend(seen);
            before = next;
            if before.is_none() || found.len() >= LATEST {
                break;
            }
        }
        found.truncate(LATEST);
        Ok(found)
    }

    /// One mail.
    ///
    /// # Errors
    /// When it is not there for this actor.
    pub fn mail(&self, actor: &Actor, id: PublicId) -> Result<Message, ConsoleError> {
        Ok(self.conversations.message(actor, id)?)
    }

    /// The tests beside the scripts, names and texts; what is no text is absent.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn tests(&self, actor: &Actor) -> Result<Vec<(String, String)>, ConsoleError> {
        may_see(actor)?;
        let folder = self.scripts.folder().to_owned();
        let read = tokio::task::spawn_blocking(move || Suite::files(&folder)).await;
        let read = read.map_err(|error| StoreError::worker_lost("the tests", &error))?;
        let files = read.map_err(EditError::Wrong)?;
        let texts = files
            .into_iter()
            .filter_map(|(name, bytes)| Some((name, String::from_utf8(bytes).ok()?)));
        Ok(texts.collect())
    }

    /// The text of a file as it is in the folder; `None` when there is none of the name.
    ///
    /// # Errors
    /// When the actor may not see it, or the folder cannot be read.
    pub async fn text(&self, actor: &Actor, file: &str) -> Result<Option<String>, ConsoleError> {
        let files = if file.starts_with("tests/") {
            self.tests(actor).await?
        } else {
            self.editing.sources(actor).await?.files
        };
        let found = files.into_iter().find(|(name, _)| name == file);
        Ok(found.map(|(_, text)| text))
    }

    /// What the scripts of the folder would decide on a mail if `file` said `text`.
    ///
    /// # Errors
    /// When the actor may not, or the mail is not there.
    pub async fn try_on(
        &self,
        actor: &Actor,
        file: &str,
        text: String,
        mail: Option<PublicId>,
    ) -> Result<Shown, ConsoleError> {
        may_try(actor)?;
        let mail = mail
            .map(|id| self.conversations.message(actor, id))
            .transpose()?;
        let (store, zone, time_max) = (self.store.clone(), self.zone.clone(), self.script_time_max);
        let edited = file.to_owned();
        let work = move |files| -> Result<Shown, ConsoleError> {
            let snapshot = match Snapshot::of(files, &Limits::default()) {
                Ok(snapshot) => snapshot,
                Err(problems) => {
                    return Ok(Shown {
                        problems,
                        tried: None,
                        answered: None,
                    });
                }
            };
            let mut shown = Shown {
                problems: snapshot.warnings().to_vec(),
                tried: None,
                answered: None,
            };
            if let Some(mail) = mail {
                let (mail, context) = as_it_came(&store, &zone, mail)?;
                let seen = (mail.clone(), context.clone());
                shown.answered = trying::answer_of(&edited, &snapshot, seen, time_max);
                shown.tried = Some(trying::route(&snapshot, mail, context, time_max));
            }
            Ok(shown)
        };
        self.with_files(actor, file, text, work).await
    }

    /// Runs the tests of the folder as if `file` said `text`.
    ///
    /// # Errors
    /// When the actor may not.
    pub async fn test(
        &self,
        actor: &Actor,
        file: &str,
        text: String,
    ) -> Result<TestsRun, ConsoleError> {
        may_try(actor)?;
        let (folder, zone) = (self.scripts.folder().to_owned(), self.zone.clone());
        let (file_name, file_text) = (file.to_owned(), text.clone());
        let time_max = self.script_time_max;
        let work = move |files| -> Result<TestsRun, ConsoleError> {
            let suite = Suite::files(&folder).and_then(|mut tests| {
                if file_name.starts_with("tests/") {
                    tests.retain(|(name, _)| *name != file_name);
                    tests.push((file_name, file_text.into_bytes()));
                    tests.sort();
                }
                Suite::of(&tests, &zone)
            });
            let ready = Snapshot::of(files, &Limits::default()).and_then(|one| Ok((one, suite?)));
            Ok(match ready {
                Err(problems) => TestsRun {
                    problems,
                    ..TestsRun::default()
                },
                Ok((snapshot, suite)) => ran(&snapshot, &suite, time_max),
            })
        };
        self.with_files(actor, file, text, work).await
    }

    /// Writes `text` into `file`. `mark` is that of the text its author began with.
    ///
    /// # Errors
    /// When it may not or cannot be written.
    pub async fn save(
        &self,
        actor: &Actor,
        file: &str,
        text: String,
        mark: &str,
    ) -> Result<Saved, ConsoleError> {
        let sources = self.editing.sources(actor).await?;
        let now = self.text(actor, file).await?.unwrap_or_default();
        if mark_of(&now) != mark {
            return Ok(Saved::Changed(now));
        }
        let written = self.editing.write(actor, file, text, Some(sources.version));
        Ok(Saved::Written(written.await?))
    }

    /// Does something that takes a thread with the files of the folder, one of them changed.
    async fn with_files<T: Send + 'static>(
        &self,
        actor: &Actor,
        file: &str,
        text: String,
        work: impl FnOnce(Vec<(String, String)>) -> Result<T, ConsoleError> + Send + 'static,
    ) -> Result<T, ConsoleError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Closed)?;
        let mut files = self.editing.sources(actor).await?.files;
        if !file.starts_with("tests/") {
            files.retain(|(name, _)| name != file);
            files.push((file.to_owned(), text));
        }
        let done = tokio::task::spawn_blocking(move || {
            // Who asked may be gone; the turn lasts as long as the work.
            let _turn = turn;
            work(files)
        });
        done.await
            .map_err(|error| StoreError::worker_lost("the scripts", &error))?
    }
}

fn ran(snapshot: &Snapshot, suite: &Suite, time_max: Duration) -> TestsRun {
    let report = script_testing::run(snapshot, suite, "", time_max);
    let failing = report.tests.iter().filter(|test| !test.passed());
    TestsRun {
        problems: failing.map(|test| test.case.failed(&test.judged)).collect(),
        count: report.tests.len(),
        failed: report.failed(),
        took: report.took,
    }
}

fn may_see(actor: &Actor) -> Result<(), EditError> {
    if actor.may(Role::Operator, actor.workspace()) {
        Ok(())
    } else {
        Err(EditError::NotSeen)
    }
}

fn may_try(actor: &Actor) -> Result<(), EditError> {
    if actor.may(Role::Administrator, actor.workspace()) {
        Ok(())
    } else {
        Err(EditError::NotAllowed)
    }
}
