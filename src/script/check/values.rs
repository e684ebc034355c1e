//! Where values go: answers that are thrown away where a `return` is forgotten, and answers
//! of entry functions that are certain to be something else than they are asked for.
//!
//! Only what begins with a builder (`team(...)`) or is written out is certain.

use rhai::{ASTFlags, Expr, FlowControl, FnCallExpr, Position, Stmt};

use super::file::{Checked, Function};
use crate::script::diagnostic::Diagnostic;
use crate::script::entry;
use crate::script::shape::Sort;

/// Entry functions, and what they may answer with.
const WANTED: [(&str, Kind); 6] = [
    ("route", Kind::Built(Sort::Answer)),
    ("on_timer", Kind::Built(Sort::Answer)),
    ("ai_reply", Kind::Built(Sort::Gate)),
    ("before_send", Kind::Built(Sort::Verdict)),
    ("on_mailbox_state", Kind::Built(Sort::Alert)),
    ("signature", Kind::Text),
];

/// What an expression certainly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Built(Sort),
    Text,
    List,
    /// How messages call it.
    Other(&'static str),
}

/// What becomes of a value.
#[derive(Clone, Copy)]
enum Goes {
    /// It is what the function answers.
    Out,
    /// It is used for something.
    On,
    /// Nowhere.
    Away,
}

pub(super) fn check(file: &Checked<'_>, functions: &[Function], found: &mut Vec<Diagnostic>) {
    let mut values = Values {
        file,
        functions,
        wanted: None,
        found,
    };
    for own in &file.own.functions {
        let wanted = WANTED.iter().find(|(name, _)| own.is(name));
        values.wanted = wanted.copied().filter(|_| file.entry_of(own).is_some());
        values.block(&own.body, Goes::Out);
    }
}

struct Values<'a> {
    file: &'a Checked<'a>,
    functions: &'a [Function],
    /// What the function that is looked at must answer with, where it is asked.
    wanted: Option<(&'static str, Kind)>,
    found: &'a mut Vec<Diagnostic>,
}

impl Values<'_> {
    fn block(&mut self, statements: &[Stmt], goes: Goes) {
        let Some((last, before)) = statements.split_last() else {
            return;
        };
        for statement in before {
            self.statement(statement, Goes::Away);
        }
        self.statement(last, goes);
    }

    fn both(&mut self, parts: &FlowControl, goes: Goes) {
        self.block(parts.body.statements(), goes);
        self.block(parts.branch.statements(), goes);
    }

    fn statement(&mut self, statement: &Stmt, goes: Goes) {
        match statement {
            Stmt::Expr(inner) => self.expression(inner, goes),
            Stmt::FnCall(call, position) => {
                let kind = self.built(call).map(Kind::Built);
                self.value(kind, *position, goes);
            }
            Stmt::Block(block) => self.block(block.statements(), goes),
            Stmt::If(parts, _) | Stmt::TryCatch(parts, _) => self.both(parts, goes),
            Stmt::Switch(parts, _) => {
                for case in &parts.1.expressions {
                    self.expression(&case.rhs, goes);
                }
            }
            Stmt::While(parts, _) | Stmt::Do(parts, ..) => {
                self.block(parts.body.statements(), Goes::Away);
            }
            Stmt::For(parts, _) => self.block(parts.2.body.statements(), Goes::Away),
            Stmt::Var(variable, ..) => self.expression(&variable.1, Goes::On),
            Stmt::Assignment(change) => self.expression(&change.1.rhs, Goes::On),
            Stmt::Return(Some(value), flags, _) if !flags.contains(ASTFlags::BREAK) => {
                self.expression(value, Goes::Out);
            }
            _ => {}
        }
    }

    fn expression(&mut self, expression: &Expr, goes: Goes) {
        if let Expr::Stmt(block) = expression {
            self.block(block.statements(), goes);
        } else {
            let kind = self.kind(expression);
            self.value(kind, expression.start_position(), goes);
        }
    }

    fn value(&mut self, kind: Option<Kind>, position: Position, goes: Goes) {
        let Some(kind) = kind else { return };
        match (goes, kind, self.wanted) {
            // An alert counts when it is called.
            (Goes::Away, Kind::Built(sort), _) if sort != Sort::Alert => {
                let odd = self
                    .file
                    .at(position, "this answer is thrown away".to_owned());
                let help = Some("put `return` before it".to_owned());
                self.found.push(odd.with_help(help).as_warning());
            }
            (Goes::Out, kind, Some((function, wanted))) => {
                let alerts = wanted == Kind::Built(Sort::Alert) && kind == Kind::List;
                let mut all = entry::WANTED.iter();
                let words = all.find(|(name, _)| *name == function);
                if let Some((_, words)) = words.filter(|_| kind != wanted && !alerts) {
                    let kind = shown(kind);
                    let message = format!("`{function}` must answer with {words}, not with {kind}");
                    self.found.push(self.file.at(position, message));
                }
            }
            _ => {}
        }
    }

    fn kind(&self, expression: &Expr) -> Option<Kind> {
        Some(match expression {
            Expr::StringConstant(..) | Expr::InterpolatedString(..) => Kind::Text,
            Expr::IntegerConstant(..) | Expr::FloatConstant(..) => Kind::Other("a number"),
            Expr::BoolConstant(true, _) => Kind::Other("`true`"),
            Expr::BoolConstant(false, _) => Kind::Other("`false`"),
            Expr::CharConstant(..) => Kind::Other("a single letter"),
            Expr::Map(..) => Kind::Other("a map"),
            Expr::Array(..) => Kind::List,
            Expr::FnCall(call, _) => Kind::Built(self.built(call)?),
            Expr::Dot(pair, ..) => match &pair.lhs {
                Expr::FnCall(call, _) => Kind::Built(self.chained(self.built(call)?, &pair.rhs)?),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// The sort that a builder called by its name builds.
    fn built(&self, call: &FnCallExpr) -> Option<Sort> {
        let name = call.name.as_str();
        if !call.namespace.is_empty() || self.functions.iter().any(|own| own.is(name)) {
            return None;
        }
        let sort = self.file.table.answered(name)?;
        let built = matches!(
            sort,
            Sort::Answer | Sort::Gate | Sort::Verdict | Sort::Alert
        );
        built.then_some(sort)
    }

    /// What comes out at the end of `.tag(...).priority(...)`.
    fn chained(&self, sort: Sort, rest: &Expr) -> Option<Sort> {
        match rest {
            Expr::Dot(pair, ..) => {
                let sort = self.chained(sort, &pair.lhs)?;
                self.chained(sort, &pair.rhs)
            }
            Expr::MethodCall(call, _) => {
                let name = call.name.as_str();
                let next = self.file.table.members(sort)?.methods.get(name)?;
                let hidden = self.functions.iter().any(|own| own.is(name));
                (*next == sort && !hidden).then_some(sort)
            }
            _ => None,
        }
    }
}

fn shown(kind: Kind) -> String {
    match kind {
        Kind::Built(sort) => {
            let wants = WANTED.iter().filter(|(_, wanted)| *wanted == kind);
            let names: Vec<String> = wants.map(|(name, _)| format!("`{name}`")).collect();
            match names.as_slice() {
                [] => sort.shown().to_owned(),
                names => format!("an answer for {}", names.join(" or ")),
            }
        }
        Kind::Text => "a text".to_owned(),
        Kind::List => "a list".to_owned(),
        Kind::Other(words) => words.to_owned(),
    }
}
