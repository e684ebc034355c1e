//! Carries a routing out within a transaction: names become keys, least-busy and
//! round-robin are resolved against the counts of this very moment. What cannot be done
//! is a warning, never an error.

use jiff::Timestamp;

use super::conversations::{add_tags, put_note};
use super::error::StoreError;
use super::listing::{Facet, Shelf, count_on};
use super::table::{Rows, Table, Transaction};
use super::{ledger, people, waking};
use crate::domain::address::Address;
use crate::domain::conversation::{Conversation, Status, Tag};
use crate::domain::decision::{
    Assign, Gating, Occasion, Outcome, Routing, ScriptVersion, TraceStep,
};
use crate::domain::key::{DecisionKey, PublicId, TeamKey, UserKey};
use crate::domain::message::Message;
use crate::domain::user::{Team, User};

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
    /// What it was asked for.
    pub occasion: Occasion,
    /// How the gate of the assistant stands, for a mail.
    pub gating: Option<Gating>,
}

/// Carries out what was decided on a mail or at the end of a timer, by the decision with
/// that key.
pub(super) fn carry_out(
    transaction: &Transaction<'_>,
    key: DecisionKey,
    decision: &NewDecision,
    message: &Message,
    conversation: &mut Conversation,
    warnings: &mut Vec<String>,
) -> Result<(), StoreError> {
    let routing = &decision.routing;
    if let Some(reason) = &routing.ignore {
        if decision.occasion == Occasion::Timer {
            warnings.push("`ignore` left out: it is for mail that comes in".to_owned());
        } else {
            ledger::ignore(transaction, message.key, &ignored_by(decision, reason))?;
            if !conversation.triaged {
                // Never seen by anybody: closed, and it stays out of the lists.
                conversation.status = Status::Closed;
                return Ok(());
            }
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
    // Imported mail was dealt with long ago: it stays closed, and nobody is woken by it.
    let is_old = message.imported && decision.occasion == Occasion::Mail;
    if !is_old {
        conversation.status = routing.status.unwrap_or(conversation.status);
    }
    conversation.spam |= routing.spam;
    if let Some(note) = &routing.note {
        let id = PublicId::new(decision.at, note_id(message, key));
        put_note(transaction, conversation, note, id, decision.at)?;
    }
    match routing.wake_in {
        Some(_) if is_old => {
            warnings.push("`wake_in` left out: the mail is imported".to_owned());
        }
        Some(after) => waking::set(transaction, conversation, message.key, decision.at, after)?,
        None => {}
    }
    Ok(())
}

/// Ten bytes for the id of a note, from the random part of its message's own id.
fn note_id(message: &Message, decision: DecisionKey) -> [u8; 10] {
    let mut hasher = blake3::Hasher::new_keyed(blake3::hash(&message.id.as_bytes()).as_bytes());
    hasher.update(b"note of a script");
    hasher.update(&decision.0.to_be_bytes());
    let mut seed = [0; 10];
    seed.copy_from_slice(&hasher.finalize().as_bytes()[..10]);
    seed
}

/// Where the script said so, and why.
fn ignored_by(decision: &NewDecision, reason: &str) -> String {
    decision.trace.last().map_or_else(
        || reason.to_owned(),
        |step| format!("{}:{} {reason}", step.file, step.line),
    )
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
