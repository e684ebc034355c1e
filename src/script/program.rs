//! A compiled entry file together with what it inherits, and one call of it from beginning
//! to end: traced, within its time, and unable to take anything with it.
//!
//! Nothing is merged: the files of a chain stand side by side in one call, and Rhai looks for
//! a function in the nearest file first. So hundreds of overrides share what they inherit,
//! an inherited function calls the override's helper, and every function knows its own file.

use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, FuncArgs, GlobalRuntimeState,
    ImmutableString, Module, Scope, Shared,
};

use super::{trace, weight};
use crate::domain::decision::TraceStep;

/// Why a call has no answer.
pub(super) enum Trouble<'p> {
    /// The script's own, and the file it was in when it began.
    Script(Box<EvalAltResult>, &'p str),
    /// Something it was shown panicked; a defect of ours.
    Defect,
}

/// One compiled file.
pub(super) struct Compiled {
    name: ImmutableString,
    ast: AST,
    /// Names of its functions.
    functions: BTreeSet<String>,
}

impl Compiled {
    pub(super) fn new(name: &str, ast: AST) -> Self {
        let functions = ast.iter_functions().map(|one| one.name.to_owned());
        Self {
            name: name.into(),
            functions: functions.collect(),
            ast,
        }
    }

    #[cfg(test)]
    pub(super) fn functions(&self) -> usize {
        self.ast.iter_functions().count()
    }
}

/// A file and those that it inherits from.
pub(super) struct Program {
    /// The farthest first, the file itself last.
    chain: Vec<Arc<Compiled>>,
    /// Rhai looks here first for functions that are handed on as values, and nowhere else if
    /// they are here; so it is empty, and they are looked for in the chain like all others.
    nothing: Shared<Module>,
}

impl Program {
    /// Of a file and those it inherits from, the farthest first.
    pub(super) fn new(chain: Vec<Arc<Compiled>>) -> Self {
        Self {
            chain,
            nothing: Module::new().into(),
        }
    }

    /// The file of the chain that has this function, the nearest if several do.
    pub(super) fn owner(&self, function: &str) -> Option<&str> {
        let has = |one: &&Arc<Compiled>| one.functions.contains(function);
        let owner = self.chain.iter().rev().find(has)?;
        Some(&owner.name)
    }

    /// The files, the farthest first.
    #[cfg(test)]
    pub(super) fn chain(&self) -> &[Arc<Compiled>] {
        &self.chain
    }

    /// Runs what stands outside functions.
    pub(super) fn start(&self, engine: &Engine) -> Result<(), (Box<EvalAltResult>, &str)> {
        let mut global = self.state(engine);
        self.begin(engine, &mut global, &mut Caches::new())
    }

    /// Calls a function of one of the files.
    pub(super) fn call(
        &self,
        engine: &Engine,
        function: &str,
        arguments: impl FuncArgs,
        prints_max: usize,
        expired: impl Fn() -> bool + 'static,
    ) -> (Result<Dynamic, Trouble<'_>>, Vec<TraceStep>) {
        weight::begin();
        let file = self.owner(function).unwrap_or_default();
        let (answer, trace) = trace::record(file, prints_max, expired, || {
            // What a view reads is made by other rooms; a mistake there costs this
            // call its answer and nothing else. The engine is not changed by calls.
            panic::catch_unwind(AssertUnwindSafe(|| {
                let (mut global, mut caches) = (self.state(engine), Caches::new());
                self.begin(engine, &mut global, &mut caches)?;
                let mut values = Vec::new();
                arguments.parse(&mut values);
                let mut values: Vec<&mut Dynamic> = values.iter_mut().collect();
                let scope = &mut Scope::new();
                EvalContext::new(engine, &mut global, &mut caches, scope, None)
                    .call_fn_raw(function, false, false, &mut values)
                    .map_err(|error| (error, file))
            }))
        });
        let answer = match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err((error, file))) => Err(Trouble::Script(error, file)),
            Err(_) => Err(Trouble::Defect),
        };
        (answer, trace)
    }

    fn state(&self, engine: &Engine) -> GlobalRuntimeState {
        let mut global = engine.new_global_runtime_state();
        global.lib.push(Arc::clone(&self.nothing));
        for one in &self.chain {
            global.lib.push(Arc::clone(one.ast.shared_lib()));
        }
        global
    }

    /// Imports and constants stand outside functions. Those of the farthest file come first,
    /// so that what it hands down finds them, and a nearer one may say them anew.
    #[expect(
        deprecated,
        reason = "Rhai marks so what may change; tests would notice"
    )]
    fn begin(
        &self,
        engine: &Engine,
        global: &mut GlobalRuntimeState,
        caches: &mut Caches,
    ) -> Result<(), (Box<EvalAltResult>, &str)> {
        let scope = &mut Scope::new();
        for one in &self.chain {
            let statements = one.ast.statements();
            if statements.is_empty() {
                continue;
            }
            global.source = Some(one.name.clone());
            let ended = engine.eval_statements_raw(global, caches, scope, statements);
            if let Err(error) = ended {
                return Err((error, &one.name));
            }
        }
        Ok(())
    }
}
