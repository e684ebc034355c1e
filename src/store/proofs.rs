//! Mails that mailboxes send to themselves: tokens that are waited for, and what each
//! mailbox has proven. Recognised within the delivery transaction, so that such a mail
//! is never new work for anybody.

use jiff::Timestamp;

use super::conversations::add_tags;
use super::error::StoreError;
use super::key::Key;
use super::table::{Order, Rows, Table, Transaction};
use super::{Store, feed};
use crate::domain::change::Event;
use crate::domain::conversation::{Conversation, Status, Tag};
use crate::domain::key::{ConversationKey, MailboxKey, WorkspaceKey};
use crate::domain::mailbox::Mailbox;
use crate::domain::message::Head;
use crate::domain::proof::{MailboxProofs, SelfMail, SelfMailKind, TOKEN_KEPT_FOR, TestRun, Token};

/// The tag of test conversations.
const TEST_TAG: &str = "test";
/// Old tokens that are taken away with one new one.
const PRUNED_AT_ONCE: usize = 16;
/// Mailboxes whose proofs are read at the start.
const LISTED_MAX: usize = 10_000;

/// A mail of ours that has come back.
pub(super) struct Recognised {
    token: Token,
    mail: SelfMail,
}

impl Recognised {
    pub(super) fn is_canary(&self) -> bool {
        self.mail.kind == SelfMailKind::Canary
    }
}

/// What tests stand in: closed, and marked for everybody.
pub(super) fn set_aside(conversation: &mut Conversation) {
    conversation.status = Status::Closed;
    conversation.triaged = true;
    let tags: Vec<Tag> = Tag::new(TEST_TAG).into_iter().collect();
    // A conversation of tests has no other tags.
    add_tags(conversation, &tags);
}

fn token_key(workspace: WorkspaceKey, token: &Token) -> Key {
    Key::new(workspace.0).bytes(token.as_str().as_bytes())
}

fn proofs_of(rows: &impl Rows, mailbox: MailboxKey) -> Result<MailboxProofs, StoreError> {
    let found = rows.record(Table::MailboxProofs, &mailbox.0.to_be_bytes())?;
    Ok(found.unwrap_or_default())
}

fn put(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
    proofs: &MailboxProofs,
) -> Result<(), StoreError> {
    transaction.put_record(Table::MailboxProofs, &mailbox.0.to_be_bytes(), proofs)
}

/// Whether a mail that has come is one that a mailbox has sent to itself.
pub(super) fn recognise(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    head: &Head,
) -> Result<Option<Recognised>, StoreError> {
    let (Some(token), Some(from)) = (Token::of(head), &head.from) else {
        return Ok(None);
    };
    let key = token_key(workspace, &token);
    let mail: Option<SelfMail> = rows.record(Table::SelfMails, key.as_ref())?;
    let ours = |mail: &SelfMail| mail.sender.folded() == from.address.folded();
    Ok(mail.filter(ours).map(|mail| Recognised { token, mail }))
}

/// Where earlier tests of the mailbox stand: one conversation for all of them.
pub(super) fn conversation_of_tests(
    rows: &impl Rows,
    mailbox: MailboxKey,
) -> Result<Option<ConversationKey>, StoreError> {
    let key = mailbox.0.to_be_bytes();
    let conversation = rows.pointer(Table::TestConversations, &key)?;
    Ok(conversation.map(ConversationKey))
}

/// Notes that the mail has come, when it came by the mailbox it is to prove.
pub(super) fn came(
    transaction: &Transaction<'_>,
    by: &Mailbox,
    recognised: &Recognised,
    conversation: Option<ConversationKey>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(conversation) = conversation {
        let key = by.key.0.to_be_bytes();
        transaction.point(Table::TestConversations, &key, conversation.0)?;
    }
    let Recognised { token, mail } = recognised;
    if mail.mailbox != by.key {
        return Ok(());
    }
    let mut proofs = proofs_of(transaction, by.key)?;
    match mail.kind {
        SelfMailKind::Test => {
            let test = proofs.test.as_mut().filter(|test| test.token == *token);
            let Some(test) = test.filter(|test| test.received_at.is_none()) else {
                return Ok(());
            };
            // The mail can be here before its submission has been recorded.
            test.sent_at.get_or_insert(mail.sent_at);
            test.received_at = Some(now);
            test.conversation = conversation;
            let event = Event::MailboxChanged { mailbox: by.key };
            feed::append(transaction, by.workspace, now, event)?;
        }
        SelfMailKind::Canary => {
            if proofs.canary.came(mail.sent_at, now) {
                let event = Event::CanaryRecovered { mailbox: by.key };
                feed::append(transaction, by.workspace, now, event)?;
            }
        }
    }
    put(transaction, by.key, &proofs)
}

/// Takes everything of a mailbox away; its tokens end with their time.
pub(super) fn remove_of(
    transaction: &Transaction<'_>,
    mailbox: MailboxKey,
) -> Result<(), StoreError> {
    let key = mailbox.0.to_be_bytes();
    transaction.remove(Table::MailboxProofs, &key)?;
    transaction.remove(Table::TestConversations, &key)?;
    Ok(())
}

fn prune(
    transaction: &Transaction<'_>,
    workspace: WorkspaceKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let prefix = workspace.0.to_be_bytes();
    let oldest = transaction.keys(Table::SelfMails, &prefix, None, Order::Up, PRUNED_AT_ONCE)?;
    for key in oldest {
        let token = std::str::from_utf8(&key[prefix.len()..]).ok();
        let token = token.and_then(Token::parse);
        if token.is_some_and(|token| now.duration_since(token.made_at()) <= TOKEN_KEPT_FOR) {
            break;
        }
        transaction.remove(Table::SelfMails, &key)?;
    }
    Ok(())
}

impl Store {
    /// What a mailbox has proven.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn proofs(&self, mailbox: MailboxKey) -> Result<MailboxProofs, StoreError> {
        self.read(|rows| proofs_of(rows, mailbox))
    }

    /// Tests that were under way when the gateway last stopped.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn unfinished_tests(&self) -> Result<Vec<(MailboxKey, TestRun)>, StoreError> {
        self.read(|rows| {
            let keys = rows.keys(Table::MailboxProofs, &[], None, Order::Up, LISTED_MAX)?;
            let mut found = Vec::new();
            for key in keys {
                let mailbox = MailboxKey(super::key::number_at(&key, 0));
                let test = proofs_of(rows, mailbox)?.test;
                found.extend(
                    test.filter(|test| !test.is_over())
                        .map(|test| (mailbox, test)),
                );
            }
            Ok(found)
        })
    }

    /// Waits for a mail that is about to be sent; durable before it leaves, since it may
    /// be back before the server has said yes.
    ///
    /// # Errors
    /// When it cannot be made durable; nothing must be sent then.
    pub async fn await_self_mail(
        &self,
        workspace: WorkspaceKey,
        token: Token,
        mail: SelfMail,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            prune(transaction, workspace, mail.sent_at)?;
            let key = token_key(workspace, &token);
            transaction.put_record(Table::SelfMails, key.as_ref(), &mail)?;
            let mut proofs = proofs_of(transaction, mail.mailbox)?;
            match mail.kind {
                SelfMailKind::Test => {
                    proofs.test = Some(TestRun::new(token.clone(), mail.sent_at));
                }
                SelfMailKind::Canary => {
                    proofs.canary.token = Some(token.clone());
                    proofs.canary.sent_at = Some(mail.sent_at);
                }
            }
            put(transaction, mail.mailbox, &proofs)
        })
        .await
    }

    /// Changes what a mailbox has proven. `change` names the event that tells of it, if
    /// anybody is to hear.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn change_proofs(
        &self,
        workspace: WorkspaceKey,
        mailbox: MailboxKey,
        now: Timestamp,
        change: impl Fn(&mut MailboxProofs) -> Option<Event> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let mut proofs = proofs_of(transaction, mailbox)?;
            let event = change(&mut proofs);
            put(transaction, mailbox, &proofs)?;
            match event {
                Some(event) => feed::append(transaction, workspace, now, event),
                None => Ok(()),
            }
        })
        .await
    }
}
