//! A point in time in its zone, as a script reads it.

use std::sync::Arc;

use jiff::Zoned;
use jiff::civil::Weekday;
use rhai::{EvalAltResult, ImmutableString};

use super::values::text;
use crate::script::data::Data;
use crate::script::hours;
use crate::script::shape::{Shape, Sort, Type};

/// Such a point.
#[derive(Clone, Debug)]
pub(super) struct Moment(pub(super) Arc<Zoned>);

/// Registers it.
pub(super) fn register(shape: &mut Shape) {
    shape.name::<Moment>(Sort::Moment);
    let mut add = |named, doc, read| shape.property::<Moment>(Sort::Moment, named, doc, read);
    add(("year", Type::Number), "The year.", |m| {
        i64::from(m.0.year()).into()
    });
    add(("month", Type::Number), "1 to 12.", |m| {
        i64::from(m.0.month()).into()
    });
    add(("day", Type::Number), "1 to 31.", |m| {
        i64::from(m.0.day()).into()
    });
    add(("hour", Type::Number), "0 to 23.", |m| {
        i64::from(m.0.hour()).into()
    });
    add(("minute", Type::Number), "0 to 59.", |m| {
        i64::from(m.0.minute()).into()
    });
    add(("weekday", Type::Text), "`monday` to `sunday`.", |m| {
        text(hours::weekday(m.0.weekday()))
    });
    add(
        ("is_weekend", Type::YesNo),
        "It is Saturday or Sunday.",
        |m| matches!(m.0.weekday(), Weekday::Saturday | Weekday::Sunday).into(),
    );
    add(
        ("unix", Type::Number),
        "Seconds since 1970, to tell times apart.",
        |m| m.0.timestamp().as_second().into(),
    );
    helpers(shape);
    let shown = |m: &mut Moment| m.0.strftime("%Y-%m-%d %H:%M").to_string();
    shape.engine.register_fn("to_string", shown);
    let doc = "Date and time, as `2026-11-28 09:30`.";
    shape.method(Type::One(Sort::Moment), ("to_string", Type::Text), &[], doc);
}

/// Business hours and other zones.
fn helpers(shape: &mut Shape) {
    let owner = Type::One(Sort::Moment);
    let engine = &mut shape.engine;
    engine.register_fn("is_workday", |m: &mut Moment| {
        !matches!(m.0.weekday(), Weekday::Saturday | Weekday::Sunday)
    });
    engine.register_fn(
        "is_between",
        |m: &mut Moment, from: ImmutableString, to: ImmutableString| {
            let (from, to) = (hours::time(&from)?, hours::time(&to)?);
            Ok::<_, Box<EvalAltResult>>(hours::within(m.0.time(), from, to))
        },
    );
    engine.register_fn("in_zone", |m: &mut Moment, zone: ImmutableString| {
        Ok::<_, Box<EvalAltResult>>(Moment(Arc::new(hours::in_zone(&m.0, &zone)?)))
    });
    engine.register_fn("is_open", |m: &mut Moment, data: Data| {
        hours::is_open(&m.0, &data)
    });
    let doc = "It is Monday to Friday.";
    shape.method(owner, ("is_workday", Type::YesNo), &[], doc);
    let doc = "The time of day is from the first and before the second, such as `\"09:00\"` and `\"18:00\"`.";
    let given = &[("from", Type::Text), ("to", Type::Text)];
    shape.method(owner, ("is_between", Type::YesNo), given, doc);
    let doc = "The same moment in another zone, such as `\"Asia/Shanghai\"`.";
    shape.method(owner, ("in_zone", owner), &[("zone", Type::Text)], doc);
    let doc = "It is within the hours of a file: `ctx.now.is_open(data(\"hours\"))`.";
    let given = &[("hours", Type::One(Sort::Data))];
    shape.method(owner, ("is_open", Type::YesNo), given, doc);
}
