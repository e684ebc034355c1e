//! Errors as `application/problem+json` (RFC 9457).
//!
//! Invariant: a problem says what the caller can act on. Causes from inside go to
//! the log, never into an answer. Pages show the same problem as HTML (`ui/error_page.rs`).

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::saying::{Saying, saying};
use crate::text::Language;

/// The sorts of problems; part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be understood: syntax, unknown fields, wrong types.
    BadRequest,
    /// No token, or one that is not valid.
    Unauthorized,
    /// Known, but not allowed.
    Forbidden,
    /// It does not exist, or not for the caller.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// It contradicts what is there.
    Conflict,
    /// It was made for something that has changed since.
    Stale,
    /// The body is larger than what is taken.
    TooLarge,
    /// The body is not JSON.
    MediaType,
    /// Understood, but the values cannot be used.
    Unprocessable,
    /// Too many attempts.
    TooMany,
    /// The name in `Host` is not ours.
    Misdirected,
    /// Our own failure.
    Internal,
    /// For the moment not possible: full disk, shutting down.
    Unavailable,
    /// It took too long.
    TimedOut,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Stale,
        Self::TooLarge,
        Self::MediaType,
        Self::Unprocessable,
        Self::TooMany,
        Self::Misdirected,
        Self::Internal,
        Self::Unavailable,
        Self::TimedOut,
    ];

    /// The last part of `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.words().1
    }

    /// What it means, whatever the occasion.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.words().2
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.words().0
    }

    fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (
                StatusCode::BAD_REQUEST,
                "bad-request",
                "The request cannot be understood",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "A valid token is needed",
            ),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "This is not allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is nothing here"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "This address does not take that method",
            ),
            Self::Conflict => (
                StatusCode::CONFLICT,
                "conflict",
                "This contradicts what is there",
            ),
            Self::Stale => (
                StatusCode::PRECONDITION_FAILED,
                "stale",
                "This was made for something that has changed since",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The request is too large",
            ),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "The body must be JSON",
            ),
            Self::Unprocessable => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "unprocessable",
                "These values cannot be used",
            ),
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                "Too many attempts",
            ),
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "misdirected",
                "This server does not answer to that name",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong here",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Not possible at the moment",
            ),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed-out", "It took too long"),
        }
    }
}

/// A problem. Its response also carries it as an extension, for pages.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: Saying,
    retry_after: Option<Duration>,
}

/// The body of RFC 9457 section 3.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

impl Problem {
    /// A problem with a sentence for the caller.
    pub fn new(kind: Kind, detail: impl Into<Saying>) -> Self {
        let detail = detail.into();
        Self {
            kind,
            detail,
            retry_after: None,
        }
    }

    /// It is not there, or not for this caller: the two are told the same.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, saying!("problem.not_found"))
    }

    /// Our own failure: the cause goes to the log, the caller learns only that.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %Chain(cause), "a request failed");
        Self::new(Kind::Internal, saying!("problem.internal"))
    }

    /// The same, with the time after which trying again makes sense.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// The sentence for the caller.
    #[must_use]
    pub fn detail(&self, language: Language) -> String {
        self.detail.sentence(language)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, name, title) = self.kind.words();
        let detail = self.detail(Language::En);
        let body = Body {
            r#type: format!("/api/v1/problems/{name}"),
            title,
            status: status.as_u16(),
            detail: &detail,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.kind == Kind::Unauthorized {
            // RFC 9110 section 11.6.1, RFC 6750 section 3.
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"postern\""),
            );
        }
        if let Some(wait) = self.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs().max(1)),
            );
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// An error with its causes, for the log.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
