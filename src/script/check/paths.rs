//! Ways through a function: what no way reaches, conditions that are always the same,
//! and ways through an entry function that end without an answer.

use rhai::{ASTFlags, ASTNode, Expr, FlowControl, Position, Stmt, StmtBlock};

use super::file::Checked;
use crate::script::diagnostic::Diagnostic;

/// Entry functions that have to answer, and an answer that changes nothing.
const ANSWERS: [(&str, &str); 4] = [
    ("route", "end it with `inbox()`"),
    ("ai_reply", "end it with `off(\"why\")`"),
    ("signature", "end it with a text"),
    ("before_send", "end it with `allow()`"),
];

pub(super) fn check(file: &Checked<'_>, found: &mut Vec<Diagnostic>) {
    for own in &file.own.functions {
        unreachable(file, &own.body, found);
        let answer = ANSWERS.iter().find(|(name, _)| own.is(name));
        if let Some((name, help)) = answer.filter(|_| file.entry_of(own).is_some()) {
            let mut ends = Vec::new();
            tail(&own.body, own.at, &mut ends);
            for end in ends {
                let message = format!("`{name}` may end here without an answer");
                let odd = file.at(end, message).with_help(Some((*help).to_owned()));
                found.push(odd.as_warning());
            }
        }
    }
    conditions(file, found);
    file.ast.walk(&mut |path| {
        each_block(path.last(), &mut |block| {
            unreachable(file, block.statements(), found)
        });
        true
    });
}

fn each_block(node: Option<&ASTNode<'_>>, visit: &mut impl FnMut(&StmtBlock)) {
    match node {
        Some(ASTNode::Stmt(
            Stmt::If(parts, _)
            | Stmt::While(parts, _)
            | Stmt::Do(parts, ..)
            | Stmt::TryCatch(parts, _),
        )) => {
            visit(&parts.body);
            visit(&parts.branch);
        }
        Some(ASTNode::Stmt(Stmt::For(parts, _))) => visit(&parts.2.body),
        Some(ASTNode::Stmt(Stmt::Block(block)) | ASTNode::Expr(Expr::Stmt(block))) => visit(block),
        _ => {}
    }
}

fn unreachable(file: &Checked<'_>, statements: &[Stmt], found: &mut Vec<Diagnostic>) {
    let leaves = statements.iter().position(leaves);
    let after = leaves.and_then(|index| statements.get(index + 1));
    if let Some(after) = after {
        let message = "this is never reached".to_owned();
        found.push(file.at(start(after), message).as_warning());
    }
}

/// Whatever happens, what stands behind it does not.
fn leaves(statement: &Stmt) -> bool {
    match statement {
        Stmt::Return(..) | Stmt::BreakLoop(..) => true,
        Stmt::Block(block) => block.iter().any(leaves),
        Stmt::If(parts, _) => parts.body.iter().any(leaves) && parts.branch.iter().any(leaves),
        Stmt::Expr(inner) => match &**inner {
            Expr::Stmt(block) => block.iter().any(leaves),
            _ => false,
        },
        _ => false,
    }
}

fn start(statement: &Stmt) -> Position {
    match statement {
        Stmt::Expr(inner) => inner.start_position(),
        Stmt::Assignment(change) => change.1.lhs.start_position(),
        other => other.position(),
    }
}

fn conditions(file: &Checked<'_>, found: &mut Vec<Diagnostic>) {
    file.ast.walk(&mut |path| {
        let condition = match path.last() {
            Some(ASTNode::Stmt(Stmt::If(parts, _))) => Some(&parts.expr),
            // `while true` is a loop like any other.
            Some(ASTNode::Stmt(Stmt::While(parts, _))) => match parts.expr {
                Expr::BoolConstant(false, _) => Some(&parts.expr),
                _ => None,
            },
            _ => None,
        };
        if let Some(Expr::BoolConstant(value, position)) = condition {
            let message = format!("this condition is always {value}");
            found.push(file.at(*position, message).as_warning());
        }
        true
    });
}

/// Where a function may end without a value.
fn tail(statements: &[Stmt], empty: Position, ends: &mut Vec<Position>) {
    let Some(last) = statements.last() else {
        ends.push(empty);
        return;
    };
    if statements[..statements.len() - 1].iter().any(leaves) {
        return;
    }
    match last {
        // Answers nothing and means it.
        Stmt::Return(None, flags, position) if !flags.contains(ASTFlags::BREAK) => {
            ends.push(*position);
        }
        Stmt::If(parts, position) => both(parts, *position, ends),
        Stmt::TryCatch(parts, position) => both(parts, *position, ends),
        Stmt::Switch(parts, position) => {
            let cases = &parts.1;
            if cases.def_case.is_none() {
                ends.push(*position);
            }
            for case in &cases.expressions {
                value(&case.rhs, ends);
            }
        }
        Stmt::Block(block) => tail(block.statements(), block.position(), ends),
        Stmt::Expr(inner) => value(inner, ends),
        // A `loop` ends with the value of its `break`, which is seen when it runs.
        Stmt::While(parts, _) if matches!(parts.expr, Expr::Unit(_)) => {}
        Stmt::FnCall(call, position) if ["print", "debug"].contains(&call.name.as_str()) => {
            ends.push(*position);
        }
        Stmt::While(..) | Stmt::Do(..) | Stmt::For(..) | Stmt::Var(..) | Stmt::Assignment(_) => {
            ends.push(start(last));
        }
        _ => {}
    }
}

fn both(parts: &FlowControl, position: Position, ends: &mut Vec<Position>) {
    // `if` without `else`, or with nothing in it.
    if parts.branch.is_empty() {
        ends.push(position);
    } else {
        tail(parts.branch.statements(), parts.branch.position(), ends);
    }
    tail(parts.body.statements(), parts.body.position(), ends);
}

fn value(expression: &Expr, ends: &mut Vec<Position>) {
    match expression {
        Expr::Stmt(block) => tail(block.statements(), block.position(), ends),
        Expr::FnCall(call, position) if ["print", "debug"].contains(&call.name.as_str()) => {
            ends.push(*position);
        }
        _ => {}
    }
}
