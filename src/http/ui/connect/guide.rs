//! A plugin's guide as HTML: Markdown, sanitised like everything that comes from files.

use pulldown_cmark::{Parser, html};

use super::super::language::Words;
use crate::plugin::{Guide, Language, Plugin, SECTIONS};
use crate::text;

/// A section of a guide.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct SectionView {
    pub(in crate::http::ui) heading: &'static str,
    /// Safe to be shown as it is.
    pub(in crate::http::ui) html: String,
}

pub(super) fn language(words: Words) -> Language {
    match words.language() {
        text::Language::Zh => Language::Chinese,
        text::Language::En => Language::English,
    }
}

/// The sections of a guide, with its placeholders filled.
pub(in crate::http::ui) fn sections(
    plugin: &Plugin,
    words: Words,
    address: &str,
) -> Vec<SectionView> {
    let language = language(words);
    let Some(guide) = plugin.guide(language) else {
        return Vec::new();
    };
    let shown = |section| {
        let text = guide.section(section)?;
        Some(SectionView {
            heading: crate::plugin::Section::heading(section, language),
            html: rendered(&Guide::filled(text, "Postern", address)),
        })
    };
    SECTIONS.into_iter().filter_map(shown).collect()
}

fn rendered(markdown: &str) -> String {
    let mut html = String::new();
    html::push_html(&mut html, Parser::new(markdown));
    ammonia::Builder::default()
        .add_tag_attributes("a", ["target"])
        .set_tag_attribute_value("a", "target", "_blank")
        .clean(&html)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guides_are_markdown_and_nothing_in_them_runs() {
        let html = rendered(
            "1. See [here](https://x.example).\n\n<script>alert(1)</script><img src=x onerror=y>",
        );
        assert!(
            html.contains("<ol>") && html.contains("href=\"https://x.example\""),
            "{html}"
        );
        assert!(html.contains("noopener"), "{html}");
        assert!(
            !html.contains("script") && !html.contains("onerror"),
            "{html}"
        );
    }
}
