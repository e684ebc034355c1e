//! What a server said, made fit for a mail of ours and for scripts that quote it in one.
//!
//! A notice comes from us and asks for a login, so a server that is not what it should be
//! would like to put a page of its own into it. Its words are cut, stand on one line, and
//! hold nothing that a mail program makes a link of.

use super::line::{on_one_line, short};

/// Characters of a server's words in a notice.
const CHARS_MAX: usize = 200;

/// The words without what could be followed, reorder the text, or begin a line.
#[must_use]
pub fn harmless(words: &str) -> String {
    defanged(&short(words, CHARS_MAX))
}

/// `routing.rhai:2:5: ` as it is, since it is ours; what a script threw may be words of a mail.
#[must_use]
pub fn at_its_place(words: &str) -> String {
    match words.split_once(": ") {
        Some((place, rest)) if place.contains(".rhai") => {
            format!("{}: {}", on_one_line(place), harmless(rest))
        }
        _ => harmless(words),
    }
}

/// `https://a.example` becomes `https[:]//a[.]example`; `5.7.8` stays.
fn defanged(words: &str) -> String {
    let mut safe = String::with_capacity(words.len());
    let mut before = None;
    let mut rest = words.chars().peekable();
    while let Some(c) = rest.next() {
        let inside = before.is_some_and(char::is_alphanumeric);
        let next = rest.peek().copied();
        match c {
            ':' if inside && next.is_some_and(|next| !next.is_whitespace()) => safe.push_str("[:]"),
            '.' if inside && next.is_some_and(char::is_alphabetic) => safe.push_str("[.]"),
            c => safe.push(c),
        }
        before = Some(c);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_server_can_be_followed_or_moves_the_text() {
        let check = |words: &str, expected: &str| assert_eq!(harmless(words), expected);
        check("535 5.7.8 said no.", "535 5.7.8 said no.");
        check(
            "go to HTTPS://evil.example/a?b or www.evil.example",
            "go to HTTPS[:]//evil[.]example/a?b or www[.]evil[.]example",
        );
        check("mailto:a@evil.example", "mailto[:]a@evil[.]example");
        check("tel:+1", "tel[:]+1");
        check("a\u{202E}b\u{2067}c\u{61C}", "abc");
        check("a\r\nb\u{2028}c\u{2029}d\u{85}e\u{b}f", "a b c d e f");
        let long = harmless(&"é".repeat(5_000));
        assert_eq!(long.chars().count(), CHARS_MAX + 1);
    }
}
