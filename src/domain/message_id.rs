//! Message-IDs. (Being built.)

/// The value of a Message-ID without angle brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(String);
