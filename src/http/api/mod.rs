//! The REST API below `/api/v1`: bearer tokens in, JSON out.
//!
//! Invariant: every route, the unknown ones too, is behind `auth::by_token`.

mod conversations;
mod decisions;
mod diary;
mod doctor;
mod events;
mod failure;
mod json;
mod ledger;
mod lifecycle;
mod mailboxes;
mod messages;
mod outbox;
mod people;
mod presets;
mod probes;
mod problems;
mod proving;
mod regrouping;
mod replies;
mod scripts;
mod uploads;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, patch, post, put};

use super::auth::{self, Door};
use super::deadline::answer_within;
use super::error::{Kind, Problem};
use super::handles::Wired;
use super::options::{ANSWER_TIME_MAX, PROBE_TIME_MAX};

pub(super) use failure::{
    of_beginning, of_canary, of_collecting, of_console, of_conversations, of_editing, of_links,
    of_mailboxes, of_outbox, of_proving, of_rehearsal, of_replies, of_saving, of_sign_in, of_store,
    of_uploads,
};
pub(super) use json::conversation::{
    direction_name, priority_name, status_name, status_named, tag_named,
};
pub(super) use json::doctor::{check_name, verdict_name as examined_name};
pub(super) use json::mailbox::way_name;
pub(super) use json::message::{kind_name, verdict_name};
pub(super) use presets::icon as preset_icon;

/// What is on its way out.
fn of_replies_on_their_way() -> Router<Wired> {
    Router::new()
        .route("/outbox", get(outbox::list))
        .route("/outgoing/{id}", get(outbox::get))
        .route("/outgoing/{id}/cancel", post(outbox::cancel))
        .route("/outgoing/{id}/retry", post(outbox::retry))
        .route("/outgoing/{id}/arrived", post(outbox::arrived))
        .route("/outgoing/{id}/again", post(outbox::again))
        .route("/outgoing/{id}/release", post(outbox::release))
}

pub(super) fn routes(door: &Door) -> Router<Wired> {
    let slow = Router::new()
        .route("/mailboxes", get(mailboxes::list).post(mailboxes::add))
        .route("/mailboxes/probe", post(mailboxes::probe))
        .route("/mailboxes/probes", post(probes::begin))
        .route("/mailboxes/sign-ins", post(probes::sign_in))
        .route("/mailboxes/{id}/sign-in", post(probes::sign_in_again))
        .route("/mailboxes/suggest", get(presets::suggest))
        .route("/mailboxes/{id}/count", post(ledger::count))
        .route("/mailboxes/{id}/collect", post(ledger::collect))
        .route(
            "/mailboxes/{id}",
            get(mailboxes::get)
                .patch(lifecycle::edit)
                .delete(lifecycle::remove),
        )
        .route("/scripts/rehearsals", post(scripts::rehearse))
        .route("/uploads", post(uploads::add))
        .route("/mailboxes/{id}/bind", post(lifecycle::bind))
        .route(
            "/mailboxes/{id}/reauthenticate",
            post(lifecycle::reauthenticate),
        )
        .layer(answer_within(PROBE_TIME_MAX));
    let usual = Router::new()
        .route("/presets", get(presets::list))
        .route("/presets/{preset}", get(presets::get))
        .route("/presets/{preset}/icon.svg", get(presets::icon))
        .route("/mailboxes/probes/{id}", get(probes::get))
        .route("/mailboxes/sign-ins/{id}", get(probes::sign_in_state))
        .route(
            "/mailboxes/{id}/rotate-address",
            post(lifecycle::rotate_address),
        )
        .route("/mailboxes/{id}/unbind", post(lifecycle::unbind))
        .route(
            "/mailboxes/{id}/reauthenticate-link",
            post(lifecycle::make_link),
        )
        .route("/mailboxes/{id}/refresh", post(lifecycle::refresh))
        .route("/mailboxes/{id}/offline", post(lifecycle::offline))
        .route("/mailboxes/{id}/online", post(lifecycle::online))
        .route("/mailboxes/{id}/export", get(lifecycle::export))
        .route("/mailboxes/{id}/log", get(diary::log).put(diary::switch))
        .route("/mailboxes/{id}/log.txt", get(diary::text))
        .route("/mailboxes/{id}/attempts", get(diary::attempts))
        .route("/mailboxes/{id}/ledger", get(ledger::page))
        .route(
            "/mailboxes/{id}/doctor",
            get(doctor::get).post(doctor::begin),
        )
        .route(
            "/mailboxes/{id}/test",
            get(proving::get).post(proving::start),
        )
        .route("/mailboxes/{id}/canary", put(proving::set_canary))
        .route(
            "/conversations",
            get(conversations::list).post(replies::open),
        )
        .route("/conversations/counts", get(conversations::counts))
        .route(
            "/conversations/{id}",
            get(conversations::get).patch(conversations::edit),
        )
        .route("/conversations/{id}/messages", get(conversations::messages))
        .route("/conversations/{id}/notes", post(conversations::add_note))
        .route("/conversations/{id}/merge", post(regrouping::merge))
        .route("/conversations/{id}/split", post(regrouping::split))
        .route("/conversations/{id}/regroupings", get(regrouping::list))
        .route("/regroupings/{id}/undo", post(regrouping::undo))
        .route("/conversations/{id}/replies", post(replies::accept))
        .route("/conversations/{id}/replies/plan", post(replies::plan))
        .route("/messages/{id}", get(messages::get))
        .route("/messages/{id}/forward", post(replies::forward))
        .route("/messages/{id}/raw", get(messages::raw))
        .route("/messages/{id}/text", get(messages::text))
        .route("/messages/{id}/fetch", post(ledger::fetch))
        .route("/messages/{id}/decisions", get(messages::decisions))
        .route(
            "/messages/{id}/attachments/{place}",
            get(messages::attachment),
        )
        .route("/decisions", get(decisions::by_line))
        .merge(of_replies_on_their_way())
        .route("/people", get(people::list))
        .route("/people/{id}", patch(people::edit))
        .route("/events", get(events::read))
        .route("/scripts", get(scripts::status))
        .route("/scripts/versions/{version}", get(scripts::version))
        .route("/scripts/{*path}", get(scripts::file).put(scripts::write))
        .route("/problems/{name}", get(problems::explain))
        .layer(answer_within(ANSWER_TIME_MAX));
    slow.merge(usual)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(door.clone(), auth::by_token))
}

async fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "The API has no such address.")
}

async fn wrong_method() -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        "The API has this address, but not for this method.",
    )
}
