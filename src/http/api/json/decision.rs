//! Decisions with their traces.

use serde::Serialize;

use super::conversation::{priority_name, status_name};
use crate::domain::decision::{Assign, Decision, Outcome, TraceStep};

/// A decision.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct DecisionBody {
    at: String,
    /// `decided`, `no_script` or `failed`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    script_version: Option<String>,
    team: Option<String>,
    assign: Option<String>,
    tags: Vec<String>,
    priority: Option<&'static str>,
    status: Option<&'static str>,
    note: Option<String>,
    spam: bool,
    ignore: Option<String>,
    warnings: Vec<String>,
    trace: Vec<StepBody>,
}

/// A step.
#[derive(Debug, Serialize)]
struct StepBody {
    file: String,
    line: u32,
    column: u32,
    what: String,
}

impl DecisionBody {
    pub(in crate::http::api) fn new(decision: &Decision) -> Self {
        let routing = &decision.routing;
        let (outcome, error) = match &decision.outcome {
            Outcome::Decided => ("decided", None),
            Outcome::NoScript => ("no_script", None),
            Outcome::Failed(words) => ("failed", Some(words.clone())),
        };
        Self {
            at: decision.at.to_string(),
            outcome,
            error,
            script_version: decision.version.map(|version| hexadecimal(&version.0)),
            team: routing.team.clone(),
            assign: assign_name(&routing.assign),
            tags: routing
                .tags
                .iter()
                .map(|tag| tag.as_str().to_owned())
                .collect(),
            priority: routing.priority.map(priority_name),
            status: routing.status.map(status_name),
            note: routing.note.clone(),
            spam: routing.spam,
            ignore: routing.ignore.clone(),
            warnings: decision.warnings.clone(),
            trace: decision.trace.iter().map(StepBody::new).collect(),
        }
    }
}

impl StepBody {
    fn new(step: &TraceStep) -> Self {
        Self {
            file: step.file.clone(),
            line: step.line,
            column: step.column,
            what: step.what.clone(),
        }
    }
}

pub(in crate::http) fn assign_name(assign: &Assign) -> Option<String> {
    match assign {
        Assign::Unchanged => None,
        Assign::To(address) => Some(address.clone()),
        Assign::LeastBusy => Some("least_busy".to_owned()),
        Assign::RoundRobin => Some("round_robin".to_owned()),
    }
}

pub(in crate::http) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
