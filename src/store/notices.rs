//! What was told about mailboxes, and the notices that tell it. Both change in one
//! transaction, so that a restart neither loses a notice nor makes it twice.

use jiff::Timestamp;

use super::counter::Counter;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::table::{Order, Rows, Table, Transaction};
use super::{Store, mailboxes};
use crate::domain::alert::{Due, Told};
use crate::domain::key::{MailboxKey, NoticeKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::notice::{Notice, NoticeState};

/// Notices that are remembered once they are sent.
const KEPT_MAX: u64 = 500;
/// Old notices that are taken away with one new one.
const PRUNED_AT_ONCE: usize = 16;
/// Notices that wait and are looked at in one go.
const LISTED_MAX: usize = 1_000;

fn put(transaction: &Transaction<'_>, notice: &Notice) -> Result<(), StoreError> {
    let key = notice.key.0.to_be_bytes();
    transaction.put_record(Table::Notices, &key, notice)?;
    let row = Key::new(notice.mailbox.0).number(notice.key.0);
    if notice.is_waiting() {
        transaction.put(Table::NoticesWaiting, row.as_ref(), &[])
    } else {
        transaction
            .remove(Table::NoticesWaiting, row.as_ref())
            .map(drop)
    }
}

/// Those of a mailbox, or of all, the oldest first.
fn waiting(rows: &impl Rows, mailbox: &[u8]) -> Result<Vec<Notice>, StoreError> {
    let keys = rows.keys(Table::NoticesWaiting, mailbox, None, Order::Up, LISTED_MAX)?;
    let mut notices: Vec<Notice> = keys
        .iter()
        .map(|key| rows.named(Table::Notices, number_at(key, 8), "notice"))
        .collect::<Result<_, _>>()?;
    notices.sort_by_key(|notice| notice.key);
    Ok(notices)
}

/// Takes back what `overtaken` picks of a mailbox's waiting notices; whether people were
/// told of none of them.
fn drop_waiting(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    overtaken: impl Fn(&Notice) -> bool,
) -> Result<bool, StoreError> {
    let mut untold = false;
    for mut notice in waiting(transaction, &mailbox.0.to_be_bytes())? {
        if overtaken(&notice) {
            untold |= !notice.is_told();
            notice.state = NoticeState::Dropped;
            put(transaction, &notice)?;
        }
    }
    Ok(untold)
}

fn prune(transaction: &Transaction<'_>, newest: u64) -> Result<(), StoreError> {
    let oldest = transaction.keys(Table::Notices, &[], None, Order::Up, PRUNED_AT_ONCE)?;
    for key in oldest {
        let old = newest.saturating_sub(number_at(&key, 0)) >= KEPT_MAX;
        let notice: Option<Notice> = transaction.record(Table::Notices, &key)?;
        if !old || notice.is_some_and(|notice| notice.is_waiting()) {
            break;
        }
        transaction.remove(Table::Notices, &key)?;
    }
    Ok(())
}

fn make(
    transaction: &Transaction<'_>,
    about: &Mailbox,
    due: &Due,
    mark: [u8; 12],
    now: Timestamp,
) -> Result<(), StoreError> {
    let notice = Notice {
        key: NoticeKey(transaction.next(Counter::Notice)?),
        workspace: about.workspace,
        mailbox: about.key,
        due: due.clone(),
        made_at: now,
        mark,
        state: NoticeState::Waiting { next: now },
        attempts: 0,
        accepted: Vec::new(),
        mailed: false,
        hooked: false,
        failure: None,
    };
    put(transaction, &notice)?;
    prune(transaction, notice.key.0)
}

impl Store {
    /// What was told about a mailbox.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn told(&self, mailbox: MailboxKey) -> Result<Told, StoreError> {
        self.read(|rows| {
            let told = rows.record(Table::Told, &mailbox.0.to_be_bytes())?;
            Ok(told.unwrap_or_default())
        })
    }

    /// Remembers what has been told of a mailbox, and makes the notices that tell it, each
    /// with its mark. What they overtake is not sent any more; that something is over which
    /// nobody heard of is not told either.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn tell(
        &self,
        mailbox: MailboxKey,
        told: Told,
        due: Vec<(Due, [u8; 12])>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let Some(found) = mailboxes::find(transaction, mailbox)? else {
                return Ok(());
            };
            transaction.put_record(Table::Told, &mailbox.0.to_be_bytes(), &told)?;
            if told.incident.is_none() && due.is_empty() {
                // It was ended by a person who wants the mailbox to rest.
                let of_incident = |notice: &Notice| {
                    matches!(notice.due, Due::Error { .. } | Due::Reauthenticate { .. })
                };
                drop_waiting(transaction, mailbox, of_incident)?;
            }
            for (due, mark) in &due {
                let overtaken = |notice: &Notice| notice.is_overtaken_by(due);
                let untold = drop_waiting(transaction, mailbox, overtaken)?;
                if untold && matches!(due, Due::Recovered { .. }) {
                    continue;
                }
                make(transaction, &found, due, *mark, now)?;
            }
            Ok(())
        })
        .await
    }

    /// Makes one notice that changes nothing of what is remembered about the mailbox.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn tell_besides(
        &self,
        mailbox: MailboxKey,
        due: Due,
        mark: [u8; 12],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let Some(found) = mailboxes::find(transaction, mailbox)? else {
                return Ok(());
            };
            make(transaction, &found, &due, mark, now)
        })
        .await
    }

    /// Notices that are still to be sent, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn waiting_notices(&self) -> Result<Vec<Notice>, StoreError> {
        self.read(|rows| waiting(rows, &[]))
    }

    /// One notice, if it is still to be sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn waiting_notice(&self, key: NoticeKey) -> Result<Option<Notice>, StoreError> {
        self.read(|rows| {
            let found: Option<Notice> = rows.record(Table::Notices, &key.0.to_be_bytes())?;
            Ok(found.filter(Notice::is_waiting))
        })
    }

    /// The latest notices, whatever became of them, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn latest_notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        self.read(|rows| rows.records(Table::Notices, &[], None, Order::Down, limit))
    }

    /// Notes what came of an attempt to send one, unless it was overtaken meanwhile.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn change_notice(
        &self,
        key: NoticeKey,
        change: impl Fn(&mut Notice) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let found: Option<Notice> = transaction.record(Table::Notices, &key.0.to_be_bytes())?;
            let Some(mut notice) = found.filter(Notice::is_waiting) else {
                return Ok(());
            };
            change(&mut notice);
            put(transaction, &notice)
        })
        .await
    }
}
