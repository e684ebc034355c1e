//! The triage transaction: what the scripts decided becomes durable, together with
//! the trace, and the conversation appears in the lists.
//!
//! Names become keys here, least-busy and round-robin are resolved against the
//! counts of this very transaction; what cannot be done is a warning, never an error.

use jiff::Timestamp;

use super::conversations::{add_tags, put_note};
use super::error::StoreError;
use super::key::Key;
use super::listing::{self, Facet, Shelf, count_on};
use super::record::ScriptFiles;
use super::table::{Counter, Order, Rows, Table, Transaction};
use super::{Store, decision_lines, extractions, feed, jobs, ledger, people};
use crate::domain::address::Address;
use crate::domain::change::Event;
use crate::domain::conversation::{Conversation, Status, Tag};
use crate::domain::decision::{Assign, Decision, Outcome, Routing, ScriptVersion, TraceStep};
use crate::domain::extraction::Extraction;
use crate::domain::key::{DecisionKey, JobKey, MessageKey, PublicId, TeamKey, UserKey};
use crate::domain::message::Message;
use crate::domain::user::{Team, User};

/// Decisions on one message that are read.
const DECISIONS_MAX: usize = 100;

/// A decision that is not stored yet.
#[derive(Clone, Debug)]
pub struct NewDecision {
    /// When it was made.
    pub at: Timestamp,
    /// By which scripts.
    pub version: Option<ScriptVersion>,
    /// How it came about.
    pub outcome: Outcome,
    /// What it asks for.
    pub routing: Routing,
    /// How it came to that.
    pub trace: Vec<TraceStep>,
    /// What was odd about it so far.
    pub warnings: Vec<String>,
}

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
}

impl Store {
    /// Carries decisions out. One whose job has ended before does nothing.
    ///
    /// # Errors
    /// When nothing of it was kept; the jobs are still there then.
    pub async fn triage(&self, batch: Vec<Triaged>) -> Result<(), StoreError> {
        self.write(move |transaction| {
            batch
                .iter()
                .try_for_each(|triaged| triage(transaction, triaged))
        })
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
    let mut warnings = decision.warnings.clone();
    let mut after = before.clone();
    extractions::settle(&mut after, &message, extraction);
    route(transaction, decision, &message, &mut after, &mut warnings)?;
    listing::save(transaction, Some(&before), &after)?;
    let stored = Decision {
        key: DecisionKey(transaction.next(Counter::Decision)?),
        workspace: message.workspace,
        message: message.key,
        at: decision.at,
        version: decision.version,
        outcome: decision.outcome.clone(),
        routing: decision.routing.clone(),
        warnings,
        trace: decision.trace.clone(),
    };
    let key = Key::new(message.key.0).number(stored.key.0);
    transaction.put_record(Table::Decisions, key.as_ref(), &stored)?;
    decision_lines::index(transaction, &stored)?;
    let event = Event::ConversationRouted {
        conversation: after.key,
        message: message.key,
    };
    feed::append(transaction, message.workspace, decision.at, event)
}

/// Applies a routing to the conversation; what cannot be applied becomes a warning.
fn route(
    transaction: &Transaction<'_>,
    decision: &NewDecision,
    message: &Message,
    conversation: &mut Conversation,
    warnings: &mut Vec<String>,
) -> Result<(), StoreError> {
    let routing = &decision.routing;
    if let Some(reason) = &routing.ignore {
        ledger::ignore(transaction, message.key, &ignored_by(decision, reason))?;
        if !conversation.triaged {
            // Never seen by anybody: closed, and it stays out of the lists.
            conversation.status = Status::Closed;
            return Ok(());
        }
    }
    conversation.triaged = true;
    if let Some(name) = &routing.team {
        match people::team_by_name(transaction, message.workspace, name)? {
            Some(team) => conversation.team = Some(team.key),
            None => warnings.push(format!("unknown team `{name}`")),
        }
    }
    assign(transaction, &routing.assign, conversation, warnings)?;
    for tag in add_tags(conversation, &routing.tags) {
        warnings.push(format!(
            "tag `{}` left out: a conversation has at most {} tags",
            tag.as_str(),
            Tag::COUNT_MAX
        ));
    }
    conversation.priority = routing.priority.unwrap_or(conversation.priority);
    if !message.imported {
        // Imported mail was dealt with long ago: it stays closed.
        conversation.status = routing.status.unwrap_or(conversation.status);
    }
    conversation.spam |= routing.spam;
    if let Some(note) = &routing.note {
        let id = PublicId::new(decision.at, note_id(message));
        put_note(transaction, conversation, note, id, decision.at)?;
    }
    Ok(())
}

/// Where the script said so, and why.
fn ignored_by(decision: &NewDecision, reason: &str) -> String {
    decision.trace.last().map_or_else(
        || reason.to_owned(),
        |step| format!("{}:{} {reason}", step.file, step.line),
    )
}

/// Ten bytes for the id of a note, from the random part of its message's own id.
fn note_id(message: &Message) -> [u8; 10] {
    let mut seed = [0; 10];
    let hash = blake3::keyed_hash(
        blake3::hash(&message.id.as_bytes()).as_bytes(),
        b"note of a script",
    );
    seed.copy_from_slice(&hash.as_bytes()[..10]);
    seed
}

fn assign(
    transaction: &Transaction<'_>,
    wanted: &Assign,
    conversation: &mut Conversation,
    warnings: &mut Vec<String>,
) -> Result<(), StoreError> {
    let chosen = match wanted {
        Assign::Unchanged => return Ok(()),
        Assign::To(address) => {
            let found = colleague(transaction, conversation, address)?;
            if found.is_none() {
                warnings.push(format!("unknown operator `{address}`"));
            }
            found
        }
        Assign::LeastBusy | Assign::RoundRobin => {
            let Some(team) = members(transaction, conversation, warnings)? else {
                return Ok(());
            };
            let there = those_available(transaction, &team)?;
            if there.is_empty() {
                let name = &team.name;
                warnings.push(format!(
                    "nobody assigned: nobody of team `{name}` is available"
                ));
            }
            if *wanted == Assign::LeastBusy {
                least_busy(transaction, conversation, &there)?
            } else {
                next_in_turn(transaction, &team, &there)?
            }
        }
    };
    conversation.assignee = chosen.or(conversation.assignee);
    Ok(())
}

/// A person with that address who has a part in the workspace.
fn colleague(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
    address: &str,
) -> Result<Option<UserKey>, StoreError> {
    let Ok(address) = Address::parse(address) else {
        return Ok(None);
    };
    let Some(user): Option<User> = people::user_with_address(transaction, &address)? else {
        return Ok(None);
    };
    let role = people::role_of(transaction, &user, conversation.workspace)?;
    Ok(role.map(|_| user.key))
}

/// The team of the conversation, when it has somebody in it.
fn members(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
    warnings: &mut Vec<String>,
) -> Result<Option<Team>, StoreError> {
    let Some(TeamKey(team)) = conversation.team else {
        warnings.push("nobody assigned: the conversation has no team".to_owned());
        return Ok(None);
    };
    let team: Team = transaction.named(Table::Teams, team, "team")?;
    if team.members.is_empty() {
        warnings.push(format!("nobody assigned: team `{}` is empty", team.name));
        return Ok(None);
    }
    Ok(Some(team))
}

/// Members who take conversations now, in the order of the team.
fn those_available(transaction: &Transaction<'_>, team: &Team) -> Result<Vec<UserKey>, StoreError> {
    let mut there = Vec::with_capacity(team.members.len());
    for member in &team.members {
        let user: Option<User> = transaction.record(Table::Users, &member.0.to_be_bytes())?;
        there.extend(user.filter(|user| user.available).map(|user| user.key));
    }
    Ok(there)
}

/// The one with the fewest open conversations; among equals the first.
fn least_busy(
    transaction: &Transaction<'_>,
    conversation: &Conversation,
    there: &[UserKey],
) -> Result<Option<UserKey>, StoreError> {
    let mut best = None;
    for member in there {
        let facet = Facet::Assignee(member.0);
        let open = count_on(transaction, conversation.workspace, facet, Shelf::Open)?;
        if best.is_none_or(|(fewest, _)| open < fewest) {
            best = Some((open, *member));
        }
    }
    Ok(best.map(|(_, member)| member))
}

/// The one after whose turn it was last.
fn next_in_turn(
    transaction: &Transaction<'_>,
    team: &Team,
    there: &[UserKey],
) -> Result<Option<UserKey>, StoreError> {
    let row = format!("last turn in team {}", team.key.0);
    let last = transaction.pointer(Table::Meta, row.as_bytes())?;
    let chosen = team.next_in_turn(last.map(UserKey), |member| there.contains(&member));
    if let Some(chosen) = chosen {
        transaction.point(Table::Meta, row.as_bytes(), chosen.0)?;
    }
    Ok(chosen)
}
