//! Strangers' HTML, made fit to be shown: an allow-list, nothing that runs, nothing that loads.
//!
//! The first of three walls (THREATS 59); the sandboxed frame and the content policy are `http/`'s.
//! Deliberately absent: styles (they can cover the page and load things), forms, SVG and MathML.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ammonia::{Builder, UrlRelative};

use super::text::{is_sane_html, text_of_html};

/// Longest page that is shown, in bytes; the rest is cut.
const HTML_LENGTH_MAX: usize = 1024 * 1024;
/// Longest picture that may stand in the page itself, in bytes of its URL.
const DATA_URL_LENGTH_MAX: usize = 256 * 1024;
/// Pictures that may stand in the page itself. Not SVG: it can run.
const DATA_URLS: [&str; 4] = [
    "data:image/png;base64,",
    "data:image/jpeg;base64,",
    "data:image/gif;base64,",
    "data:image/webp;base64,",
];
/// Elements whose content is no text for readers.
const SILENT: [&str; 10] = [
    "script", "style", "svg", "math", "title", "template", "noscript", "iframe", "object", "select",
];

/// Whether pictures of other servers are loaded: they tell the sender who reads, when and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// Removed and counted.
    Blocked,
    /// Kept, after a person asked for it.
    Shown,
}

/// A page fit to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sanitised {
    /// The fragment. Pictures of the mail itself still read `src="cid:…"`: whoever shows it puts its own links there.
    pub html: String,
    /// Pictures of other servers that were removed.
    pub blocked: usize,
    /// There was more of it.
    pub cut: bool,
}

/// Makes a page fit to be shown. Never fails: what is too strange is shown as its words.
#[must_use]
pub fn sanitise(html: &str, remote: Remote) -> Sanitised {
    let cut = html.len() > HTML_LENGTH_MAX;
    let html = &html[..html.floor_char_boundary(HTML_LENGTH_MAX.min(html.len()))];
    if !is_sane_html(html) {
        let words = ammonia::clean_text(&text_of_html(html));
        return Sanitised {
            html: format!("<pre>{words}</pre>"),
            blocked: 0,
            cut,
        };
    }
    let blocked = Arc::new(AtomicUsize::new(0));
    let clean = builder(remote, Arc::clone(&blocked))
        .clean(html)
        .to_string();
    Sanitised {
        html: clean,
        blocked: blocked.load(Ordering::Relaxed),
        cut,
    }
}

fn builder(remote: Remote, blocked: Arc<AtomicUsize>) -> Builder<'static> {
    let mut builder = Builder::default();
    builder
        .add_tags(["font", "big"])
        .rm_tags(["map", "area"])
        .clean_content_tags(HashSet::from(SILENT))
        .add_tag_attributes("font", ["color", "size", "face"])
        .add_tag_attributes(
            "table",
            ["width", "cellpadding", "cellspacing", "border", "bgcolor"],
        )
        .add_tag_attributes("td", ["width", "height", "valign", "bgcolor", "align"])
        .add_tag_attributes("tr", ["valign", "bgcolor"])
        .add_generic_attributes(["dir"])
        .url_schemes(HashSet::from([
            "http", "https", "mailto", "tel", "cid", "data",
        ]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"))
        .set_tag_attribute_value("a", "target", "_blank")
        .attribute_filter(move |element, attribute, value| {
            filter(element, attribute, value, remote, &blocked)
        });
    builder
}

fn filter<'u>(
    element: &str,
    attribute: &str,
    value: &'u str,
    remote: Remote,
    blocked: &AtomicUsize,
) -> Option<Cow<'u, str>> {
    let kept = || Some(Cow::Borrowed(value));
    let begins = |prefix: &str| {
        value
            .get(..prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    match (element, attribute) {
        ("img", "src") if begins("cid:") => kept(),
        ("img", "src") if begins("data:") => {
            let picture =
                value.len() <= DATA_URL_LENGTH_MAX && DATA_URLS.iter().any(|kind| begins(kind));
            picture.then_some(Cow::Borrowed(value))
        }
        ("img", "src") if remote == Remote::Shown && (begins("https:") || begins("http:")) => {
            kept()
        }
        ("img", "src") => {
            blocked.fetch_add(1, Ordering::Relaxed);
            None
        }
        (_, "href") => ["http:", "https:", "mailto:", "tel:"]
            .iter()
            .any(|scheme| begins(scheme))
            .then_some(Cow::Borrowed(value)),
        (_, "cite" | "src" | "background") => None,
        _ => kept(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(html: &str) -> String {
        sanitise(html, Remote::Blocked).html
    }

    #[test]
    fn what_is_harmless_stays() {
        for html in [
            "<p>Hello <b>Anna</b></p>",
            "<table width=\"100%\"><tbody><tr><td bgcolor=\"#eee\">x</td></tr></tbody></table>",
            "<font color=\"red\">x</font>",
            "<img alt=\"logo\" src=\"cid:part1@example.com\">",
            "<img src=\"data:image/png;base64,iVBORw0KGgo=\">",
        ] {
            assert_eq!(clean(html), html);
        }
        let link = clean("<a href=\"https://x.y/\">x</a>");
        assert!(
            link.contains("href=\"https://x.y/\"")
                && link.contains("noopener")
                && link.contains("_blank")
        );
    }

    #[test]
    fn what_runs_or_loads_goes() {
        for html in [
            "<script>alert(1)</script>",
            "<svg><script>alert(1)</script></svg>",
            "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
            "<style>@import url(https://evil)</style>",
            "<p style=\"background:url(https://evil)\">x</p>",
            "<img src=x onerror=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
            "<img src=\"data:image/svg+xml;base64,PHN2Zz4=\">",
            "<iframe src=\"https://evil\"></iframe>",
            "<form action=\"https://evil\"><input name=a></form>",
            "<td background=\"https://evil\">x</td>",
            "<img srcset=\"https://evil 1x\">",
            "<link rel=stylesheet href=\"https://evil\">",
            "<meta http-equiv=refresh content=\"0;url=https://evil\">",
            "<base href=\"https://evil/\">",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
            "<video src=\"https://evil\"></video>",
        ] {
            let clean = clean(html);
            for bad in [
                "script", "evil", "onerror=", "style", "svg", "iframe", "form", "data:",
            ] {
                // Text is harmless; only tags and attributes count.
                let in_tag = clean
                    .split('<')
                    .skip(1)
                    .filter_map(|tag| tag.split('>').next());
                assert!(
                    !in_tag.into_iter().any(|tag| tag.contains(bad)),
                    "{html} -> {clean}"
                );
            }
        }
    }

    #[test]
    fn remote_pictures_are_counted_and_shown_on_request() {
        let html =
            "<img src=\"https://x.y/1.png\"><img src=\"http://x.y/2.png\"><img src=\"//x.y/3\">";
        let blocked = sanitise(html, Remote::Blocked);
        assert_eq!(blocked.blocked, 2, "{}", blocked.html);
        assert!(!blocked.html.contains("src"));
        let shown = sanitise(html, Remote::Shown);
        assert!(shown.html.contains("https://x.y/1.png") && !shown.html.contains("//x.y/3"));
    }

    #[test]
    fn strange_pages_are_shown_as_their_words() {
        let deep = format!("{}<script>words", "<div>".repeat(100_000));
        let shown = clean(&deep);
        assert!(shown.starts_with("<pre>") && !shown.contains("<script"));
    }
}
