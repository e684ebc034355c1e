//! The same for a maildrop (RFC 1939).
//!
//! A maildrop takes one session at a time, so the mailbox's own task is stopped while it
//! is looked into.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::time::{Instant, timeout};

use super::compare::{Counted, MISSING_MAX, Missing};
use super::{Collected, Collecting, CollectingError, MaildropError};
use crate::domain::folder::{Cursor, Pending, PendingReason};
use crate::domain::ledger::Source;
use crate::domain::mailbox::{Mailbox, Pop3Way};
use crate::domain::maildrop::{MailIdentity, MailState, MaildropRow};
use crate::net::pop3::Session;
use crate::service::credentials::Visiting;
use crate::service::sync::maildrop::{OnServer, header_of, look};
use crate::store::Maildrop;

/// The mailbox is not read while somebody looks, so nobody looks longer than this.
const LOOK_TIME_MAX: Duration = Duration::from_secs(60);
/// Of that, time for the headers of mails.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(40);

/// What a count calls it.
const PLACE: &str = "maildrop";

impl Collecting {
    pub(super) async fn count_maildrop(
        &self,
        mailbox: &Mailbox,
        way: &Pop3Way,
    ) -> Result<Counted, CollectingError> {
        let (this, mailbox, way) = (self.clone(), mailbox.clone(), way.clone());
        let key = mailbox.key;
        let count = async move {
            let mails = in_time(Box::pin(async {
                let mut session = this.open_maildrop(&mailbox, &way).await?;
                let mails = look(&mut session).await;
                session.leave().await;
                Ok(mails?)
            }));
            this.compare(&mailbox, &mails.await?)
        };
        self.while_stopped(key, count).await
    }

    fn compare(&self, mailbox: &Mailbox, mails: &[OnServer]) -> Result<Counted, CollectingError> {
        let known = self.store.maildrop(mailbox.key)?;
        let mut counted = Counted {
            place: PLACE.to_owned(),
            ..Counted::default()
        };
        for mail in mails {
            match known.rows.get(&mail.id).map(|row| &row.state) {
                None | Some(MailState::Waiting) => counted.coming += 1,
                Some(MailState::Passed) => counted.older += 1,
                Some(MailState::Pending(_)) => counted.waiting += 1,
                Some(MailState::Stored) => {
                    counted.on_server += 1;
                    let uidl = mail.uidl.clone();
                    // Without a name of the server's the row itself is all there is.
                    let has_row = uidl.is_empty() || {
                        let source = Source::Pop3 { uidl: uidl.clone() };
                        self.store.ledger_find(mailbox.key, &source)?.is_some()
                    };
                    if has_row {
                        counted.in_ledger += 1;
                    } else if counted.missing.len() < MISSING_MAX {
                        counted.missing.push(Missing::Uidl(uidl));
                    }
                }
            }
        }
        Ok(counted)
    }

    pub(super) async fn collect_from_maildrop(
        &self,
        mailbox: &Mailbox,
        way: &Pop3Way,
        since: Date,
        only_look: bool,
    ) -> Result<Collected, CollectingError> {
        let (this, mailbox, way) = (self.clone(), mailbox.clone(), way.clone());
        let key = mailbox.key;
        let collect = async move {
            let found = in_time(Box::pin(async {
                let mut session = this.open_maildrop(&mailbox, &way).await?;
                let found = this.passed_since(&mut session, &mailbox, since).await;
                session.leave().await;
                found
            }));
            let (rows, is_whole) = found.await?;
            let mut collected = Collected {
                found: rows.len(),
                bytes: rows.iter().map(|(_, row)| row.size).sum(),
                taken: 0,
                is_whole,
            };
            if !only_look && !rows.is_empty() {
                collected.taken = rows.len().min(Cursor::PENDING_MAX);
                this.want_mails(&mailbox, rows).await?;
            }
            Ok(collected)
        };
        self.while_stopped(key, collect).await
    }

    /// Mails that are there, were not wanted, and came on that day or later, and whether
    /// all were looked at. One without a date is among them: rather too much than too
    /// little. The latest come first, so that asking again gets further.
    async fn passed_since(
        &self,
        session: &mut Session,
        mailbox: &Mailbox,
        since: Date,
    ) -> Result<(Vec<(MailIdentity, MaildropRow)>, bool), CollectingError> {
        let until = Instant::now() + HEADERS_TIME_MAX;
        let mails = look(session).await?;
        let Maildrop { mut rows, .. } = self.store.maildrop(mailbox.key)?;
        let mut found = Vec::new();
        for mail in mails.into_iter().rev() {
            let passed = rows.remove(&mail.id);
            let Some(row) = passed.filter(|row| row.state == MailState::Passed) else {
                continue;
            };
            if Instant::now() > until {
                return Ok((found, false));
            }
            let header = match mail.header {
                Some(header) => Some(header),
                None => header_of(session, mail.number)
                    .await
                    .map_err(MaildropError::from)?,
            };
            let received_at = header.and_then(|header| header.received_at);
            if received_at.is_none_or(|at| at.to_zoned(TimeZone::UTC).date() >= since) {
                found.push((mail.id, row.of_size(mail.size)));
            }
        }
        Ok((found, true))
    }

    async fn want_mails(
        &self,
        mailbox: &Mailbox,
        rows: Vec<(MailIdentity, MaildropRow)>,
    ) -> Result<(), CollectingError> {
        let wanted = Pending {
            reason: PendingReason::Wanted,
            attempts: 0,
            retry_at: self.clock.now(),
        };
        let mut changed: Vec<_> = rows.into_iter().take(Cursor::PENDING_MAX).collect();
        for (_, row) in &mut changed {
            row.state = MailState::Pending(wanted.clone());
        }
        self.store
            .set_maildrop(mailbox.key, changed, Vec::new())
            .await?;
        Ok(())
    }

    async fn open_maildrop(
        &self,
        mailbox: &Mailbox,
        way: &Pop3Way,
    ) -> Result<Visiting<Session>, CollectingError> {
        let tap = self.diary.tap(mailbox.key, "pop3");
        let entered = self.keyring.enter_maildrop(&self.dialer, mailbox, way, tap);
        Ok(entered.await?)
    }
}

async fn in_time<T>(
    looking: impl Future<Output = Result<T, CollectingError>>,
) -> Result<T, CollectingError> {
    timeout(LOOK_TIME_MAX, looking)
        .await
        .unwrap_or(Err(CollectingError::TooSlow))
}
