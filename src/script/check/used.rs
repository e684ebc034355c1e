//! Which names a file calls, imports and hands on.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, FnPtr, Position, Stmt};

/// What stands in a file by name.
#[derive(Default)]
pub(super) struct Used {
    /// Called, or named as a value.
    pub(super) functions: BTreeSet<String>,
    /// Called as `value.name(...)`, with how many values stand in the brackets.
    pub(super) methods: BTreeSet<(String, usize)>,
    /// In front of `::`.
    pub(super) modules: BTreeSet<String>,
    /// `import ... as name`.
    pub(super) imports: Vec<(String, Position)>,
    /// A name of a function may come out of a text.
    pub(super) by_text: bool,
}

impl Used {
    pub(super) fn of(ast: &AST) -> Self {
        let mut used = Self::default();
        ast.walk(&mut |path| {
            if let Some(ASTNode::Expr(Expr::MethodCall(call, _))) = path.last() {
                let method = (call.name.to_string(), call.args.len());
                used.methods.insert(method);
            }
            match path.last() {
                Some(
                    ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
                    | ASTNode::Stmt(Stmt::FnCall(call, _)),
                ) => {
                    used.functions.insert(call.name.to_string());
                    used.by_text |= ["Fn", "call"].contains(&call.name.as_str());
                    if !call.namespace.is_empty() {
                        used.modules.insert(call.namespace.root().to_owned());
                    }
                }
                Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                    used.functions.insert(variable.1.to_string());
                    if !variable.2.is_empty() {
                        used.modules.insert(variable.2.root().to_owned());
                    }
                }
                Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                    let pointer = value.read_lock::<FnPtr>();
                    used.functions
                        .extend(pointer.map(|pointer| pointer.fn_name().to_owned()));
                }
                Some(ASTNode::Stmt(Stmt::Import(parts, position))) => {
                    used.imports.push((parts.1.name.to_string(), *position));
                }
                _ => {}
            }
            true
        });
        used
    }
}
