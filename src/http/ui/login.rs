//! Coming and going. A login link shows a page with one button; only the button's
//! POST uses the link up, so that previews and virus scanners, which open links
//! by GET, do not burn it.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::super::auth::Door;
use super::super::cookie;
use super::super::error::Problem;
use super::super::options::Options;
use super::language::Words;
use super::page::render;
use crate::domain::secret::Secret;
use crate::service::people::{People, SESSION_AGE_MAX, SignInError};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    words: Words,
    /// There is a link to be used.
    offered: bool,
}

/// Says how to get in.
pub(super) async fn ask(words: Words) -> Response {
    render(&LoginPage {
        words,
        offered: false,
    })
}

/// Shows the button. Whether the link is good is found out by using it.
pub(super) async fn offer(words: Words) -> Response {
    render(&LoginPage {
        words,
        offered: true,
    })
}

/// Uses the link up and opens a session with a token of its own, never one the
/// browser brought (session fixation).
pub(super) async fn enter(
    State(door): State<Door>,
    State(options): State<Options>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    match door.people.open_session(&Secret::new(token)).await {
        Ok(session) => Ok(with_cookie(cookie::set(
            cookie::SESSION,
            session.expose(),
            SESSION_AGE_MAX.as_secs(),
            options.secure_cookies(),
        ))),
        Err(SignInError::Refused) => Err(door.refuse(&request)),
        Err(error) => Err(Problem::internal(&error)),
    }
}

/// Ends the session on our side, too.
pub(super) async fn leave(
    State(people): State<People>,
    State(options): State<Options>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(session) = cookie::read(&headers, cookie::SESSION).map(Secret::new) {
        people
            .close_session(&session)
            .await
            .map_err(|error| Problem::internal(&error))?;
    }
    Ok(with_cookie(cookie::clear(
        cookie::SESSION,
        options.secure_cookies(),
    )))
}

fn with_cookie(cookie: Option<HeaderValue>) -> Response {
    let mut response = Redirect::to("/").into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
