//! Style, script and icon, compiled in.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::super::error::Problem;

const STYLE: &str = include_str!("assets/desk.css");
const SCRIPT: &str = include_str!("assets/desk.js");
const EDITOR: &str = include_str!("assets/editor.js");
const ICON: &str = include_str!("assets/icon.svg");

/// They change only with the binary, and pages name them with [`version`].
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=86400");

pub(super) async fn get(Path(name): Path<String>) -> Result<Response, Problem> {
    let (content_type, text) = match name.as_str() {
        "desk.css" => ("text/css; charset=utf-8", STYLE),
        "desk.js" => (
            "text/javascript; charset=utf-8",
            include_str!("assets/desk.js"),
        ),
        "editor.js" => ("text/javascript; charset=utf-8", EDITOR),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return Err(Problem::not_found()),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, CACHE),
    ];
    Ok((headers, text).into_response())
}

/// Changes whenever one of the files does, so that browsers ask again.
pub(super) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let hash = blake3::hash([STYLE, SCRIPT, EDITOR, ICON].concat().as_bytes());
        hash.to_hex()[..12].to_owned()
    });
    &VERSION
}
