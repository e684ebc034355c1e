//! What can be known to be wrong before a script runs: entry functions that are
//! missing or take something else, names that nobody offers, views written to.
//!
//! Rhai is dynamic, so only names on an entry function's own parameters, and on
//! what comes straight from them, are judged; the rest fails with its position
//! when it runs. Bodies of closures are not judged.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};

use super::answer::BEGINNINGS;
use super::diagnostic::Diagnostic;
use super::shape::{Sort, Table};
use super::{suggest, trace};

/// A function that the gateway calls.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) file: &'static str,
    pub(super) function: &'static str,
    /// Names as the documentation has them, and what is given.
    pub(super) parameters: &'static [(&'static str, Sort)],
}

/// The entry functions there are so far. Of a file with several one will do.
const ENTRIES: [Entry; 4] = [
    Entry {
        file: "routing.rhai",
        function: "route",
        parameters: &[("mail", Sort::Mail), ("ctx", Sort::Context)],
    },
    Entry {
        file: "signature.rhai",
        function: "signature",
        parameters: &[("ctx", Sort::Context)],
    },
    Entry {
        file: "hooks.rhai",
        function: "extract",
        parameters: &[("mail", Sort::Mail)],
    },
    Entry {
        file: "hooks.rhai",
        function: "classify",
        parameters: &[
            ("protocol", Sort::Plain),
            ("phase", Sort::Plain),
            ("text", Sort::Plain),
        ],
    },
];

/// Functions that Rhai handles itself, so that no list of it has them.
const BUILT_IN: [&str; 9] = [
    "Fn",
    "call",
    "curry",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "type_of",
    "print",
    "debug",
];

/// How Rhai names the functions it makes of closures.
const CLOSURE: &str = "anon$";

/// Names of everything native that can be called.
pub(super) fn native_names(engine: &Engine) -> BTreeSet<String> {
    let signatures = engine.gen_fn_signatures(true);
    let names = signatures
        .iter()
        .filter_map(|signature| signature.split('(').next());
    let names = names.map(|name| name.trim().to_owned());
    names.chain(BUILT_IN.map(str::to_owned)).collect()
}

/// One compiled file and what is known about the others.
pub(super) struct Checked<'a> {
    pub(super) file: &'a str,
    pub(super) source: &'a str,
    pub(super) ast: &'a AST,
    pub(super) table: &'a Table,
    pub(super) native: &'a BTreeSet<String>,
}

impl Checked<'_> {
    /// Everything that is wrong with the file.
    pub(super) fn all(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        self.calls(&mut found);
        let entries = || ENTRIES.iter().filter(|entry| entry.file == self.file);
        let there = |entry: &&Entry| self.ast.iter_functions().any(|f| f.name == entry.function);
        if entries().any(|entry| there(&entry)) {
            for entry in entries().filter(there) {
                self.entry(entry, &mut found);
            }
        } else if let Some(entry) = entries().next() {
            self.entry(entry, &mut found);
        }
        found.sort_by_key(|found| (found.line, found.column));
        found
    }

    fn at(&self, position: Position, message: String) -> Diagnostic {
        Diagnostic::at(self.file, trace::place(position), self.source, message)
    }

    /// The entry function is there and takes what it is given.
    fn entry(&self, entry: &Entry, found: &mut Vec<Diagnostic>) {
        let functions: Vec<_> = self.ast.iter_functions().collect();
        let same_name = functions.iter().filter(|f| f.name == entry.function);
        let counts: Vec<usize> = same_name.map(|f| f.params.len()).collect();
        if counts.contains(&entry.parameters.len()) {
            self.members(entry, found);
            return;
        }
        let names: Vec<&str> = entry.parameters.iter().map(|(name, _)| *name).collect();
        let wanted = format!("fn {}({})", entry.function, names.join(", "));
        if counts.is_empty() {
            let slip = suggest::nearest(entry.function, functions.iter().map(|f| f.name));
            let place = slip.map_or((0, 0), |name| definition(self.source, name));
            let message = format!("this file has no `{wanted}`");
            let help = slip.map(|name| format!("is `{name}` meant to be `{}`?", entry.function));
            let absent = Diagnostic::at(self.file, place, self.source, message).with_help(help);
            // A file of comments is a file for later.
            let empty = functions.is_empty() && self.ast.statements().is_empty();
            found.push(if empty { absent.as_warning() } else { absent });
        } else {
            let place = definition(self.source, entry.function);
            let message = format!("`{}` takes other parameters", entry.function);
            let help = Some(format!("write `{wanted}`"));
            found.push(Diagnostic::at(self.file, place, self.source, message).with_help(help));
        }
    }

    /// Names read from the entry function's parameters, and from answers it builds.
    fn members(&self, entry: &Entry, found: &mut Vec<Diagnostic>) {
        let count = entry.parameters.len();
        let mut functions = self.ast.iter_functions();
        let own = functions.find(|f| f.name == entry.function && f.params.len() == count);
        let Some(own) = own else { return };
        let Some(body) = span(self.ast, entry.function, count) else {
            return;
        };
        let closures = closures(self.ast);
        let hidden = variables(self.ast);
        let given = own.params.iter().zip(entry.parameters);
        let known: Vec<(&str, Sort)> = given
            .map(|(name, (_, sort))| (*name, *sort))
            .filter(|(name, _)| !hidden.contains(*name))
            .collect();
        let judged = |expression: &Expr| {
            let at = expression.start_position();
            within(at, body) && !closures.iter().any(|closure| within(at, *closure))
        };
        self.ast.walk(&mut |path| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Dot(pair, ..))) if judged(&pair.lhs) => {
                    if let Some(sort) = self.root(&pair.lhs, &known) {
                        self.follow(sort, &pair.rhs, found);
                    }
                }
                Some(ASTNode::Stmt(Stmt::Assignment(change))) if judged(&change.1.lhs) => {
                    self.assignment(&change.1.lhs, &known, found);
                }
                _ => {}
            }
            true
        });
    }

    /// What a chain of dots begins with, when that is known.
    fn root(&self, expression: &Expr, known: &[(&str, Sort)]) -> Option<Sort> {
        match expression {
            Expr::Variable(variable, ..) => {
                let named = known.iter().find(|(name, _)| *name == variable.1.as_str());
                named.map(|(_, sort)| *sort)
            }
            Expr::FnCall(call, _) if BEGINNINGS.contains(&call.name.as_str()) => {
                let redefined = self.ast.iter_functions().any(|f| f.name == call.name);
                (!redefined).then_some(Sort::Answer)
            }
            _ => None,
        }
    }

    /// Goes along `.a.b(...)`, and stops at the first thing that is not ours.
    fn follow(&self, sort: Sort, rest: &Expr, found: &mut Vec<Diagnostic>) {
        match rest {
            Expr::Dot(pair, ..) => {
                if let Some(next) = self.member(sort, &pair.lhs, found) {
                    self.follow(next, &pair.rhs, found);
                }
            }
            Expr::Index(pair, ..) => {
                self.member(sort, &pair.lhs, found);
            }
            last => {
                self.member(sort, last, found);
            }
        }
    }

    /// Judges one name, and says what comes out of it.
    fn member(&self, sort: Sort, name: &Expr, found: &mut Vec<Diagnostic>) -> Option<Sort> {
        let members = self.table.members(sort)?;
        let owner = sort.shown();
        match name {
            Expr::Property(property, position) => {
                let name = property.2.as_str();
                if let Some(next) = members.properties.get(name) {
                    return Some(*next);
                }
                if members.open && !members.methods.contains_key(name) {
                    return Some(Sort::Plain);
                }
                let (message, help) = if members.methods.contains_key(name) {
                    let message = format!("`{name}` of {owner} is a function");
                    (message, Some(format!("write `.{name}(...)`")))
                } else {
                    let message = format!("{owner} has no property `{name}`");
                    let names = members.properties.keys().copied();
                    (message, suggest::did_you_mean(name, names))
                };
                found.push(self.at(*position, message).with_help(help));
                None
            }
            Expr::MethodCall(call, position) => {
                let name = call.name.as_str();
                if let Some(next) = members.methods.get(name) {
                    return Some(*next);
                }
                if members.properties.contains_key(name) {
                    let message = format!("`{name}` of {owner} is not a function");
                    let help = Some(format!("write `.{name}` without parentheses"));
                    found.push(self.at(*position, message).with_help(help));
                } else if !self.callable(name) {
                    let message = format!("{owner} has no function `{name}`");
                    let help = suggest::did_you_mean(name, members.methods.keys().copied());
                    found.push(self.at(*position, message).with_help(help));
                }
                None
            }
            _ => None,
        }
    }

    fn assignment(&self, target: &Expr, known: &[(&str, Sort)], found: &mut Vec<Diagnostic>) {
        let Expr::Dot(pair, _, position) = target else {
            return;
        };
        if let Some(sort) = self.root(&pair.lhs, known) {
            let message = format!("{} can only be read", sort.shown());
            let help = Some("what shall change belongs into the answer".to_owned());
            found.push(self.at(*position, message).with_help(help));
        }
    }

    /// Functions called by a name that nobody has.
    fn calls(&self, found: &mut Vec<Diagnostic>) {
        let variables = variables(self.ast);
        self.ast.walk(&mut |path| {
            let Some(
                ASTNode::Expr(Expr::FnCall(call, position))
                | ASTNode::Stmt(Stmt::FnCall(call, position)),
            ) = path.last()
            else {
                return true;
            };
            let name = call.name.as_str();
            if plain(call) && !self.callable(name) && !variables.contains(name) {
                let mine = self.ast.iter_functions().map(|f| f.name);
                let all = BEGINNINGS.into_iter().chain(mine);
                let help = suggest::did_you_mean(name, all);
                let help = help.or_else(|| {
                    suggest::did_you_mean(name, self.native.iter().map(String::as_str))
                });
                let message = format!("there is no function `{name}`");
                found.push(self.at(*position, message).with_help(help));
            }
            true
        });
    }

    fn callable(&self, name: &str) -> bool {
        self.native.contains(name) || self.ast.iter_functions().any(|f| f.name == name)
    }
}

/// Where a function's body begins and ends.
type Span = (Position, Position);

fn span(ast: &AST, function: &str, parameters: usize) -> Option<Span> {
    let found = ast.shared_lib().get_script_fn(function, parameters)?;
    Some((found.body.start_position(), found.body.end_position()))
}

/// The bodies of closures, which are functions without a name of their own.
fn closures(ast: &AST) -> Vec<Span> {
    let unnamed = ast.iter_functions().filter(|f| f.name.starts_with(CLOSURE));
    unnamed
        .filter_map(|f| span(ast, f.name, f.params.len()))
        .collect()
}

fn within(at: Position, (start, end): Span) -> bool {
    let key = |position: Position| (position.line(), position.position());
    !at.is_none() && key(start) <= key(at) && key(at) <= key(end)
}

/// A call by name: no operator, no module's function, no closure.
fn plain(call: &FnCallExpr) -> bool {
    call.namespace.is_empty() && call.op_token.is_none() && !call.name.starts_with(CLOSURE)
}

/// Names of all variables and loop variables; a parameter of the same name is hidden.
fn variables(ast: &AST) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    ast.walk(&mut |path| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                names.insert(variable.0.name.to_string());
            }
            Some(ASTNode::Stmt(Stmt::For(parts, _))) => {
                names.insert(parts.0.name.to_string());
                names.extend(parts.1.iter().map(|counter| counter.name.to_string()));
            }
            _ => {}
        }
        true
    });
    names
}

/// Where a function is defined: the place of its name, from 1.
pub(super) fn definition(source: &str, name: &str) -> (u32, u32) {
    for (index, line) in source.lines().enumerate() {
        let comment = line.trim_start().starts_with("//");
        let Some(start) = line.find("fn ").filter(|_| !comment) else {
            continue;
        };
        let rest = line[start + 3..].trim_start();
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if rest.strip_prefix(name).is_some_and(ends) {
            let before = line[..line.len() - rest.len()].chars().count();
            let number = |n: usize| u32::try_from(n + 1).unwrap_or(0);
            return (number(index), number(before));
        }
    }
    (0, 0)
}
