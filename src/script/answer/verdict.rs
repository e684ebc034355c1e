//! What `before_send` answers: `allow` or `hold`.

use rhai::{ImmutableString, NativeCallContext};

use super::building::{Built, refused, words};
use crate::domain::decision::Verdict;
use crate::script::shape::{Shape, Sort, Type};
use crate::script::trace;

/// A verdict as a script holds it.
#[derive(Clone, Debug)]
pub(in crate::script) struct Judged(pub(in crate::script) Verdict);

pub(super) fn register(shape: &mut Shape) {
    shape.name::<Judged>(Sort::Verdict);
    let allow = |context: NativeCallContext<'_>| {
        trace::step(&context, || "allow()".to_owned());
        Judged(Verdict::Allow)
    };
    shape.engine.register_fn("allow", allow);
    let result = Type::One(Sort::Verdict);
    shape.function(("allow", result), &[], "The reply may leave.");
    let hold = |context: NativeCallContext<'_>, why: ImmutableString| -> Built<Judged> {
        trace::step(&context, || format!("hold({})", trace::quoted(&why)));
        let why = words(&why, "the reason for holding").map_err(refused)?;
        Ok(Judged(Verdict::Hold(why)))
    };
    shape.engine.register_fn("hold", hold);
    let doc = "The reply waits for a person, for this reason.";
    shape.function(("hold", result), &[("why", Type::Text)], doc);
}
