//! What was said and tried at servers. Their texts are strangers' words: data.

use serde::Serialize;

use crate::domain::attempt::Attempt;
use crate::service::diary_reading::{Dialogues, way_name};

/// A mailbox's dialogues.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct LogBody {
    /// Whether they are being kept.
    on: bool,
    lines: Vec<LineBody>,
}

/// A line of one.
#[derive(Debug, Serialize)]
struct LineBody {
    at: String,
    connection: u32,
    protocol: &'static str,
    text: String,
}

impl LogBody {
    pub(in crate::http::api) fn new(dialogues: &Dialogues) -> Self {
        let lines = dialogues.lines.iter().map(|line| LineBody {
            at: line.at.to_string(),
            connection: line.connection,
            protocol: line.protocol,
            text: line.text.clone(),
        });
        Self {
            on: dialogues.on,
            lines: lines.collect(),
        }
    }
}

/// A page of attempts, the latest first.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct AttemptsBody {
    pub(in crate::http::api) items: Vec<AttemptBody>,
    /// Ask again with `before` set to this.
    pub(in crate::http::api) next: Option<u64>,
}

/// An attempt, or a row of successful ones.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct AttemptBody {
    at: String,
    last_at: String,
    times: u32,
    direction: &'static str,
    failure: Option<String>,
    next_at: Option<String>,
}

impl AttemptBody {
    pub(in crate::http::api) fn new(attempt: &Attempt) -> Self {
        Self {
            at: attempt.at.to_string(),
            last_at: attempt.last_at.to_string(),
            times: attempt.times,
            direction: way_name(attempt.way),
            failure: attempt.failure.clone(),
            next_at: attempt.next_at.map(|at| at.to_string()),
        }
    }
}
