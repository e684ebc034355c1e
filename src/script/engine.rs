//! The Rhai engine, furnished and confined.
//!
//! Invariant: no file is read through it (modules come from memory), nothing waits
//! in it, and everything it can use up has a limit.

use rhai::module_resolvers::StaticModuleResolver;
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, ImmutableString, NativeCallContext, OptimizationLevel,
    Position, Scope,
};

use super::data::{self, Shelf};
use super::limits::Limits;
use super::shape::{Shape, Table};
use super::{answer, growth, helpers, reading, trace, weight};

/// Operations between two looks at the time. A look costs more than most operations, and
/// less than one that writes a large text anew.
const OPERATIONS_PER_LOOK: u64 = 32;
/// The word that makes values of functions.
const FUNCTION_VALUE: &str = "Fn";

/// An engine without modules yet, and the table of what it offers.
pub(super) fn furnished(limits: &Limits, shelf: Shelf) -> (Engine, Table) {
    let mut shape = confined(limits);
    reading::register(&mut shape);
    data::register(&mut shape, shelf);
    answer::register(&mut shape);
    (shape.engine, shape.table)
}

/// The same for hooks of plugins: they see a mail, route nothing, and have no closures.
pub(super) fn for_hooks(limits: &Limits) -> (Engine, Table) {
    let mut shape = confined(limits);
    shape.engine.set_allow_anonymous_fn(false);
    shape.engine.disable_symbol(FUNCTION_VALUE);
    reading::register_mail(&mut shape);
    (shape.engine, shape.table)
}

/// What was compiled, made quicker. It happens after the checks: they judge what was
/// written, and not what is left of it.
pub(super) fn optimized(engine: &Engine, ast: AST) -> AST {
    let source = ast.source().map(str::to_owned);
    let mut ast = engine.optimize_ast(&Scope::new(), ast, OptimizationLevel::Simple);
    if let Some(source) = source {
        ast.set_source(source);
    }
    ast
}

fn confined(limits: &Limits) -> Shape {
    let mut shape = Shape {
        engine: Engine::new(),
        table: Table::default(),
    };
    confine(&mut shape.engine, limits);
    printing(&mut shape.engine);
    growth::register(&mut shape.engine);
    helpers::register(&mut shape);
    shape
}

fn confine(engine: &mut Engine, limits: &Limits) {
    // The default resolver reads any file of the machine (`import "/etc/..."`).
    engine.set_module_resolver(StaticModuleResolver::new());
    engine.set_optimization_level(OptimizationLevel::None);
    engine.disable_symbol("eval");
    // Functions that hold functions: each time twice as much, and counted in no limit.
    engine.disable_symbol("curry");
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_operations(limits.operations_max);
    engine.set_max_call_levels(limits.call_levels_max);
    engine.set_max_expr_depths(limits.expression_depth_max, limits.expression_depth_max);
    engine.set_max_string_size(limits.text_bytes_max);
    engine.set_max_array_size(limits.array_elements_max);
    engine.set_max_map_size(limits.map_entries_max);
    engine.set_max_variables(limits.variables_max);
    engine.set_max_functions(limits.functions_max);
    engine.set_max_modules(limits.modules_max);
    engine.on_progress(|operations| {
        let look = operations.is_multiple_of(OPERATIONS_PER_LOOK);
        (look && trace::expired()).then_some(Dynamic::UNIT)
    });
    weighed(engine, limits.held_bytes_max);
    // `sleep` cannot be disabled by its name, and it waits outside all limits.
    engine.register_fn("sleep", |_: i64| no_waiting());
    engine.register_fn("sleep", |_: f64| no_waiting());
    // A clock would make a decision impossible to repeat; `ctx.now` is the time.
    engine.register_fn("timestamp", no_clock);
}

/// Looks at what is held whenever a variable is made, and now and then when one is read.
#[expect(
    deprecated,
    reason = "Rhai marks so what may change; tests would notice"
)]
fn weighed(engine: &mut Engine, max: usize) {
    engine.on_def_var(move |running, _, context| {
        if running {
            weight::read(&context, max)?;
        }
        Ok(true)
    });
    engine.on_var(move |_, _, context| {
        weight::read(&context, max)?;
        Ok(None)
    });
}

fn no_waiting() -> Result<(), Box<EvalAltResult>> {
    Err(refusal("a script cannot wait"))
}

fn no_clock() -> Result<Dynamic, Box<EvalAltResult>> {
    Err(refusal("there is no clock in a script; use `ctx.now`"))
}

fn refusal(message: &str) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}

/// What is printed goes into the trace.
fn printing(engine: &mut Engine) {
    engine.on_print(trace::printed);
    engine.on_debug(|text, _, _| trace::printed(text));
    printed_as_text::<i64>(engine);
    printed_as_text::<f64>(engine);
    printed_as_text::<bool>(engine);
    printed_as_text::<ImmutableString>(engine);
}

/// `print` of this type knows where it stands; Rhai then hands the text to `on_print`.
fn printed_as_text<T: rhai::Variant + Clone + ToString>(engine: &mut Engine) {
    let print = |context: NativeCallContext<'_>, value: T| -> ImmutableString {
        trace::printing(&context);
        value.to_string().into()
    };
    engine.register_fn("print", print);
}
