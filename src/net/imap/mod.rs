//! An IMAP session: the client machine on a stream, with the calls that a sync needs.
//!
//! Invariant: one session is used by one task; each call waits for its own answer.
//! A call whose future is dropped leaves its command running, and its answer is
//! passed over later. Deliberately absent: retries, a pool, any idea of cursors.

mod error;
mod fetch;
mod open;
mod options;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

pub use self::error::{ImapError, Lost, OpenError, Phase, Refusal, RefusalMeaning};
pub use self::fetch::FetchStep;
pub use self::options::ImapOptions;

use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::net::driver::Driver;
use crate::protocol::imap::event::{FolderStatus, ListedFolder, SelectedFolder, SpecialUse};
use crate::protocol::imap::{
    Append, Capabilities, Code, CommandId, Connection, Event, Flag, Outcome, SearchKey, SelectMode,
    StoreKind, UidSet,
};

/// How long a server may take to say goodbye.
const LOGOUT_DEADLINE: Duration = Duration::from_secs(5);

/// Most alerts kept until they are taken.
const ALERTS_MAX: usize = 20;

/// A session that is logged in.
#[derive(Debug)]
pub struct Session {
    driver: Driver<Connection>,
    host: String,
    news: News,
}

/// What the server told without being asked, since it was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Number of mails in the open folder, if it was told.
    pub exists: Option<u32>,
    /// A mail of the open folder is gone.
    pub expunged: bool,
    /// Flags of a mail have changed.
    pub flags: bool,
    /// Texts that are to be shown to a person (RFC 3501 section 7.1, ALERT).
    pub alerts: Vec<String>,
}

impl News {
    /// Whether there may be new mail. Only this ends an IDLE: what other programs do to
    /// flags and old mail is no reason to look.
    #[must_use]
    pub fn may_be_mail(&self) -> bool {
        self.exists.is_some()
    }
}

/// Why an IDLE ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleEnd {
    /// There may be new mail; [`Session::take_news`] says how many there are.
    News,
    /// It lasted as long as it may (`Options::idle_renewal`). Look whether something was
    /// missed, then idle again.
    RenewalDue,
    /// The caller's signal came.
    Stopped,
}

impl Session {
    /// What the server can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        self.driver.machine().capabilities()
    }

    /// Takes what the server told without being asked.
    pub fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// The dialogue since the last call, secrets masked, where `Options::transcript_max`
    /// asks for it.
    pub fn take_transcript(&mut self) -> Vec<String> {
        self.driver.machine_mut().take_transcript()
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// When it is refused (no such folder) or the session is over.
    pub async fn select(
        &mut self,
        folder: &FolderName,
        mode: &SelectMode,
    ) -> Result<SelectedFolder, ImapError> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().select(folder, mode, now);
        // What was told of another folder is void.
        self.news.exists = None;
        self.news.expunged = false;
        self.news.flags = false;
        let mut selected = None;
        let keep = |event| {
            if let Event::Selected { folder, .. } = event {
                selected = Some(folder);
            }
        };
        self.run("SELECT", command, keep).await?;
        selected.ok_or(ImapError::NoAnswer { command: "SELECT" })
    }

    /// Asks about a folder without opening it.
    ///
    /// # Errors
    /// When it is refused or the session is over.
    pub async fn status(&mut self, folder: &FolderName) -> Result<FolderStatus, ImapError> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().status(folder, now);
        let mut answer = None;
        let keep = |event| {
            if let Event::StatusOf { status, .. } = event {
                answer = Some(status);
            }
        };
        self.run("STATUS", command, keep).await?;
        answer.ok_or(ImapError::NoAnswer { command: "STATUS" })
    }

    /// The UIDs of the open folder for which all keys hold, ascending.
    ///
    /// # Errors
    /// When it is refused or the session is over.
    pub async fn uid_search(&mut self, keys: &[SearchKey]) -> Result<Vec<Uid>, ImapError> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().uid_search(keys, now);
        let mut found = Vec::new();
        let keep = |event| {
            if let Event::Found(uids) = event {
                found.extend(uids);
            }
        };
        self.run("UID SEARCH", command, keep).await?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Adds or removes flags. Only where a person asked for it.
    ///
    /// # Errors
    /// When it is refused or the session is over.
    pub async fn uid_store(
        &mut self,
        set: &UidSet,
        kind: StoreKind,
        flags: &[Flag],
    ) -> Result<(), ImapError> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().uid_store(set, kind, flags, now);
        self.run("UID STORE", command, |_| ()).await?;
        Ok(())
    }

    /// Puts a mail into a folder; tells where it lies, if the server does (UIDPLUS).
    ///
    /// # Errors
    /// When it is refused (`Code::TryCreate`: no such folder) or the session is over;
    /// then it is not known whether the mail was filed.
    pub async fn append(
        &mut self,
        append: Append,
    ) -> Result<Option<(UidValidity, Uid)>, ImapError> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().append(append, now);
        let outcome = self.run("APPEND", command, |_| ()).await?;
        Ok(match outcome.code {
            Some(Code::AppendUid { validity, uids }) => {
                let first = uids.ranges().next().and_then(|(first, _)| Uid::new(first));
                first.map(|uid| (validity, uid))
            }
            _ => None,
        })
    }

    /// Makes a folder, and subscribes to it: most programs show only such ones.
    ///
    /// # Errors
    /// When it is refused or the session is over. That it cannot be subscribed to is none.
    pub async fn create(&mut self, folder: &FolderName) -> Result<(), ImapError> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().create(folder, now);
        self.run("CREATE", command, |_| ()).await?;
        let now = self.driver.now();
        let command = self.driver.machine_mut().subscribe(folder, now);
        match self.run("SUBSCRIBE", command, |_| ()).await {
            Ok(_) => Ok(()),
            Err(ImapError::Refused { refusal, .. }) => {
                tracing::debug!(%folder, %refusal, "a new folder cannot be subscribed to");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Every folder.
    ///
    /// # Errors
    /// When it is refused or the session is over.
    pub async fn list(&mut self) -> Result<Vec<ListedFolder>, ImapError> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().list("*", now);
        let mut folders = Vec::new();
        let keep = |event| {
            if let Event::Listed(folder) = event {
                folders.push(folder);
            }
        };
        self.run("LIST", command, keep).await?;
        Ok(folders)
    }

    /// The folder with this use (RFC 6154), if the server names one.
    ///
    /// # Errors
    /// When LIST is refused or the session is over.
    pub async fn find_special(
        &mut self,
        wanted: SpecialUse,
    ) -> Result<Option<FolderName>, ImapError> {
        let folders = self.list().await?;
        let found = folders
            .into_iter()
            .find(|folder| folder.selectable && folder.special_use == Some(wanted));
        Ok(found.map(|folder| folder.name))
    }

    /// Lets the server tell what is new; see [`Session::take_news`].
    ///
    /// # Errors
    /// When the session is over.
    pub async fn noop(&mut self) -> Result<(), ImapError> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().noop(now);
        self.run("NOOP", command, |_| ()).await?;
        Ok(())
    }

    /// Waits until new mail is announced in the open folder, the renewal is due, or `stop`
    /// completes. Returns at once when there is such news that nobody has taken.
    ///
    /// # Errors
    /// When IDLE is refused or the session is over.
    pub async fn idle(&mut self, stop: impl Future<Output = ()>) -> Result<IdleEnd, ImapError> {
        if self.news.may_be_mail() {
            return Ok(IdleEnd::News);
        }
        let now = self.driver.now();
        let command = self.driver.machine_mut().idle(now);
        let mut stop = pin!(stop);
        let end = loop {
            tokio::select! {
                event = self.next_event() => match event? {
                    Event::Completed { command: of, outcome } if of == command => {
                        accept("IDLE", outcome)?;
                        return Ok(self.idle_end(IdleEnd::RenewalDue));
                    }
                    event => self.note(event),
                },
                () = &mut stop => break IdleEnd::Stopped,
            }
            if self.news.may_be_mail() {
                break IdleEnd::News;
            }
        };
        let now = self.driver.now();
        self.driver.machine_mut().done(now);
        self.run("IDLE", command, |_| ()).await?;
        Ok(self.idle_end(end))
    }

    /// News that came with the very end counts as news.
    fn idle_end(&self, end: IdleEnd) -> IdleEnd {
        match end {
            IdleEnd::RenewalDue if self.news.may_be_mail() => IdleEnd::News,
            end => end,
        }
    }

    /// Says goodbye. Failing to is no failure.
    pub async fn logout(mut self) {
        let now = self.driver.now();
        self.driver.machine_mut().logout(now);
        let farewell = async { while self.next_event().await.is_ok() {} };
        // Late or not, the connection is closed now.
        let _: Result<(), _> = timeout(LOGOUT_DEADLINE, farewell).await;
        self.driver.close().await;
    }

    /// Waits for a command that must succeed; `keep` sees the events on the way.
    async fn run(
        &mut self,
        name: &'static str,
        command: CommandId,
        keep: impl FnMut(Event),
    ) -> Result<Outcome, ImapError> {
        let outcome = self.finish(command, keep).await?;
        accept(name, outcome)
    }

    /// Waits for the answer to a command.
    async fn finish(
        &mut self,
        command: CommandId,
        mut keep: impl FnMut(Event),
    ) -> Result<Outcome, Lost> {
        loop {
            match self.next_event().await? {
                Event::Completed {
                    command: of,
                    outcome,
                } if of == command => return Ok(outcome),
                event @ (Event::Selected { .. }
                | Event::StatusOf { .. }
                | Event::Found(_)
                | Event::Listed(_)) => keep(event),
                event => self.note(event),
            }
        }
    }

    async fn next_event(&mut self) -> Result<Event, Lost> {
        match self.driver.next_event().await? {
            Event::Closed(reason) => Err(Lost::Closed(reason)),
            event => Ok(event),
        }
    }

    /// Remembers what nobody asked for.
    fn note(&mut self, event: Event) {
        match event {
            Event::Exists(count) => self.news.exists = Some(count),
            Event::Expunged(_) | Event::Vanished { .. } => self.news.expunged = true,
            Event::Fetched(fetched) => self.news.flags |= fetched.flags.is_some(),
            Event::Alert(text) => {
                tracing::warn!(host = self.host, text, "the mail server asks for attention");
                if self.news.alerts.len() < ALERTS_MAX {
                    self.news.alerts.push(text);
                }
            }
            Event::Malformed { reason, excerpt } => {
                tracing::debug!(
                    host = self.host,
                    ?reason,
                    excerpt,
                    "a response was put aside"
                );
            }
            Event::Greeting { .. }
            | Event::Capabilities(_)
            | Event::Completed { .. }
            | Event::Selected { .. }
            | Event::BodyBegan { .. }
            | Event::BodyChunk(_)
            | Event::Listed(_)
            | Event::StatusOf { .. }
            | Event::Found(_)
            | Event::ServerId(_)
            | Event::Enabled(_)
            | Event::Namespaces(_)
            | Event::Idling
            | Event::ContinueTls
            | Event::ContinueDeflate { .. }
            | Event::Closed(_) => {}
        }
    }
}

fn accept(command: &'static str, outcome: Outcome) -> Result<Outcome, ImapError> {
    if outcome.is_ok() {
        return Ok(outcome);
    }
    let refusal = Refusal::from(outcome);
    Err(ImapError::Refused { command, refusal })
}
