//! Quoted history below an answer.

use std::fmt::Write as _;

use jiff::Zoned;

use super::wrote::wrote;

/// Longest history that is quoted, in bytes; the rest is marked as left out.
const QUOTED_LENGTH_MAX: usize = 64 * 1024;
/// Stands where history was left out.
const LEFT_OUT: &str = "[…]";

/// A mail to be quoted.
#[derive(Clone, Debug)]
pub struct Quotation<'a> {
    /// Who wrote it, as shown.
    pub author: &'a str,
    /// When, in the time zone of the writer of the answer.
    pub at: Zoned,
    /// Its text.
    pub text: &'a str,
    /// The language of the line above it: a BCP 47 primary tag; English for one that is not known.
    pub language: &'a str,
}

impl Quotation<'_> {
    pub(super) fn write(&self, text: &mut String) {
        let author = crate::mime::header::words::one_line(self.author);
        text.push_str(&wrote(self.language, &author, &self.at));
        text.push('\n');
        quote(self.text, text);
    }
}

/// The lines of a text, each behind a mark.
fn quote(quoted: &str, text: &mut String) {
    let kept = quoted.floor_char_boundary(QUOTED_LENGTH_MAX.min(quoted.len()));
    let left_out = (kept < quoted.len()).then_some(LEFT_OUT);
    for line in quoted[..kept].trim_end().lines().chain(left_out) {
        let gap = if line.starts_with('>') || line.is_empty() {
            ""
        } else {
            " "
        };
        // Writing into a String cannot fail.
        let _ = writeln!(text, ">{gap}{line}");
    }
}
