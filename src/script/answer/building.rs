//! What all answers are built with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{EvalAltResult, ImmutableString, NativeCallContext, Position};

use crate::script::shape::{Parameter, Shape, Sort, Type};
use crate::script::trace;

/// Longest name of a team and longest reason, in bytes.
const WORDS_LENGTH_MAX: usize = 200;

/// Something being built. All copies are the same, so that a line such as
/// `answer.tag("a").note("b");` counts as it reads, whatever becomes of its value.
#[derive(Clone, Debug, Default)]
pub(in crate::script) struct Building<T>(Arc<Mutex<T>>);

impl<T> Building<T> {
    pub(super) fn of(begun: T) -> Self {
        Self(Arc::new(Mutex::new(begun)))
    }

    /// A builder that panicked has changed nothing by halves.
    pub(super) fn open(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked for in the end.
    pub(in crate::script) fn built(&self) -> T
    where
        T: Clone,
    {
        self.open().clone()
    }
}

pub(super) type Built<T> = Result<T, Box<EvalAltResult>>;

/// Registers a function that an answer begins with, and that is given one text.
pub(super) fn beginning<T: Send + Sync + Clone + 'static>(
    shape: &mut Shape,
    (name, parameters): (&'static str, &'static [Parameter]),
    (sort, doc): (Sort, &'static str),
    begin: fn(&str) -> Result<T, String>,
) {
    let builder =
        move |context: NativeCallContext<'_>, word: ImmutableString| -> Built<Building<T>> {
            trace::step(&context, || format!("{name}({})", trace::quoted(&word)));
            Ok(Building::of(begin(&word).map_err(refused)?))
        };
    shape.engine.register_fn(name, builder);
    shape.function((name, Type::One(sort)), parameters, doc);
}

/// Registers `.name("word")`.
pub(super) fn with_word<T: Send + Sync + Clone + 'static>(
    shape: &mut Shape,
    (name, parameters): (&'static str, &'static [Parameter]),
    (sort, doc): (Sort, &'static str),
    change: fn(&mut T, &str) -> Result<(), String>,
) {
    let builder = move |context: NativeCallContext<'_>,
                        building: &mut Building<T>,
                        word: ImmutableString|
          -> Built<Building<T>> {
        trace::step(&context, || format!(".{name}({})", trace::quoted(&word)));
        change(&mut building.open(), &word).map_err(refused)?;
        Ok(building.clone())
    };
    shape.engine.register_fn(name, builder);
    shape.method(Type::One(sort), (name, Type::One(sort)), parameters, doc);
}

/// A name or reason: something visible, on one line, not too long.
pub(super) fn words(text: &str, what: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.len() > WORDS_LENGTH_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "{what} is one line of at most {WORDS_LENGTH_MAX} bytes"
        ));
    }
    Ok(text.to_owned())
}

/// An error at the place of the call: Rhai fills the position in.
pub(super) fn refused(message: String) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(message.into(), Position::NONE))
}
