//! Problems as pages, for whoever asked for a page.

use askama::Template;
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use super::super::error::Problem;
use super::language::Words;
use super::page::render;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    words: Words,
    status: u16,
    detail: String,
}

/// Replaces the JSON of a problem by a page that says the same.
pub(super) async fn show(request: Request, next: Next) -> Response {
    let wants_page = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let words = Words::of(request.headers());
    let response = next.run(request).await;
    let Some(problem) = response
        .extensions()
        .get::<Problem>()
        .cloned()
        .filter(|_| wants_page)
    else {
        return response;
    };
    let mut page = render(&ErrorPage {
        words,
        status: problem.status().as_u16(),
        detail: problem.detail(words.language()),
    });
    *page.status_mut() = problem.status();
    page
}

impl ErrorPage {
    fn title(&self) -> &'static str {
        self.words.t(match self.status {
            401 => "error.signed_out",
            403 => "error.forbidden",
            404 => "error.not_found",
            400..=499 => "error.refused",
            _ => "error.ours",
        })
    }
}
