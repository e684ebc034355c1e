//! What sort of value a name stands for, as far as that is certain, and what is wrong
//! with what is done to it.
//!
//! Certain are: the parameters of an entry function; what is read from something
//! certain; a variable that is set once, where it is made; a parameter of a helper, when
//! every call in the file hands it the same; what a helper answers, when every way
//! through it answers the same; the elements that a list of such hands to a closure.
//! Everything else may be anything: other closures are judged only for what they make
//! themselves.

mod changed;
mod fact;
mod given;
mod learned;
mod members;

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTFlags, Expr, FnCallExpr, FnPtr, Position, Stmt, StmtBlock};

use super::file::{Checked, Function};
use crate::script::diagnostic::Diagnostic;
use changed::key;
use fact::{Fact, Facts, Key, Value};

pub(in crate::script) use fact::Learned;
#[cfg(test)]
pub(in crate::script) use fact::VISITS;

pub(super) fn check(
    file: &Checked<'_>,
    functions: &[Function],
    parent: Option<&Learned>,
    found: &mut Vec<Diagnostic>,
) -> Learned {
    let known = file.above.iter().chain([&file.own]);
    let assigned = known.flat_map(|known| known.assigned.iter().map(String::as_str));
    let mut named: BTreeMap<&str, Vec<&Function>> = BTreeMap::new();
    for own in functions {
        named.entry(&own.name).or_default().push(own);
    }
    let mut judge = Judge {
        file,
        functions,
        named,
        assigned: assigned.collect(),
        parent,
        judged: changed::changed(functions, parent.is_some()),
        facts: Facts::default(),
        called: BTreeSet::new(),
        scope: Vec::new(),
        answers: Fact::Never,
        is_inherited: false,
        found: None,
    };
    for own in functions {
        if let Some(entry) = file.entry_of(own) {
            let sorts = entry.parameters.iter().map(|(_, sort)| Fact::of(*sort));
            judge.give(key(own), sorts.collect());
        }
    }
    judge.settle();
    // What nobody here calls may be called by an override, with anything.
    for own in functions {
        let key = key(own);
        if judge.judged.contains(&key) && !judge.called.contains(&key) {
            judge.give(key, vec![Fact::Anything; own.parameters.len()]);
        }
    }
    judge.settle();
    judge.found = Some(Vec::new());
    judge.round();
    found.extend(judge.found.unwrap_or_default());
    Learned::new(judge.facts, judge.judged, parent)
}

/// The function that this value is, where it is written as one.
fn pointer(value: &Expr) -> Option<String> {
    let Expr::DynamicConstant(value, _) = value else {
        return None;
    };
    let pointer = value.read_lock::<FnPtr>()?;
    Some(pointer.fn_name().to_owned())
}

struct Judge<'a> {
    file: &'a Checked<'a>,
    functions: &'a [Function],
    named: BTreeMap<&'a str, Vec<&'a Function>>,
    /// Names that are set again after they were made, here or in what is inherited.
    assigned: BTreeSet<&'a str>,
    /// What is known of the functions that are not judged again.
    parent: Option<&'a Learned>,
    /// Functions that are gone through.
    judged: BTreeSet<Key>,
    facts: Facts,
    /// Functions that are known to be called.
    called: BTreeSet<Key>,
    /// Variables in sight, the innermost last.
    scope: Vec<(String, Fact)>,
    /// What `return` has answered in the function that is looked at.
    answers: Fact,
    /// What is looked at stands in another file, which was judged there.
    is_inherited: bool,
    /// `None` while facts are gathered.
    found: Option<Vec<Diagnostic>>,
}

impl Judge<'_> {
    /// Goes through the file until nothing new is learned. Facts only grow, by at most
    /// two steps for each parameter and answer, so this ends.
    fn settle(&mut self) {
        loop {
            let before = (self.facts.clone(), self.called.len());
            self.round();
            if before == (self.facts.clone(), self.called.len()) {
                return;
            }
        }
    }

    fn round(&mut self) {
        let statements: Vec<Stmt> = self.file.ast.statements().to_vec();
        self.scope.clear();
        self.block(&statements);
        for own in self.functions {
            let key = key(own);
            if !self.called.contains(&key) {
                continue;
            }
            #[cfg(test)]
            VISITS.set(VISITS.get() + 1);
            self.is_inherited = own.inherited;
            self.scope.clear();
            self.answers = Fact::Never;
            for (index, name) in own.parameters.iter().enumerate() {
                let fact = self.facts.given(&key, index);
                self.define(name, fact);
            }
            let last = self.block(&own.body);
            let answer = last.or(self.answers);
            self.facts.answer(&key, answer);
        }
        self.is_inherited = false;
    }

    fn say(&mut self, position: Position, message: String, help: Option<String>) {
        let one = self.file.at(position, message).with_help(help);
        self.add(one);
    }

    fn add(&mut self, one: Diagnostic) {
        if let Some(found) = self.found.as_mut().filter(|_| !self.is_inherited) {
            found.push(one);
        }
    }

    fn define(&mut self, name: &str, fact: Fact) {
        let changes = self.assigned.contains(name) || self.assigned.contains("this");
        let fact = if changes { Fact::Anything } else { fact };
        self.scope.push((name.to_owned(), fact));
    }

    fn variable(&mut self, name: &str) -> Fact {
        let known = self.scope.iter().rev().find(|(known, _)| known == name);
        if let Some((_, fact)) = known {
            return *fact;
        }
        // A function as a value: whoever gets it may call it with anything.
        self.called_by_name(name);
        Fact::Anything
    }

    fn block(&mut self, statements: &[Stmt]) -> Fact {
        let outside = self.scope.len();
        let mut last = Fact::Anything;
        for statement in statements {
            last = self.statement(statement);
            if last == Fact::Never && matches!(statement, Stmt::Return(..) | Stmt::BreakLoop(..)) {
                break;
            }
        }
        self.scope.truncate(outside);
        last
    }

    fn inner(&mut self, block: &StmtBlock) -> Fact {
        self.block(block.statements())
    }

    fn statement(&mut self, statement: &Stmt) -> Fact {
        match statement {
            Stmt::Expr(inner) => return self.expression(inner),
            Stmt::FnCall(call, position) => return self.call(call, *position),
            Stmt::Block(block) => return self.inner(block),
            Stmt::Var(variable, ..) => {
                let fact = self.expression(&variable.1);
                self.define(&variable.0.name, fact);
            }
            Stmt::Assignment(change) => {
                self.expression(&change.1.rhs);
                self.target(&change.1.lhs);
            }
            Stmt::If(parts, _) => {
                self.expression(&parts.expr);
                let one = self.inner(&parts.body);
                let other = self.inner(&parts.branch);
                return one.or(other);
            }
            Stmt::Switch(parts, _) => {
                self.expression(&parts.0);
                let cases = &parts.1;
                let mut all = match cases.def_case {
                    Some(_) => Fact::Never,
                    None => Fact::Anything,
                };
                for case in &cases.expressions {
                    self.expression(&case.lhs);
                    all = all.or(self.expression(&case.rhs));
                }
                return all;
            }
            Stmt::While(parts, _) | Stmt::Do(parts, ..) => {
                self.expression(&parts.expr);
                self.inner(&parts.body);
            }
            Stmt::For(parts, _) => self.each(
                &parts.0.name,
                parts.1.as_ref().map(|one| one.name.as_str()),
                &parts.2,
            ),
            Stmt::TryCatch(parts, _) => {
                let one = self.inner(&parts.body);
                if let Expr::Variable(caught, ..) = &parts.expr {
                    self.scope.push((caught.1.to_string(), Fact::Anything));
                    let other = self.inner(&parts.branch);
                    self.scope.pop();
                    return one.or(other);
                }
                return one.or(self.inner(&parts.branch));
            }
            Stmt::Return(value, flags, _) => {
                let fact = match value {
                    Some(value) => self.expression(value),
                    None => Fact::Anything,
                };
                if !flags.contains(ASTFlags::BREAK) {
                    self.answers = self.answers.or(fact);
                }
                return Fact::Never;
            }
            Stmt::BreakLoop(value, ..) => {
                if let Some(value) = value {
                    self.expression(value);
                }
                return Fact::Never;
            }
            Stmt::Import(parts, _) => {
                self.expression(&parts.0);
            }
            _ => {}
        }
        Fact::Anything
    }

    fn each(&mut self, name: &str, counter: Option<&str>, parts: &rhai::FlowControl) {
        let fact = match self.expression(&parts.expr) {
            Fact::Is(Value::Many(sort)) => Fact::of(sort),
            Fact::Never => Fact::Never,
            _ => Fact::Anything,
        };
        let outside = self.scope.len();
        self.define(name, fact);
        if let Some(counter) = counter {
            self.define(counter, Fact::Anything);
        }
        self.inner(&parts.body);
        self.scope.truncate(outside);
    }

    fn expression(&mut self, expression: &Expr) -> Fact {
        if let Some(name) = pointer(expression) {
            self.called_by_name(&name);
        }
        match expression {
            Expr::Variable(variable, ..) if variable.2.is_empty() => self.variable(&variable.1),
            Expr::Dot(pair, ..) => {
                let fact = self.expression(&pair.lhs);
                self.chain(fact, &pair.rhs)
            }
            Expr::Index(pair, flags, _) => {
                let fact = self.expression(&pair.lhs);
                self.indexed(fact, &pair.rhs, *flags)
            }
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::Stmt(block) => self.inner(block),
            Expr::Array(all, _) | Expr::InterpolatedString(all, _) => {
                for one in all {
                    self.expression(one);
                }
                Fact::Anything
            }
            Expr::Map(entries, _) => {
                for (_, one) in &entries.0 {
                    self.expression(one);
                }
                Fact::Anything
            }
            Expr::And(all, _) | Expr::Or(all, _) | Expr::Coalesce(all, _) => {
                for one in all.iter() {
                    self.expression(one);
                }
                Fact::Anything
            }
            _ => Fact::Anything,
        }
    }

    /// Goes along `.a.b(...)` of something.
    fn chain(&mut self, fact: Fact, rest: &Expr) -> Fact {
        match rest {
            Expr::Dot(pair, ..) => {
                let next = self.member(fact, &pair.lhs);
                self.chain(next, &pair.rhs)
            }
            Expr::Index(pair, flags, _) => {
                let next = self.member(fact, &pair.lhs);
                self.indexed(next, &pair.rhs, *flags)
            }
            last => self.member(fact, last),
        }
    }

    /// `[index]` of something, and what follows: Rhai keeps both in one.
    fn indexed(&mut self, fact: Fact, rest: &Expr, flags: ASTFlags) -> Fact {
        let element = match fact {
            Fact::Is(Value::Many(sort)) => Fact::of(sort),
            Fact::Never => Fact::Never,
            _ => Fact::Anything,
        };
        match rest {
            Expr::Dot(pair, ..) if !flags.contains(ASTFlags::BREAK) => {
                self.expression(&pair.lhs);
                self.chain(element, &pair.rhs)
            }
            Expr::Index(pair, inner, _) if !flags.contains(ASTFlags::BREAK) => {
                self.expression(&pair.lhs);
                self.indexed(Fact::Anything, &pair.rhs, *inner)
            }
            index => {
                self.expression(index);
                element
            }
        }
    }

    /// A call by name, or an operator.
    fn call(&mut self, call: &FnCallExpr, position: Position) -> Fact {
        let facts: Vec<Fact> = call.args.iter().map(|one| self.expression(one)).collect();
        if call.op_token.is_some() {
            self.operator(call, &facts, position);
            return Fact::Anything;
        }
        if !call.namespace.is_empty() {
            return Fact::Anything;
        }
        let name = call.name.as_str();
        let own = self.owned(name).into_iter();
        let mut own = own.filter(|own| own.parameters.len() == facts.len());
        if let Some(own) = own.next() {
            let key = key(own);
            self.give(key.clone(), facts);
            return self.answered(&key);
        }
        // `one in list` is written so by Rhai, with the list first.
        if let ("contains", [Expr::Array(all, _), _], [_, Fact::Is(Value::Word(words))]) =
            (name, call.args.as_slice(), facts.as_slice())
        {
            for one in all {
                self.never(*words, one);
            }
        }
        if ["Fn", "call"].contains(&name) {
            for own in self.functions {
                self.called_by_name(&own.name);
            }
        }
        let hidden =
            self.named.contains_key(name) || self.scope.iter().any(|(known, _)| known == name);
        match self.file.table.answered(name).filter(|_| !hidden) {
            Some(sort) => {
                self.handed(None, call, &facts, position);
                Fact::of(sort)
            }
            None => Fact::Anything,
        }
    }
}
