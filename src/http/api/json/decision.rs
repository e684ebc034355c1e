//! Decisions with their traces.

use serde::Serialize;

use crate::domain::decision::Decision;
use crate::wire::decision::{RoutedBody, hexadecimal};

/// A decision.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct DecisionBody {
    at: String,
    script_version: Option<String>,
    #[serde(flatten)]
    routed: RoutedBody,
}

impl DecisionBody {
    pub(in crate::http::api) fn new(decision: &Decision) -> Self {
        Self {
            at: decision.at.to_string(),
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
