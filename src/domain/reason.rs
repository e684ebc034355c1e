//! Why a line of a script decided, as far as its trace and its text tell it.
//!
//! Invariant: nothing is given as a reason that did not hold. Where it is not certain what
//! held, there is only the condition as it stands in the script.

mod condition;
mod source;
pub mod step;

pub use condition::Part;

use self::source::Source;
use super::decision::TraceStep;

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
    /// Of a routing; `files` are those of the scripts that decided.
    #[must_use]
    pub fn of(trace: &[TraceStep], files: &[(String, String)]) -> Option<Self> {
        // A free builder begins an answer; the last that was begun is usually the one given.
        let begins = |one: &TraceStep| one.line > 0 && step::begins_answer(&one.what);
        let place = trace.iter().rposition(begins)?;
        let (before, decided) = (&trace[..place], &trace[place]);
        let (parts, condition) = why(before, decided, files).unwrap_or_default();
        Some(Self {
            file: decided.file.clone(),
            line: decided.line,
            parts,
            condition,
            reads: reads(before),
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

/// What held, and the condition that it is of.
fn why(
    before: &[TraceStep],
    decided: &TraceStep,
    files: &[(String, String)],
) -> Option<(Vec<Part>, Option<String>)> {
    let (_, text) = files.iter().find(|(name, _)| *name == decided.file)?;
    let source = Source::new(text);
    let at = source.offset(decided.line, decided.column)?;
    let condition = source.condition_around(at)?;
    let placed = |one: &'_ &TraceStep| one.file == decided.file && !step::is_print(&one.what);
    let steps: Vec<(usize, &str)> = before
        .iter()
        .filter(placed)
        .filter_map(|one| Some((source.offset(one.line, one.column)?, one.what.as_str())))
        .filter(|(place, _)| condition.contains(place))
        .collect();
    let parts = condition::explain(&source, condition.clone(), &steps);
    let shown = source.text(condition);
    let short = shown.chars().count() <= CONDITION_LENGTH_MAX;
    Some((parts.unwrap_or_default(), short.then_some(shown)))
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
