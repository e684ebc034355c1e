//! Why a line of a script decided, as far as its trace and its text tell it.
//!
//! Invariant: nothing is given as a reason that did not hold. Where it is not certain what
//! held, there is only the condition as it stands in the script.

use std::collections::HashSet;

mod condition;
mod source;
pub mod step;

pub use condition::Part;

use self::source::{Condition, Source};
use super::decision::{Outcome, Routing, TRACE_STEPS_MAX, TraceStep};

/// Longest condition that is shown, in characters.
const CONDITION_LENGTH_MAX: usize = 200;

/// Which line decided, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Its file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// What held, all of it; empty where that is not certain.
    pub parts: Vec<Part>,
    /// The condition around it, which held.
    pub condition: Option<String>,
    /// What was read on the last line before it that read something, each once.
    pub reads: Vec<TraceStep>,
}

impl Reason {
    /// Of what was decided; `files` are those of the scripts that decided. Answers may be
    /// begun long before one of them is given, so a line is named only where no other has
    /// begun one like it.
    #[must_use]
    pub fn of(
        (outcome, routing, warnings): (&Outcome, &Routing, &[String]),
        trace: &[TraceStep],
        files: &[(String, String)],
    ) -> Option<Self> {
        // A script that ends without an answer is warned of.
        let unanswered = *routing == Routing::default() && !warnings.is_empty();
        if *outcome != Outcome::Decided || unanswered {
            return None;
        }
        let is_begun =
            |one: &TraceStep| step::begins_answer(&one.what) || step::is_print(&one.what);
        if trace.len() >= TRACE_STEPS_MAX && trace.iter().all(is_begun) {
            // Others were begun that are not in the trace.
            return None;
        }
        let begins = |one: &TraceStep| step::begins(&one.what, routing);
        let place = trace.iter().rposition(begins)?;
        let (before, decided) = (&trace[..place], &trace[place]);
        let mut earlier = before.iter().filter(|one| begins(one)).peekable();
        let again = earlier.peek().is_some();
        if decided.line == 0 || !earlier.all(|one| is_at(one, decided)) {
            return None;
        }
        let (parts, condition) = why(before, decided, again, files).unwrap_or_default();
        Some(Self {
            file: decided.file.clone(),
            line: decided.line,
            parts,
            condition,
            reads: if again { Vec::new() } else { reads(before) },
        })
    }

    /// In one line of English: `mail.subject contains "invoice"`.
    #[must_use]
    pub fn because(&self) -> Option<String> {
        let parts: Vec<String> = self.parts.iter().map(Part::in_words).collect();
        if parts.is_empty() {
            self.condition.clone()
        } else {
            Some(parts.join(" and "))
        }
    }
}

impl Part {
    fn in_words(&self) -> String {
        let (of, operation, word, negated) = match self {
            Self::Source(text) => return text.clone(),
            Self::Asked {
                of,
                operation,
                word,
                negated,
            } => (of, *operation, word, *negated),
        };
        let verb = match (operation, negated) {
            (step::STARTS_WITH, false) => "begins with",
            (step::STARTS_WITH, true) => "does not begin with",
            (step::ENDS_WITH, false) => "ends with",
            (step::ENDS_WITH, true) => "does not end with",
            (_, false) => "contains",
            (_, true) => "does not contain",
        };
        format!("{of} {verb} \"{word}\"")
    }
}

fn is_at(one: &TraceStep, other: &TraceStep) -> bool {
    (&one.file, one.line, one.column) == (&other.file, other.line, other.column)
}

/// What held, and the condition that it is of; `begun_again`: an answer like it was begun
/// there before.
fn why(
    before: &[TraceStep],
    decided: &TraceStep,
    begun_again: bool,
    files: &[(String, String)],
) -> Option<(Vec<Part>, Option<String>)> {
    let (_, text) = files.iter().find(|(name, _)| *name == decided.file)?;
    let source = Source::new(text);
    let at = source.offset(decided.line, decided.column)?;
    let Condition { range, again } = source.condition_around(at)?;
    let placed = |one: &'_ &TraceStep| one.file == decided.file && !step::is_print(&one.what);
    let steps: Vec<(usize, &str)> = before
        .iter()
        .filter(placed)
        .filter_map(|one| Some((source.offset(one.line, one.column)?, one.what.as_str())))
        .filter(|(place, _)| range.contains(place))
        .collect();
    let parts = if begun_again {
        None
    } else {
        let again = again || is_repeated(&steps);
        condition::explain(&source, range.clone(), again, &steps)
    };
    let shown = source.text(range);
    let short = shown.chars().count() <= CONDITION_LENGTH_MAX;
    Some((parts.unwrap_or_default(), short.then_some(shown)))
}

/// Something stands there more than once.
fn is_repeated(steps: &condition::Steps<'_>) -> bool {
    let mut places = HashSet::new();
    !steps.iter().all(|(place, _)| places.insert(*place))
}

fn reads(before: &[TraceStep]) -> Vec<TraceStep> {
    let is_read = |one: &&TraceStep| step::is_read(&one.what);
    let mut reads: Vec<TraceStep> = Vec::new();
    let Some(last) = before.iter().rfind(is_read) else {
        return reads;
    };
    let same = |one: &&TraceStep| one.file == last.file && one.line == last.line;
    for one in before.iter().filter(is_read).filter(same) {
        if !reads.iter().any(|seen| seen.what == one.what) {
            reads.push(one.clone());
        }
    }
    reads
}
