//! Who asks. The actor is made here and nowhere else in this room: by a bearer
//! token for the API, by a session cookie for pages.
//!
//! Invariant: both are layers over a whole router, its fallback included, so a
//! route somebody forgets is refused, not open.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::cookie;
use super::error::{Kind, Problem};
use super::serve::Peer;
use super::wrong_tokens::WrongTokens;
use crate::domain::saying::saying;
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::service::people::{People, SignInError};

/// What the two layers need.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) people: People,
    pub(super) wrong_tokens: WrongTokens,
}

/// The session of a page's request.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Who.
    pub(super) user: User,
    /// Goes into every form of the page and must come back with it.
    pub(super) form_token: String,
}

/// Lets a request through to the API when it carries a valid bearer token (RFC 6750 section 2.1).
pub(super) async fn by_token(
    State(door): State<Door>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = bearer(request.headers()) else {
        return Problem::new(
            Kind::Unauthorized,
            "Send a token: `Authorization: Bearer …`. `postern token create` makes one.",
        )
        .into_response();
    };
    match door.people.actor_of_token(&token) {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(SignInError::Refused) => door.refuse(&request).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// Lets a request through to the pages when its cookie names a session; sends
/// everybody else to the login page.
pub(super) async fn by_session(
    State(door): State<Door>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = cookie::read(request.headers(), cookie::SESSION).map(Secret::new) else {
        return to_login(&request);
    };
    match door.people.actor_of_session(&token) {
        Ok((actor, user)) => {
            request.extensions_mut().insert(actor);
            request.extensions_mut().insert(Session {
                user,
                form_token: form_token(&token),
            });
            next.run(request).await
        }
        Err(SignInError::Refused) => to_login(&request),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

impl Door {
    /// Refuses a wrong token, and counts it against the peer.
    pub(super) fn refuse(&self, request: &Request) -> Problem {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        match self.wrong_tokens.note(peer) {
            Ok(()) => Problem::new(Kind::Unauthorized, saying!("problem.token")),
            Err(wait) => {
                Problem::new(Kind::TooMany, saying!("problem.wrong_tokens")).retry_after(wait)
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    // RFC 9110 section 11.1: schemes are matched without regard to case.
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Secret::new(token.trim()))
}

/// A page is answered by the login page; a script's request by a problem, since it
/// would take the login page for an answer.
fn to_login(request: &Request) -> Response {
    let wants_page = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    if wants_page {
        return Redirect::to("/login").into_response();
    }
    Problem::new(Kind::Unauthorized, saying!("problem.signed_out")).into_response()
}

/// Derived from the session, so that nothing more has to be stored; learning it
/// does not give the session away.
fn form_token(session: &Secret) -> String {
    let key = blake3::derive_key("postern 2026 form token", session.expose().as_bytes());
    blake3::Hash::from_bytes(key).to_hex()[..32].to_owned()
}

impl Session {
    /// Whether a form carries the token of this session.
    ///
    /// # Errors
    /// When it does not: the page is from an older session, or from elsewhere.
    pub(super) fn check(&self, token: &str) -> Result<(), Problem> {
        // Hashes compare in constant time.
        if blake3::hash(token.as_bytes()) == blake3::hash(self.form_token.as_bytes()) {
            return Ok(());
        }
        Err(Problem::new(Kind::Forbidden, saying!("problem.old_page")))
    }
}
