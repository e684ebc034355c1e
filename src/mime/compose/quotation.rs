//! Quoted history below an answer, and the HTML form of a text.

use std::fmt::Write as _;

use jiff::Zoned;

/// Longest history that is quoted, in bytes; the rest is marked as left out.
const QUOTED_LENGTH_MAX: usize = 64 * 1024;
/// Stands where history was left out.
const LEFT_OUT: &str = "> […]";

/// A mail to be quoted.
#[derive(Clone, Debug)]
pub struct Quotation<'a> {
    /// Who wrote it, as shown.
    pub author: &'a str,
    /// When, in the time zone of the writer of the answer.
    pub at: Zoned,
    /// Its text.
    pub text: &'a str,
    /// The language of the line above it.
    pub language: QuotationLanguage,
}

/// The language of "On … wrote:".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuotationLanguage {
    /// English.
    #[default]
    English,
    /// Chinese, simplified.
    Chinese,
}

impl Quotation<'_> {
    pub(super) fn write(&self, text: &mut String) {
        let author = crate::mime::header::words::one_line(self.author);
        let introduction = match self.language {
            QuotationLanguage::English => {
                format!(
                    "On {}, {author} wrote:",
                    self.at.strftime("%a, %-d %b %Y at %H:%M")
                )
            }
            QuotationLanguage::Chinese => {
                format!(
                    "在 {}，{author} 写道：",
                    self.at.strftime("%Y年%-m月%-d日 %H:%M")
                )
            }
        };
        text.push_str(&introduction);
        text.push('\n');
        let kept = self
            .text
            .floor_char_boundary(QUOTED_LENGTH_MAX.min(self.text.len()));
        for line in self.text[..kept].trim_end().lines() {
            let gap = if line.starts_with('>') || line.is_empty() {
                ""
            } else {
                " "
            };
            // Writing into a String cannot fail.
            let _ = writeln!(text, ">{gap}{line}");
        }
        if kept < self.text.len() {
            text.push_str(LEFT_OUT);
            text.push('\n');
        }
    }
}

/// The same text as HTML: escaped, lines kept, quoted lines in block quotes.
pub(super) fn to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8 + 64);
    html.push_str("<div>");
    let mut quoted = false;
    for line in text.lines() {
        let content = line.strip_prefix('>');
        if content.is_some() != quoted {
            quoted = content.is_some();
            html.push_str(if quoted {
                "<blockquote type=\"cite\">"
            } else {
                "</blockquote>"
            });
        }
        let content = content.unwrap_or(line);
        escape(
            content
                .strip_prefix(' ')
                .filter(|_| quoted)
                .unwrap_or(content),
            &mut html,
        );
        html.push_str("<br>\r\n");
    }
    if quoted {
        html.push_str("</blockquote>");
    }
    html.push_str("</div>\r\n");
    html
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
    }
}
