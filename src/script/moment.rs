//! A time as people type it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned, civil};

/// A text that is no time.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} is no time; write one such as 2026-11-28T09:00, or 2026-11-28T09:00:00+08:00 where \
     another time zone is meant"
)]
pub struct NoTime {
    text: String,
}

/// Reads a time that somebody typed; without a zone it is that of `zone`, which is also what
/// scripts see it in.
///
/// # Errors
/// When it is none.
pub fn moment(text: &str, zone: &TimeZone) -> Result<Zoned, NoTime> {
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Ok(zoned);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.to_zoned(zone.clone()));
    }
    let local = text.parse::<civil::DateTime>().ok();
    let zoned = local.and_then(|local| local.to_zoned(zone.clone()).ok());
    zoned.ok_or_else(|| NoTime {
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_zone_of_the_scripts() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let hour = |text: &str| moment(text, &zone).map(|at| at.hour());
        assert_eq!(hour("2026-11-28T09:00:00+08:00").expect("a time"), 2);
        assert_eq!(hour("2026-11-28T09:00").expect("a time"), 9);
        assert_eq!(hour("2026-11-28T09:00[Asia/Shanghai]").expect("a time"), 9);
        let refused = hour("tomorrow").expect_err("no time").to_string();
        assert!(refused.starts_with("\"tomorrow\" is no time"), "{refused}");
    }
}
