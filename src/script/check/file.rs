//! One compiled file as the checks see it, and what they know about everything around it.

use std::collections::BTreeSet;
use std::rc::Rc;

use rhai::{AST, ASTNode, Engine, Expr, Position, Stmt};

use super::used::Used;
use crate::script::diagnostic::Diagnostic;
use crate::script::entry;
use crate::script::shape::{Sort, Table};
use crate::script::trace;

/// A function that the gateway calls.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) file: &'static str,
    pub(super) function: &'static str,
    /// Names as the documentation has them, and what is given.
    pub(super) parameters: &'static [(&'static str, Sort)],
}

/// The entry functions. Of a file with several one will do.
pub(super) const ENTRIES: [Entry; 8] = [
    Entry {
        file: entry::ROUTING,
        function: "route",
        parameters: &[("mail", Sort::Mail), ("ctx", Sort::Context)],
    },
    Entry {
        file: entry::SIGNATURE,
        function: "signature",
        parameters: &[("ctx", Sort::Context)],
    },
    Entry {
        file: entry::GATE,
        function: "ai_reply",
        parameters: &[("mail", Sort::Mail), ("ctx", Sort::Context)],
    },
    Entry {
        file: entry::BEFORE_SEND,
        function: "before_send",
        parameters: &[("reply", Sort::Reply), ("ctx", Sort::Context)],
    },
    Entry {
        file: entry::TIMERS,
        function: "on_timer",
        parameters: &[("ctx", Sort::Context)],
    },
    Entry {
        file: entry::STATES,
        function: "on_mailbox_state",
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
pub(super) const CLOSURE: &str = "anon$";

/// What is native.
#[derive(Debug)]
pub(in crate::script) struct Native {
    /// Names of everything that can be called.
    pub(super) names: BTreeSet<String>,
    /// What this house has added, with the number of its parameters.
    pub(super) ours: BTreeSet<(String, usize)>,
}

impl Native {
    /// Of a furnished engine.
    pub(in crate::script) fn of(engine: &Engine) -> Self {
        let name = |signature: &str| {
            let name = signature.split('(').next().unwrap_or_default();
            name.trim().to_owned()
        };
        let all = engine.gen_fn_signatures(true);
        let names = all.iter().map(|signature| name(signature));
        let ours = engine.gen_fn_signatures(false);
        let ours = ours.iter();
        Self {
            names: names.chain(BUILT_IN.map(str::to_owned)).collect(),
            ours: ours
                .map(|signature| (name(signature), parameters(signature)))
                .collect(),
        }
    }
}

/// How many parameters a signature has: `team(_: &str | String) -> answer` has one.
fn parameters(signature: &str) -> usize {
    let inside = signature.split_once('(').map_or("", |(_, rest)| rest);
    let inside = inside.split(") ->").next().unwrap_or_default();
    let inside = inside.trim_end_matches(')').trim();
    if inside.is_empty() {
        0
    } else {
        inside.matches(", ").count() + 1
    }
}

/// What a file tells the checks of others: those that inherit from it, or that it does.
pub(in crate::script) struct Known {
    pub(super) file: String,
    pub(super) functions: Vec<Function>,
    pub(super) used: Used,
    /// Names that are set again after they were made.
    pub(super) assigned: BTreeSet<String>,
}

impl Known {
    pub(in crate::script) fn of(file: &str, ast: &AST) -> Self {
        Self {
            file: file.to_owned(),
            functions: Function::all(ast),
            used: Used::of(ast),
            assigned: assigned(ast),
        }
    }
}

/// One compiled file and what is known about the others.
pub(in crate::script) struct Checked<'a> {
    pub(in crate::script) file: &'a str,
    /// The name that its entry functions are known by.
    pub(in crate::script) kind: &'a str,
    pub(in crate::script) source: &'a str,
    pub(in crate::script) ast: &'a AST,
    pub(in crate::script) table: &'a Table,
    pub(in crate::script) native: &'a Native,
    pub(in crate::script) own: &'a Known,
    /// The files it inherits from, the nearest first.
    pub(in crate::script) above: Vec<&'a Known>,
    /// The files that inherit from it.
    pub(in crate::script) below: Vec<&'a Known>,
}

impl Checked<'_> {
    pub(super) fn at(&self, position: Position, message: String) -> Diagnostic {
        Diagnostic::at(self.file, trace::place(position), self.source, message)
    }

    /// Its functions, and those that it inherits.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut all = self.own.functions.clone();
        for above in &self.above {
            for theirs in &above.functions {
                let replaced = |own: &Function| {
                    own.is(&theirs.name) && own.parameters.len() == theirs.parameters.len()
                };
                if !all.iter().any(replaced) {
                    let mut inherited = theirs.clone();
                    inherited.inherited = true;
                    all.push(inherited);
                }
            }
        }
        all
    }

    /// Somebody has a function of this name.
    pub(super) fn callable(&self, name: &str) -> bool {
        let mut all = self.above.iter().chain([&self.own]);
        let has = |known: &&Known| known.functions.iter().any(|own| own.is(name));
        self.native.names.contains(name) || all.any(has)
    }

    /// The entry function of this file that this function is.
    pub(super) fn entry_of(&self, function: &Function) -> Option<&'static Entry> {
        ENTRIES.iter().find(|entry| {
            let arity = entry.parameters.len() == function.parameters.len();
            entry.file == self.kind && function.is(entry.function) && arity
        })
    }
}

/// A function, with what it does.
#[derive(Clone)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) parameters: Vec<String>,
    pub(super) body: Rc<[Stmt]>,
    /// Where the body begins.
    pub(super) at: Position,
    pub(super) closure: bool,
    /// It stands in a file that this one inherits from.
    pub(super) inherited: bool,
    /// What it calls or names.
    pub(super) used: Rc<Used>,
}

impl Function {
    pub(super) fn all(ast: &AST) -> Vec<Self> {
        ast.iter_functions()
            .map(|known| Self::of(ast, known.name, &known.params))
            .collect()
    }

    /// Rhai shows bodies only to a walk through a whole file, so a file of nothing but
    /// this function is walked.
    fn of(ast: &AST, name: &str, parameters: &[&str]) -> Self {
        let count = parameters.len();
        let mut alone = ast.clone_functions_only();
        alone.retain_functions(|_, _, other, others| other == name && others == count);
        let mut body = Vec::new();
        alone.walk(&mut |path| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            true
        });
        let own = ast.shared_lib().get_script_fn(name, count);
        Self {
            name: name.to_owned(),
            parameters: parameters.iter().map(|&name| name.to_owned()).collect(),
            body: body.into(),
            at: own.map_or(Position::NONE, |own| own.body.start_position()),
            closure: name.starts_with(CLOSURE),
            inherited: false,
            used: Rc::new(Used::of(&alone)),
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

/// Names that are set again after they were made, anywhere in the file.
fn assigned(ast: &AST) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    ast.walk(&mut |path| {
        if let Some(ASTNode::Stmt(Stmt::Assignment(change))) = path.last() {
            match &change.1.lhs {
                Expr::Variable(variable, ..) => {
                    names.insert(variable.1.to_string());
                }
                // A method of the script that sets `this` sets any variable.
                Expr::ThisPtr(_) => {
                    names.insert("this".to_owned());
                }
                _ => {}
            }
        }
        true
    });
    names
}

/// Names of all variables and loop variables; a parameter of the same name is hidden.
pub(super) fn variables(ast: &AST) -> BTreeSet<String> {
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
pub(in crate::script) fn definition(source: &str, name: &str) -> (u32, u32) {
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
