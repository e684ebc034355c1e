//! Reading bodies, queries and paths, with refusals that say what is wrong and where.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::{Kind, Problem};
use crate::domain::key::PublicId;

/// Items of a page when nobody says otherwise.
pub(super) const PAGE_DEFAULT: usize = 50;

/// Longest name of something in a path; an address is no longer.
const WHICH_BYTES_MAX: usize = 320;

/// A JSON body. Its type refuses unknown fields.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

fn refused(rejection: &JsonRejection) -> Problem {
    let kind = match rejection {
        JsonRejection::MissingJsonContentType(_) => Kind::MediaType,
        JsonRejection::JsonDataError(_) => Kind::Unprocessable,
        _ if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
        _ => Kind::BadRequest,
    };
    // serde names the field, what was expected, line and column.
    Problem::new(kind, cause_of(rejection))
}

/// A query string. Its type refuses unknown keys.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::new(Kind::BadRequest, cause_of(&rejection))),
        }
    }
}

/// The id in a path; anything that is no id is simply not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(pub(super) PublicId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(fields) = Path::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found())?;
        let id = fields.iter().find(|(name, _)| name == "id");
        id.and_then(|(_, text)| PublicId::parse(text))
            .map(Self)
            .ok_or_else(Problem::not_found)
    }
}

/// What a path calls something by: an id, or another name of it.
#[derive(Clone, Debug)]
pub(super) struct Which(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Which {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(fields) = Path::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found())?;
        let which = fields.into_iter().find(|(name, _)| name == "id");
        let which = which
            .map(|(_, text)| text)
            .filter(|text| text.len() <= WHICH_BYTES_MAX);
        which.map(Self).ok_or_else(Problem::not_found)
    }
}

/// Reads an id that stands in a body or query.
pub(super) fn id_in(field: &str, text: &str) -> Result<PublicId, Problem> {
    PublicId::parse(text).ok_or_else(|| {
        Problem::new(
            Kind::Unprocessable,
            format!(
                "`{field}` must be the id of something (a UUID), not `{}`.",
                shortened(text)
            ),
        )
    })
}

/// Enough of a value to recognise it.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The innermost cause: axum wraps serde's words in a sentence about itself.
fn cause_of(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
