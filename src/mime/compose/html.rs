//! The HTML form of a text: the same words, nothing else that could act.
//!
//! Invariant: every character of the text is escaped; the only attributes are our own, an
//! address that stood in the text, and ids of pictures that go with the mail. No style that
//! Outlook or the web mail of Tencent would drop is needed to read it.

/// Deepest nesting of block quotes; deeper lines stand in the last one.
const DEPTH_MAX: usize = 10;
/// Longest address that becomes a link, in bytes.
const LINK_LENGTH_MAX: usize = 2_000;
/// RFC 3676 section 4.3.
const SIGNATURE_MARK: &str = "-- ";
const QUOTE: &str = "<blockquote type=\"cite\" style=\"margin:0 0 0 .8ex;border-left:2px solid #ccc;padding-left:1ex\">";

/// A picture that the HTML shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picture<'a> {
    /// What the text calls it.
    pub(super) called: &'a str,
    /// Its Content-ID on the wire.
    pub(super) id: &'a str,
    /// Its name, for whoever does not see it.
    pub(super) name: &'a str,
}

/// The text as HTML: lines kept, quoted lines in block quotes, links that can be followed.
/// Pictures stand where `[cid:…]` names them; those that are named nowhere stand behind `written`.
pub(super) fn to_html(written: &str, history: &str, pictures: &[Picture<'_>]) -> String {
    let mut html = String::with_capacity((written.len() + history.len()) * 5 / 4 + 256);
    html.push_str("<html><head><meta charset=\"utf-8\"></head><body dir=\"auto\">\n<div>");
    let mut writer = Writer {
        html,
        depth: 0,
        in_signature: false,
        pictures,
        shown: vec![false; pictures.len()],
    };
    for line in written.lines() {
        writer.line(line);
    }
    writer.quote_to(0);
    writer.rest_of_pictures();
    writer.end_signature();
    if !history.is_empty() {
        writer.html.push_str("<br>\n");
    }
    // What others wrote names no pictures of ours.
    writer.pictures = &[];
    for line in history.lines() {
        writer.line(line);
    }
    writer.quote_to(0);
    writer.end_signature();
    let mut html = writer.html;
    html.push_str("</div>\n</body></html>\n");
    html
}

struct Writer<'a> {
    html: String,
    depth: usize,
    in_signature: bool,
    pictures: &'a [Picture<'a>],
    shown: Vec<bool>,
}

impl Writer<'_> {
    fn line(&mut self, line: &str) {
        let (depth, content) = unquoted(line);
        self.quote_to(depth);
        if depth == 0 && content == SIGNATURE_MARK && !self.in_signature {
            self.rest_of_pictures();
            self.html.push_str("<div style=\"color:#666\">");
            self.in_signature = true;
        }
        self.words(content);
        self.html.push_str("<br>\n");
    }

    fn quote_to(&mut self, depth: usize) {
        while self.depth < depth {
            self.html.push_str(QUOTE);
            self.depth += 1;
        }
        while self.depth > depth {
            self.html.push_str("</blockquote>");
            self.depth -= 1;
        }
    }

    fn end_signature(&mut self) {
        if std::mem::take(&mut self.in_signature) {
            self.html.push_str("</div>");
        }
    }

    /// A line without its marks.
    fn words(&mut self, line: &str) {
        let mut rest = line;
        while let Some(at) = next_special(rest, !self.pictures.is_empty()) {
            escape(&rest[..at], &mut self.html);
            rest = &rest[at..];
            let taken = if rest.starts_with('[') {
                self.picture(rest)
            } else {
                self.link(rest)
            };
            rest = &rest[taken..];
        }
        escape(rest, &mut self.html);
    }

    /// Writes the picture that the text names here; how much of the text that is.
    fn picture(&mut self, text: &str) -> usize {
        let named = text
            .strip_prefix("[cid:")
            .and_then(|rest| rest.split_once(']'));
        if let Some((called, _)) = named {
            let found = self.pictures.iter().position(|one| one.called == called);
            if let Some(at) = found {
                self.show(at);
                return "[cid:]".len() + called.len();
            }
        }
        self.html.push('[');
        1
    }

    fn show(&mut self, at: usize) {
        self.shown[at] = true;
        let Picture { id, name, .. } = self.pictures[at];
        self.html.push_str("<img src=\"cid:");
        escape(id, &mut self.html);
        self.html.push_str("\" alt=\"");
        escape(name, &mut self.html);
        self.html.push_str("\" style=\"max-width:100%\">");
    }

    fn rest_of_pictures(&mut self) {
        for at in 0..self.pictures.len() {
            if !self.shown[at] {
                self.show(at);
                self.html.push_str("<br>\n");
            }
        }
    }

    /// Writes the link that begins here; how much of the text that is.
    fn link(&mut self, text: &str) -> usize {
        let length = link_length(text);
        let link = &text[..length];
        if length > LINK_LENGTH_MAX {
            escape(link, &mut self.html);
            return length;
        }
        self.html.push_str("<a href=\"");
        escape(link, &mut self.html);
        self.html.push_str("\">");
        escape(link, &mut self.html);
        self.html.push_str("</a>");
        length
    }
}

/// How deep a line is quoted, and what stands behind the marks.
fn unquoted(line: &str) -> (usize, &str) {
    let (mut depth, mut rest) = (0, line);
    while depth < DEPTH_MAX {
        let Some(behind) = rest.strip_prefix('>') else {
            break;
        };
        depth += 1;
        // `> >` as well as `>>`.
        rest = match behind.strip_prefix(' ') {
            Some(after) if after.starts_with('>') => after,
            _ => behind,
        };
    }
    if depth > 0 {
        rest = rest.strip_prefix(' ').unwrap_or(rest);
    }
    (depth, rest)
}

/// Where the next picture or link may begin.
fn next_special(text: &str, with_pictures: bool) -> Option<usize> {
    let picture = text.find("[cid:").filter(|_| with_pictures);
    let is_link =
        |at: &usize| text[*at..].starts_with("http://") || text[*at..].starts_with("https://");
    let mut links = text.match_indices("http").map(|(at, _)| at);
    let link = links.find(is_link);
    match (picture, link) {
        (Some(picture), Some(link)) => Some(picture.min(link)),
        (one, other) => one.or(other),
    }
}

/// Bytes of the address that the text begins with: to the first character that stands in
/// none, without the punctuation of the sentence around it.
fn link_length(text: &str) -> usize {
    let scheme = if text.starts_with("https://") {
        "https://".len()
    } else {
        "http://".len()
    };
    let stands_in_none = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '<' | '>' | '"' | '`' | '\\' | '^' | '{' | '}' | '|')
            // Chinese and Japanese punctuation and brackets, full width forms.
            || matches!(c, '\u{3000}'..='\u{303F}' | '\u{FF00}'..='\u{FFEF}' | '\u{2018}'..='\u{201F}')
    };
    let bounded = &text[..text.floor_char_boundary(LINK_LENGTH_MAX)];
    let end = bounded.find(stands_in_none).unwrap_or(bounded.len());
    let mut link = &text[..end];
    let surplus = |open, close| {
        let (opened, closed) = (link.matches(open).count(), link.matches(close).count());
        closed.saturating_sub(opened)
    };
    let (mut round, mut square) = (surplus('(', ')'), surplus('[', ']'));
    while link.len() > scheme {
        let shorter = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*']);
        let surplus = match shorter.chars().last() {
            Some(')') => &mut round,
            Some(']') => &mut square,
            _ => &mut 0,
        };
        let shorter = if *surplus > 0 {
            *surplus -= 1;
            &shorter[..shorter.len() - 1]
        } else {
            shorter
        };
        if shorter.len() == link.len() {
            break;
        }
        link = shorter;
    }
    link.len().max(scheme)
}

/// Escapes, and keeps blanks that a browser would fold.
fn escape(text: &str, html: &mut String) {
    let mut blank_before = true;
    for c in text.chars() {
        let blank = c == ' ';
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            ' ' if blank_before => html.push_str("&nbsp;"),
            c => html.push(c),
        }
        blank_before = blank;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(written: &str, history: &str, pictures: &[Picture<'_>]) -> String {
        let html = to_html(written, history, pictures);
        let (_, rest) = html.split_once("<div>").expect("a body");
        let (body, _) = rest.rsplit_once("</div>").expect("an end");
        body.replace(QUOTE, "<q>").replace("</blockquote>", "</q>")
    }

    #[test]
    fn words_are_escaped_and_lines_kept() {
        assert_eq!(
            body("a < b & \"c\"\n  <script>\n", "", &[]),
            "a &lt; b &amp; &quot;c&quot;<br>\n&nbsp;&nbsp;&lt;script&gt;<br>\n"
        );
    }

    #[test]
    fn quotes_nest() {
        assert_eq!(
            body("hi\n> one\n>> two\n> > also\nlast", "", &[]),
            "hi<br>\n<q>one<br>\n<q>two<br>\nalso<br>\n</q></q>last<br>\n"
        );
    }

    #[test]
    fn links_end_where_the_sentence_goes_on() {
        for (text, link) in [
            (
                "see https://a.example/x?y=1&z.",
                "https://a.example/x?y=1&amp;z",
            ),
            ("(https://a.example/x)", "https://a.example/x"),
            ("https://a.example/x_(y) z", "https://a.example/x_(y)"),
            (
                "请看 https://a.example/订单。谢谢",
                "https://a.example/订单",
            ),
            ("<http://a.example>", "http://a.example"),
            ("http://a\"onclick=x", "http://a"),
        ] {
            let html = body(text, "", &[]);
            assert!(
                html.contains(&format!("<a href=\"{link}\">{link}</a>")),
                "{html}"
            );
        }
        assert!(!body("javascript:alert(1)", "", &[]).contains("<a"));
    }

    #[test]
    fn pictures_stand_where_they_are_named_or_before_the_signature() {
        let pictures = [
            Picture {
                called: "one",
                id: "one@x",
                name: "a\"b.png",
            },
            Picture {
                called: "two",
                id: "two@x",
                name: "b.png",
            },
        ];
        let html = body(
            "look: [cid:one] [cid:none]\n-- \nUs",
            "On x:\n> y",
            &pictures,
        );
        let (before, behind) = html.split_once("<div style=\"color:#666\">").expect("one");
        assert!(before.contains("look: <img src=\"cid:one@x\" alt=\"a&quot;b.png\""));
        assert!(before.contains("[cid:none]") && before.contains("cid:two@x"));
        assert!(behind.starts_with("-- <br>\nUs<br>\n</div><br>\nOn x:<br>\n<q>y"));
    }
}
