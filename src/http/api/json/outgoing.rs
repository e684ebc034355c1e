//! Replies, asked for and on their way.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::super::body::shortened;
use super::super::super::error::{Kind, Problem};
use super::PersonBody;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::outbox::{Filing, Hold, OutgoingState, RecipientResult, RecipientState};
use crate::service::outbox::Shown;
use crate::service::replies::ReplyRequest;
use crate::wire::decision::{StepBody, hexadecimal, outcome_words};

/// What a reply may say. Left out, recipients and subject follow from the mail answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct ReplyBody {
    text: String,
    to: Option<Vec<RecipientBody>>,
    cc: Option<Vec<RecipientBody>>,
    #[serde(default)]
    bcc: Vec<RecipientBody>,
    subject: Option<String>,
    #[serde(default = "yes")]
    quote_history: bool,
    /// RFC 3339.
    send_at: Option<String>,
}

fn yes() -> bool {
    true
}

/// A recipient.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::api) struct RecipientBody {
    name: Option<String>,
    address: String,
}

impl ReplyBody {
    pub(in crate::http::api) fn into_request(self) -> Result<ReplyRequest, Problem> {
        Ok(ReplyRequest {
            to: self.to.map(|list| recipients("to", &list)).transpose()?,
            cc: self.cc.map(|list| recipients("cc", &list)).transpose()?,
            bcc: recipients("bcc", &self.bcc)?,
            send_at: self.send_at.as_deref().map(time).transpose()?,
            text: self.text,
            subject: self.subject,
            quote_history: self.quote_history,
        })
    }
}

fn recipients(field: &str, list: &[RecipientBody]) -> Result<Vec<NamedAddress>, Problem> {
    let read = |(place, one): (usize, &RecipientBody)| {
        let address = Address::parse(&one.address).map_err(|error| {
            Problem::new(
                Kind::Unprocessable,
                format!(
                    "`{field}[{place}].address`: {error}, not `{}`.",
                    shortened(&one.address)
                ),
            )
        })?;
        Ok(NamedAddress::new(one.name.as_deref(), address))
    };
    list.iter().enumerate().map(read).collect()
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_| {
        Problem::new(
            Kind::Unprocessable,
            format!(
                "`send_at` must be a time like 2026-11-21T09:00:00Z, not `{}`.",
                shortened(text)
            ),
        )
    })
}

/// A reply on its way.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct OutgoingBody {
    id: String,
    conversation_id: Option<String>,
    message_id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    attempts: u32,
    subject: String,
    text: String,
    to: Vec<PersonBody>,
    cc: Vec<PersonBody>,
    bcc: Vec<PersonBody>,
    accepted_at: String,
    send_at: String,
    recipients: Vec<ResultBody>,
    filing: &'static str,
    /// Why there is no copy in Sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    filing_reason: Option<String>,
    /// Message-IDs that it bears elsewhere.
    aliases: Vec<String>,
    /// How a script came to hold it back, once one has.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldBody>,
    /// What became known of its fate, oldest first.
    history: Vec<KnownBody>,
}

/// A step in the fate of a reply.
#[derive(Debug, Serialize)]
struct KnownBody {
    at: String,
    /// The person who said so; absent for what the gateway found.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    what: String,
}

/// A row of the outbox.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct OutgoingRow {
    id: String,
    conversation_id: Option<String>,
    conversation: Option<u64>,
    mailbox: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    send_at: String,
    accepted_at: String,
    attempts: u32,
    subject: String,
    to: Vec<PersonBody>,
    automatic: bool,
}

impl OutgoingRow {
    pub(in crate::http::api) fn new(shown: &Shown) -> Self {
        let outgoing = &shown.outgoing;
        Self {
            id: outgoing.id.to_string(),
            conversation_id: shown.conversation.map(|(id, _)| id.to_string()),
            conversation: shown.conversation.map(|(_, number)| number),
            mailbox: shown
                .mailbox
                .as_ref()
                .map(|mailbox| mailbox.settings.address.to_string()),
            state: outgoing.state_name(shown.now),
            reason: outgoing.state.reason().map(ToString::to_string),
            until: until(&outgoing.state),
            send_at: outgoing.send_at.to_string(),
            accepted_at: outgoing.accepted_at.to_string(),
            attempts: outgoing.attempts,
            subject: outgoing.subject.clone(),
            to: PersonBody::list(&outgoing.to),
            automatic: outgoing.automatic,
        }
    }
}

fn until(state: &OutgoingState) -> Option<String> {
    match state {
        OutgoingState::Deferred { until, .. } => Some(until.to_string()),
        _ => None,
    }
}

/// Why a script held a reply back, and whether a person let it go.
#[derive(Debug, Serialize)]
struct HoldBody {
    at: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    script_version: Option<String>,
    released_at: Option<String>,
    trace: Vec<StepBody>,
}

impl HoldBody {
    fn new(hold: &Hold) -> Self {
        let (outcome, error) = outcome_words(&hold.outcome);
        Self {
            at: hold.at.to_string(),
            outcome,
            error,
            script_version: hold.version.map(|version| hexadecimal(&version.0)),
            released_at: hold.released.map(|release| release.at.to_string()),
            trace: hold.trace.iter().map(StepBody::new).collect(),
        }
    }
}

/// What one recipient's server said.
#[derive(Debug, Serialize)]
struct ResultBody {
    address: String,
    state: &'static str,
    text: String,
}

impl OutgoingBody {
    pub(in crate::http::api) fn new(shown: &Shown) -> Self {
        let outgoing = &shown.outgoing;
        Self {
            id: outgoing.id.to_string(),
            conversation_id: shown.conversation.map(|(id, _)| id.to_string()),
            message_id: outgoing.message_id.to_string(),
            state: outgoing.state_name(shown.now),
            reason: outgoing.state.reason().map(ToString::to_string),
            until: until(&outgoing.state),
            attempts: outgoing.attempts,
            subject: outgoing.subject.clone(),
            text: outgoing.text.clone(),
            to: PersonBody::list(&outgoing.to),
            cc: PersonBody::list(&outgoing.cc),
            bcc: PersonBody::list(&outgoing.bcc),
            accepted_at: outgoing.accepted_at.to_string(),
            send_at: outgoing.send_at.to_string(),
            recipients: outgoing.recipients.iter().map(ResultBody::new).collect(),
            filing: filing_name(&outgoing.filing),
            filing_reason: match &outgoing.filing {
                Filing::Failed { reason } => Some(reason.to_string()),
                Filing::Waiting | Filing::Filed | Filing::NotNeeded => None,
            },
            aliases: outgoing.aliases.iter().map(ToString::to_string).collect(),
            hold: outgoing.hold.as_ref().map(HoldBody::new),
            history: outgoing
                .history
                .iter()
                .map(|known| KnownBody {
                    at: known.at.to_string(),
                    by: shown.person(known.by).map(|user| user.id.to_string()),
                    what: known.what.to_string(),
                })
                .collect(),
        }
    }
}

impl ResultBody {
    fn new(result: &RecipientResult) -> Self {
        let state = match result.state {
            RecipientState::Waiting => "waiting",
            RecipientState::Accepted => "accepted",
            RecipientState::Refused => "refused",
            RecipientState::Uncertain => "uncertain",
            RecipientState::Bounced => "bounced",
        };
        Self {
            address: result.address.to_string(),
            state,
            text: result.text.clone(),
        }
    }
}

fn filing_name(filing: &Filing) -> &'static str {
    match filing {
        Filing::Waiting => "waiting",
        Filing::Filed => "filed",
        Filing::NotNeeded => "not_needed",
        Filing::Failed { .. } => "failed",
    }
}
