//! The words of an HTML mail, for reading, searching and scripts.
//!
//! The tree is built by html2text for pages of a sane shape; a page that is too deep or too
//! full of tags only loses its tags, in one pass without a tree.

use super::truncate;

/// Longest page that is read, in bytes.
const HTML_LENGTH_MAX: usize = 512 * 1024;
/// Deepest nesting that a tree is built for; mail of Outlook and shops stays below 60.
const DEPTH_MAX: usize = 256;
/// Most tags that a tree is built for.
const TAGS_MAX: usize = 20_000;
/// Characters to a line: so many that paragraphs are not broken.
const WIDTH: usize = 20_000;
/// A longer row of one drawn character is a rule and is cut.
const RULE_LENGTH_MAX: usize = 20;

/// Elements that have no end tag, or whose end tag is seldom written.
const OPEN_ENDED: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr", "p", "li", "td", "tr", "th", "dt", "dd", "option",
];

/// The words of a page. Never fails.
#[must_use]
pub fn text_of_html(html: &str) -> String {
    let html = &html[..html.floor_char_boundary(HTML_LENGTH_MAX.min(html.len()))];
    // Without table borders html2text draws no rule either, and would join what it divides.
    let html = &html.replace("<hr", "<br><hr").replace("<HR", "<br><HR");
    let rendered = is_sane_html(html)
        .then(|| {
            html2text::config::plain_no_decorate()
                .link_footnotes(false)
                .raw_mode(true)
                .allow_width_overflow()
                .string_from_read(html.as_bytes(), WIDTH)
                .ok()
        })
        .flatten();
    let text = rendered.unwrap_or_else(|| mail_parser::decoders::html::html_to_text(html));
    let mut tidy = tidy(&text);
    truncate(&mut tidy, HTML_LENGTH_MAX);
    tidy
}

/// Whether a tree may be built of the page: not too deep, not too many tags.
pub(in crate::mime) fn is_sane_html(html: &str) -> bool {
    let (mut depth, mut deepest, mut tags) = (0_usize, 0, 0);
    for at in memchr::memchr_iter(b'<', html.as_bytes()) {
        let rest = &html[at + 1..];
        tags += 1;
        if rest.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let length = rest
                .bytes()
                .take(16)
                .take_while(u8::is_ascii_alphanumeric)
                .count();
            let open_ended = OPEN_ENDED
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&rest[..length]));
            depth += usize::from(!open_ended);
        }
        deepest = deepest.max(depth);
    }
    tags <= TAGS_MAX && deepest <= DEPTH_MAX
}

/// No blanks at the ends of lines, at most one empty line in a row, short rules.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 1;
    for line in text.lines() {
        // Layout tables and hidden pre-headers leave no-break and zero-width blanks.
        let line = line.trim_end_matches(|c: char| c.is_whitespace() || is_invisible(c));
        if line
            .trim_start_matches(|c: char| c.is_whitespace() || is_invisible(c))
            .is_empty()
        {
            empty += 1;
            continue;
        }
        if empty > 0 && !tidy.is_empty() {
            tidy.push('\n');
        }
        empty = 0;
        let first = line.chars().next();
        let is_rule =
            matches!(first, Some('─' | '-' | '—' | '_')) && line.chars().all(|c| Some(c) == first);
        if is_rule {
            tidy.extend(line.chars().take(RULE_LENGTH_MAX));
        } else {
            tidy.push_str(line);
        }
        tidy.push('\n');
    }
    tidy
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_page_are_read() {
        for (html, text) in [
            (
                "<p>Hello <b>Anna</b>,</p><p>thanks.</p>",
                "Hello Anna,\n\nthanks.\n",
            ),
            (
                "<style>p{color:red}</style><script>x()</script>a<br>b",
                "a\nb\n",
            ),
            ("<a href='https://x.y'>link</a>", "[link]\n"),
            ("a<hr>b<HR>c", "a\nb\nc\n"),
            ("<div>\u{a0}</div><div>x</div>", "x\n"),
            (
                "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
                "a\nb\nc\n",
            ),
            ("<blockquote>old</blockquote>", "> old\n"),
            ("", ""),
            ("<<<", "<<<\n"),
        ] {
            assert_eq!(text_of_html(html), text, "{html:?}");
        }
    }

    #[test]
    fn strange_pages_only_lose_their_tags() {
        let deep = format!("{}words{}", "<div>".repeat(50_000), "</div>".repeat(50_000));
        assert_eq!(text_of_html(&deep).trim(), "words");
        let wide = "<b>x</b>".repeat(30_000);
        assert!(text_of_html(&wide).contains('x'));
    }

    proptest::proptest! {
        #[test]
        fn no_page_stops_the_reader(html in "(<[a-z/!]{0,4}>|<|>|&amp;|&#x?[0-9]{0,9};|é| |table|<table><tr><td>){0,40}") {
            let text = text_of_html(&html);
            proptest::prop_assert!(!text.contains('\r'));
        }
    }
}
