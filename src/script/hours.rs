//! Business hours: times of day, weekdays, holidays, zones.

use jiff::Zoned;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use rhai::{EvalAltResult, Position};

use super::data::Data;

type Told<T> = Result<T, Box<EvalAltResult>>;

/// A time of day, such as `09:00`.
pub(super) fn time(text: &str) -> Told<Time> {
    let read = text.trim().split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        Time::new(hour, minute, 0, 0).ok()
    });
    read.ok_or_else(|| {
        told(format!(
            "{text:?} is no time of day; write one such as \"09:00\""
        ))
    })
}

/// From the first and before the second; over midnight when the second is earlier.
pub(super) fn within(now: Time, from: Time, to: Time) -> bool {
    if from <= to {
        from <= now && now < to
    } else {
        from <= now || now < to
    }
}

/// The same moment in another zone.
pub(super) fn in_zone(now: &Zoned, zone: &str) -> Told<Zoned> {
    Ok(now.with_time_zone(self::zone(zone)?))
}

fn zone(name: &str) -> Told<TimeZone> {
    TimeZone::get(name).map_err(|_| {
        told(format!(
            "{name:?} is no time zone; write one such as \"Asia/Shanghai\""
        ))
    })
}

/// Why a method of a time refuses this word; `None` when it does not.
pub(super) fn refusal_of(name: &str, word: &str) -> Option<String> {
    let refused = match name {
        "is_between" => time(word).map(|_| ()),
        "in_zone" => zone(word).map(|_| ()),
        _ => Ok(()),
    };
    refused.err().map(|error| words(&error))
}

/// Why this is no span of hours that a day can have.
pub(super) fn refusal_of_span(text: &str) -> Option<String> {
    match span(text) {
        Ok((from, to)) if from == to => Some(format!("{text:?} is over when it begins")),
        Ok(_) => None,
        Err(error) => Some(words(&error)),
    }
}

/// Why this is no day.
pub(super) fn refusal_of_date(text: &str) -> Option<String> {
    let date = text.parse::<Date>();
    // What is compared is the text.
    let right = date.is_ok_and(|date| date.to_string() == text);
    (!right).then(|| format!("{text:?} is no date; write one such as \"2026-12-25\""))
}

fn words(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(words, _) => words.to_string(),
        other => other.to_string(),
    }
}

/// Hours such as `09:00-18:00`.
fn span(text: &str) -> Told<(Time, Time)> {
    let (from, to) = text.split_once('-').ok_or_else(|| {
        told(format!(
            "{text:?} are no hours; write some such as \"09:00-18:00\""
        ))
    })?;
    Ok((time(from)?, time(to)?))
}

/// Within the hours that a file names: `timezone`, `monday` to `sunday` with spans such
/// as `"09:00-18:00"`, and `holidays`. A day that is absent is closed.
pub(super) fn is_open(now: &Zoned, hours: &Data) -> Told<bool> {
    let zone = hours.get("timezone").map(Data::texts).unwrap_or_default();
    let now = match zone.first() {
        Some(zone) => in_zone(now, zone)?,
        None => now.clone(),
    };
    let date = now.date().to_string();
    let holidays = hours.get("holidays").map(Data::texts).unwrap_or_default();
    if holidays.iter().any(|day| day.as_str() == date) {
        return Ok(false);
    }
    let spans = hours.get(weekday(now.weekday())).map(Data::texts);
    for span in spans.unwrap_or_default() {
        let (from, to) = self::span(&span)?;
        if within(now.time(), from, to) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `monday` to `sunday`.
pub(super) fn weekday(day: Weekday) -> &'static str {
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

fn told(words: String) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(words.into(), Position::NONE))
}
