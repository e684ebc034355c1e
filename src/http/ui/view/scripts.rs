//! Scripts: what is wrong with them, what they decided, and lines of their texts.

use crate::domain::answered::{both_in_words, in_words};
use crate::domain::decision::{Outcome, TraceStep};
use crate::script::{Diagnostic, Routed, Severity};
use crate::service::console::difference::Side;
use crate::service::rehearsal::{Answers, Changed};

/// Longest source line shown below a problem, in characters.
const SOURCE_LINE_SHOWN_MAX: usize = 200;

/// One problem.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ProblemView {
    /// `routing.rhai:7:3`.
    pub(in crate::http::ui) place: String,
    pub(in crate::http::ui) file: String,
    /// 0 when it is about the whole file.
    pub(in crate::http::ui) line: u32,
    pub(in crate::http::ui) is_error: bool,
    pub(in crate::http::ui) message: String,
    pub(in crate::http::ui) source_line: String,
    /// What stands before the place: as wide as it is, whatever letters it has.
    pub(in crate::http::ui) before: Option<String>,
    pub(in crate::http::ui) help: Option<String>,
}

impl ProblemView {
    pub(in crate::http::ui) fn new(diagnostic: &Diagnostic) -> Self {
        let place = match (diagnostic.line, diagnostic.column) {
            (0, _) => diagnostic.file.clone(),
            (line, 0) => format!("{}:{line}", diagnostic.file),
            (line, column) => format!("{}:{line}:{column}", diagnostic.file),
        };
        let before = (diagnostic.column as usize).checked_sub(1);
        let line: String = diagnostic
            .source_line
            .chars()
            .take(SOURCE_LINE_SHOWN_MAX)
            .collect();
        Self {
            place,
            file: diagnostic.file.clone(),
            line: diagnostic.line,
            is_error: diagnostic.severity == Severity::Error,
            message: diagnostic.message.clone(),
            before: before
                .filter(|count| *count < SOURCE_LINE_SHOWN_MAX)
                .map(|count| line.chars().take(count).collect()),
            source_line: line,
            help: diagnostic.help.clone(),
        }
    }
}

/// A step of a trace.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct StepView {
    pub(in crate::http::ui) file: String,
    pub(in crate::http::ui) line: u32,
    pub(in crate::http::ui) what: String,
}

impl StepView {
    pub(in crate::http::ui) fn new(step: &TraceStep) -> Self {
        Self {
            file: step.file.clone(),
            line: step.line,
            what: step.what.clone(),
        }
    }
}

/// What was read; a builder has no value.
fn is_read(step: &TraceStep) -> bool {
    let builder = ["team(", "ignore(", "inbox(", "spam(", "print:"];
    !step.what.starts_with('.') && !builder.iter().any(|name| step.what.starts_with(name))
}

fn is_print(step: &TraceStep) -> bool {
    step.what.starts_with("print:")
}

/// Which line decided, and what it had read just before.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ByView {
    pub(in crate::http::ui) file: String,
    pub(in crate::http::ui) line: u32,
    /// The reads of the last line that read something before.
    pub(in crate::http::ui) reads: Vec<StepView>,
    /// That line, where it asks a question.
    pub(in crate::http::ui) test: Option<String>,
}

impl ByView {
    /// `files` are those of the version that decided.
    pub(in crate::http::ui) fn new(
        trace: &[TraceStep],
        files: &[(String, String)],
    ) -> Option<Self> {
        // A free builder begins an answer; the last that was begun is usually the one given.
        let begins = |step: &TraceStep| {
            step.line > 0 && !is_read(step) && !is_print(step) && !step.what.starts_with('.')
        };
        let place = trace.iter().rposition(begins)?;
        let decided = &trace[place];
        let last_read = trace[..place].iter().rfind(|step| is_read(step));
        let mut reads: Vec<StepView> = Vec::new();
        let mut test = None;
        if let Some(last) = last_read {
            let same = |step: &&TraceStep| {
                is_read(step) && step.file == last.file && step.line == last.line
            };
            for step in trace[..place].iter().filter(same) {
                if !reads.iter().any(|seen| seen.what == step.what) {
                    reads.push(StepView::new(step));
                }
            }
            test = question(files, last, decided);
        }
        Some(Self {
            file: decided.file.clone(),
            line: decided.line,
            reads,
            test,
        })
    }
}

/// The line of a step, where it is a condition and what was decided stands in its block:
/// of one that did not hold nothing is because.
fn question(files: &[(String, String)], step: &TraceStep, decided: &TraceStep) -> Option<String> {
    let (_, text) = files.iter().find(|(name, _)| *name == step.file)?;
    let first = (step.line as usize).checked_sub(1)?;
    let line = text.lines().nth(first)?.trim();
    let asks = ["if ", "} else if ", "else if ", "while ", "switch "];
    let begins = asks.iter().any(|word| line.starts_with(word));
    let below = decided.line.checked_sub(step.line)? as usize;
    let holds = step.file == decided.file && block_is_open(text.lines().skip(first).take(below));
    (begins && holds && line.chars().count() <= SOURCE_LINE_SHOWN_MAX)
        .then(|| line.trim_end_matches('{').trim_end().to_owned())
}

/// The block that begins in the first of these lines, if any, does not end in them.
fn block_is_open<'l>(lines: impl Iterator<Item = &'l str>) -> bool {
    let (mut depth, mut is_text) = (0_usize, false);
    for line in lines {
        // What closes the block before, as in `} else if`, is not of this one.
        let line = if depth == 0 {
            line.trim_start().trim_start_matches('}')
        } else {
            line
        };
        for c in line.chars() {
            match c {
                '"' => is_text = !is_text,
                '{' if !is_text => depth += 1,
                '}' if !is_text => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return false;
                    }
                }
                _ => {}
            }
        }
        is_text = false;
    }
    true
}

/// What scripts decide, or would.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct RoutedView {
    /// `team billing; tags invoice`.
    pub(in crate::http::ui) words: String,
    pub(in crate::http::ui) outcome: &'static str,
    pub(in crate::http::ui) error: Option<String>,
    pub(in crate::http::ui) warnings: Vec<String>,
    pub(in crate::http::ui) steps: Vec<StepView>,
}

impl RoutedView {
    pub(in crate::http::ui) fn new(routed: &Routed) -> Self {
        let (outcome, error) = match &routed.outcome {
            Outcome::Decided => ("decided", None),
            Outcome::NoScript => ("no_script", None),
            Outcome::Failed(words) => ("failed", Some(words.clone())),
        };
        Self {
            words: in_words(&routed.routing),
            outcome,
            error,
            warnings: routed.warnings.clone(),
            steps: routed.trace.iter().map(StepView::new).collect(),
        }
    }
}

impl RoutedView {
    /// With what the assistant may do.
    fn of_both(answers: &Answers) -> Self {
        let routed = Self::new(&answers.routed);
        let gate = &answers.gating;
        Self {
            words: both_in_words(&answers.routed.routing, gate),
            warnings: [routed.warnings, gate.warnings.clone()].concat(),
            steps: routed
                .steps
                .into_iter()
                .chain(gate.trace.iter().map(StepView::new))
                .collect(),
            ..routed
        }
    }
}

/// A mail that would be decided on otherwise.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ChangedView {
    /// Conversation and number.
    pub(in crate::http::ui) conversation: Option<(String, u64)>,
    pub(in crate::http::ui) message: String,
    pub(in crate::http::ui) subject: String,
    pub(in crate::http::ui) from: String,
    pub(in crate::http::ui) old: RoutedView,
    pub(in crate::http::ui) new: RoutedView,
}

impl ChangedView {
    pub(in crate::http::ui) fn new(changed: &Changed) -> Self {
        let conversation = changed.conversation;
        Self {
            conversation: conversation.map(|(id, number)| (id.to_string(), number)),
            message: changed.message.to_string(),
            subject: changed.subject.clone(),
            from: changed.from.clone(),
            old: RoutedView::of_both(&changed.old),
            new: RoutedView::of_both(&changed.new),
        }
    }
}

/// How the page marks a line of a difference.
pub(in crate::http::ui) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Both => "both",
        Side::First => "theirs",
        Side::Second => "yours",
        Side::Gap => "gap",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(line: u32, what: &str) -> TraceStep {
        TraceStep {
            file: "routing.rhai".to_owned(),
            line,
            column: 1,
            what: what.to_owned(),
        }
    }

    #[test]
    fn the_line_that_decided_is_told_with_what_it_read() {
        let source = "fn route(mail, ctx) {\n  if mail.is_automatic { return spam(); }\n  \
                      if mail.subject.contains(\"发票\") {\n    return team(\"billing\");\n  }\n}";
        let files = [("routing.rhai".to_owned(), source.to_owned())];
        let trace = [
            step(2, "mail.is_automatic = false"),
            step(3, "mail.subject = \"发票\""),
            step(4, "team(\"billing\")"),
            step(4, ".tag(\"x\")"),
        ];
        let by = ByView::new(&trace, &files).expect("a line");
        assert_eq!((by.line, by.reads.len()), (4, 1));
        assert_eq!(by.reads[0].what, "mail.subject = \"发票\"");
        assert_eq!(
            by.test.as_deref(),
            Some("if mail.subject.contains(\"发票\")")
        );
        assert!(ByView::new(&trace[..2], &files).is_none());
    }

    #[test]
    fn what_stands_before_a_place_is_kept_as_it_is() {
        let found = Diagnostic::at("routing.rhai", (1, 4), "\t发票x", "wrong");
        let view = ProblemView::new(&found);
        assert_eq!(view.before.as_deref(), Some("\t发票"));
        assert_eq!(view.place, "routing.rhai:1:4");
    }

    #[test]
    fn a_condition_is_named_only_for_what_stands_in_its_block() {
        let text = "fn route(mail, ctx) {\n  if mail.subject == \"a\" {\n    team(\"x\")\n  } \
                    else if mail.size > 5 {\n    team(\"y\")\n  }\n  if mail.late { return spam(); \
                    }\n  inbox()\n}\n";
        let files = [("routing.rhai".to_owned(), text.to_owned())];
        let named = |read, decided| {
            let (read, decided) = (step(read, "mail.size = 9"), step(decided, "inbox()"));
            question(&files, &read, &decided)
        };
        assert_eq!(named(2, 3).as_deref(), Some("if mail.subject == \"a\""));
        assert_eq!(named(4, 5).as_deref(), Some("} else if mail.size > 5"));
        let line = "if mail.late { return spam(); }";
        assert_eq!(named(7, 7).as_deref(), Some(line));
        assert_eq!(named(7, 8), None, "it did not hold");
        assert_eq!(named(2, 5), None, "the other block");
    }
}
