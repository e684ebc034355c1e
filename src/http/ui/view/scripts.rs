//! Scripts: what is wrong with them, what they decided, and lines of their texts.

use super::super::language::Words;
use crate::domain::answered::{both_in_words, in_words};
use crate::domain::decision::{Decision, Gate, Outcome, TraceStep};
use crate::domain::reason::{Part, Reason};
use crate::script::{Diagnostic, Routed, Severity};
use crate::service::console::difference::Side;
use crate::service::rehearsal::{Answers, Changed};
use crate::service::trying::Answered;

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

/// Which line decided, and why, as far as that is certain.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ByView {
    pub(in crate::http::ui) file: String,
    pub(in crate::http::ui) line: u32,
    /// What held.
    pub(in crate::http::ui) because: Vec<BecauseView>,
    /// The condition as it stands in the script, where it is not certain what of it held.
    pub(in crate::http::ui) test: Option<String>,
    /// What it had read just before.
    pub(in crate::http::ui) reads: Vec<StepView>,
}

/// Something that held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http::ui) struct BecauseView {
    pub(in crate::http::ui) text: String,
    /// It is a piece of the script.
    pub(in crate::http::ui) is_code: bool,
}

impl ByView {
    /// `files` are those of the version that decided.
    pub(in crate::http::ui) fn new(
        decision: &Decision,
        files: &[(String, String)],
        words: Words,
    ) -> Option<Self> {
        let decided = (&decision.outcome, &decision.routing, &decision.warnings[..]);
        let reason = Reason::of(decided, &decision.trace, files)?;
        let because = reason.parts.iter();
        Some(Self {
            because: because.map(|part| BecauseView::new(part, words)).collect(),
            test: reason.condition,
            file: reason.file,
            line: reason.line,
            reads: reason.reads.iter().map(StepView::new).collect(),
        })
    }
}

impl BecauseView {
    fn new(part: &Part, words: Words) -> Self {
        let (of, operation, word, negated) = match part {
            Part::Source(text) => {
                return Self {
                    text: text.clone(),
                    is_code: true,
                };
            }
            Part::Asked {
                of,
                operation,
                word,
                negated,
            } => (of, operation, word, negated),
        };
        let key = format!("read.{}", of.replace('.', "_"));
        let of = match words.t(&key) {
            unknown if unknown == key => of,
            known => known,
        };
        let key = if *negated {
            format!("because.not_{operation}")
        } else {
            format!("because.{operation}")
        };
        Self {
            text: words.with(&key, &[("of", of), ("word", word)]),
            is_code: false,
        }
    }
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

/// What the assistant may do, and why; `not_asked` is why no script was.
pub(in crate::http::ui) fn gate_in_words(
    gate: &Gate,
    not_asked: Option<&str>,
    words: Words,
) -> String {
    let (plain, with_reason, why) = match gate {
        Gate::Off { why } => ("assistant.off", "assistant.off.because", why),
        Gate::Draft { because, .. } => ("assistant.draft", "assistant.draft.because", because),
        Gate::Send { because, .. } => ("assistant.send", "assistant.send.because", because),
    };
    let why = not_asked.unwrap_or(why);
    if why.is_empty() {
        words.t(plain).to_owned()
    } else {
        words.with(with_reason, &[("why", why)])
    }
}

/// What a function other than that of routes answers.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct AnswerView {
    /// In a sentence.
    pub(in crate::http::ui) words: String,
    /// A signature.
    pub(in crate::http::ui) text: Option<String>,
    pub(in crate::http::ui) error: Option<String>,
    pub(in crate::http::ui) warnings: Vec<String>,
    pub(in crate::http::ui) steps: Vec<StepView>,
}

impl AnswerView {
    pub(in crate::http::ui) fn new(answered: &Answered, words: Words) -> Self {
        let (outcome, said, text, warnings, trace) = match answered {
            Answered::Gate(gated) => {
                let said = gate_in_words(&gated.gate, None, words);
                (
                    &gated.outcome,
                    said,
                    None,
                    gated.warnings.clone(),
                    &gated.trace,
                )
            }
            Answered::Signature(signed) => {
                let said = words.t("script_edit.signature").to_owned();
                let text = Some(signed.text.clone());
                (&signed.outcome, said, text, Vec::new(), &signed.trace)
            }
            Answered::Timer(routed) => {
                let said = words.t("script_edit.timer").to_owned();
                let text = Some(in_words(&routed.routing));
                (
                    &routed.outcome,
                    said,
                    text,
                    routed.warnings.clone(),
                    &routed.trace,
                )
            }
        };
        let error = match outcome {
            Outcome::Failed(words) => Some(words.clone()),
            Outcome::Decided | Outcome::NoScript => None,
        };
        Self {
            words: said,
            text,
            error,
            warnings,
            steps: trace.iter().map(StepView::new).collect(),
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

    #[test]
    fn what_stands_before_a_place_is_kept_as_it_is() {
        let found = Diagnostic::at("routing.rhai", (1, 4), "\t发票x", "wrong");
        let view = ProblemView::new(&found);
        assert_eq!(view.before.as_deref(), Some("\t发票"));
        assert_eq!(view.place, "routing.rhai:1:4");
    }
}
