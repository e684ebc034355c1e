//! Names of functions and imports: those that nobody has, those that hide others, and
//! those that nobody uses.

use std::collections::BTreeSet;

use rhai::{ASTNode, Expr, FnCallExpr, Stmt};

use super::file::{CLOSURE, Checked, ENTRIES, Function, definition, variables};
use super::used::Used;
use crate::script::answer::BEGINNINGS;
use crate::script::diagnostic::Diagnostic;
use crate::script::suggest;

pub(super) fn check(file: &Checked<'_>, functions: &[Function], found: &mut Vec<Diagnostic>) {
    calls(file, functions, found);
    // An inherited function may call one of this file, and an heir's too.
    let kin: Vec<&Used> = file.above.iter().map(|known| &known.used).collect();
    let kin = kin
        .into_iter()
        .chain(file.below.iter().map(|known| &known.used));
    let all: Vec<&Used> = [&file.own.used].into_iter().chain(kin).collect();
    for own in file.own.functions.iter().filter(|own| !own.closure) {
        hidden(file, own, found);
        captures(file, own, &all, found);
        let used = all.iter().any(|used| used.functions.contains(&own.name));
        if file.entry_of(own).is_some() || replaces_nothing(file, own, found) {
            continue;
        }
        if !used {
            let by_text = all.iter().any(|used| used.by_text);
            uncalled(file, functions, own, by_text, found);
        }
    }
    let used = &file.own.used;
    for (name, position) in &used.imports {
        if !used.modules.contains(name) {
            let message = format!("`{name}` is imported and never used");
            found.push(file.at(*position, message).as_warning());
        }
    }
}

/// A call by name: no operator, no module's function, no closure.
fn plain(call: &FnCallExpr) -> bool {
    call.namespace.is_empty() && call.op_token.is_none() && !call.name.starts_with(CLOSURE)
}

/// Functions called by a name that nobody has, or with too much or too little.
fn calls(file: &Checked<'_>, functions: &[Function], found: &mut Vec<Diagnostic>) {
    let variables = variables(file.ast);
    let parameters: BTreeSet<&str> = file
        .own
        .functions
        .iter()
        .flat_map(|own| own.parameters.iter().map(String::as_str))
        .collect();
    file.ast.walk(&mut |path| {
        let Some(
            ASTNode::Expr(Expr::FnCall(call, position))
            | ASTNode::Stmt(Stmt::FnCall(call, position)),
        ) = path.last()
        else {
            return true;
        };
        let name = call.name.as_str();
        // A variable may hold a function.
        let value = variables.contains(name) || parameters.contains(name);
        if !plain(call) || value || file.native.names.contains(name) {
            return true;
        }
        let mine: Vec<&Function> = functions.iter().filter(|own| own.is(name)).collect();
        let counts: Vec<usize> = mine.iter().map(|own| own.parameters.len()).collect();
        let (message, help) = match counts.first() {
            None => {
                let mine = functions.iter().filter(|own| !own.closure);
                let all = BEGINNINGS
                    .into_iter()
                    .chain(mine.map(|own| own.name.as_str()));
                let help = suggest::did_you_mean(name, all).or_else(|| {
                    suggest::did_you_mean(name, file.native.names.iter().map(String::as_str))
                });
                (format!("there is no function `{name}`"), help)
            }
            Some(&wanted) if !counts.contains(&call.args.len()) => {
                let given = call.args.len();
                let message = format!("`{name}` takes {}, not {given}", values(wanted));
                let help = mine
                    .first()
                    .map(|own| format!("it is `fn {name}({})`", own.parameters.join(", ")));
                (message, help)
            }
            Some(_) => return true,
        };
        found.push(file.at(*position, message).with_help(help));
        true
    });
}

pub(super) fn values(count: usize) -> String {
    match count {
        0 => "no value".to_owned(),
        1 => "1 value".to_owned(),
        more => format!("{more} values"),
    }
}

/// A function of the file that takes the place of a native one.
fn hidden(file: &Checked<'_>, own: &Function, found: &mut Vec<Diagnostic>) {
    let ours = &file.native.ours;
    if ours.contains(&(own.name.clone(), own.parameters.len())) {
        let name = &own.name;
        let place = definition(file.source, name);
        let message = format!("this `{name}` hides the one that scripts are given");
        let help = Some("choose another name".to_owned());
        let odd = Diagnostic::at(file.file, place, file.source, message).with_help(help);
        found.push(odd.as_warning());
    }
}

/// A function that takes the calls of a method: `fn is_open(now)` those of
/// `ctx.now.is_open(hours)`, which Rhai counts one value too.
fn captures(file: &Checked<'_>, own: &Function, all: &[&Used], found: &mut Vec<Diagnostic>) {
    let (name, count) = (&own.name, own.parameters.len());
    let Some(owner) = file.table.owner_of(name, count) else {
        return;
    };
    let called = (name.clone(), count);
    if !all.iter().any(|used| used.methods.contains(&called)) {
        return;
    }
    let owner = owner.shown();
    let message = format!("this `{name}` hides `.{name}(...)` of a {owner}, which is called here");
    let help = Some("choose another name, or the call comes back to this function".to_owned());
    let place = definition(file.source, name);
    let odd = Diagnostic::at(file.file, place, file.source, message).with_help(help);
    found.push(odd.as_warning());
}

/// A function that a file inherits under the same name takes something else, so that both
/// are there and the other one is called.
fn replaces_nothing(file: &Checked<'_>, own: &Function, found: &mut Vec<Diagnostic>) -> bool {
    let count = own.parameters.len();
    let theirs = file.above.iter().flat_map(|known| {
        let same_name = known.functions.iter().filter(|theirs| theirs.is(&own.name));
        same_name.map(|theirs| (&known.file, theirs))
    });
    let mut theirs = theirs.peekable();
    let Some((above, first)) = theirs.peek().copied() else {
        return false;
    };
    let replaced = theirs.any(|(_, theirs)| theirs.parameters.len() == count);
    // Of entry functions with other parameters was told already.
    let is_entry = ENTRIES.iter().any(|entry| own.is(entry.function));
    if replaced || is_entry || file.own.used.functions.contains(&own.name) {
        return false;
    }
    let (name, wanted) = (&own.name, first.parameters.len());
    let message = format!(
        "`{name}` takes {} here and {} in {above}, so it does not replace that one",
        values(count),
        values(wanted)
    );
    let help = format!("write `fn {name}({})`", first.parameters.join(", "));
    let place = definition(file.source, name);
    let odd = Diagnostic::at(file.file, place, file.source, message).with_help(Some(help));
    found.push(odd.as_warning());
    true
}

/// Entry functions in a file that is never asked for them, and helpers for nobody.
fn uncalled(
    file: &Checked<'_>,
    functions: &[Function],
    own: &Function,
    by_text: bool,
    found: &mut Vec<Diagnostic>,
) {
    // Libraries are for others; and without its entry function a file is wrong as a whole.
    if !functions.iter().any(|own| file.entry_of(own).is_some()) {
        return;
    }
    let name = &own.name;
    let elsewhere = ENTRIES
        .iter()
        .find(|entry| own.is(entry.function) && entry.file != file.kind);
    let (message, help) = match elsewhere {
        Some(entry) => (
            format!("`{name}` is never asked for in this file"),
            Some(format!("it belongs into {}", entry.file)),
        ),
        None if by_text || ENTRIES.iter().any(|entry| own.is(entry.function)) => return,
        None => {
            let inherited = functions.iter().filter(|one| one.inherited && !one.closure);
            let help = suggest::did_you_mean(name, inherited.map(|one| one.name.as_str()));
            (format!("nothing calls `{name}`"), help)
        }
    };
    let place = definition(file.source, name);
    let odd = Diagnostic::at(file.file, place, file.source, message).with_help(help);
    found.push(odd.as_warning());
}
