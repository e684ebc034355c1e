//! What is to be done with the mails of a maildrop, and what is known of them.
//!
//! A mail whose id is not known is new. Only where not one of the known ids is left the
//! server has probably renamed all of them: then headers say which mails are known, and
//! dates which of the others are history. Mail that is fetched a second time all the
//! same is recognised by its content when it is delivered.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::task::{SyncError, Task};
use crate::domain::folder::Pending;
use crate::domain::mailbox::{History, Pop3Keep};
use crate::domain::maildrop::{HeaderHash, MailIdentity, MailState, MaildropRow};
use crate::net::pop3::Session;
use crate::service::sync::maildrop::{Known, OnServer, header_of, is_wanted};
use crate::service::sync::pending::put_aside;
use crate::store::Maildrop;

/// A mail that is gone from the server is forgotten after this. A server that shows an
/// empty maildrop by mistake must not make us forget what is history.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A mail that is to be fetched.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) mail: OnServer,
    /// It was there before the mailbox was connected.
    pub(super) imported: bool,
    /// What it waited for before.
    pub(super) before: Option<Pending>,
}

/// What there is to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) wanted: Vec<Wanted>,
    pub(super) deletable: HashMap<MailIdentity, (u32, MaildropRow)>,
    pub(super) changes: Vec<(MailIdentity, MaildropRow)>,
    pub(super) forgotten: Vec<MailIdentity>,
    /// Mails of which the header decides.
    undecided: Vec<OnServer>,
    /// Mails whose id was that of another mail perhaps: it was gone for a while, or had
    /// another size. A server may give an id again (RFC 1939 section 7).
    doubtful: Vec<(OnServer, MaildropRow)>,
    /// Known mails that are gone, by their header: one for each mail that had it.
    gone: HashMap<HeaderHash, Vec<(MailIdentity, MaildropRow)>>,
    now: Timestamp,
    connected_at: Timestamp,
    history: History,
    keep: Pop3Keep,
}

impl Plan {
    pub(super) fn new(task: &Task, known: Maildrop, mails: &[OnServer], now: Timestamp) -> Self {
        let mailbox = &task.mailbox;
        let mut plan = Self {
            now,
            connected_at: mailbox.connected_at,
            history: mailbox.settings.history,
            keep: task.way.keep,
            wanted: Vec::new(),
            deletable: HashMap::new(),
            changes: Vec::new(),
            forgotten: Vec::new(),
            undecided: Vec::new(),
            doubtful: Vec::new(),
            gone: HashMap::new(),
        };
        plan.sort(known, mails);
        plan
    }

    fn sort(&mut self, known: Maildrop, mails: &[OnServer]) {
        let Maildrop {
            mut rows, compare, ..
        } = known;
        let there: HashSet<MailIdentity> = mails.iter().map(|mail| mail.id).collect();
        let was_there = rows.values().any(|row| row.gone_since.is_none());
        let renamed = was_there && !rows.keys().any(|id| there.contains(id));
        for mail in mails {
            match rows.remove(&mail.id) {
                Some(mut row) => {
                    let came_back = row.gone_since.take().is_some();
                    let other_size = row.size != 0 && row.size != mail.size;
                    if (came_back || other_size) && row.header.is_some() {
                        self.doubtful.push((mail.clone(), row));
                        continue;
                    }
                    if came_back {
                        self.changes.push((mail.id, row.clone()));
                    }
                    self.sort_known(mail, row);
                }
                None if renamed || compare => self.undecided.push(mail.clone()),
                None => self.want(mail, false, None),
            }
        }
        for (id, mut row) in rows {
            match row.gone_since {
                None => {
                    row.gone_since = Some(self.now);
                    self.changes.push((id, row.clone()));
                }
                Some(since) if self.now.duration_since(since) > FORGOTTEN_AFTER => {
                    self.forgotten.push(id);
                    continue;
                }
                Some(_) => {}
            }
            if let Some(header) = row.header {
                self.gone.entry(header).or_default().push((id, row));
            }
        }
    }

    fn sort_known(&mut self, mail: &OnServer, row: MaildropRow) {
        let imported = row.at <= self.connected_at;
        match &row.state {
            MailState::Waiting if self.history == History::All => self.want(mail, true, None),
            MailState::Waiting => self.undecided.push(mail.clone()),
            MailState::Pending(pending) if pending.retry_at <= self.now => {
                self.want(mail, imported, Some(pending.clone()));
            }
            MailState::Stored if row.may_be_deleted(self.keep, self.now) => {
                self.deletable.insert(mail.id, (mail.number, row));
            }
            MailState::Pending(_) | MailState::Stored | MailState::Passed => {}
        }
    }

    fn want(&mut self, mail: &OnServer, imported: bool, before: Option<Pending>) {
        self.wanted.push(Wanted {
            mail: mail.clone(),
            imported,
            before,
        });
    }

    /// Decides about the mails whose ids do not.
    pub(super) async fn look_at_headers(
        &mut self,
        session: &mut Session,
        mails: &[OnServer],
    ) -> Result<(), SyncError> {
        let undecided = std::mem::take(&mut self.undecided);
        let doubtful = std::mem::take(&mut self.doubtful);
        if undecided.is_empty() && doubtful.is_empty() {
            return Ok(());
        }
        for (mail, row) in doubtful {
            let header = header_of(session, mail.number).await?;
            self.decide_again(&mail, row, header);
        }
        tracing::debug!(
            looked_at = undecided.len(),
            listed = mails.len(),
            "headers decide"
        );
        for mail in undecided {
            let header = match mail.header {
                Some(header) => Some(header),
                None => header_of(session, mail.number).await?,
            };
            self.decide(&mail, header);
        }
        self.wanted.sort_by_key(|wanted| wanted.mail.number);
        Ok(())
    }

    /// Whether the mail is still the one that had its id. Where nobody can say it is
    /// fetched again: a double is recognised by its content, a lost mail by nobody.
    fn decide_again(&mut self, mail: &OnServer, row: MaildropRow, header: Option<Known>) {
        let same = header.is_some_and(|header| Some(header.hash) == row.header);
        if same {
            let row = row.of_size(mail.size);
            self.changes.push((mail.id, row.clone()));
            return self.sort_known(mail, row);
        }
        let received_at = header.and_then(|header| header.received_at);
        let imported = received_at.is_some_and(|at| at < self.connected_at);
        self.want(mail, imported, None);
    }

    fn decide(&mut self, mail: &OnServer, header: Option<Known>) {
        let like_it = header.and_then(|header| self.gone.get_mut(&header.hash));
        if let Some((_, row)) = like_it.and_then(Vec::pop) {
            let row = MaildropRow {
                gone_since: None,
                ..row
            };
            self.changes.push((mail.id, row.clone()));
            return self.sort_known(mail, row);
        }
        let received_at = header.and_then(|header| header.received_at);
        if is_wanted(self.history, self.connected_at, received_at) {
            let imported = received_at.is_none_or(|at| at < self.connected_at);
            return self.want(mail, imported, None);
        }
        let header = header.map(|header| header.hash);
        let row = MaildropRow::new(MailState::Passed, self.connected_at, header);
        let row = row.of_size(mail.size);
        self.changes.push((mail.id, row));
    }

    /// Takes a mail out that would be fetched, with its row for a while.
    pub(super) fn put_aside(
        &mut self,
        id: MailIdentity,
        now: Timestamp,
    ) -> Option<(Wanted, MaildropRow)> {
        let at = self.wanted.iter().position(|wanted| wanted.mail.id == id)?;
        let wanted = self.wanted.remove(at);
        let since = if wanted.imported {
            self.connected_at
        } else {
            now
        };
        let state = MailState::Pending(put_aside(now));
        Some((wanted, MaildropRow::new(state, since, None)))
    }
}
