//! Replies, asked for and on their way.

use serde::Serialize;

use super::PersonBody;
use crate::domain::outbox::{
    Filing, Hold, OutgoingFile, OutgoingState, Purpose, RecipientResult, RecipientState,
};
use crate::service::outbox::Shown;
use crate::wire::decision::{StepBody, hexadecimal, outcome_words};

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
    /// Files that leave with it.
    attachments: Vec<SentFileBody>,
    /// `reply`, `opening` or `forward`.
    purpose: &'static str,
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

/// A file that leaves with a mail.
#[derive(Debug, Serialize)]
struct SentFileBody {
    name: String,
    content_type: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<String>,
}

impl SentFileBody {
    fn new(file: &OutgoingFile) -> Self {
        Self {
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            size: file.size,
            content_id: file.content_id.clone(),
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
            attachments: outgoing.files.iter().map(SentFileBody::new).collect(),
            purpose: match outgoing.purpose {
                Purpose::Reply => "reply",
                Purpose::Opening => "opening",
                Purpose::Forward(_) => "forward",
            },
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
