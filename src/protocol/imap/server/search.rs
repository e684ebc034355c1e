//! What a SEARCH looks for (RFC 3501 section 6.4.4), free of codec types.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::mail::{Flag, Mail};
use super::section::fields;

/// A condition a mail meets or not.
#[derive(Clone, Debug)]
pub enum Criteria {
    /// Always.
    All,
    /// One of these UIDs; sequence numbers have been resolved.
    Uids(Vec<RangeInclusive<u32>>),
    /// The field contains the text; any text where it is empty. Case does not matter.
    Header(String, String),
    /// The mail contains the text. Case does not matter.
    Text(String),
    /// INTERNALDATE, in UTC, is that day or later.
    Since(Date),
    /// INTERNALDATE, in UTC, is before that day.
    Before(Date),
    /// Has the flag.
    Flag(Flag),
    /// Longer than that, in bytes.
    Larger(u32),
    /// Shorter than that, in bytes.
    Smaller(u32),
    /// The opposite.
    Not(Box<Self>),
    /// Either.
    Or(Box<Self>, Box<Self>),
    /// Every one.
    And(Vec<Self>),
}

impl Criteria {
    /// Whether `mail` meets it.
    #[must_use]
    pub fn matches(&self, mail: &Mail) -> bool {
        let raw = mail.raw.as_deref().unwrap_or_default();
        let day = || mail.date.to_zoned(TimeZone::UTC).date();
        match self {
            Self::All => true,
            Self::Uids(ranges) => ranges.iter().any(|range| range.contains(&mail.uid.get())),
            Self::Header(name, text) => {
                fields(raw).any(|f| f.name.eq_ignore_ascii_case(name) && contains(&f.value(), text))
            }
            Self::Text(text) => contains(&String::from_utf8_lossy(raw), text),
            Self::Since(date) => day() >= *date,
            Self::Before(date) => day() < *date,
            Self::Flag(flag) => mail.flags.contains(flag),
            Self::Larger(size) => raw.len() > *size as usize,
            Self::Smaller(size) => raw.len() < *size as usize,
            Self::Not(other) => !other.matches(mail),
            Self::Or(a, b) => a.matches(mail) || b.matches(mail),
            Self::And(all) => all.iter().all(|one| one.matches(mail)),
        }
    }
}

fn contains(text: &str, sought: &str) -> bool {
    text.to_lowercase().contains(&sought.to_lowercase())
}
