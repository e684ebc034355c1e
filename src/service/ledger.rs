//! "Where is my mail?": one entry per mail a mailbox has ever seen, with what became of
//! it. Pages are walked by index; a search in words looks at a bounded stretch and says
//! where to go on. Pages are read beside the threads that answer requests, a few at a time:
//! whoever searches much waits for himself, and a login page for nobody.

pub mod words;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::domain::key::{LedgerKey, PublicId};
use crate::domain::ledger::{Fate, LedgerRow};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::Message;
use crate::domain::message_id::MessageId;
use crate::domain::user::Actor;
use crate::service::mailboxes::{MailboxError, Mailboxes};
use crate::store::{Store, StoreError};

/// Entries of one page.
pub const PAGE_MAX: usize = 500;
/// Rows that one page of a search in words looks at.
const LOOKED_AT_MAX: usize = 5_000;
/// Pages that are read at once.
const READ_AT_ONCE: usize = 2;
/// Rows read from the store at a time.
const ROWS_AT_ONCE: usize = 500;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The mail with this Message-ID only.
    pub message_id: Option<MessageId>,
    /// Mails whose subject, sender or Message-ID contain this, in any case.
    pub text: Option<String>,
    /// Nothing that came before.
    pub since: Option<Timestamp>,
    /// Rows before this one: where the last page ended.
    pub before: Option<LedgerKey>,
    /// Entries wanted.
    pub limit: usize,
}

/// A mail that was seen.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its row.
    pub row: LedgerRow,
    /// The message it became or is the same as.
    pub message: Option<Message>,
    /// Id and number of the conversation that stands in.
    pub conversation: Option<(PublicId, u64)>,
    /// For a duplicate, by which way the mail came first.
    pub first: Option<FirstWay>,
}

/// The way by which a mail came first.
#[derive(Clone, Debug)]
pub struct FirstWay {
    /// Its row.
    pub row: LedgerRow,
    /// The mailbox's address, also of one that was removed since.
    pub mailbox: Option<String>,
}

/// Some entries, the latest first.
#[derive(Clone, Debug)]
pub struct LedgerPage {
    /// Whose.
    pub mailbox: Mailbox,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Ask again with `before` set to this; nothing follows when absent.
    pub next: Option<LedgerKey>,
}

/// The service.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Store,
    mailboxes: Mailboxes,
    turns: Arc<Semaphore>,
}

impl Ledger {
    /// A service over its handles.
    #[must_use]
    pub fn new(store: Store, mailboxes: Mailboxes) -> Self {
        Self {
            store,
            mailboxes,
            turns: Arc::new(Semaphore::new(READ_AT_ONCE)),
        }
    }

    /// A page of what a mailbox has seen.
    ///
    /// # Errors
    /// When the actor may not see the mailbox, or the store cannot be read.
    pub async fn page(
        &self,
        actor: &Actor,
        mailbox: PublicId,
        question: Question,
    ) -> Result<LedgerPage, MailboxError> {
        let (mailbox, _) = self.mailboxes.get(actor, mailbox)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Closed)?;
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            // Who asked may be gone; the turn lasts as long as the reading.
            let _turn = turn;
            this.read(mailbox, &question)
        });
        let read = read.await;
        Ok(read.map_err(|error| StoreError::worker_lost("the ledger", &error))??)
    }

    fn read(&self, mailbox: Mailbox, question: &Question) -> Result<LedgerPage, StoreError> {
        let (entries, next) = match &question.message_id {
            Some(id) => (self.of_message_id(&mailbox, id)?, None),
            None => self.walk(&mailbox, question)?,
        };
        Ok(LedgerPage {
            mailbox,
            entries,
            next,
        })
    }

    fn of_message_id(&self, mailbox: &Mailbox, id: &MessageId) -> Result<Vec<Entry>, StoreError> {
        let mut rows = self.store.ledger_of_message_id(mailbox.workspace, id)?;
        rows.retain(|row| row.mailbox == mailbox.key);
        rows.sort_by_key(|row| std::cmp::Reverse(row.key));
        rows.truncate(PAGE_MAX);
        rows.into_iter().map(|row| self.entry(row)).collect()
    }

    fn walk(
        &self,
        mailbox: &Mailbox,
        question: &Question,
    ) -> Result<(Vec<Entry>, Option<LedgerKey>), StoreError> {
        let limit = question.limit.clamp(1, PAGE_MAX);
        let text = question.text.as_ref().map(|text| text.to_lowercase());
        let (mut before, mut entries) = (question.before, Vec::new());
        let mut left = LOOKED_AT_MAX;
        while left > 0 {
            let wanted = ROWS_AT_ONCE.min(left);
            let rows = self.store.ledger(mailbox.key, before, wanted)?;
            let is_end = rows.len() < wanted;
            left -= rows.len().min(left);
            for row in rows {
                if question.since.is_some_and(|since| row.at < since) {
                    return Ok((entries, None));
                }
                before = Some(row.key);
                let entry = self.entry(row)?;
                if text.as_ref().is_none_or(|text| contains(&entry, text)) {
                    entries.push(entry);
                }
                if entries.len() == limit {
                    return Ok((entries, before));
                }
            }
            if is_end {
                return Ok((entries, None));
            }
        }
        Ok((entries, before))
    }

    fn entry(&self, row: LedgerRow) -> Result<Entry, StoreError> {
        let message = match &row.fate {
            Fate::Stored(message)
            | Fate::Duplicate(message)
            | Fate::Own(message)
            | Fate::Unreadable(message)
            | Fate::Ignored { message, .. } => self.store.message(*message)?,
            Fate::TooLarge { beginning, .. } => match beginning {
                Some(message) => self.store.message(*message)?,
                None => None,
            },
            Fate::Canary | Fate::NotGiven | Fate::Elsewhere => None,
        };
        let conversation = match &message {
            Some(message) => self.store.conversation(message.conversation)?,
            None => None,
        };
        let first = match &row.fate {
            Fate::Duplicate(message) => self.first_way(*message)?,
            _ => None,
        };
        Ok(Entry {
            row,
            message,
            conversation: conversation.map(|found| (found.id, found.number)),
            first,
        })
    }

    fn first_way(
        &self,
        message: crate::domain::key::MessageKey,
    ) -> Result<Option<FirstWay>, StoreError> {
        let rows = self.store.ledger_of_message(message)?;
        let first = rows
            .into_iter()
            .find(|row| !matches!(row.fate, Fate::Duplicate(_)));
        let Some(row) = first else {
            return Ok(None);
        };
        let mailbox = self.store.mailbox_even_removed(row.mailbox)?;
        Ok(Some(FirstWay {
            row,
            mailbox: mailbox.map(|mailbox| mailbox.settings.address.to_string()),
        }))
    }
}

fn contains(entry: &Entry, text: &str) -> bool {
    let Some(message) = &entry.message else {
        return false;
    };
    let head = &message.head;
    let has = |word: &str| word.to_lowercase().contains(text);
    let from = head.from.as_ref();
    has(&head.subject)
        || from.is_some_and(|from| has(from.address.as_str()) || has(from.shown()))
        || head.message_id.as_ref().is_some_and(|id| has(id.as_str()))
}
