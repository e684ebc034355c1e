//! A question that a script asked of a value, as a step of a trace writes it, and how such
//! a step is read again: `mail.subject.contains("invoice") = true`.

use crate::domain::decision::Routing;

/// What can be asked of a text or a list, by the name that scripts have for it.
pub const CONTAINS: &str = "contains";
/// Whether a text begins with another.
pub const STARTS_WITH: &str = "starts_with";
/// Whether a text ends with another.
pub const ENDS_WITH: &str = "ends_with";
/// Whether one of several words stands in a text; the word is the one that does.
pub const CONTAINS_ANY: &str = "contains_any";

const OPERATIONS: [&str; 4] = [CONTAINS, STARTS_WITH, ENDS_WITH, CONTAINS_ANY];

/// What stands for the words of a `contains_any` that found none of them.
const NO_WORD: &str = "[…]";

/// A question about a word; `of` is empty where nobody knows whose the value is.
#[must_use]
pub fn asked(of: &str, operation: &str, word: &str, holds: bool) -> String {
    let dot = if of.is_empty() { "" } else { "." };
    format!("{of}{dot}{operation}(\"{word}\") = {holds}")
}

/// A question about several words, of which none was there.
#[must_use]
pub fn none_of(of: &str) -> String {
    let dot = if of.is_empty() { "" } else { "." };
    format!("{of}{dot}{CONTAINS_ANY}({NO_WORD}) = false")
}

/// A question whether a value is one of those in `place`: a list, or data.
#[must_use]
pub fn within(of: &str, place: &str, holds: bool) -> String {
    format!("{of} in {place} = {holds}")
}

/// What a step answered with yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'s> {
    /// What was asked.
    pub asked: Asked<'s>,
    /// The answer.
    pub holds: bool,
}

/// What a step asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'s> {
    /// About a word.
    Word {
        /// Whose value; empty where nobody knows.
        of: &'s str,
        /// One of the operations above.
        operation: &'static str,
        /// The word, perhaps shortened.
        word: &'s str,
    },
    /// About several words, none of which was there.
    NoneOf,
    /// Whether a value is one of others.
    Within,
    /// Nothing but a value that is true or false itself.
    Flag,
}

/// Reads a step; `None` of one that answers nothing. Texts that were read end in a quote,
/// so no text of a stranger is taken for an answer.
#[must_use]
pub fn answer(what: &str) -> Option<Answer<'_>> {
    if is_print(what) {
        return None;
    }
    let yes = what.strip_suffix(" = true").map(|asked| (asked, true));
    let (asked, holds) = yes.or_else(|| Some((what.strip_suffix(" = false")?, false)))?;
    let asked = if let Some(inner) = asked.strip_suffix("\")") {
        word(inner)?
    } else if asked.ends_with(&format!("{CONTAINS_ANY}({NO_WORD})")) {
        Asked::NoneOf
    } else if asked.contains(" in ") {
        Asked::Within
    } else {
        Asked::Flag
    };
    Some(Answer { asked, holds })
}

/// `mail.subject.contains("invoice`: the first place that is a question.
fn word(inner: &str) -> Option<Asked<'_>> {
    let found = OPERATIONS.iter().filter_map(|operation| {
        let opening = format!("{operation}(\"");
        let at = if inner.starts_with(&opening) {
            0
        } else {
            inner.find(&format!(".{opening}"))? + 1
        };
        Some((at, *operation, at + opening.len()))
    });
    let (at, operation, word) = found.min()?;
    Some(Asked::Word {
        of: inner[..at].trim_end_matches('.'),
        operation,
        word: &inner[word..],
    })
}

/// Something printed; it may look like anything.
#[must_use]
pub fn is_print(what: &str) -> bool {
    what.starts_with("print:")
}

/// A call that begins an answer or adds to it.
#[must_use]
pub fn is_builder(what: &str) -> bool {
    what.starts_with('.') || begins_answer(what)
}

/// A call that begins an answer of routing.
#[must_use]
pub fn begins_answer(what: &str) -> bool {
    let beginnings = ["team(", "ignore(", "inbox(", "spam("];
    beginnings.iter().any(|name| what.starts_with(name))
}

/// A call that may have begun this very answer; a name may stand there shortened.
pub(super) fn begins(what: &str, routing: &Routing) -> bool {
    if routing.spam {
        what.starts_with("spam(")
    } else if routing.ignore.is_some() {
        what.starts_with("ignore(")
    } else if let Some(team) = &routing.team {
        let name = what.strip_prefix("team(\"");
        let name = name.and_then(|name| name.strip_suffix("\")"));
        name.is_some_and(|name| is_of(name.trim(), team))
    } else {
        what.starts_with("inbox(")
    }
}

fn is_of(shown: &str, name: &str) -> bool {
    let shortened = shown.strip_suffix('…');
    shown == name || shortened.is_some_and(|begins| name.starts_with(begins.trim_end()))
}

/// A value that was read.
#[must_use]
pub fn is_read(what: &str) -> bool {
    let asked = answer(what).is_some_and(|answer| answer.asked != Asked::Flag);
    !asked && !is_print(what) && !is_builder(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let written = asked("mail.header(\"X\")", STARTS_WITH, "a \"b\") c", true);
        let read = answer(&written).expect("an answer");
        let of = "mail.header(\"X\")";
        let word = "a \"b\") c";
        let operation = STARTS_WITH;
        assert_eq!(
            read.asked,
            Asked::Word {
                of,
                operation,
                word
            }
        );
        assert!(read.holds);
        let bare = asked("", CONTAINS, "x", false);
        assert_eq!(bare, "contains(\"x\") = false");
        assert!(matches!(
            answer(&bare),
            Some(Answer {
                asked: Asked::Word { of: "", .. },
                holds: false
            })
        ));
        let several = none_of("mail.text");
        assert_eq!(answer(&several).expect("an answer").asked, Asked::NoneOf);
        let one = within("mail.from", "data", true);
        assert_eq!(answer(&one).expect("an answer").asked, Asked::Within);
        assert_eq!(
            answer("mail.late = false").expect("an answer").asked,
            Asked::Flag
        );
    }

    #[test]
    fn what_strangers_write_is_no_answer() {
        for what in [
            "mail.subject = \"x.contains(\"invoice\") = true\"",
            "print: mail.subject.contains(\"a\") = true",
            "team(\"a\")",
            "mail.size = 5",
        ] {
            assert_eq!(answer(what), None, "{what}");
        }
    }
}
