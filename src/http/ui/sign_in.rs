//! Signing in at a provider for a mailbox: the page that sends a browser there or shows
//! a code for another device, and the address that the browser comes back to.
//!
//! Invariant: what a provider says is data: it is shown escaped and never decides where
//! a page leads. Absent: what a return must hold (`service::signing_in`).

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::stream;
use serde::Deserialize;

use super::super::api::of_sign_in;
use super::super::auth::Session;
use super::super::body::Id;
use super::super::error::Problem;
use super::super::streams::Streams;
use super::conversation::BareForm;
use super::language::Words;
use super::page::{Frame, render};
use crate::domain::secret::Secret;
use crate::domain::user::Actor;
use crate::service::signing_in::{
    Finished, Mark, Purpose, Returned, SignInError, SigningIn, StateError, Unfinished,
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    id: String,
    address: String,
    account: String,
    url: String,
    host: String,
    redirect_uri: String,
    takes_codes: bool,
    code: Option<CodeView>,
}

struct CodeView {
    code: String,
    url: String,
    /// With the code in it, where the provider has such an address.
    link: String,
    /// Where it goes on, once somebody has signed in.
    finished: Option<String>,
    failed: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in_failed.html")]
struct FailedPage {
    frame: Frame,
    /// Key of the headline: `sign_in.failed.*`.
    headline: &'static str,
    /// Key of the sentence: `sign_in.why.*`.
    why: Option<&'static str>,
    /// What a provider or a server said, or a sentence of the service.
    said: Option<String>,
    /// Of the mailbox, when another account has signed in.
    expected: Option<String>,
    /// It can be begun again.
    id: Option<String>,
    /// Another account signed in: it may own a shared mailbox.
    signed_in: Option<String>,
}

/// In which session a sign-in is begun and comes back to.
pub(super) fn session_mark(session: &Session) -> Mark {
    Mark::of(&session.form_token)
}

/// Begins the sign-in of a connected mailbox.
pub(super) async fn begin(
    State(signing_in): State<SigningIn>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let purpose = Purpose::Again {
        mailbox: id,
        account: None,
    };
    let begun = signing_in.begin(&actor, session_mark(&frame.session), purpose, false);
    let id = begun.map_err(of_sign_in)?;
    Ok(Redirect::to(&format!("/sign-ins/{id}")).into_response())
}

pub(super) async fn show(
    State(signing_in): State<SigningIn>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
) -> Result<Response, Problem> {
    let shown = signing_in.show(&actor, session_mark(&frame.session), id);
    let shown = shown.map_err(of_sign_in)?;
    let progress = shown.device.map(|device| device.borrow().clone());
    let code = progress.map(|progress| {
        let (finished, failed) = match progress.end {
            None => (None, None),
            Some(Ok(finished)) => (Some(goes_on(finished)), None),
            Some(Err(said)) => (None, Some(frame.words.say(&said))),
        };
        let given = progress.shown;
        CodeView {
            code: given.user_code,
            link: given.url_complete.unwrap_or_else(|| given.url.clone()),
            url: given.url,
            finished,
            failed,
        }
    });
    Ok(render(&SignInPage {
        id: id.to_string(),
        address: shown.address,
        account: shown.account,
        url: shown.url,
        host: shown.host,
        redirect_uri: shown.redirect_uri,
        takes_codes: shown.takes_codes,
        code,
        frame,
    }))
}

/// Asks for a code to be typed on another device.
pub(super) async fn code(
    State(signing_in): State<SigningIn>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<BareForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let begun = signing_in.begin_code(&actor, session_mark(&frame.session), id);
    begun.await.map_err(of_sign_in)?;
    Ok(Redirect::to(&format!("/sign-ins/{id}")).into_response())
}

/// Tells when the code has been typed, and ends with that.
pub(super) async fn follow(
    State(signing_in): State<SigningIn>,
    State(streams): State<Streams>,
    Extension(actor): Extension<Actor>,
    Extension(session): Extension<Session>,
    Id(id): Id,
) -> Result<Response, Problem> {
    let shown = signing_in.show(&actor, session_mark(&session), id);
    let device = shown.map_err(of_sign_in)?.device;
    let device = device.ok_or_else(Problem::not_found)?;
    let place = streams.place(&actor)?;
    let state = (device, streams.shutdown, place, false);
    let events = stream::unfold(state, |(mut device, shutdown, place, told)| async move {
        if told {
            return None;
        }
        tokio::select! {
            ended = device.wait_for(|progress| progress.end.is_some()) => drop(ended.ok()?),
            () = shutdown.cancelled() => return None,
        }
        let event = Event::default().event("step").data("ended");
        Some((Ok::<_, axum::Error>(event), (device, shutdown, place, true)))
    });
    Ok(Sse::new(events).into_response())
}

#[derive(Debug, Deserialize)]
pub(super) struct AgainForm {
    form_token: String,
    /// The mailbox is a shared one of this account.
    #[serde(default)]
    shared_of: String,
}

/// Begins again what came to nothing; the provider then asks which account.
pub(super) async fn again(
    State(signing_in): State<SigningIn>,
    Extension(actor): Extension<Actor>,
    Id(id): Id,
    frame: Frame,
    Form(form): Form<AgainForm>,
) -> Result<Response, Problem> {
    frame.session.check(&form.form_token)?;
    let shared_of = Some(form.shared_of).filter(|account| !account.is_empty());
    let begun = signing_in.begin_again(&actor, session_mark(&frame.session), id, shared_of);
    let id = begun.map_err(of_sign_in)?;
    Ok(Redirect::to(&format!("/sign-ins/{id}")).into_response())
}

/// What the provider hands to the browser (RFC 6749 section 4.1.2, RFC 9207).
#[derive(Deserialize)]
pub(super) struct Callback {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Callback {
    pub(super) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    pub(super) fn into_returned(self) -> Returned {
        Returned {
            state: self.state,
            code: self.code.map(Secret::new),
            issuer: self.iss,
            error: self.error,
            error_description: self.error_description,
        }
    }
}

/// The browser is back.
pub(super) async fn callback(
    State(signing_in): State<SigningIn>,
    Extension(actor): Extension<Actor>,
    Query(brought): Query<Callback>,
    mut frame: Frame,
) -> Response {
    // A page must not carry the code on, not even in the form that changes its language.
    "/mailboxes".clone_into(&mut frame.here);
    let returned = brought.into_returned();
    let finished = signing_in.finish(&actor, session_mark(&frame.session), returned);
    match finished.await {
        Ok(finished) => Redirect::to(&goes_on(finished)).into_response(),
        Err(unfinished) => failed(frame, &unfinished),
    }
}

fn failed(frame: Frame, unfinished: &Unfinished) -> Response {
    let Unfinished { id, error } = unfinished;
    let (signed_in, expected) = match error {
        SignInError::OtherAccount {
            signed_in,
            expected,
            ..
        } => (Some(signed_in.clone()), Some(expected.clone())),
        _ => (None, None),
    };
    let (why, said) = reason(frame.words, error);
    let headline = match error {
        SignInError::State(_) => "sign_in.failed.state",
        SignInError::Issuer { .. } => "sign_in.failed.issuer",
        SignInError::Declined(_) => "sign_in.failed.declined",
        SignInError::OtherAccount { .. } => "sign_in.failed.account",
        SignInError::Mailbox(_) | SignInError::Begin(_) => "sign_in.failed.mailbox",
        _ => "sign_in.failed.provider",
    };
    let page = render(&FailedPage {
        headline,
        why,
        said,
        expected,
        id: id.map(|id| id.to_string()),
        signed_in,
        frame,
    });
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

/// The key of a sentence, and what was said beside it.
fn reason(words: Words, error: &SignInError) -> (Option<&'static str>, Option<String>) {
    let key = |key| (Some(key), None);
    match error {
        SignInError::State(StateError::Unknown) => key("sign_in.why.unknown"),
        SignInError::State(StateError::Foreign) => key("sign_in.why.foreign"),
        SignInError::State(StateError::Used) => key("sign_in.why.used"),
        SignInError::State(StateError::Expired) => key("sign_in.why.expired"),
        SignInError::OtherAccount { .. } => key("sign_in.why.account"),
        SignInError::NoCode => key("sign_in.why.no_code"),
        SignInError::NoRefreshToken => key("sign_in.why.no_refresh"),
        SignInError::Issuer { from } => (Some("sign_in.why.issuer"), Some(from.clone())),
        SignInError::Declined(said) | SignInError::Refused(said) => {
            (Some("sign_in.why.said"), Some(said.clone()))
        }
        error => (None, Some(words.sentence(error))),
    }
}

fn goes_on(finished: Finished) -> String {
    match finished {
        Finished::Attempt(id) => format!("/mailboxes/connect/{id}"),
        Finished::SignedIn(id) => format!("/mailboxes#mailbox-{id}"),
    }
}
