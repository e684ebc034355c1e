//! The page of a link by which somebody gives one mailbox a new login, on a phone and
//! without signing in here: one field, "try the stored one again", or a sign-in at the
//! provider.
//!
//! Invariant: GET uses nothing up, since programs that look for viruses open links before
//! people do. Whatever is wrong with a link, the answer is the same page. The page shows
//! the mailbox's address and its provider's guide, and nothing else of this gateway.

use askama::Template;
use axum::Form;
use axum::extract::{FromRef, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::super::auth::Door;
use super::super::cookie;
use super::super::error::Problem;
use super::super::handles::Wired;
use super::super::options::Options;
use super::super::serve::Peer;
use super::connect::{SectionView, guide_of};
use super::language::Words;
use super::page::render;
use super::sign_in::Callback;
use super::view::marks::said;
use crate::domain::mailbox::{Mailbox, OTHER_PRESET};
use crate::domain::secret::Secret;
use crate::service::mailboxes::MailboxError;
use crate::service::presets::Presets;
use crate::service::reauthentication::{LinkError, Reauthentication};
use crate::service::signing_in::Shown;

/// How long a browser may stay at the provider, in seconds; as long as a sign-in waits.
const AWAY_SECONDS: i64 = 15 * 60;

/// What the page is made of.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    links: Reauthentication,
    presets: Presets,
    door: Door,
    options: Options,
}

impl FromRef<Wired> for Desk {
    fn from_ref(wired: &Wired) -> Self {
        Self {
            links: Reauthentication::from_ref(wired),
            presets: Presets::from_ref(wired),
            door: Door::from_ref(wired),
            options: Options::from_ref(wired),
        }
    }
}

#[derive(Template)]
#[template(path = "reauthenticate.html")]
struct LinkPage {
    words: Words,
    token: String,
    address: String,
    provider: Option<String>,
    settings_url: Option<String>,
    guide: Vec<SectionView>,
    /// Its login came from a sign-in, so no code is asked for.
    signed_in: bool,
    /// A sign-in at the provider can be begun.
    signs_in: bool,
    tries_left: u32,
    /// Why the last try came to nothing.
    notice: Option<String>,
    /// Where the provider is, once a sign-in was begun.
    away: Option<Shown>,
}

#[derive(Template)]
#[template(path = "reauthenticated.html")]
struct DonePage {
    words: Words,
    address: String,
}

#[derive(Template)]
#[template(path = "link_gone.html")]
struct GonePage {
    words: Words,
    /// Too many wrong ones came from there: minutes until more are looked at.
    minutes: Option<u64>,
}

/// The form; the second button of it tries the stored login.
#[derive(Deserialize)]
pub(super) struct CodeForm {
    #[serde(default)]
    password: String,
    #[serde(default)]
    stored: bool,
}

impl Desk {
    fn page(
        &self,
        words: Words,
        token: &Secret,
        notice: Option<String>,
        away: Option<Shown>,
    ) -> Result<Response, LinkError> {
        let opened = self.links.open(token)?;
        let settings = &opened.mailbox.settings;
        let address = settings.address.to_string();
        let plugin = self.presets.get(&settings.preset);
        let preset = plugin.as_ref().map(|plugin| &plugin.preset);
        Ok(render(&LinkPage {
            token: token.expose().to_owned(),
            provider: preset
                .filter(|preset| preset.id != OTHER_PRESET)
                .map(|preset| said(words, &preset.name).to_owned()),
            settings_url: preset.and_then(|preset| preset.settings_url.clone()),
            guide: plugin
                .as_ref()
                .map(|plugin| guide_of(plugin, words, &address))
                .unwrap_or_default(),
            signed_in: opened.signed_in,
            signs_in: opened.signs_in,
            tries_left: opened.tries_left,
            address,
            notice,
            away,
            words,
        }))
    }

    /// The page again with what went wrong; a link that ended with it shows that.
    fn failed(
        &self,
        words: Words,
        token: &Secret,
        peer: Option<Peer>,
        error: LinkError,
    ) -> Response {
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        let notice = match error {
            LinkError::Gone => return self.gone(words, peer),
            LinkError::Store(error) => return Problem::internal(&error).into_response(),
            // Only waiting helps, and the page is where to come back to.
            LinkError::TooFast => {
                status = StatusCode::TOO_MANY_REQUESTS;
                words.t("link.too_fast").to_owned()
            }
            LinkError::Mailbox(MailboxError::Store(error)) => {
                return Problem::internal(&error).into_response();
            }
            error => words.sentence(&error),
        };
        match self.page(words, token, Some(notice), None) {
            Ok(mut page) => {
                *page.status_mut() = status;
                page
            }
            Err(_) => self.gone(words, peer),
        }
    }

    /// The same for every link that opens nothing; guessing is slowed down.
    fn gone(&self, words: Words, peer: Option<Peer>) -> Response {
        let peer = peer.map(|peer| peer.0.ip());
        let Err(wait) = self.door.wrong_tokens.note(peer) else {
            let minutes = None;
            return (StatusCode::NOT_FOUND, render(&GonePage { words, minutes })).into_response();
        };
        let minutes = Some(wait.as_secs().div_ceil(60).max(1));
        let page = render(&GonePage { words, minutes });
        let again = [(header::RETRY_AFTER, wait.as_secs().max(1).to_string())];
        (StatusCode::TOO_MANY_REQUESTS, again, page).into_response()
    }
}

fn done(words: Words, mailbox: &Mailbox) -> Response {
    render(&DonePage {
        words,
        address: mailbox.settings.address.to_string(),
    })
}

fn peer_of(request: &Request) -> Option<Peer> {
    request.extensions().get::<Peer>().copied()
}

pub(super) async fn show(
    State(desk): State<Desk>,
    Path(token): Path<String>,
    words: Words,
    request: Request,
) -> Response {
    let token = Secret::new(token);
    match desk.page(words, &token, None, None) {
        Ok(page) => page,
        Err(error) => desk.failed(words, &token, peer_of(&request), error),
    }
}

pub(super) async fn give(
    State(desk): State<Desk>,
    Path(token): Path<String>,
    words: Words,
    peer: Option<axum::Extension<Peer>>,
    Form(form): Form<CodeForm>,
) -> Response {
    let (token, peer) = (Secret::new(token), peer.map(|peer| peer.0));
    let mailbox = match desk.links.open(&token) {
        Ok(opened) => opened.mailbox,
        Err(error) => return desk.failed(words, &token, peer, error),
    };
    let password = Secret::new(form.password.trim());
    if password.is_empty() && !form.stored {
        let error = LinkError::Mailbox(MailboxError::NoPassword);
        return desk.failed(words, &token, peer, error);
    }
    let password = (!form.stored).then_some(password);
    match desk.links.give(&token, password).await {
        Ok(()) => done(words, &mailbox),
        Err(error) => desk.failed(words, &token, peer, error),
    }
}

/// Begins a sign-in at the provider. The browser keeps the token while it is away, in a
/// cookie that no script reads.
pub(super) async fn sign_in(
    State(desk): State<Desk>,
    Path(token): Path<String>,
    words: Words,
    peer: Option<axum::Extension<Peer>>,
) -> Response {
    let (token, peer) = (Secret::new(token), peer.map(|peer| peer.0));
    let begun = desk.links.begin_sign_in(&token);
    let page = begun.and_then(|away| desk.page(words, &token, None, Some(away)));
    let mut page = match page {
        Ok(page) => page,
        Err(error) => return desk.failed(words, &token, peer, error),
    };
    let (name, secure) = (cookie::REAUTHENTICATION, desk.options.secure_cookies());
    if let Some(cookie) = cookie::set(name, token.expose(), AWAY_SECONDS, secure) {
        page.headers_mut().append(header::SET_COOKIE, cookie);
    }
    page
}

/// A browser that comes back from a provider: when a link sent it there, it is answered
/// here; otherwise by the page of whoever is signed in.
pub(super) async fn come_back(
    State(desk): State<Desk>,
    Query(brought): Query<Callback>,
    request: Request,
    next: Next,
) -> Response {
    let headers: &HeaderMap = request.headers();
    let token = cookie::read(headers, cookie::REAUTHENTICATION).map(Secret::new);
    let state = brought.state().unwrap_or_default();
    let Some(token) = token.filter(|token| desk.links.awaits(token, state)) else {
        return next.run(request).await;
    };
    let (words, peer) = (Words::of(headers), peer_of(&request));
    let finished = desk
        .links
        .finish_sign_in(&token, brought.into_returned())
        .await;
    let mut response = match finished {
        Ok(mailbox) => done(words, &mailbox),
        Err(error) => desk.failed(words, &token, peer, error),
    };
    let secure = desk.options.secure_cookies();
    if let Some(cookie) = cookie::clear(cookie::REAUTHENTICATION, secure) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
