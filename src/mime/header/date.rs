//! Dates (RFC 5322 section 3.3), also the obsolete and the careless forms.

use jiff::Timestamp;
use mail_parser::DateTime;

/// Years a mail can come from; anything else is a broken clock.
const YEARS: std::ops::RangeInclusive<u16> = 1970..=9998;

/// Reads a Date field; `None` where nothing sensible can be read.
#[must_use]
pub fn parse_date(raw: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    let date = DateTime::parse_rfc822(text)
        .filter(is_sensible)
        .or_else(|| DateTime::parse_rfc3339(text).filter(is_sensible))?;
    Timestamp::from_second(date.to_timestamp()).ok()
}

fn is_sensible(date: &DateTime) -> bool {
    YEARS.contains(&date.year) && date.is_valid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_tolerantly() {
        for (raw, date) in [
            (
                " Mon, 2 Mar 2026 10:00:00 +0100\r\n",
                Some("2026-03-02T09:00:00Z"),
            ),
            ("2 Mar 2026 10:00 +0100", Some("2026-03-02T09:00:00Z")),
            (
                "Mon, 02 Mar 2026 10:00:00 GMT",
                Some("2026-03-02T10:00:00Z"),
            ),
            (
                "Mon, 02 Mar 2026 10:00:00 +0800 (CST)",
                Some("2026-03-02T02:00:00Z"),
            ),
            ("2026-03-02T10:00:00Z", Some("2026-03-02T10:00:00Z")),
            ("yesterday", None),
            ("", None),
            ("Mon, 99 Mar 2026 10:00:00 +0100", None),
        ] {
            let date = date.map(|date: &str| date.parse().expect("a timestamp"));
            assert_eq!(parse_date(raw.as_bytes()), date, "{raw:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_reader(raw in "[0-9a-zA-Z:,+ -]{0,40}") {
            let date = parse_date(raw.as_bytes());
            proptest::prop_assert!(date.is_none_or(|date| date >= Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_hours(24)));
        }
    }
}
