//! The entry functions of a file: there, under their names, with their parameters.

use super::file::{Checked, ENTRIES, Entry, Function, definition};
use crate::script::diagnostic::Diagnostic;
use crate::script::suggest;

pub(super) fn check(file: &Checked<'_>, functions: &[Function], found: &mut Vec<Diagnostic>) {
    let entries = || ENTRIES.iter().filter(|entry| entry.file == file.kind);
    let own = &file.own.functions;
    let here = |entry: &&Entry| own.iter().any(|own| own.is(entry.function));
    for one in entries().filter(here) {
        entry(file, one, own, found);
    }
    // What is inherited was judged where it stands.
    let there = |entry: &Entry| functions.iter().any(|own| own.is(entry.function));
    if let Some(one) = entries().next().filter(|_| !entries().any(there)) {
        entry(file, one, own, found);
    }
}

/// The entry function is there and takes what it is given.
fn entry(file: &Checked<'_>, entry: &Entry, functions: &[Function], found: &mut Vec<Diagnostic>) {
    let same_name = functions.iter().filter(|own| own.is(entry.function));
    let counts: Vec<usize> = same_name.map(|own| own.parameters.len()).collect();
    if counts.contains(&entry.parameters.len()) {
        return;
    }
    let names: Vec<&str> = entry.parameters.iter().map(|(name, _)| *name).collect();
    let wanted = format!("fn {}({})", entry.function, names.join(", "));
    if counts.is_empty() {
        let slip = functions.iter().filter(|own| !own.closure);
        let slip = suggest::nearest(entry.function, slip.map(|own| own.name.as_str()));
        let place = slip.map_or((0, 0), |name| definition(file.source, name));
        let message = format!("this file has no `{wanted}`");
        let help = slip.map(|name| format!("is `{name}` meant to be `{}`?", entry.function));
        let absent = Diagnostic::at(file.file, place, file.source, message).with_help(help);
        // A file of comments is a file for later.
        let empty = functions.is_empty() && file.ast.statements().is_empty();
        found.push(if empty { absent.as_warning() } else { absent });
    } else {
        let place = definition(file.source, entry.function);
        let message = format!("`{}` takes other parameters", entry.function);
        let help = Some(format!("write `{wanted}`"));
        found.push(Diagnostic::at(file.file, place, file.source, message).with_help(help));
    }
}
