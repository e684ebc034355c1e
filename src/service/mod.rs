//! What the gateway does, one service per subject.
//!
//! Invariant: a service takes the two or three handles it needs; none knows them
//! all. Stages of a mail's way call no other stage: they are linked only by job
//! rows that are written with the result (`store`).

mod acknowledging;
mod agenda;
pub mod alerts;
pub mod asking;
pub mod authenticating;
mod automatic;
pub mod clock;
pub mod collecting;
mod composed;
pub mod composing;
pub mod connect;
pub mod console;
pub mod conversations;
pub mod credentials;
pub mod diary;
pub mod diary_reading;
pub mod doctor;
pub mod feed;
pub mod filing;
pub mod hooks;
pub mod ingest;
pub mod jobs;
pub mod ledger;
pub mod mailboxes;
pub mod oauth_clients;
pub mod outbox;
pub mod people;
pub mod presets;
pub mod proving;
pub mod random;
pub mod reading;
pub mod reauthentication;
pub mod receiving;
pub mod refusals;
pub mod rehearsal;
pub mod replies;
pub mod script_editing;
pub mod script_failures;
pub mod script_testing;
mod sent_folder;
pub mod signing_in;
pub mod submitting;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod timers;
pub mod triage;
pub mod trying;
pub mod uploads;
mod view;
pub mod way_out;
