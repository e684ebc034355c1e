//! A mail as the host hands it over, and its flags.

use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::folder::Uid;

/// A mail handed over to be shown.
#[derive(Clone, Debug)]
pub struct Mail {
    /// In its folder.
    pub uid: Uid,
    /// As they are now.
    pub flags: Vec<Flag>,
    /// When it came in.
    pub date: Timestamp,
    /// The mail. `None` makes the server say `NIL`, as some do for mails they lost.
    pub raw: Option<Bytes>,
}

/// A flag as on the wire: `\Seen`, `$Forwarded`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flag(String);

impl Flag {
    /// The system flags (RFC 3501 section 2.3.2), in their usual spelling.
    const SYSTEM: [&str; 5] = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];

    /// Case does not matter for system flags.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let system = Self::SYSTEM.iter().find(|f| f.eq_ignore_ascii_case(text));
        Self(system.map_or(text, |flag| flag).to_owned())
    }

    /// `\Seen`
    #[must_use]
    pub fn seen() -> Self {
        Self::new("\\Seen")
    }

    /// `\Deleted`
    #[must_use]
    pub fn deleted() -> Self {
        Self::new("\\Deleted")
    }

    /// As on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 3501 section 6.4.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `FLAGS`
    Replace(Vec<Flag>),
    /// `+FLAGS`
    Add(Vec<Flag>),
    /// `-FLAGS`
    Remove(Vec<Flag>),
}

impl FlagChange {
    /// Changes `flags`.
    pub fn apply(&self, flags: &mut Vec<Flag>) {
        match self {
            Self::Replace(new) => flags.clone_from(new),
            Self::Add(new) => flags.extend(new.iter().cloned()),
            Self::Remove(old) => flags.retain(|flag| !old.contains(flag)),
        }
        flags.sort();
        flags.dedup();
    }
}
