//! What `ai_reply` answers: `off`, `draft` or `send`.

use rhai::NativeCallContext;

use super::building::{Building, beginning, with_word, words};
use crate::domain::decision::Gate;
use crate::script::shape::{Shape, Sort, Type};
use crate::script::trace;

pub(super) fn register(shape: &mut Shape) {
    shape.name::<Building<Gate>>(Sort::Gate);
    let why = &[("why", Type::Text)];
    let doc = "The assistant leaves this mail to people, for this reason.";
    beginning(shape, ("off", why), (Sort::Gate, doc), |why| {
        let why = words(why, "the reason for `off`")?;
        Ok(Gate::Off { why })
    });
    let guidance = &[("guidance", Type::Text)];
    let doc = "The assistant writes a draft by this variant of the guidance; `\"\"` is the mailbox's own.";
    beginning(shape, ("draft", guidance), (Sort::Gate, doc), |guidance| {
        let guidance = variant(guidance)?;
        Ok(drafted(guidance))
    });
    let doc = "The assistant writes by this variant of the guidance, and the reply leaves.";
    beginning(shape, ("send", guidance), (Sort::Gate, doc), |guidance| {
        let guidance = variant(guidance)?;
        Ok(sent(guidance))
    });
    plain(
        shape,
        "draft",
        drafted,
        "A draft by the mailbox's own guidance.",
    );
    plain(
        shape,
        "send",
        sent,
        "A reply by the mailbox's own guidance, which leaves.",
    );
    let reason = &[("reason", Type::Text)];
    let doc = "Why; it is shown beside the draft and in the trace.";
    with_word(shape, ("because", reason), (Sort::Gate, doc), because);
}

/// The same without naming any guidance.
fn plain(shape: &mut Shape, name: &'static str, begin: fn(String) -> Gate, doc: &'static str) {
    let builder = move |context: NativeCallContext<'_>| {
        trace::step(&context, || format!("{name}()"));
        Building::of(begin(String::new()))
    };
    shape.engine.register_fn(name, builder);
    shape.function((name, Type::One(Sort::Gate)), &[], doc);
}

fn drafted(guidance: String) -> Gate {
    let because = String::new();
    Gate::Draft { guidance, because }
}

fn sent(guidance: String) -> Gate {
    let because = String::new();
    Gate::Send { guidance, because }
}

fn variant(name: &str) -> Result<String, String> {
    if name.trim().is_empty() {
        return Ok(String::new());
    }
    words(name, "the name of a guidance")
}

fn because(gate: &mut Gate, reason: &str) -> Result<(), String> {
    match gate {
        Gate::Off { .. } => Err("`off` says why itself: `off(\"...\")`".to_owned()),
        Gate::Draft { because, .. } | Gate::Send { because, .. } => {
            *because = words(reason, "the reason")?;
            Ok(())
        }
    }
}
