//! One call of a script's function, from beginning to end: traced, within its time, and
//! unable to take anything with it.

use std::panic::{self, AssertUnwindSafe};

use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Scope};

use super::{trace, weight};
use crate::domain::decision::TraceStep;

/// Why a call has no answer.
pub(super) enum Trouble {
    /// The script's own.
    Script(Box<EvalAltResult>),
    /// Something it was shown panicked; a defect of ours.
    Defect,
}

/// A function of a compiled file.
pub(super) struct Callee<'c> {
    pub(super) engine: &'c Engine,
    pub(super) ast: &'c AST,
    pub(super) file: &'static str,
    pub(super) function: &'c str,
}

impl Callee<'_> {
    /// The file has such a function.
    pub(super) fn exists(&self) -> bool {
        self.ast.iter_functions().any(|f| f.name == self.function)
    }

    /// Calls it.
    pub(super) fn call(
        &self,
        arguments: impl FuncArgs,
        prints_max: usize,
        expired: impl Fn() -> bool + 'static,
    ) -> (Result<Dynamic, Trouble>, Vec<TraceStep>) {
        weight::begin();
        let (answer, trace) = trace::record(self.file, prints_max, expired, || {
            // Imports stand outside functions; without any there is nothing to run there.
            let options = CallFnOptions::new().eval_ast(!self.ast.statements().is_empty());
            let scope = &mut Scope::new();
            // What a view reads is made by other rooms; a mistake there costs this
            // call its answer and nothing else. The engine is not changed by calls.
            panic::catch_unwind(AssertUnwindSafe(|| {
                self.engine.call_fn_with_options::<Dynamic>(
                    options,
                    scope,
                    self.ast,
                    self.function,
                    arguments,
                )
            }))
        });
        let answer = match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Trouble::Script(error)),
            Err(_) => Err(Trouble::Defect),
        };
        (answer, trace)
    }
}
