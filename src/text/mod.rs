//! What Postern says to people, in their language: one file per language, built in.
//!
//! Invariant: every language has the same keys and the same placeholders (a test
//! holds it). Deliberately absent: HTML, and any choice of language.

mod saying;

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The languages there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// From a BCP 47 tag such as `zh-CN`; only the first subtag counts.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        let is = |name: &str| primary.trim().eq_ignore_ascii_case(name);
        match () {
            () if is("en") => Some(Self::En),
            () if is("zh") => Some(Self::Zh),
            () => None,
        }
    }

    /// Its BCP 47 tag, for `lang=`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }
}

type Catalogue = BTreeMap<String, String>;

static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("english.toml")));
static CHINESE: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("chinese.toml")));

/// The text of a key, such as `scripts.refused`. A key that English has and the
/// language lacks is said in English; one that nobody has is shown as it is.
#[must_use]
pub fn text(language: Language, key: &str) -> &str {
    let found = catalogue(language)
        .get(key)
        .or_else(|| ENGLISH.get(key))
        .map(String::as_str);
    found.unwrap_or(key)
}

/// What a sentence goes on with after a value; a full stop at the value's own end goes then.
const GOES_ON: [&str; 6] = [".", "。", ";", "；", " (", "（"];

/// The text of a key with its `{placeholders}` filled in. Values are inserted as
/// they are, but for a full stop too many, and never looked through for placeholders.
#[must_use]
pub fn text_with(language: Language, key: &str, values: &[(&str, &str)]) -> String {
    let mut rest = text(language, key);
    let mut filled = String::with_capacity(rest.len() + 32);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        let goes_on = GOES_ON.iter().any(|next| after.starts_with(next));
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) if goes_on => filled.push_str(value.trim_end_matches(['.', '。'])),
            Some((_, value)) => filled.push_str(value),
            None => filled.extend(["{", name, "}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn catalogue(language: Language) -> &'static Catalogue {
    match language {
        Language::En => &ENGLISH,
        Language::Zh => &CHINESE,
    }
}

/// Reads lines of the form `some.key = "text"`, a small part of TOML. A line that
/// is none of these costs its text, not the program; a test finds it.
fn read(source: &str) -> Catalogue {
    lines(source).filter_map(entry).collect()
}

/// The lines that say something.
fn lines(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn entry(line: &str) -> Option<(String, String)> {
    let (key, quoted) = line.split_once(" = ")?;
    let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let text = text.replace("\\n", "\n").replace("\\\"", "\"");
    Some((key.trim().to_owned(), text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        let parts = text.split('{').skip(1);
        parts
            .filter_map(|part| part.split_once('}'))
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn every_language_says_everything_with_the_same_placeholders() {
        for source in [include_str!("english.toml"), include_str!("chinese.toml")] {
            assert_eq!(lines(source).find(|line| entry(line).is_none()), None);
            // As many keys as lines: no key stands there twice.
            assert_eq!(lines(source).count(), read(source).len());
        }
        for language in Language::ALL {
            let other = catalogue(language);
            let keys = |catalogue: &Catalogue| catalogue.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&ENGLISH), keys(other), "{language:?}");
            for (key, english) in ENGLISH.iter() {
                assert_eq!(placeholders(english), placeholders(&other[key]), "{key}");
                assert!(!other[key].trim().is_empty(), "{key}");
            }
        }
    }

    #[test]
    fn placeholders_are_filled_once() {
        let said = text_with(Language::En, "scripts.unknown_team", &[("team", "{team}")]);
        assert_eq!(
            said,
            "There is no team “{team}”; the mail stays in the inbox."
        );
        let said = text_with(Language::Zh, "scripts.failed", &[("reason", "超时")]);
        assert_eq!(said, "脚本出错：超时。该邮件按默认方式处理。");
    }

    #[test]
    fn an_unknown_key_is_shown_as_it_is() {
        assert_eq!(text(Language::Zh, "no.such"), "no.such");
    }

    #[test]
    fn languages_are_found_by_their_tags() {
        assert_eq!(Language::from_tag("zh-Hans-CN"), Some(Language::Zh));
        assert_eq!(Language::from_tag("EN"), Some(Language::En));
        assert_eq!(Language::from_tag("fr"), None);
    }
}
