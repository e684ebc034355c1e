//! Small functions on texts for routing rules.
//!
//! Deliberately absent: regular expressions. A pattern written in a hurry must not
//! be able to take long on a stranger's mail; what is here is linear in the text.

use rhai::{Array, ImmutableString};

use super::shape::{Shape, Type};

/// Longest pattern of `find_like`, in characters.
const PATTERN_CHARS_MAX: usize = 64;

/// Registers the helpers.
pub(super) fn register(shape: &mut Shape) {
    let engine = &mut shape.engine;
    engine.register_fn("contains_any", |text: ImmutableString, words: Array| {
        let words: Vec<String> = words
            .into_iter()
            .filter_map(|word| word.into_immutable_string().ok())
            .map(|word| word.to_lowercase())
            .collect();
        let folded = text.to_lowercase();
        words.iter().any(|word| folded.contains(word.as_str()))
    });
    engine.register_fn(
        "find_like",
        |text: ImmutableString, pattern: ImmutableString| -> ImmutableString {
            find_like(&text, &pattern).unwrap_or_default().into()
        },
    );
    let doc = "Whether one of these words stands in the text; case does not matter.";
    let given = &[("words", Type::Texts)];
    shape.method(Type::Text, ("contains_any", Type::YesNo), given, doc);
    let doc = "The first thing of this shape, or `\"\"`: `#` is a digit, `@` a letter, anything else is itself.";
    let given = &[("pattern", Type::Text)];
    shape.method(Type::Text, ("find_like", Type::Text), given, doc);
}

/// The first place in `text` that looks like `pattern`: `#` stands for a digit, `@`
/// for a letter, anything else for itself. It does not begin or end within a longer
/// run of letters or digits.
fn find_like<'t>(text: &'t str, pattern: &str) -> Option<&'t str> {
    let pattern: Vec<char> = pattern.chars().take(PATTERN_CHARS_MAX).collect();
    let first = *pattern.first()?;
    let mut before = None;
    for (start, c) in text.char_indices() {
        let inside = |before: char| before.is_alphanumeric() && c.is_alphanumeric();
        // The cheap question first: few characters can begin a match.
        if fits(c, first)
            && !before.is_some_and(inside)
            && let Some(length) = matched(&text[start..], &pattern)
        {
            return Some(&text[start..start + length]);
        }
        before = Some(c);
    }
    None
}

fn fits(c: char, wanted: char) -> bool {
    match wanted {
        '#' => c.is_ascii_digit(),
        '@' => c.is_ascii_alphabetic(),
        other => c == other,
    }
}

/// How many bytes of `text` the pattern takes at its beginning.
fn matched(text: &str, pattern: &[char]) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in pattern {
        if !fits(rest.next()?, *wanted) {
            return None;
        }
    }
    let length = text.len() - rest.as_str().len();
    let last = text[..length].chars().next_back()?;
    let goes_on = rest.next().is_some_and(|c| c.is_ascii_alphanumeric());
    (!(goes_on && last.is_ascii_alphanumeric())).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::find_like;

    #[test]
    fn order_numbers_are_found_whole() {
        let pattern = "###-#######-#######";
        let check = |text, found| assert_eq!(find_like(text, pattern), found, "{text}");
        check(
            "order 114-1234567-7654321 is late",
            Some("114-1234567-7654321"),
        );
        check("订单114-1234567-7654321。", None);
        check("订单 114-1234567-7654321。", Some("114-1234567-7654321"));
        check("9114-1234567-76543210", None);
        check("", None);
    }
}
