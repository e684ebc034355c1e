//! A connected mailbox is altered, unbound or removed; and what a removal would cost.
//!
//! Invariant: whoever reads the store sees a mailbox before or after an alteration,
//! never its new servers with its old logins. Removing the conversations is `purge`.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::StoreError;
use super::listing::{Facet, Shelf, count_on};
use super::mailboxes::{
    AddError, announce, connected, find, put_cursor, put_logins, put_mailbox, refuse_taken, remove,
    remove_names,
};
use super::outbox::{self, of_mailbox};
use super::table::{Order, Rows, Table, Transaction};
use super::{Store, jobs, maildrops, reauthentication_links};
use crate::domain::folder::{Cursor, FolderName};
use crate::domain::job::{Work, WorkKind};
use crate::domain::key::MailboxKey;
use crate::domain::ledger::{Fate, LedgerRow};
use crate::domain::mailbox::{Mailbox, MailboxLogins, MailboxSettings, Switch, WayIn};
use crate::domain::outbox::{Filing, Known, Outgoing, OutgoingState};
use crate::domain::saying::saying;

/// What becomes of the logins.
#[derive(Clone, Debug, Default)]
pub enum NewLogins {
    /// They stay.
    #[default]
    Keep,
    /// They are wiped, and the mailbox is unbound.
    Forget,
    /// These replace them.
    Are(Box<MailboxLogins>),
}

/// Where reading goes on after an alteration.
#[derive(Clone, Debug, Default)]
pub enum GoesOn {
    /// Where it stopped.
    #[default]
    WhereItStopped,
    /// In this folder here; others where they stopped.
    At(FolderName, Cursor),
    /// It is another account: what was known of its folders is forgotten, and one may
    /// begin here.
    Anew(Option<(FolderName, Cursor)>),
}

/// What a removal costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Conversations that came in by the mailbox.
    pub conversations: u64,
    /// Mails taken in by it.
    pub mails: u64,
    /// Replies that have not left and never will.
    pub replies: u64,
}

fn end_outbox(
    transaction: &Transaction<'_>,
    mailbox: &Mailbox,
    now: Timestamp,
) -> Result<(), StoreError> {
    for outgoing in of_mailbox(transaction, mailbox)? {
        match outgoing.state {
            OutgoingState::Queued | OutgoingState::Held { .. } | OutgoingState::Deferred { .. } => {
                outbox::update(transaction, outgoing.key, now, |outgoing| {
                    let reason = saying!("outbox.removed");
                    let what = saying!("known.failed", what = reason.clone());
                    outgoing.note(Known::found(now, what));
                    outgoing.state = OutgoingState::Failed { reason };
                    Ok(())
                })?;
                jobs::finish_of(transaction, outgoing.key)?;
            }
            // Nobody looks for evidence on the server any more; a bounce may still come.
            OutgoingState::Uncertain { .. } => jobs::finish_of(transaction, outgoing.key)?,
            // The attempt that is under way records its own end.
            _ => {}
        }
    }
    for job in jobs::of_kind(transaction, WorkKind::File)? {
        let Work::File(key) = job.work else { continue };
        let outgoing: Option<Outgoing> =
            transaction.record(Table::Outgoing, &key.0.to_be_bytes())?;
        if outgoing.is_some_and(|outgoing| outgoing.mailbox == mailbox.key) {
            jobs::finish(transaction, job.key)?;
            outbox::update(transaction, key, now, |outgoing| {
                outgoing.filing = Filing::NotNeeded;
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn mails_of(rows: &impl Rows, mailbox: MailboxKey) -> Result<u64, StoreError> {
    let (mut count, mut failed) = (0, None);
    let prefix = mailbox.0.to_be_bytes();
    rows.walk(
        Table::Ledger,
        &prefix,
        None,
        Order::Up,
        &mut |_, row| match super::record::decode::<LedgerRow>(row) {
            Ok(row) => {
                let taken = matches!(
                    row.fate,
                    Fate::Stored(_) | Fate::Unreadable(_) | Fate::Ignored { .. }
                );
                count += u64::from(taken);
                std::ops::ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                std::ops::ControlFlow::Break(())
            }
        },
    )?;
    failed.map_or(Ok(count), |error| Err(error.into()))
}

impl Store {
    /// Changes settings by `change`, which is shown what they are at that moment, the
    /// logins, and where reading goes on. Forgetting the logins unbinds the mailbox.
    ///
    /// # Errors
    /// When there is no such mailbox any more, or another one has the new address or id.
    pub async fn alter_mailbox(
        &self,
        key: MailboxKey,
        change: impl Fn(&mut MailboxSettings) + Send + 'static,
        logins: NewLogins,
        reading: GoesOn,
        now: Timestamp,
    ) -> Result<Mailbox, AddError> {
        let shared = Arc::clone(self.shared());
        self.write(move |transaction| {
            let before = connected(transaction, key)?;
            let mut mailbox = before.clone();
            change(&mut mailbox.settings);
            match &logins {
                NewLogins::Keep => {}
                NewLogins::Forget => {
                    mailbox.settings.switch = Switch::Unbound;
                    put_logins(transaction, &shared.keys, key, &MailboxLogins::default())?;
                    reauthentication_links::revoke(transaction, key)?;
                }
                NewLogins::Are(logins) => {
                    put_logins(transaction, &shared.keys, key, logins)?;
                    reauthentication_links::revoke(transaction, key)?;
                    // What was refused was refused to the old ones.
                    transaction.remove(Table::Standings, &key.0.to_be_bytes())?;
                }
            }
            refuse_taken(transaction, &mailbox.settings, Some(key))?;
            remove_names(transaction, &before.settings)?;
            put_mailbox(transaction, &mailbox)?;
            if let GoesOn::Anew(_) = &reading {
                transaction.remove_all(Table::Cursors, &key.0.to_be_bytes())?;
                match mailbox.settings.way_in {
                    WayIn::Pop3(_) => maildrops::begin_anew(transaction, key)?,
                    WayIn::Imap(_) | WayIn::Forwarding(_) => {
                        maildrops::remove_of(transaction, key)?;
                    }
                }
            }
            if let GoesOn::At(folder, cursor) | GoesOn::Anew(Some((folder, cursor))) = &reading {
                put_cursor(transaction, key, folder, cursor)?;
            }
            announce(transaction, &mailbox, now)?;
            Ok(mailbox)
        })
        .await
    }

    /// Disconnects a mailbox and ends its outbox; nothing is touched on its server.
    /// Its conversations stay, or are marked for [`Store::purge_some`]. `false` when
    /// there is none.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn remove_mailbox(
        &self,
        key: MailboxKey,
        with_conversations: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |transaction| {
            let Some(mailbox) = find(transaction, key)? else {
                return Ok(false);
            };
            end_outbox(transaction, &mailbox, now)?;
            remove(transaction, &mailbox)?;
            if with_conversations {
                transaction.put(Table::Purges, &key.0.to_be_bytes(), &[])?;
            }
            announce(transaction, &mailbox, now)?;
            Ok(true)
        })
        .await
    }

    /// What removing a mailbox with its conversations would cost.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn loss(&self, mailbox: &Mailbox) -> Result<Loss, StoreError> {
        self.read(|rows| {
            let facet = Facet::Mailbox(mailbox.key.0);
            let mut conversations = 0;
            for shelf in Shelf::ALL {
                conversations += count_on(rows, mailbox.workspace, facet, shelf)?;
            }
            let waiting = of_mailbox(rows, mailbox)?;
            let waiting = waiting
                .iter()
                .filter(|outgoing| outgoing.state.may_be_cancelled());
            Ok(Loss {
                conversations,
                mails: mails_of(rows, mailbox.key)?,
                replies: waiting.count() as u64,
            })
        })
    }
}
