//! The pages: server-rendered templates, one stylesheet, one small module of
//! JavaScript. Everything works without the script; it adds life and keys.
//!
//! Invariant: every page but the login and that of a link (`reauthenticate`) is behind `auth::by_session`; every change is
//! a POST that passes `guard::refuse_forgery` and carries the session's form token.

mod assets;
mod checks;
mod connect;
mod conversation;
mod conversations;
mod doctor;
mod error_page;
mod language;
mod ledger;
mod live;
mod login;
mod mailbox;
mod mailboxes;
mod outbox;
mod page;
mod reauthenticate;
mod refused;
mod regrouping;
mod replying;
mod scripts;
mod sign_in;
mod view;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef as _};
use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{MethodRouter, get, post};

use super::api::preset_icon;
use super::auth::{self, Door};
use super::deadline::answer_within;
use super::error::Problem;
use super::guard;
use super::handles::Wired;
use super::options::{ANSWER_TIME_MAX, PROBE_TIME_MAX, SCRIPT_FORM_BYTES_MAX};
use crate::service::oauth_clients::CALLBACK_PATH;

pub(super) fn routes(door: &Door, wired: &Wired) -> Router<Wired> {
    let signed_in = Router::new()
        .route("/", get(async || Redirect::to("/conversations")))
        .route("/conversations", get(conversations::list))
        .route("/conversations/{id}", get(conversation::show))
        .route("/conversations/{id}/note", post(conversation::note))
        .route("/conversations/{id}/edit", post(conversation::edit))
        .route("/conversations/{id}/merge", post(regrouping::merge))
        .route("/conversations/{id}/split", post(regrouping::split))
        .route("/regroupings/{id}/undo", post(regrouping::undo))
        .merge(of_replies_on_their_way())
        .route("/messages/{id}/frame", get(conversation::frame))
        .route("/messages/{id}/raw", get(conversation::raw))
        .route("/messages/{id}/fetch", post(conversation::fetch))
        .route(
            "/messages/{id}/attachments/{place}",
            get(conversation::attachment),
        )
        .route("/mailboxes", get(mailboxes::list))
        .route(
            "/mailboxes/connect",
            get(connect::start).post(connect::begin),
        )
        .route("/mailboxes/connect/form", get(connect::ask))
        .route("/presets/{preset}/icon.svg", get(preset_icon))
        .route("/mailboxes/connect/sign-in", post(connect::sign_in))
        .route("/mailboxes/connect/{id}", get(connect::show))
        .route("/mailboxes/connect/{id}/edit", get(connect::again))
        .route("/mailboxes/{id}/sign-in", post(sign_in::begin))
        .route("/sign-ins/{id}", get(sign_in::show))
        .route("/sign-ins/{id}/code", post(sign_in::code))
        .route("/sign-ins/{id}/again", post(sign_in::again))
        .route("/sign-ins/{id}/live", get(sign_in::follow))
        .route("/mailboxes/connect/{id}/live", get(connect::follow))
        .route("/scripts", get(scripts::status))
        .route("/scripts/source", get(scripts::source))
        .route("/scripts/decisions", get(scripts::decisions))
        .route("/scripts/reference", get(scripts::reference))
        .route("/scripts/edit", get(scripts::edit))
        .route("/scripts/try", of_a_script(scripts::try_on))
        .route("/scripts/save", of_a_script(scripts::save))
        .route("/messages/{id}/forward", post(replying::forward))
        .route("/live", get(live::follow))
        .route("/logout", post(login::leave))
        .merge(of_one_mailbox())
        .fallback(unknown)
        .layer(answer_within(ANSWER_TIME_MAX))
        .layer(from_fn_with_state(door.clone(), auth::by_session));
    // Servers are tried before these answer, or scripts on many mails.
    let slow = Router::new()
        .route(
            "/conversations/{id}/reply",
            post(replying::reply.layer(DefaultBodyLimit::max(replying::FORM_BYTES_MAX))),
        )
        .route("/scripts/test", of_a_script(scripts::test))
        .route("/scripts/rehearse", of_a_script(scripts::rehearse))
        .route(
            "/mailboxes/{id}/edit",
            get(mailbox::settings).post(mailbox::edit),
        )
        .route("/mailboxes/{id}/bind", post(mailboxes::bind))
        .route("/mailboxes/{id}/count", post(ledger::count))
        .route("/mailboxes/{id}/collect", post(ledger::collect))
        .route(
            "/mailboxes/{id}/reauthenticate",
            post(mailboxes::reauthenticate),
        )
        .layer(answer_within(PROBE_TIME_MAX))
        .layer(from_fn_with_state(door.clone(), auth::by_session));
    let links = reauthenticate::Desk::from_ref(wired);
    let back = Router::new()
        .route(CALLBACK_PATH, get(sign_in::callback))
        .layer(from_fn_with_state(door.clone(), auth::by_session))
        .layer(from_fn_with_state(links, reauthenticate::come_back))
        .layer(answer_within(PROBE_TIME_MAX));
    let by_link = Router::new()
        .route(
            "/reauthenticate/{token}",
            get(reauthenticate::show).post(reauthenticate::give),
        )
        .route(
            "/reauthenticate/{token}/sign-in",
            post(reauthenticate::sign_in),
        )
        .layer(answer_within(PROBE_TIME_MAX));
    let open = Router::new()
        .route("/login", get(login::ask))
        .route("/login/{token}", get(login::offer).post(login::enter))
        .route("/language", post(language::choose))
        .route("/assets/{name}", get(assets::get))
        .layer(answer_within(ANSWER_TIME_MAX));
    signed_in
        .merge(slow)
        .merge(back)
        .merge(by_link)
        .merge(open)
        .layer(from_fn(guard::refuse_forgery))
        .layer(from_fn(error_page::show))
}

/// Takes the form of the editor, which is as large as a script and no larger.
fn of_a_script<H, T>(handler: H) -> MethodRouter<Wired>
where
    H: Handler<T, Wired>,
    T: 'static,
{
    post(handler).layer(DefaultBodyLimit::max(SCRIPT_FORM_BYTES_MAX))
}

/// What is seen and done at one mailbox without its servers being tried.
/// What is on its way out.
fn of_replies_on_their_way() -> Router<Wired> {
    Router::new()
        .route("/outbox", get(outbox::show))
        .route("/outgoing/{id}/cancel", post(outbox::cancel))
        .route("/outgoing/{id}/retry", post(outbox::retry))
        .route("/outgoing/{id}/arrived", post(outbox::arrived))
        .route("/outgoing/{id}/again", post(outbox::again))
        .route("/outgoing/{id}/release", post(outbox::release))
}

fn of_one_mailbox() -> Router<Wired> {
    Router::new()
        .route("/mailboxes/{id}/refresh", post(mailboxes::refresh))
        .route("/mailboxes/{id}/offline", post(mailboxes::offline))
        .route("/mailboxes/{id}/online", post(mailboxes::online))
        .route(
            "/mailboxes/{id}/rotate-address",
            post(mailboxes::rotate_address),
        )
        .route("/mailboxes/{id}/unbind", post(mailboxes::unbind))
        .route(
            "/mailboxes/{id}/reauthenticate-link",
            post(mailboxes::make_link),
        )
        .route(
            "/mailboxes/{id}/doctor",
            get(doctor::show).post(doctor::begin),
        )
        .route("/mailboxes/{id}/doctor/live", get(doctor::follow))
        .route("/mailboxes/{id}", get(checks::show))
        .route("/mailboxes/{id}/test", post(checks::test))
        .route("/mailboxes/{id}/canary", post(checks::canary))
        .route("/mailboxes/{id}/log", post(checks::switch_log))
        .route("/mailboxes/{id}/log.txt", get(checks::log_file))
        .route("/mailboxes/{id}/ledger", get(ledger::show))
        .route("/mailboxes/{id}/export", get(mailbox::export))
        .route(
            "/mailboxes/{id}/remove",
            get(mailbox::ask_removal).post(mailbox::remove),
        )
}

async fn unknown() -> Problem {
    Problem::not_found()
}
