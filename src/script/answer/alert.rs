//! What `on_mailbox_state` asks for: texts that people are told.
//!
//! An alert counts when it is called, wherever its value goes: several can stand one
//! after the other, or in a list.

use std::cell::RefCell;

use rhai::{ImmutableString, NativeCallContext};

use super::building::{Built, refused};
use crate::script::shape::{Shape, Sort, Type};
use crate::script::trace;

/// Most alerts of one call.
const ALERTS_MAX: usize = 10;
/// Longest alert, in bytes.
const ALERT_BYTES_MAX: usize = 2_000;

thread_local! {
    /// What the call that is running has raised; `None` outside `on_mailbox_state`.
    static RAISED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// An alert that was raised.
#[derive(Clone, Debug)]
pub(in crate::script) struct Alert;

/// Runs `body`, and answers with what it has raised.
pub(in crate::script) fn gather<T>(body: impl FnOnce() -> T) -> (T, Vec<String>) {
    RAISED.with_borrow_mut(|raised| *raised = Some(Vec::new()));
    let answer = body();
    let raised = RAISED.with_borrow_mut(Option::take);
    (answer, raised.unwrap_or_default())
}

pub(super) fn register(shape: &mut Shape) {
    shape.name::<Alert>(Sort::Alert);
    let alert = |context: NativeCallContext<'_>, text: ImmutableString| -> Built<Alert> {
        trace::step(&context, || format!("alert({})", trace::quoted(&text)));
        raise(&text).map_err(refused)
    };
    shape.engine.register_fn("alert", alert);
    let doc = "Tells the people who look after the gateway; may be called several times.";
    let result = Type::One(Sort::Alert);
    shape.function(("alert", result), &[("text", Type::Text)], doc);
}

fn raise(text: &str) -> Result<Alert, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("an alert without words".to_owned());
    }
    if text.len() > ALERT_BYTES_MAX {
        return Err(format!("an alert of more than {ALERT_BYTES_MAX} bytes"));
    }
    RAISED.with_borrow_mut(|raised| {
        let Some(raised) = raised else {
            return Err("alerts are raised by `on_mailbox_state` in states.rhai".to_owned());
        };
        if raised.len() >= ALERTS_MAX {
            return Err(format!("more than {ALERTS_MAX} alerts at once"));
        }
        raised.push(text.to_owned());
        Ok(Alert)
    })
}
