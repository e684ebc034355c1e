//! Words of others, made fit to stand on one line of ours.

use super::address::is_direction_mark;

/// On one line, and nothing in it reorders the text.
#[must_use]
pub fn on_one_line(words: &str) -> String {
    let mut line = String::with_capacity(words.len().min(256));
    for word in words.split(|c: char| c.is_whitespace() || breaks(c)) {
        let seen = || word.chars().filter(|c| !is_hidden(*c));
        if seen().next().is_none() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(seen());
    }
    line
}

/// The same, cut at so many characters.
#[must_use]
pub fn short(words: &str, chars_max: usize) -> String {
    // Nobody makes a line of a long text to show its beginning.
    let looked_at = chars_max.saturating_mul(4);
    let (begin, rest) = match words.char_indices().nth(looked_at) {
        Some((end, _)) => words.split_at(end),
        None => (words, ""),
    };
    let line = on_one_line(begin);
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if rest.is_empty() => line,
        None => format!("{line}…"),
    }
}

/// A single character of such a text: what breaks the line is a blank, and what would not
/// be seen is.
#[must_use]
pub fn shown(c: char) -> char {
    match c {
        c if breaks(c) => ' ',
        c if is_hidden(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_hidden(c: char) -> bool {
    is_direction_mark(c) || c == '\u{61C}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line_and_in_order() {
        let check = |words, line| assert_eq!(on_one_line(words), line);
        check(
            "a\r\nb\u{2028}c\u{2029}d\u{85}e\u{b}f\u{1b}g\0",
            "a b c d e f g",
        );
        check(" \u{202E}a\u{2067}b\u{61C} \u{200B} c ", "ab c");
        check("\n\u{FEFF}", "");
    }

    #[test]
    fn a_long_one_is_cut() {
        assert_eq!(short("王王王", 3), "王王王");
        assert_eq!(short("王王\n王", 3), "王王 …");
        assert_eq!(short(&"\n".repeat(1_000), 3), "…");
        assert_eq!(short(&"é".repeat(100_000), 300).chars().count(), 301);
    }
}
