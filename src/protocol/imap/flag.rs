//! Flags of mails. `\Seen` among them decides nothing here.

/// A mail's flag (RFC 3501 section 2.3.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of the RFC")]
pub enum Flag {
    Answered,
    Deleted,
    Draft,
    Flagged,
    Recent,
    Seen,
    /// Any other, as written, with its backslash if it has one.
    Other(String),
}

impl Flag {
    /// The flag of this name, written with its backslash if it has one.
    #[must_use]
    pub fn named(name: &str) -> Self {
        // RFC 3501 section 2.3.2: names of system flags are case-insensitive.
        match name.to_ascii_lowercase().as_str() {
            "\\answered" => Self::Answered,
            "\\deleted" => Self::Deleted,
            "\\draft" => Self::Draft,
            "\\flagged" => Self::Flagged,
            "\\recent" => Self::Recent,
            "\\seen" => Self::Seen,
            _ => Self::Other(name.to_owned()),
        }
    }
}
