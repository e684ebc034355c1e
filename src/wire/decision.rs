//! What scripts decided, as JSON: the same for the API, the command line and rehearsals.

use serde::Serialize;

use crate::domain::answered::{assign_word, gate_parts, priority_word, status_word, wake_word};
use crate::domain::decision::{
    Asked, Gating, NotAsked, Outcome, Routing, ScriptVersion, TraceStep,
};
use crate::domain::reason::Reason;

/// A routing with how it came about.
#[derive(Clone, Debug, Serialize)]
pub struct RoutedBody {
    /// `decided`, `no_script` or `failed`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    team: Option<String>,
    assign: Option<String>,
    tags: Vec<String>,
    priority: Option<&'static str>,
    status: Option<&'static str>,
    note: Option<String>,
    spam: bool,
    ignore: Option<String>,
    acknowledge: Option<String>,
    wake_in: Option<String>,
    warnings: Vec<String>,
    trace: Vec<StepBody>,
}

/// Which line decided, and why.
#[derive(Clone, Debug, Serialize)]
pub struct DecidedByBody {
    file: String,
    line: u32,
    /// What held, or the condition as it stands in the script; `null` when there was none.
    because: Option<String>,
}

impl DecidedByBody {
    /// Of a reason.
    #[must_use]
    pub fn new(reason: &Reason) -> Self {
        Self {
            file: reason.file.clone(),
            line: reason.line,
            because: reason.because(),
        }
    }
}

/// How the gate of the assistant stands for a mail.
#[derive(Clone, Debug, Serialize)]
pub struct GatingBody {
    /// `off`, `draft` or `send`.
    gate: &'static str,
    /// Name of a variant of the guidance; the mailbox's own when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    /// `decided`, `no_script` or `failed`; `not_asked` where machines never answer.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    warnings: Vec<String>,
    trace: Vec<StepBody>,
}

/// What scripts say of a mail: where it goes, and what the assistant may do.
#[derive(Clone, Debug, Serialize)]
pub struct AnswersBody {
    #[serde(flatten)]
    routed: RoutedBody,
    /// Absent where no script says anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    assistant: Option<GatingBody>,
}

impl AnswersBody {
    /// Of both.
    #[must_use]
    pub fn new(routed: RoutedBody, gating: &Gating) -> Self {
        let silent = gating.asked == Asked::Yes(Outcome::NoScript);
        Self {
            routed,
            assistant: (!silent).then(|| GatingBody::new(gating)),
        }
    }
}

impl GatingBody {
    /// Of a gate.
    #[must_use]
    pub fn new(gating: &Gating) -> Self {
        let (gate, guidance, because) = gate_parts(&gating.gate);
        let (outcome, error, because) = match &gating.asked {
            Asked::Yes(outcome) => {
                let (outcome, error) = outcome_words(outcome);
                (outcome, error, because)
            }
            Asked::No(reason) => ("not_asked", None, not_asked_word(*reason)),
        };
        let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            gate,
            guidance: named(guidance),
            because: named(because),
            outcome,
            error,
            warnings: gating.warnings.clone(),
            trace: gating.trace.iter().map(StepBody::new).collect(),
        }
    }
}

/// Why no gate was asked, in a word.
#[must_use]
pub fn not_asked_word(reason: NotAsked) -> &'static str {
    match reason {
        NotAsked::Imported => "imported",
        NotAsked::Late => "late",
        NotAsked::Automatic => "automatic",
        NotAsked::PutAside => "put_aside",
        NotAsked::FellBack => "fell_back",
        NotAsked::NoRoute => "no_route",
    }
}

/// A step of a trace.
#[derive(Clone, Debug, Serialize)]
pub struct StepBody {
    file: String,
    line: u32,
    column: u32,
    what: String,
}

impl RoutedBody {
    /// Of the parts of a decision.
    #[must_use]
    pub fn new(
        outcome: &Outcome,
        routing: &Routing,
        warnings: &[String],
        trace: &[TraceStep],
    ) -> Self {
        let (outcome, error) = outcome_words(outcome);
        Self {
            outcome,
            error,
            team: routing.team.clone(),
            assign: assign_word(&routing.assign),
            tags: routing
                .tags
                .iter()
                .map(|tag| tag.as_str().to_owned())
                .collect(),
            priority: routing.priority.map(priority_word),
            status: routing.status.map(status_word),
            note: routing.note.clone(),
            spam: routing.spam,
            ignore: routing.ignore.clone(),
            acknowledge: routing.acknowledge.clone(),
            wake_in: routing.wake_in.map(wake_word),
            warnings: warnings.to_vec(),
            trace: trace.iter().map(StepBody::new).collect(),
        }
    }
}

impl StepBody {
    /// Of a step.
    #[must_use]
    pub fn new(step: &TraceStep) -> Self {
        Self {
            file: step.file.clone(),
            line: step.line,
            column: step.column,
            what: step.what.clone(),
        }
    }
}

/// `decided` and the like, and why it failed.
#[must_use]
pub fn outcome_words(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Decided => ("decided", None),
        Outcome::NoScript => ("no_script", None),
        Outcome::Failed(words) => ("failed", Some(words.clone())),
    }
}

/// Bytes of a version or hash, as text.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A version of scripts, from what [`hexadecimal`] made of it.
#[must_use]
pub fn version_of(text: &str) -> Option<ScriptVersion> {
    let mut bytes = [0; 16];
    if text.len() != 2 * bytes.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(ScriptVersion(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_it_is_written() {
        let version = ScriptVersion([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255]);
        assert_eq!(version_of(&hexadecimal(&version.0)), Some(version));
        for text in [
            "",
            "00",
            "zz0102030405060708090a0b0c0dfeff",
            "+10102030405060708090a0b0c0dfeff",
        ] {
            assert_eq!(version_of(text), None, "{text}");
        }
    }
}
