//! How a saying sounds in a language.

use std::fmt;

use super::{Language, text_with};
use crate::domain::saying::Saying;

impl Saying {
    /// In that language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> String {
        match self {
            Self::Words(words) => words.clone(),
            Self::Both(both) => match language {
                Language::En => both.en.clone(),
                Language::Zh => both.zh.clone(),
            },
            Self::Sentence { key, values } => {
                let said: Vec<String> = values
                    .iter()
                    .map(|(_, value)| value.in_language(language))
                    .collect();
                let names = values.iter().map(|(name, _)| name.as_ref());
                let values: Vec<(&str, &str)> =
                    names.zip(said.iter().map(String::as_str)).collect();
                text_with(language, key, &values)
            }
        }
    }

    /// The same on its own: with a capital and a full stop. Words of somebody else stay
    /// as they are.
    #[must_use]
    pub fn sentence(&self, language: Language) -> String {
        let said = self.in_language(language);
        match (self, language) {
            (Self::Words(_), _) => said,
            (_, Language::En) => sentence(&said),
            (_, Language::Zh) => match said.chars().last() {
                Some('。' | '！' | '？') => said,
                _ => format!("{}。", said.trim_end_matches('.')),
            },
        }
    }
}

/// With a capital and a full stop. An address at the beginning stays as it is written.
fn sentence(words: &str) -> String {
    let words = words.trim_end_matches('.');
    let named = words.split_whitespace().next();
    if named.is_some_and(|first| first.contains('@')) {
        return format!("{words}.");
    }
    let mut letters = words.chars();
    let first: String = letters
        .next()
        .map(|c| c.to_uppercase().collect())
        .unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_language(Language::En))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::Bilingual;
    use crate::domain::saying::saying;

    #[test]
    fn a_saying_within_a_saying_is_said_in_the_same_language() {
        let refused = saying!("net.refused", host = "imap.example.com", port = 143_u16);
        let said = saying!("about", whom = "a@example.com", what = &refused);
        assert_eq!(
            said.to_string(),
            "a@example.com: imap.example.com refuses connections on port 143; check the port and \
             whether the server runs"
        );
        assert_eq!(
            said.in_language(Language::Zh),
            "a@example.com：imap.example.com 的 143 端口拒绝连接；请检查端口以及服务器是否在运行"
        );
    }

    #[test]
    fn what_others_said_is_said_as_it_came() {
        let said = saying!("net.at", host = "{what}", what = "{host} says no.");
        assert_eq!(said.to_string(), "{what}: {host} says no.");
        assert_eq!(said.in_language(Language::Zh), "{what}：{host} says no.");
    }

    #[test]
    fn a_full_stop_is_said_once() {
        let advice = Bilingual {
            en: "Make a new code.".to_owned(),
            zh: "请重新生成授权码。".to_owned(),
        };
        let said = saying!("login.advised", what = "no entry.", advice = advice);
        assert_eq!(said.to_string(), "no entry. Make a new code.");
        let zh = said.in_language(Language::Zh);
        assert_eq!(zh, "no entry。请重新生成授权码。");
        let there = saying!("login.page", what = &said, url = "https://x.example");
        assert_eq!(
            there.to_string(),
            "no entry. Make a new code (https://x.example)"
        );
    }

    #[test]
    fn alone_it_is_a_sentence() {
        let said = saying!("net.no_address", host = "h.example");
        assert_eq!(said.sentence(Language::En), "H.example has no address.");
        assert_eq!(said.sentence(Language::Zh), "h.example 没有地址。");
        let about = saying!("about", whom = "a@h.example", what = &said);
        assert_eq!(
            about.sentence(Language::En),
            "a@h.example: h.example has no address."
        );
        assert_eq!(Saying::from("as is").sentence(Language::Zh), "as is");
    }
}
