//! The triage transaction: what the scripts decided becomes durable, together with
//! the trace, and the conversation appears in the lists; the same at the end of a timer.

use super::counter::Counter;
use super::error::StoreError;
use super::key::Key;
use super::outbox::{AcceptError, NewReply};
use super::record::ScriptFiles;
use super::routing::NewDecision;
use super::table::{Order, Rows, Table, Transaction};
use super::{
    Store, automatic, decision_lines, extractions, feed, jobs, listing, outbox, routing, waking,
};
use crate::domain::address::Address;
use crate::domain::change::Event;
use crate::domain::conversation::Conversation;
use crate::domain::decision::{Decision, ScriptVersion};
use crate::domain::extraction::Extraction;
use crate::domain::key::{DecisionKey, JobKey, MessageKey};
use crate::domain::message::Message;
use crate::fault::{Point, reach};

/// Decisions on one message that are read.
const DECISIONS_MAX: usize = 100;

/// A mail that was shown to the scripts.
#[derive(Clone, Debug)]
pub struct Triaged {
    /// The job that demanded it.
    pub job: JobKey,
    /// The mail.
    pub message: MessageKey,
    /// What the hooks of its mailbox's plugin read in it, when there are some.
    pub extraction: Option<Extraction>,
    /// What they decided.
    pub decision: NewDecision,
    /// The automatic mail they ask for, when nothing but the caps stands against it.
    pub acknowledgement: Option<Acknowledgement>,
}

/// An automatic answer to a mail.
#[derive(Clone, Debug)]
pub struct Acknowledgement {
    /// It.
    pub reply: NewReply,
    /// Whom the caps count it for.
    pub sender: Address,
}

/// A timer whose time has come, with what the scripts decided.
#[derive(Clone, Debug)]
pub struct Woken {
    /// The job that waited.
    pub job: JobKey,
    /// The mail whose decision asked for it.
    pub message: MessageKey,
    /// What was decided now.
    pub decision: NewDecision,
}

impl Store {
    /// Carries decisions out. One whose job has ended before does nothing.
    ///
    /// # Errors
    /// When nothing of it was kept; the jobs are still there then.
    pub async fn triage(&self, batch: Vec<Triaged>) -> Result<(), StoreError> {
        reach(Point::Decided);
        self.write(move |transaction| {
            batch
                .iter()
                .try_for_each(|triaged| triage(transaction, triaged))
        })
        .await?;
        reach(Point::DecisionKept);
        Ok(())
    }

    /// Carries out what scripts decided at the end of a timer. One that was ended before
    /// (somebody closed the conversation) does nothing.
    ///
    /// # Errors
    /// When nothing of it was kept; the timer is still due then.
    pub async fn woken(&self, woken: Woken) -> Result<(), StoreError> {
        self.write(move |transaction| wake(transaction, &woken))
            .await
    }

    /// The decisions on a mail, the latest last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn decisions_of(&self, message: MessageKey) -> Result<Vec<Decision>, StoreError> {
        let prefix = message.0.to_be_bytes();
        self.read(|rows| rows.records(Table::Decisions, &prefix, None, Order::Up, DECISIONS_MAX))
    }

    /// Keeps the files of a script version, so that a decision can be understood later.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn keep_script(
        &self,
        version: ScriptVersion,
        files: Vec<(String, String)>,
    ) -> Result<(), StoreError> {
        let files = ScriptFiles { files };
        self.write(move |transaction| {
            if transaction.get(Table::Scripts, &version.0)?.is_none() {
                transaction.put_record(Table::Scripts, &version.0, &files)?;
            }
            Ok(())
        })
        .await
    }

    /// The files of a script version.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn script(
        &self,
        version: ScriptVersion,
    ) -> Result<Option<Vec<(String, String)>>, StoreError> {
        self.read(|rows| {
            let found: Option<ScriptFiles> = rows.record(Table::Scripts, &version.0)?;
            Ok(found.map(|found| found.files))
        })
    }
}

fn triage(transaction: &Transaction<'_>, triaged: &Triaged) -> Result<(), StoreError> {
    if !jobs::finish(transaction, triaged.job)? {
        return Ok(());
    }
    let mut message: Message = transaction.named(Table::Messages, triaged.message.0, "message")?;
    let extraction = triaged.extraction.as_ref();
    extractions::keep(transaction, &mut message, extraction)?;
    let before: Conversation =
        transaction.named(Table::Conversations, message.conversation.0, "conversation")?;
    let decision = &triaged.decision;
    let key = DecisionKey(transaction.next(Counter::Decision)?);
    let mut warnings = decision.warnings.clone();
    let mut after = before.clone();
    extractions::settle(&mut after, &message, extraction);
    routing::carry_out(
        transaction,
        key,
        decision,
        &message,
        &mut after,
        &mut warnings,
    )?;
    listing::save(transaction, Some(&before), &after)?;
    if let Some(acknowledgement) = &triaged.acknowledgement {
        let refused = acknowledge(transaction, acknowledgement, &message, &after, decision)?;
        warnings.extend(refused.map(|why| format!("no automatic mail left: {why}")));
    }
    keep(transaction, key, decision, &message, warnings)
}

fn wake(transaction: &Transaction<'_>, woken: &Woken) -> Result<(), StoreError> {
    if !jobs::finish(transaction, woken.job)? {
        return Ok(());
    }
    let message: Message = transaction.named(Table::Messages, woken.message.0, "message")?;
    waking::cancel(transaction, message.conversation)?;
    let before: Conversation =
        transaction.named(Table::Conversations, message.conversation.0, "conversation")?;
    let decision = &woken.decision;
    let key = DecisionKey(transaction.next(Counter::Decision)?);
    let mut warnings = decision.warnings.clone();
    let mut after = before.clone();
    routing::carry_out(
        transaction,
        key,
        decision,
        &message,
        &mut after,
        &mut warnings,
    )?;
    listing::save(transaction, Some(&before), &after)?;
    keep(transaction, key, decision, &message, warnings)
}

/// Puts an automatic mail into the outbox; why not, when something stands against it.
fn acknowledge(
    transaction: &Transaction<'_>,
    acknowledgement: &Acknowledgement,
    message: &Message,
    conversation: &Conversation,
    decision: &NewDecision,
) -> Result<Option<String>, StoreError> {
    if conversation.spam || !conversation.triaged {
        return Ok(Some("the conversation is spam or ignored".to_owned()));
    }
    let Acknowledgement { reply, sender } = acknowledgement;
    let capped = automatic::admit(transaction, conversation, sender, message.key, decision.at)?;
    if let Some(cap) = capped {
        return Ok(Some(cap.to_string()));
    }
    match outbox::accept(transaction, reply) {
        Ok(_) => Ok(None),
        Err(AcceptError::Store(error)) => Err(error),
        Err(other) => Ok(Some(other.to_string())),
    }
}

/// Writes a decision that was carried out, and tells of it.
fn keep(
    transaction: &Transaction<'_>,
    key: DecisionKey,
    decision: &NewDecision,
    message: &Message,
    warnings: Vec<String>,
) -> Result<(), StoreError> {
    let stored = Decision {
        key,
        workspace: message.workspace,
        message: message.key,
        at: decision.at,
        version: decision.version,
        outcome: decision.outcome.clone(),
        routing: decision.routing.clone(),
        warnings,
        trace: decision.trace.clone(),
        occasion: decision.occasion,
        gating: decision.gating.clone(),
    };
    let row = Key::new(message.key.0).number(key.0);
    transaction.put_record(Table::Decisions, row.as_ref(), &stored)?;
    decision_lines::index(transaction, &stored)?;
    let event = Event::ConversationRouted {
        conversation: message.conversation,
        message: message.key,
    };
    feed::append(transaction, message.workspace, decision.at, event)
}
