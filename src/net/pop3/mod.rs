//! A POP3 session: the client machine on a stream, with the calls that a sync needs.
//!
//! Invariant: one session is used by one task; each call waits for its own answer.
//! Deliberately absent: retries, any idea of what was read before.

mod error;
mod open;
mod options;

use std::time::Duration;

use bytes::Bytes;

pub use self::error::{Lost, OpenError, Pop3Error, Refusal, RefusalMeaning};
pub use self::options::Pop3Options;

use crate::net::driver::Driver;
use crate::protocol::pop3::{Capabilities, CommandId, Connection, Event, Number, Outcome};

/// How long a server may take to say goodbye when nothing depends on it.
const QUIT_DEADLINE: Duration = Duration::from_secs(5);

/// A session that is logged in.
#[derive(Debug)]
pub struct Session {
    driver: Driver<Connection>,
}

/// A mail of the maildrop, for as long as the session lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub number: Number,
    /// Its size in bytes, as the server counts.
    pub size: u64,
    /// Its unique id, where the server gives one.
    pub uidl: Option<Vec<u8>>,
}

/// The next thing a fetch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchStep {
    /// The bytes of a mail follow.
    BodyBegan,
    /// The next bytes.
    BodyChunk(Bytes),
    /// The mail is complete.
    Done(CommandId),
    /// The server does not give this one.
    Refused {
        /// Which.
        command: CommandId,
        /// Its words.
        refusal: Refusal,
    },
}

impl Session {
    /// What the server can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        self.driver.machine().capabilities()
    }

    /// Every mail of the maildrop, in its order. A server that refuses UIDL lists all
    /// the same.
    ///
    /// # Errors
    /// When LIST is refused or the session is over.
    pub async fn list(&mut self) -> Result<Vec<Listed>, Pop3Error> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().list(now);
        let mut mails = Vec::new();
        let keep = |event| {
            if let Event::Size { number, size } = event {
                let uidl = None;
                mails.push(Listed { number, size, uidl });
            }
        };
        self.run("LIST", command, keep).await?;
        mails.sort_unstable_by_key(|mail| mail.number);
        mails.dedup_by_key(|mail| mail.number);
        let now = self.driver.now();
        let command = self.driver.machine_mut().uidl(now);
        let keep = |event| {
            if let Event::Uidl { number, uidl } = event
                && let Ok(at) = mails.binary_search_by_key(&number, |mail| mail.number)
            {
                mails[at].uidl = Some(uidl);
            }
        };
        // Refused: then no mail has one.
        self.finish(command, keep).await?;
        Ok(mails)
    }

    /// The header of a mail and so many lines of its body, at most `bytes_max` of it;
    /// `None` when the server does not give it.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn top(
        &mut self,
        number: Number,
        lines: u32,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, Pop3Error> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().top(number, lines, now);
        let mut header = Vec::new();
        let keep = |event| {
            if let Event::BodyChunk(chunk) = event {
                let room = bytes_max - header.len();
                header.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
        };
        let outcome = self.finish(command, keep).await?;
        Ok(outcome.is_ok().then_some(header))
    }

    /// Asks for a mail. Several may be asked for; they come in this order.
    pub fn begin_fetch(&mut self, number: Number) -> CommandId {
        let now = self.driver.now();
        self.driver.machine_mut().retr(number, now)
    }

    /// The next step of the fetches that were begun. Cancel-safe.
    ///
    /// # Errors
    /// When the session is over; a mail that had begun is void then.
    pub async fn next_fetch_step(&mut self) -> Result<FetchStep, Pop3Error> {
        loop {
            match self.next_event().await? {
                Event::BodyBegan(_) => return Ok(FetchStep::BodyBegan),
                Event::BodyChunk(chunk) => return Ok(FetchStep::BodyChunk(chunk)),
                Event::Completed { command, outcome } if outcome.is_ok() => {
                    return Ok(FetchStep::Done(command));
                }
                Event::Completed { command, outcome } => {
                    let refusal = Refusal::from(outcome);
                    return Ok(FetchStep::Refused { command, refusal });
                }
                _ => {}
            }
        }
    }

    /// Marks a mail to be deleted by [`Session::quit`].
    ///
    /// # Errors
    /// When it is refused or the session is over.
    pub async fn delete(&mut self, number: Number) -> Result<(), Pop3Error> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().dele(number, now);
        self.run("DELE", command, |_| ()).await.map(drop)
    }

    /// Ends the session and waits until the server says that what was marked is deleted.
    ///
    /// # Errors
    /// When the server does not say so; then nobody knows what is deleted.
    pub async fn quit(mut self) -> Result<(), Pop3Error> {
        let now = self.driver.now();
        let command = self.driver.machine_mut().quit(now);
        let quit = self.run("QUIT", command, |_| ()).await;
        self.driver.close().await;
        quit.map(drop)
    }

    /// Ends a session in which nothing was marked. Failing to say goodbye is no failure.
    pub async fn leave(self) {
        let _: Result<Result<(), Pop3Error>, _> =
            tokio::time::timeout(QUIT_DEADLINE, self.quit()).await;
    }

    async fn run(
        &mut self,
        name: &'static str,
        command: CommandId,
        keep: impl FnMut(Event),
    ) -> Result<Outcome, Pop3Error> {
        let outcome = self.finish(command, keep).await?;
        if outcome.is_ok() {
            return Ok(outcome);
        }
        let (command, refusal) = (name, Refusal::from(outcome));
        Err(Pop3Error::Refused { command, refusal })
    }

    /// Waits for the answer to a command; `keep` sees the events on the way.
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
                event => keep(event),
            }
        }
    }

    async fn next_event(&mut self) -> Result<Event, Lost> {
        match self.driver.next_event().await? {
            Event::Closed(reason) => Err(Lost::Closed(reason)),
            event => Ok(event),
        }
    }
}
