//! A field of a form that cannot be used, and why.

use crate::domain::saying::{Said, Saying};

/// A field that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct WrongField {
    /// Its name, as in `Wish`.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub words: Saying,
}

pub(in crate::service) fn wrong(field: &'static str, words: impl Into<Saying>) -> WrongField {
    WrongField {
        field,
        words: words.into(),
    }
}

impl Said for WrongField {
    fn saying(&self) -> Saying {
        self.words.clone()
    }
}
