//! Rehearsals: scripts that are not live yet are asked about mails that came before, beside
//! those that are live, and what they would decide otherwise is listed. Nothing is stored,
//! sent or done.
//!
//! What surrounds a mail is as at its time as far as the store can say: the time, and that
//! of the first mail of a conversation nothing had been decided. Of a later one, tags, team,
//! status and the like are those of now.

mod found;
#[cfg(test)]
mod tests;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Semaphore;

use crate::domain::key::MailboxKey;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::user::{Actor, Role};
use crate::script::{Diagnostic, Limits, Scripts, Snapshot};
use crate::service::mailboxes::{MailboxError, Mailboxes};
use crate::store::{Store, StoreError};
pub(in crate::service) use walk::as_it_came;

pub use found::{Answers, Changed, LISTED_MAX, Rehearsed, Slow, TIME_MAX};

/// Mails of one rehearsal where nobody says how many.
pub const LAST_USUAL: usize = 200;
/// Mails of one rehearsal at most.
pub const MAILS_MAX: usize = 100_000;
/// Rehearsals at a time: each one uses every processor.
const AT_ONCE: usize = 1;

/// Which scripts are tried.
#[derive(Clone, Debug)]
pub enum Candidate {
    /// The folder of the live ones, as it is now.
    Folder,
    /// Another folder.
    Elsewhere(PathBuf),
    /// The live ones with these files changed: a name below the folder, and the text, or
    /// nothing where the file shall be absent.
    Changed(Vec<(String, Option<String>)>),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// The scripts.
    pub candidate: Candidate,
    /// The latest mails, this many; [`LAST_USUAL`] when neither this nor `since` is given.
    pub last: Option<usize>,
    /// Mails that came then or later.
    pub since: Option<Timestamp>,
    /// Mails of this mailbox: address, slug or id.
    pub mailbox: Option<String>,
}

/// Why there was no rehearsal.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum RehearsalError {
    /// The actor may not.
    NotAllowed,
    /// The scripts that shall be tried are wrong.
    Wrong(Vec<Diagnostic>),
    /// The mailbox.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for RehearsalError {
    fn saying(&self) -> Saying {
        match self {
            Self::NotAllowed => saying!("cannot.scripts.not_allowed"),
            Self::Wrong(found) => {
                let words: Vec<String> = found.iter().map(ToString::to_string).collect();
                saying!("cannot.scripts.wrong", words = words.join("\n"))
            }
            Self::Mailbox(error) => error.saying(),
            Self::Store(error) => error.saying(),
        }
    }
}

/// Whose turn it is; one for the whole gateway.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// The service.
#[derive(Clone, Debug)]
pub struct Rehearsals {
    store: Store,
    mailboxes: Mailboxes,
    scripts: Scripts,
    zone: TimeZone,
    script_time_max: Duration,
    turns: Turns,
}

impl Rehearsals {
    /// A service over its handles; `zone` is what scripts see as local time.
    #[must_use]
    pub fn new(
        store: Store,
        mailboxes: Mailboxes,
        scripts: Scripts,
        zone: TimeZone,
        script_time_max: Duration,
        turns: Turns,
    ) -> Self {
        Self {
            store,
            mailboxes,
            scripts,
            zone,
            script_time_max,
            turns,
        }
    }

    /// Rehearses. Somebody else's rehearsal is waited for.
    ///
    /// # Errors
    /// When the actor may not, the scripts are wrong, or the store cannot be read.
    pub async fn rehearse(
        &self,
        actor: &Actor,
        question: Question,
    ) -> Result<Rehearsed, RehearsalError> {
        if !actor.may(Role::Administrator, actor.workspace()) {
            return Err(RehearsalError::NotAllowed);
        }
        let mailbox = match &question.mailbox {
            Some(which) => Some(self.mailboxes.find(actor, which)?.key),
            None => None,
        };
        let turn = Arc::clone(&self.turns.0).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Closed)?;
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Who asked may be gone; the turn lasts as long as the work.
            let _turn = turn;
            this.rehearse_here(&question, mailbox)
        });
        let done = done.await;
        done.map_err(|error| StoreError::worker_lost("the rehearsal", &error))?
    }

    fn rehearse_here(
        &self,
        question: &Question,
        mailbox: Option<MailboxKey>,
    ) -> Result<Rehearsed, RehearsalError> {
        let live = self.scripts.current();
        let candidate = candidate(&question.candidate, live.as_deref(), self.scripts.folder())
            .map_err(RehearsalError::Wrong)?;
        let last = match (question.last, question.since) {
            (Some(last), _) => last,
            (None, Some(_)) => MAILS_MAX,
            (None, None) => LAST_USUAL,
        };
        let walk = walk::Walk {
            store: &self.store,
            zone: &self.zone,
            live: live.as_deref(),
            candidate: &candidate,
            script_time_max: self.script_time_max,
            since: question.since,
            mailbox,
        };
        let mut done = walk.run(last.min(MAILS_MAX))?;
        let version = live.as_deref().map(Snapshot::version);
        done.same = version == Some(candidate.version());
        Ok(done)
    }
}

/// Compiles what shall be tried.
fn candidate(
    which: &Candidate,
    live: Option<&Snapshot>,
    folder: &Path,
) -> Result<Snapshot, Vec<Diagnostic>> {
    let limits = Limits::default();
    match which {
        Candidate::Folder => Snapshot::load(folder, &limits),
        Candidate::Elsewhere(folder) => Snapshot::load(folder, &limits),
        Candidate::Changed(changes) => {
            let mut files = live.map_or_else(Vec::new, |live| live.files().to_vec());
            files.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
            let written = changes
                .iter()
                .filter_map(|(name, text)| Some((name.clone(), text.clone()?)));
            files.extend(written);
            Snapshot::of(files, &limits)
        }
    }
}
