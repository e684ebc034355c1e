//! What one call of a script reads and builds, step by step, and its deadline.
//!
//! A call runs from beginning to end on one thread, and Rhai's progress hook is
//! given nothing but a count; so the run stands in a thread-local for as long as
//! the call lasts. This is the only hidden state in the room.

use std::cell::RefCell;

use rhai::{Dynamic, ImmutableString, NativeCallContext, Position};

use crate::domain::decision::{TRACE_STEPS_MAX, TraceStep};

/// Longest value shown in a step, in characters.
const VALUE_CHARS_MAX: usize = 60;

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

struct Run {
    expired: Box<dyn Fn() -> bool>,
    /// The file of the function that was called first.
    file: &'static str,
    steps: Vec<TraceStep>,
    prints_left: usize,
    print_at: Option<(String, Position)>,
}

/// Calls `body` with a fresh trace, and answers it with what the call did.
pub(super) fn record<T>(
    file: &'static str,
    prints_max: usize,
    expired: impl Fn() -> bool + 'static,
    body: impl FnOnce() -> T,
) -> (T, Vec<TraceStep>) {
    let run = Run {
        expired: Box::new(expired),
        file,
        steps: Vec::new(),
        prints_left: prints_max,
        print_at: None,
    };
    RUN.with_borrow_mut(|slot| *slot = Some(run));
    let answer = body();
    let steps = RUN.with_borrow_mut(|slot| slot.take().map(|run| run.steps));
    (answer, steps.unwrap_or_default())
}

/// Whether the call's time is over; outside a call it never is.
pub(super) fn expired() -> bool {
    RUN.with_borrow(|slot| slot.as_ref().is_some_and(|run| (run.expired)()))
}

/// Notes a step; `what` is only made when there is room for it.
pub(super) fn step(context: &NativeCallContext<'_>, what: impl FnOnce() -> String) {
    RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return };
        if run.steps.len() < TRACE_STEPS_MAX {
            let file = context.call_source().unwrap_or(run.file).to_owned();
            let (line, column) = place(context.call_position());
            run.steps.push(TraceStep {
                file,
                line,
                column,
                what: what(),
            });
        }
    });
}

/// Remembers where `print` was called; Rhai hands the text over separately.
pub(super) fn printing(context: &NativeCallContext<'_>) {
    RUN.with_borrow_mut(|slot| {
        if let Some(run) = slot {
            let file = context.call_source().unwrap_or(run.file).to_owned();
            run.print_at = Some((file, context.call_position()));
        }
    });
}

/// Takes a printed text; lines above the cap are dropped.
pub(super) fn printed(text: &str) {
    RUN.with_borrow_mut(|slot| {
        let Some(run) = slot else { return };
        let at = run.print_at.take();
        if run.prints_left == 0 || run.steps.len() >= TRACE_STEPS_MAX {
            return;
        }
        run.prints_left -= 1;
        let (file, position) = at.unwrap_or_else(|| (run.file.to_owned(), Position::NONE));
        let (line, column) = place(position);
        run.steps.push(TraceStep {
            file,
            line,
            column,
            what: format!("print: {}", shorten(text)),
        });
    });
}

/// A position as numbers from 1; zeros when Rhai has none.
pub(super) fn place(position: Position) -> (u32, u32) {
    let number = |n: Option<usize>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    (number(position.line()), number(position.position()))
}

/// A value as a trace shows it; `None` for views, whose own reads follow.
pub(super) fn shown(value: &Dynamic) -> Option<String> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Some(quoted(&text));
    }
    if let Some(array) = value.read_lock::<rhai::Array>() {
        let all: Vec<String> = array.iter().filter_map(shown).collect();
        return Some(format!("[{}]", shorten(&all.join(", "))));
    }
    let plain = value.is_int() || value.is_bool() || value.is_float() || value.is_unit();
    plain.then(|| value.to_string())
}

/// A text in quotes, on one line, cut.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shorten(text))
}

fn shorten(text: &str) -> String {
    let mut short = String::with_capacity(text.len().min(VALUE_CHARS_MAX * 4));
    for (count, c) in text.chars().enumerate() {
        if count == VALUE_CHARS_MAX {
            short.push('…');
            break;
        }
        short.push(if c.is_control() { ' ' } else { c });
    }
    short
}
