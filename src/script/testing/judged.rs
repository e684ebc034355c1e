//! What came of a test.

use crate::domain::decision::TraceStep;

/// What came of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// What is otherwise than expected; nothing when it passed.
    pub differences: Vec<Difference>,
    /// What the scripts did.
    pub trace: Vec<TraceStep>,
}

/// One expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The word of `expect`.
    pub what: &'static str,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub came: String,
}

impl Difference {
    /// `team is "sales", expected is "billing"`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self {
            what,
            expected,
            came,
        } = self;
        format!("{what} is {came}, expected is {expected}")
    }
}
