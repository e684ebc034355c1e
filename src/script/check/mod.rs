//! What can be known to be wrong before a script runs: entry functions that are
//! missing or take something else, names that nobody offers, views written to,
//! words that an answer refuses, and what is odd enough to warn of.
//!
//! Rhai is dynamic, so only what is certain is an error: names on what the gateway
//! hands over and on what comes straight from it (`sorts`), names of functions
//! (`names`). The rest fails with its position when it runs. Warnings (`paths`) are
//! about what never runs and what never answers, and what becomes of answers (`values`).
//!
//! A file that overrides another is judged together with what it inherits: inherited
//! functions are known, and only its own lines are found fault with.

mod entries;
mod file;
mod known;
mod names;
mod paths;
mod sorts;
mod timetable;
mod used;
mod values;

use super::diagnostic::Diagnostic;

pub(super) use file::{Checked, Known, Native, definition};
pub(super) use sorts::Learned;
#[cfg(test)]
pub(super) use sorts::VISITS;
pub(super) use timetable::all as timetables;

/// Everything that is wrong with a file, and what is odd; and what its heirs need not find
/// out again. Of the file that it inherits from this is given.
pub(super) fn all(file: &Checked<'_>, parent: Option<&Learned>) -> (Vec<Diagnostic>, Learned) {
    let functions = file.functions();
    let mut found = Vec::new();
    entries::check(file, &functions, &mut found);
    names::check(file, &functions, &mut found);
    let learned = sorts::check(file, &functions, parent, &mut found);
    paths::check(file, &mut found);
    values::check(file, &functions, &mut found);
    found.sort_by_key(|found| (found.line, found.column));
    // One place, one message: a file is walked more than once.
    found.dedup();
    (found, learned)
}
