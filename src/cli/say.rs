//! Writing for people and programs. Whoever read may have gone (`postern serve | head`):
//! that ends the writing, never the program.

use std::fmt::Display;
use std::io::Write as _;

/// A line on standard output.
pub(super) fn say(line: impl Display) {
    let mut output = std::io::stdout().lock();
    // Nobody is left to be told.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
