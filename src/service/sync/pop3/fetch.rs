//! Fetches mails of a maildrop and makes them durable, each together with its row.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;

use super::plan::Wanted;
use super::task::{SyncError, Task};
use crate::domain::folder::PendingReason;
use crate::domain::ledger::Source;
use crate::domain::maildrop::{MailIdentity, MailState, MaildropRow};
use crate::net::pop3::{FetchStep, Refusal, Session};
use crate::protocol::pop3::{CommandId, Number};
use crate::service::ingest::{Circumstances, Intake};
use crate::service::sync::maildrop::{HEADER_MAX, Known};
use crate::service::sync::pending::{BEGINNING_BYTES, too_large, try_again};
use crate::store::{Arrival, ArrivalRaw, Delivery, Passed, Why};

/// Mails asked for ahead of the one that is coming.
const AHEAD_MAX: usize = 16;
/// Lines asked for of a mail above the limit, beside its header.
const BEGINNING_LINES: u32 = 2_000;
/// So much more than listed is what servers count differently; half as much again, when
/// that is more.
const SIZE_SLACK: u64 = 1024 * 1024;
/// Mails in one commit.
const BATCH_MAILS_MAX: usize = 128;
/// Compressed bytes in one commit.
const BATCH_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// A mail that has become durable.
pub(super) type StoredMail = (MailIdentity, Number, MaildropRow);

/// A mail on its way.
struct Coming {
    command: CommandId,
    wanted: Wanted,
}

/// The mail that is being read.
struct Body {
    intake: Intake,
    /// Its size as the server listed it.
    listed: u64,
    /// Its beginning, with the header.
    head: Vec<u8>,
}

/// One run.
pub(super) struct Fetch<'a> {
    task: &'a Task,
    session: &'a mut Session,
    coming: VecDeque<Coming>,
    /// Above the limit: their beginnings are asked for when the others are here.
    passed: Vec<Wanted>,
    /// The one of them that is being asked for.
    beginning: Option<MailIdentity>,
    arrivals: Vec<Arrival>,
    passed_by: Vec<Passed>,
    rows: Vec<(MailIdentity, MaildropRow)>,
    /// What of the rows is a mail that came.
    came: Vec<StoredMail>,
    batch_bytes: u64,
    stored: Vec<StoredMail>,
}

impl<'a> Fetch<'a> {
    pub(super) fn new(task: &'a Task, session: &'a mut Session) -> Self {
        Self {
            task,
            session,
            coming: VecDeque::new(),
            passed: Vec::new(),
            beginning: None,
            arrivals: Vec::new(),
            passed_by: Vec::new(),
            rows: Vec::new(),
            came: Vec::new(),
            batch_bytes: 0,
            stored: Vec::new(),
        }
    }

    /// Takes in what is wanted. What came whole is durable when this returns, also when
    /// the connection broke.
    pub(super) async fn run(&mut self, wanted: Vec<Wanted>) -> Result<(), SyncError> {
        let mut fetched = self.fetch(wanted).await;
        if fetched.is_ok() {
            fetched = self.fetch_beginnings().await;
        }
        let committed = self.commit().await;
        let mut suspicion = self.task.suspicion();
        let whole = self.coming.front().map(|coming| coming.wanted.mail.id);
        match (&fetched, whole.or(self.beginning)) {
            (Ok(()), _) => suspicion.clear(),
            (Err(SyncError::Pop3(_) | SyncError::Endless { .. }), Some(id)) => {
                suspicion.lost_at(id)
            }
            (Err(_), _) => {}
        }
        drop(suspicion);
        committed?;
        fetched
    }

    /// What has become durable.
    pub(super) fn take_stored(self) -> Vec<StoredMail> {
        self.stored
    }

    async fn fetch(&mut self, wanted: Vec<Wanted>) -> Result<(), SyncError> {
        let board = &self.task.handles.board;
        let size_max = self.task.handles.options.mail_size_max;
        let mut left = wanted.len();
        let mut wanted = wanted.into_iter();
        let mut body = None;
        loop {
            while self.coming.len() < AHEAD_MAX
                && let Some(next) = wanted.next()
            {
                if next.mail.size > size_max && !is_wanted_anyway(&next) {
                    self.passed.push(next);
                    left -= 1;
                    continue;
                }
                let command = self.session.begin_fetch(next.mail.number);
                let wanted = next;
                self.coming.push_back(Coming { command, wanted });
            }
            if self.coming.is_empty() {
                return Ok(());
            }
            board.catching_up(self.task.mailbox.key, u32::try_from(left).ok());
            match self.session.next_fetch_step().await? {
                FetchStep::BodyBegan => body = Some(self.begin_body().await),
                FetchStep::BodyChunk(chunk) => {
                    if let Some(body) = &mut body {
                        take(body, chunk).await?;
                    }
                }
                FetchStep::Done(command) => {
                    if let Some(wanted) = self.next_of(command) {
                        left -= 1;
                        self.end(wanted, body.take()).await?;
                    }
                }
                FetchStep::Refused { command, refusal } => {
                    if let Some(wanted) = self.next_of(command) {
                        left -= 1;
                        self.refused(&wanted, &refusal);
                    }
                }
            }
        }
    }

    fn next_of(&mut self, command: CommandId) -> Option<Wanted> {
        let coming = self
            .coming
            .pop_front_if(|coming| coming.command == command)?;
        Some(coming.wanted)
    }

    async fn begin_body(&self) -> Body {
        let size = self
            .coming
            .front()
            .map_or(0, |coming| coming.wanted.mail.size);
        Body {
            intake: Intake::begin(&self.task.handles.store, size).await,
            listed: size,
            head: Vec::new(),
        }
    }

    /// Of what is larger than the limit the beginning is shown; it waits on the server
    /// until a person asks for it.
    async fn fetch_beginnings(&mut self) -> Result<(), SyncError> {
        for wanted in std::mem::take(&mut self.passed) {
            self.beginning = Some(wanted.mail.id);
            let lines = BEGINNING_LINES;
            let bytes_max = BEGINNING_BYTES as usize;
            let top = self.session.top(wanted.mail.number, lines, bytes_max);
            let beginning = top.await?.filter(|beginning| !beginning.is_empty());
            self.pass(&wanted, beginning).await?;
        }
        self.beginning = None;
        Ok(())
    }

    async fn pass(&mut self, wanted: &Wanted, beginning: Option<Vec<u8>>) -> Result<(), SyncError> {
        let handles = &self.task.handles;
        let (at, size) = (handles.clock.now(), wanted.mail.size);
        if let Some(beginning) = beginning {
            let mut intake = Intake::begin(&handles.store, beginning.len() as u64).await;
            let known = Known::of(&beginning);
            intake.take(Bytes::from(beginning)).await?;
            let circumstances = Circumstances {
                source: source(wanted),
                received_at: known.received_at,
                arrived_at: at,
                imported: wanted.imported,
                whole_size: Some(size),
            };
            let arrival = intake.finish(circumstances, handles.random).await?;
            self.arrivals.push(arrival);
        } else {
            self.passed_by.push(Passed {
                source: source(wanted),
                why: Why::TooLarge(size),
                at,
            });
        }
        self.note(wanted, MailState::Pending(too_large()), at);
        Ok(())
    }

    /// The server does not give it; the others come all the same.
    fn refused(&mut self, wanted: &Wanted, refusal: &Refusal) {
        tracing::warn!(mailbox = %self.task.mailbox.settings.address, %refusal, "the server listed a mail and does not give it; it is tried again later");
        let now = self.task.handles.clock.now();
        let jitter = self.task.handles.random.jitter();
        let pending = try_again(wanted.before.as_ref(), now, jitter);
        self.not_given(wanted, now);
        self.note(wanted, MailState::Pending(pending), now);
    }

    /// The ledger hears of it once; where there is no unique id, nothing else would tell
    /// that it has a row.
    fn not_given(&mut self, wanted: &Wanted, at: Timestamp) {
        if wanted.before.is_none() {
            self.passed_by.push(Passed {
                source: source(wanted),
                why: Why::NotGiven,
                at,
            });
        }
    }

    fn note(&mut self, wanted: &Wanted, state: MailState, now: Timestamp) {
        let header = wanted.mail.header.map(|header| header.hash);
        let row = MaildropRow::new(state, self.since(wanted, now), header);
        let row = row.of_size(wanted.mail.size);
        self.rows.push((wanted.mail.id, row));
    }

    /// What was there before the mailbox was connected stays history while it waits.
    fn since(&self, wanted: &Wanted, now: Timestamp) -> Timestamp {
        if wanted.imported {
            self.task.mailbox.connected_at
        } else {
            now
        }
    }

    async fn end(&mut self, wanted: Wanted, body: Option<Body>) -> Result<(), SyncError> {
        let handles = &self.task.handles;
        let now = handles.clock.now();
        let Some(Body { intake, head, .. }) = body.filter(|body| body.intake.size() > 0) else {
            // An empty mail is none: it is tried again later.
            let pending = try_again(wanted.before.as_ref(), now, handles.random.jitter());
            self.not_given(&wanted, now);
            self.note(&wanted, MailState::Pending(pending), now);
            return Ok(());
        };
        let known = Known::of(&head);
        let circumstances = Circumstances {
            source: source(&wanted),
            received_at: known.received_at,
            arrived_at: now,
            imported: wanted.imported,
            whole_size: None,
        };
        let arrival = intake.finish(circumstances, handles.random).await?;
        if let ArrivalRaw::Whole(raw) = &arrival.raw {
            self.batch_bytes += raw.compressed_size();
        }
        self.arrivals.push(arrival);
        // Days are counted from here: it is durable with this row.
        let row = MaildropRow::new(MailState::Stored, now, Some(known.hash));
        let row = row.of_size(wanted.mail.size);
        self.came
            .push((wanted.mail.id, wanted.mail.number, row.clone()));
        self.rows.push((wanted.mail.id, row));
        if self.arrivals.len() >= BATCH_MAILS_MAX || self.batch_bytes >= BATCH_BYTES_MAX {
            self.commit().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), SyncError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let came = std::mem::take(&mut self.came);
        let delivery = Delivery {
            mailbox: self.task.mailbox.key,
            is_junk: false,
            is_sent: false,
            also_for: Vec::new(),
            arrivals: std::mem::take(&mut self.arrivals),
            cursor: None,
            maildrop: std::mem::take(&mut self.rows),
            passed: std::mem::take(&mut self.passed_by),
        };
        self.batch_bytes = 0;
        self.task.handles.store.deliver(delivery).await?;
        self.stored.extend(came);
        Ok(())
    }
}

async fn take(body: &mut Body, chunk: Bytes) -> Result<(), SyncError> {
    let room = HEADER_MAX.saturating_sub(body.head.len());
    body.head.extend_from_slice(&chunk[..chunk.len().min(room)]);
    body.intake.take(chunk).await?;
    let listed = body.listed;
    let most = listed.saturating_add(SIZE_SLACK.max(listed / 2));
    if body.intake.size() > most {
        return Err(SyncError::Endless { listed });
    }
    Ok(())
}

fn is_wanted_anyway(wanted: &Wanted) -> bool {
    let before = wanted.before.as_ref();
    before.is_some_and(|before| before.reason == PendingReason::Anyway)
}

pub(super) fn source(wanted: &Wanted) -> Source {
    Source::Pop3 {
        uidl: wanted.mail.uidl.clone(),
    }
}
