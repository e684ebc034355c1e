//! In which language a page speaks: the one chosen (cookie), else the browser's.

use std::convert::Infallible;

use axum::Form;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::super::cookie;
use super::super::options::Options;
use crate::domain::saying::Said;
use crate::text::{Language, text, text_with};

/// The words of one language, for templates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words(Language);

impl Words {
    /// The text under a key.
    pub(super) fn t(self, key: &str) -> &str {
        text(self.0, key)
    }

    /// The same with its placeholders filled.
    pub(super) fn with(self, key: &str, values: &[(&str, &str)]) -> String {
        text_with(self.0, key, values)
    }

    /// What somebody has to say, in this language.
    pub(super) fn say(self, said: &impl Said) -> String {
        said.saying().in_language(self.0)
    }

    /// The same as a sentence of its own.
    pub(super) fn sentence(self, said: &impl Said) -> String {
        said.saying().sentence(self.0)
    }

    /// Which language it is.
    pub(super) fn language(self) -> Language {
        self.0
    }

    /// For `<html lang>`.
    pub(super) fn tag(self) -> &'static str {
        self.0.tag()
    }

    /// The language the switch offers.
    pub(super) fn other_tag(self) -> &'static str {
        match self.0 {
            Language::En => "zh",
            Language::Zh => "en",
        }
    }

    /// By the cookie, else by `Accept-Language` (RFC 9110 section 12.5.4).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let chosen = cookie::read(headers, cookie::LANGUAGE);
        let asked = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        Self(
            chosen
                .as_deref()
                .and_then(Language::from_tag)
                .or_else(|| asked.and_then(best))
                .unwrap_or_default(),
        )
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Words {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// The known language with the highest weight; the first among equals.
fn best(asked: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for range in asked.split(',') {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight: f32 = weight
            .trim()
            .strip_prefix("q=")
            .and_then(|q| q.parse().ok())
            .unwrap_or(0.0);
        if let Some(language) =
            Language::from_tag(tag.trim()).filter(|_| best.is_none_or(|(most, _)| weight > most))
        {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// The switch.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    language: String,
    /// Where to go back to.
    from: String,
}

/// Remembers the choice for a year.
pub(super) async fn choose(State(options): State<Options>, Form(choice): Form<Choice>) -> Response {
    // Only a path of ours: `//host` and `/\host` would lead away.
    let ours = choice.from.starts_with('/') && !choice.from[1..].starts_with(['/', '\\']);
    let back = Redirect::to(if ours { &choice.from } else { "/" });
    let tag = if choice.language == "zh" { "zh" } else { "en" };
    let cookie = cookie::set(
        cookie::LANGUAGE,
        tag,
        cookie::YEAR_SECONDS,
        options.secure_cookies(),
    );
    let mut response = back.into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_is_heard() {
        for (asked, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Language::Zh)),
            ("de,en;q=0.5,zh;q=0.3", Some(Language::En)),
            ("de", None),
            ("en;q=0.1, zh;q=0.2", Some(Language::Zh)),
            ("é", None),
        ] {
            assert_eq!(best(asked), expected, "{asked}");
        }
    }
}
