//! Text that does not print itself, in a request or an answer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text that does not print itself.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
