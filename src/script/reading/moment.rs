//! A point in time in its zone, as a script reads it.

use std::sync::Arc;

use jiff::Zoned;
use jiff::civil::Weekday;

use super::values::text;
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
        text(weekday_word(m.0.weekday()))
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
    let shown = |m: &mut Moment| m.0.strftime("%Y-%m-%d %H:%M").to_string();
    shape.engine.register_fn("to_string", shown);
    let doc = "Date and time, as `2026-11-28 09:30`.";
    shape.method(Type::One(Sort::Moment), ("to_string", Type::Text), &[], doc);
}

fn weekday_word(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}
