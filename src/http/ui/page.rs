//! What every page shows around its content, and turning a template into an answer.

use askama::Template;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};

use super::super::auth::Session;
use super::super::error::{Kind, Problem};
use super::language::Words;
use super::view::scripts::ProblemView;
use crate::script::Scripts;

/// The frame of a page for somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) words: Words,
    pub(super) person: String,
    pub(super) form_token: String,
    /// Where the language switch comes back to.
    pub(super) here: String,
    pub(super) script_problems: Vec<ProblemView>,
    pub(super) session: Session,
}

impl Frame {
    /// A text in the page's language; templates say `frame.t("key")`.
    pub(super) fn t<'a>(&self, key: &'a str) -> &'a str {
        self.words.t(key)
    }

    /// The text of one of a group's names: `frame.of("status", "open")`.
    pub(super) fn of(&self, group: &str, name: &str) -> String {
        self.words.t(&format!("{group}.{name}")).to_owned()
    }
}

impl<S> FromRequestParts<S> for Frame
where
    S: Send + Sync,
    Scripts: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Only the session layer puts it there; without it there is no page.
        let session = parts
            .extensions
            .get::<Session>()
            .cloned()
            .ok_or_else(|| Problem::new(Kind::Unauthorized, ""))?;
        let scripts = Scripts::from_ref(state);
        // Those pages tell of them themselves.
        let at_scripts = parts.uri.path().starts_with("/scripts");
        Ok(Self {
            words: Words::of(&parts.headers),
            person: session.user.name.clone(),
            form_token: session.form_token.clone(),
            here: parts
                .uri
                .path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
            script_problems: if scripts.is_refused() && !at_scripts {
                scripts.problems().iter().map(ProblemView::new).collect()
            } else {
                Vec::new()
            },
            session,
        })
    }
}

/// Renders a template.
pub(super) fn render(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
