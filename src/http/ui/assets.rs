//! Style, script and icon, compiled in.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::super::error::Problem;

/// They change only with the binary; pages name them with its version.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=86400");

pub(super) async fn get(Path(name): Path<String>) -> Result<Response, Problem> {
    let (content_type, text) = match name.as_str() {
        "desk.css" => ("text/css; charset=utf-8", include_str!("assets/desk.css")),
        "desk.js" => (
            "text/javascript; charset=utf-8",
            include_str!("assets/desk.js"),
        ),
        "icon.svg" => ("image/svg+xml", include_str!("assets/icon.svg")),
        _ => return Err(Problem::not_found()),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, CACHE),
    ];
    Ok((headers, text).into_response())
}
