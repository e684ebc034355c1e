//! The tables of the database and the two ways to look at them: [`Transaction`]
//! (in the writer thread) and [`Snapshot`] (everywhere else).
//!
//! The only file, beside `writer`, that names types of redb.

use std::cell::{Cell, RefCell};
use std::ops::{Bound, ControlFlow};

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::counter::{COUNTERS, Counter};
use super::error::StoreError;
use super::key::number_at;
use super::record::{self, Stored};
use super::space::Space;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A table. The texts are part of the schema.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Table { $($(#[$doc])* $name),* }

        impl Table {
            pub(super) const ALL: &'static [Self] = &[$(Self::$name),*];

            pub(super) fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
                TableDefinition::new(match self { $(Self::$name => $text),* })
            }
        }
    };
}

tables! {
    /// name -> number: schema version, last keys given, turns.
    Meta = "meta",
    /// workspace -> record.
    Workspaces = "workspaces",
    /// user -> record.
    Users = "users",
    /// folded address -> user.
    UserAddresses = "user-addresses",
    /// user, workspace -> role.
    Memberships = "memberships",
    /// team -> record.
    Teams = "teams",
    /// workspace, folded name -> team.
    TeamNames = "team-names",
    /// token -> record.
    Tokens = "tokens",
    /// hash -> token.
    TokenHashes = "token-hashes",
    /// mailbox -> record; stays when the mailbox is removed, so that conversations can name it.
    Mailboxes = "mailboxes",
    /// folded address -> mailbox; only connected ones.
    MailboxAddresses = "mailbox-addresses",
    /// slug -> mailbox; only connected ones.
    MailboxSlugs = "mailbox-slugs",
    /// local part of a receiving address -> mailbox, until when (never: all ones).
    ReceivingAddresses = "receiving-addresses",
    /// mailbox -> the last mail by which a provider asks whether it may forward.
    ForwardingConfirmations = "forwarding-confirmations",
    /// mailbox -> record.
    ArrivedTwice = "arrived-twice",
    /// mailbox -> sealed logins.
    Logins = "logins",
    /// mailbox, number -> record.
    MailboxAttempts = "mailbox-attempts",
    /// mailbox -> record.
    MailboxProofs = "mailbox-proofs",
    /// workspace, token -> record.
    SelfMails = "self-mails",
    /// mailbox -> conversation.
    TestConversations = "test-conversations",
    /// mailbox, folder -> cursor.
    Cursors = "cursors",
    /// mailbox, identity -> what became of a mail of its maildrop.
    Maildrops = "maildrops",
    /// mailbox -> how its last attempts went.
    Standings = "standings",
    /// hash of a token -> record; mailbox -> its hashes.
    ReauthenticationLinks = "reauthentication-links",
    /// mailbox -> what was told about it.
    Told = "told",
    /// notice -> record.
    Notices = "notices",
    /// mailbox, notice that is still to be sent.
    NoticesWaiting = "notices-waiting",
    /// removed mailbox whose conversations are still to be removed.
    Purges = "purges",
    /// kind, public id -> key.
    PublicIds = "public-ids",
    /// raw -> size, pieces, whether a message names it.
    Raws = "raws",
    /// raw, chunk -> compressed bytes that fill pages.
    RawChunks = "raw-chunks",
    /// raw -> the last compressed bytes, less than a page.
    RawTails = "raw-tails",
    /// raw that no message names yet.
    RawOrphans = "raw-orphans",
    /// raw -> a file that no mail has taken along yet.
    Uploads = "uploads",
    /// message -> record.
    Messages = "messages",
    /// conversation, message.
    ConversationMessages = "conversation-messages",
    /// workspace, hash of a Message-ID, conversation -> message with that id, or nothing when only referred to.
    MessageIds = "message-ids",
    /// workspace, fingerprint -> message.
    Fingerprints = "fingerprints",
    /// conversation -> record.
    Conversations = "conversations",
    /// workspace, number -> conversation.
    Numbers = "numbers",
    /// workspace, facet, its key, shelf, inverted time, conversation.
    Lists = "lists",
    /// workspace, facet, its key, shelf -> count.
    Counts = "counts",
    /// conversation, hash of an address that takes part.
    Participants = "participants",
    /// workspace, mailbox, contact, hash of the base subject or nothing -> last conversation.
    LastOf = "last-of",
    /// contact -> record.
    Contacts = "contacts",
    /// workspace, folded address -> contact.
    ContactAddresses = "contact-addresses",
    /// mailbox, row -> record.
    Ledger = "ledger",
    /// mailbox, source -> row.
    LedgerBySource = "ledger-by-source",
    /// message, row -> mailbox.
    LedgerByMessage = "ledger-by-message",
    /// job -> record.
    Jobs = "jobs",
    /// kind, due, job.
    JobsDue = "jobs-due",
    /// outgoing -> its one job.
    OutgoingJobs = "outgoing-jobs",
    /// message -> record.
    Authentications = "authentications",
    /// message -> record.
    Extractions = "extractions",
    /// conversation -> what its newest mail is.
    NewestSorts = "newest-sorts",
    /// message, decision -> record.
    Decisions = "decisions",
    /// workspace, hash of a script's name, line, inverted decision -> message.
    DecisionLines = "decision-lines",
    /// regrouping -> record.
    Regroupings = "regroupings",
    /// conversation on either side, regrouping.
    RegroupingsOf = "regroupings-of",
    /// conversation -> the job that wakes its scripts.
    Wakes = "wakes",
    /// what is counted, its key, time, the mail that was answered.
    AutomaticMails = "automatic-mails",
    /// version -> files.
    Scripts = "scripts",
    /// outgoing -> record.
    Outgoing = "outgoing",
    /// workspace, class, inverted outgoing.
    Outbox = "outbox",
    /// workspace, hash of the Message-ID -> outgoing.
    OutgoingIds = "outgoing-ids",
    /// workspace, folded address -> how often mail to it came back.
    AddressTroubles = "address-troubles",
    /// workspace, hash of the key -> hash of the request, outgoing.
    Idempotency = "idempotency",
    /// sequence -> record.
    Feed = "feed",
}

/// The first key behind every key that begins with `prefix`.
fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// Which way a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Up,
    Down,
}

/// Sees one row, and says whether it wants the next.
type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'v;

/// Rows, whether from a snapshot or within a transaction.
pub(super) trait Rows {
    /// The bytes of one row.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Shows rows with keys that begin with `prefix` and come after `after` on the way.
    /// `visit` must not touch the same rows again.
    fn walk(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        order: Order,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError>;

    /// One record.
    fn record<R: Stored>(&self, table: Table, key: &[u8]) -> Result<Option<R>, StoreError>
    where
        Self: Sized,
    {
        Ok(self
            .get(table, key)?
            .map(|bytes| record::decode(&bytes))
            .transpose()?)
    }

    /// One record that another row names.
    fn named<R: Stored>(&self, table: Table, key: u64, what: &'static str) -> Result<R, StoreError>
    where
        Self: Sized,
    {
        self.record(table, &key.to_be_bytes())?
            .ok_or(StoreError::Missing { what, key })
    }

    /// A row that holds a key.
    fn pointer(&self, table: Table, key: &[u8]) -> Result<Option<u64>, StoreError> {
        Ok(self.get(table, key)?.map(|bytes| number_at(&bytes, 0)))
    }

    /// Keys below `prefix`, at most `limit`.
    fn keys(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys = Vec::new();
        if limit == 0 {
            return Ok(keys);
        }
        self.walk(table, prefix, after, order, &mut |key, _| {
            keys.push(key.to_vec());
            if keys.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(keys)
    }

    /// Records below `prefix`, at most `limit`.
    fn records<R: Stored>(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<R>, StoreError>
    where
        Self: Sized,
    {
        let mut records = Vec::new();
        let mut failed = None;
        if limit == 0 {
            return Ok(records);
        }
        self.walk(table, prefix, after, order, &mut |_, value| {
            match record::decode(value) {
                Ok(record) => records.push(record),
                Err(error) => failed = Some(error),
            }
            if failed.is_none() && records.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(records), |error| Err(error.into()))
    }
}

fn walk_table(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    prefix: &[u8],
    after: Option<&[u8]>,
    order: Order,
    visit: &mut Visit<'_>,
) -> Result<(), StoreError> {
    let end = behind(prefix);
    let mut low = Bound::Included(prefix);
    let mut high = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    match (after, order) {
        (Some(after), Order::Up) => low = Bound::Excluded(after),
        (Some(after), Order::Down) => high = Bound::Excluded(after),
        (None, _) => {}
    }
    let mut range = table.range::<&[u8]>((low, high))?;
    while let Some(row) = match order {
        Order::Up => range.next(),
        Order::Down => range.next_back(),
    } {
        let (key, value) = row?;
        if visit(key.value(), value.value()).is_break() {
            break;
        }
    }
    Ok(())
}

/// A short look at the store as it was at one commit.
pub(super) struct Snapshot(pub(super) ReadTransaction);

impl Rows for Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.0.open_table(table.definition())?;
        Ok(table.get(key)?.map(|value| value.value().to_vec()))
    }

    fn walk(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        order: Order,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let table = self.0.open_table(table.definition())?;
        walk_table(&table, prefix, after, order, visit)
    }
}

type OpenTable<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

/// The one write transaction of a batch. Tables are opened when first touched and
/// stay open for all commands of the batch.
pub(super) struct Transaction<'t> {
    transaction: &'t WriteTransaction,
    tables: RefCell<Vec<Option<OpenTable<'t>>>>,
    counters: [Cell<Option<u64>>; COUNTERS],
    space: &'t Space,
    disk_error: RefCell<Option<StoreError>>,
}

impl<'t> Transaction<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction, space: &'t Space) -> Self {
        Self {
            transaction,
            tables: RefCell::new(Table::ALL.iter().map(|_| None).collect()),
            counters: [const { Cell::new(None) }; COUNTERS],
            space,
            disk_error: RefCell::new(None),
        }
    }

    /// The first failure of the disk, whatever the command made of it.
    pub(super) fn disk_error(&self) -> Option<StoreError> {
        self.disk_error.borrow().clone()
    }

    /// Refuses a command that brings new bytes when the disk is nearly full.
    pub(super) fn demand_space(&self) -> Result<(), StoreError> {
        self.space.demand()
    }

    fn with<R>(
        &self,
        table: Table,
        act: impl FnOnce(&mut OpenTable<'t>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.with_open(table, act).inspect_err(|error| {
            if error.is_of_disk() {
                self.disk_error
                    .borrow_mut()
                    .get_or_insert_with(|| error.clone());
            }
        })
    }

    fn with_open<R>(
        &self,
        table: Table,
        act: impl FnOnce(&mut OpenTable<'t>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut tables = self.tables.borrow_mut();
        let slot = &mut tables[table as usize];
        let open = match slot {
            Some(open) => open,
            None => slot.insert(self.transaction.open_table(table.definition())?),
        };
        act(open)
    }

    pub(super) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.with(table, |table| {
            table.insert(key, value)?;
            Ok(())
        })
    }

    pub(super) fn put_record<R: Stored>(
        &self,
        table: Table,
        key: &[u8],
        value: &R,
    ) -> Result<(), StoreError> {
        self.put(table, key, &record::encode(value))
    }

    /// A row that only points to a key.
    pub(super) fn point(&self, table: Table, key: &[u8], to: u64) -> Result<(), StoreError> {
        self.put(table, key, &to.to_be_bytes())
    }

    /// Whether there was such a row.
    pub(super) fn remove(&self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        self.with(table, |table| Ok(table.remove(key)?.is_some()))
    }

    /// Removes every row below `prefix`.
    pub(super) fn remove_all(&self, table: Table, prefix: &[u8]) -> Result<(), StoreError> {
        for key in self.keys(table, prefix, None, Order::Up, usize::MAX)? {
            self.remove(table, &key)?;
        }
        Ok(())
    }

    /// Creates the table, so that snapshots find it.
    pub(super) fn create(&self, table: Table) -> Result<(), StoreError> {
        self.with(table, |_| Ok(()))
    }

    /// The next number, from 1.
    pub(super) fn next(&self, counter: Counter) -> Result<u64, StoreError> {
        let next = self.last(counter)? + 1;
        self.counters[counter as usize].set(Some(next));
        self.point(Table::Meta, counter.key().as_ref(), next)?;
        Ok(next)
    }

    /// The last number given out.
    pub(super) fn last(&self, counter: Counter) -> Result<u64, StoreError> {
        if let Some(last) = self.counters[counter as usize].get() {
            return Ok(last);
        }
        let last = self
            .pointer(Table::Meta, counter.key().as_ref())?
            .unwrap_or(0);
        self.counters[counter as usize].set(Some(last));
        Ok(last)
    }
}

impl Rows for Transaction<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(table, |table| {
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    fn walk(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        order: Order,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        self.with(table, |table| {
            walk_table(table, prefix, after, order, visit)
        })
    }
}
