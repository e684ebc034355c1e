//! Decisions with their traces.

use serde::Serialize;

use super::PersonBody;
use crate::domain::decision::{Decision, Occasion};
use crate::domain::reason::Reason;
use crate::service::conversations::decided::Decided;
use crate::wire::decision::{DecidedByBody, GatingBody, RoutedBody, hexadecimal};

/// A decision.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct DecisionBody {
    at: String,
    /// What it was asked for: `mail` or `timer`.
    kind: &'static str,
    script_version: Option<String>,
    #[serde(flatten)]
    routed: RoutedBody,
    /// Absent where no line did.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<DecidedByBody>,
    /// How the gate of the assistant stands for the mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    assistant: Option<GatingBody>,
}

impl DecisionBody {
    pub(in crate::http::api) fn new(decision: &Decision, reason: Option<&Reason>) -> Self {
        Self {
            at: decision.at.to_string(),
            kind: match decision.occasion {
                Occasion::Mail => "mail",
                Occasion::Timer => "timer",
            },
            decided_by: reason.map(DecidedByBody::new),
            assistant: decision.gating.as_ref().map(GatingBody::new),
            script_version: decision.version.map(|version| hexadecimal(&version.0)),
            routed: RoutedBody::new(
                &decision.outcome,
                &decision.routing,
                &decision.warnings,
                &decision.trace,
            ),
        }
    }
}

/// A decision with the mail it is about.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct DecidedBody {
    message_id: String,
    conversation_id: String,
    conversation_number: u64,
    from: Option<PersonBody>,
    subject: String,
    decision: DecisionBody,
}

impl DecidedBody {
    pub(in crate::http::api) fn new(decided: &Decided, reason: Option<&Reason>) -> Self {
        let head = &decided.message.head;
        Self {
            message_id: decided.message.id.to_string(),
            conversation_id: decided.conversation.id.to_string(),
            conversation_number: decided.conversation.number,
            from: head.from.as_ref().map(PersonBody::new),
            subject: head.subject.clone(),
            decision: DecisionBody::new(&decided.decision, reason),
        }
    }
}
