//! What one call of a script reads, asks and builds, step by step, and its deadline.
//!
//! A call runs from beginning to end on one thread, and Rhai's progress hook is
//! given nothing but a count; so the run stands in a thread-local for as long as
//! the call lasts. This is the only hidden state in the room.
//!
//! A text of Rhai does not say where it comes from. But one that was read is kept in its
//! step, and a copy of it is the same piece of memory; so a question about it is known to
//! be one about `mail.subject`, however many variables it went through.

use std::cell::RefCell;
use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, NativeCallContext, Position};

use crate::domain::decision::{TRACE_STEPS_MAX, TraceStep};

mod said;

pub(super) use said::{Name, Question, quoted, shown};
use said::{Sameness, What, Worth, shorten};

/// Reads, or true answers, of one place that are kept: the first ones and the latest.
const REPEATS_MAX: usize = 3;
/// False answers of one place that are kept: the latest. A loop over words has many.
const FALSE_ANSWERS_MAX: usize = 1;
/// Bytes of read texts that steps keep to know them again.
const KEPT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Texts made of read ones, such as their lower case, that are known again.
const CHANGED_MAX: usize = 16;
/// Bytes that functions of ours look at between two looks at the time.
const SCANNED_PER_LOOK: usize = 64 * 1024;

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

struct Run {
    expired: Box<dyn Fn() -> bool>,
    /// Bytes looked at since the last look at the time.
    scanned: usize,
    /// Files that have had a step; the first is that of the function that was called.
    files: Vec<String>,
    steps: Vec<Step>,
    /// Counts all steps, also those that took the place of others.
    taken: usize,
    kept_bytes: usize,
    changed: Vec<(ImmutableString, Name)>,
    prints_left: usize,
    print_at: Option<At>,
}

/// A place: the number of a file, line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    file: usize,
    line: u32,
    column: u32,
}

struct Step {
    /// Which one it was; steps are shown in this order.
    number: usize,
    at: At,
    what: What,
}

impl Run {
    fn at(&mut self, context: &NativeCallContext<'_>) -> At {
        let file = context.call_source().map_or(0, |name| {
            let known = self.files.iter().position(|file| file == name);
            known.unwrap_or_else(|| {
                self.files.push(name.to_owned());
                self.files.len() - 1
            })
        });
        let (line, column) = place(context.call_position());
        At { file, line, column }
    }

    /// Keeps a step, where there is room for it: what decided always has some.
    fn take(&mut self, at: At, what: What) {
        self.taken += 1;
        let step = Step {
            number: self.taken,
            at,
            what,
        };
        let is_full = self.steps.len() >= TRACE_STEPS_MAX;
        if let Some(same) = step.what.sameness() {
            let most = match same {
                Sameness::Read | Sameness::Yes => REPEATS_MAX,
                Sameness::No => FALSE_ANSWERS_MAX,
                // Once all room is taken, the latest of a place is the one that is kept.
                Sameness::Built => TRACE_STEPS_MAX,
            };
            let (mut count, mut latest) = (0, None);
            for (index, other) in self.steps.iter().enumerate() {
                if other.at == at && other.what.sameness() == Some(same) {
                    count += 1;
                    latest = latest.max(Some((other.number, index)));
                }
            }
            if let Some((_, index)) = latest
                && (count >= most || is_full)
            {
                self.steps[index] = step;
                return;
            }
        }
        if !is_full {
            self.steps.push(step);
        } else if let Some(index) = self.given_up_for(&step.what) {
            self.steps[index] = step;
        }
    }

    /// The step in whose place this one is worth more: the oldest of those worth least.
    fn given_up_for(&self, what: &What) -> Option<usize> {
        let steps = self.steps.iter().enumerate();
        let (index, least) = steps.min_by_key(|(_, one)| (one.what.worth(), one.number))?;
        let is_worth_it = match what {
            // An answer is begun anew where scripts have a fallback; the last one counts.
            What::Built(_) => what.worth() >= least.what.worth(),
            What::Asked(_, true) => least.what.worth() == Worth::Least,
            _ => false,
        };
        is_worth_it.then_some(index)
    }

    /// Whose this very text is.
    fn origin(&self, text: &ImmutableString) -> Option<Name> {
        let read = self
            .steps
            .iter()
            .rev()
            .find_map(|step| step.what.origin(text));
        let made = || {
            let mut changed = self.changed.iter().rev();
            let found = changed.find(|(own, _)| own.ptr_eq(text));
            found.map(|(_, name)| name)
        };
        read.or_else(made).cloned()
    }

    /// A value that was read; nothing of views.
    fn read(&mut self, name: Name, value: &Dynamic) -> Option<What> {
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return Some(self.read_text(name, &text));
        }
        if let Some(array) = value.read_lock::<Array>() {
            let texts = array.iter().map(|one| one.read_lock::<ImmutableString>());
            let texts = texts.map(|one| one.map(|text| text.clone()));
            return Some(match texts.collect::<Option<Vec<_>>>() {
                Some(texts) if self.keep(texts.iter().map(|text| text.len()).sum()) => {
                    What::List(name, texts)
                }
                _ => What::Read(name, shown(value)?),
            });
        }
        said::is_plain(value).then(|| What::Plain(name, value.clone()))
    }

    fn read_text(&mut self, name: Name, text: &ImmutableString) -> What {
        if self.keep(text.len()) {
            What::Text(name, text.clone())
        } else {
            What::Read(name, quoted(text))
        }
    }

    fn keep(&mut self, bytes: usize) -> bool {
        let kept = self.kept_bytes.saturating_add(bytes);
        if kept > KEPT_BYTES_MAX {
            return false;
        }
        self.kept_bytes = kept;
        true
    }

    fn finish(mut self) -> Vec<TraceStep> {
        self.steps.sort_by_key(|step| step.number);
        let files = self.files;
        let steps = self.steps.into_iter();
        steps
            .map(|Step { at, what, .. }| TraceStep {
                file: files.get(at.file).cloned().unwrap_or_default(),
                line: at.line,
                column: at.column,
                what: what.into_words(),
            })
            .collect()
    }
}

/// Calls `body` with a fresh trace, and answers it with what the call did.
pub(super) fn record<T>(
    file: &str,
    prints_max: usize,
    expired: impl Fn() -> bool + 'static,
    body: impl FnOnce() -> T,
) -> (T, Vec<TraceStep>) {
    let run = Run {
        expired: Box::new(expired),
        scanned: 0,
        files: vec![file.to_owned()],
        steps: Vec::new(),
        taken: 0,
        kept_bytes: 0,
        changed: Vec::new(),
        prints_left: prints_max,
        print_at: None,
    };
    RUN.with_borrow_mut(|slot| *slot = Some(run));
    let answer = body();
    let run = RUN.with_borrow_mut(Option::take);
    (answer, run.map(Run::finish).unwrap_or_default())
}

/// Whether the call's time is over; outside a call it never is.
pub(super) fn expired() -> bool {
    RUN.with_borrow(|slot| slot.as_ref().is_some_and(|run| (run.expired)()))
}

/// So many bytes are about to be looked at within one operation, of which Rhai counts one
/// however long it takes: an error when the call's time is over.
pub(super) fn scanned(bytes: usize) -> Result<(), Box<EvalAltResult>> {
    let over = RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return false };
        run.scanned = run.scanned.saturating_add(bytes);
        if run.scanned < SCANNED_PER_LOOK {
            return false;
        }
        run.scanned = 0;
        (run.expired)()
    });
    if over {
        let ended = EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE);
        return Err(Box::new(ended));
    }
    Ok(())
}

/// Notes a call of a builder; `what` is only made during a run.
pub(super) fn step(context: &NativeCallContext<'_>, what: impl FnOnce() -> String) {
    RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return };
        let at = run.at(context);
        run.take(at, What::Built(what()));
    });
}

/// Notes a value that was read. Views are not worth a step: what is read of them is.
pub(super) fn read(context: &NativeCallContext<'_>, name: Name, value: &Dynamic) {
    RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return };
        if let Some(what) = run.read(name, value) {
            let at = run.at(context);
            run.take(at, what);
        }
    });
}

/// Notes a text that was read.
pub(super) fn read_text(context: &NativeCallContext<'_>, name: Name, text: &ImmutableString) {
    RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return };
        let what = run.read_text(name, text);
        let at = run.at(context);
        run.take(at, what);
    });
}

/// Whose this very text is, where it was read during this call.
pub(super) fn origin(text: &ImmutableString) -> Option<Name> {
    RUN.with_borrow(|slot| slot.as_ref()?.origin(text))
}

/// Notes a question and its answer.
pub(super) fn asked(context: &NativeCallContext<'_>, question: Question, holds: bool) {
    RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return };
        let at = run.at(context);
        run.take(at, What::Asked(question, holds));
    });
}

/// Notes that one text was made of another, so that a question about it is one about that.
pub(super) fn changed(from: &ImmutableString, how: &'static str, into: &ImmutableString) {
    RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return };
        let Some(of) = run.origin(from) else { return };
        if !run.keep(into.len()) {
            return;
        }
        if run.changed.len() == CHANGED_MAX {
            run.changed.remove(0);
        }
        let name = Name::Changed(Arc::new(of), how);
        run.changed.push((into.clone(), name));
    });
}

/// Remembers where `print` was called; Rhai hands the text over separately.
pub(super) fn printing(context: &NativeCallContext<'_>) {
    RUN.with_borrow_mut(|slot| {
        if let Some(run) = slot {
            run.print_at = Some(run.at(context));
        }
    });
}

/// Takes a printed text; lines above the cap are dropped.
pub(super) fn printed(text: &str) {
    RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return };
        let at = run.print_at.take();
        if run.prints_left == 0 {
            return;
        }
        run.prints_left -= 1;
        let nowhere = At {
            file: 0,
            line: 0,
            column: 0,
        };
        let words = format!("print: {}", shorten(text));
        run.take(at.unwrap_or(nowhere), What::Printed(words));
    });
}

/// A position as numbers from 1; zeros when Rhai has none.
pub(super) fn place(position: Position) -> (u32, u32) {
    let number = |n: Option<usize>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    (number(position.line()), number(position.position()))
}
