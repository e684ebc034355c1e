//! Everything that is tested on real peers, in one program because linking it
//! takes longer than running most of it. Each module is a group of `tests/run`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking; the peers are also used by the bench"
)]

mod alerts;
mod amazon;
mod badinput;
mod bounces;
mod compose;
mod connect;
mod decisions;
mod demo;
mod disk;
mod doctor;
mod doubles;
mod imap;
mod imap_session;
mod injection;
mod kill;
mod large;
mod loops;
mod oauth;
mod outages;
mod outbox;
mod pages;
mod peers;
mod pop3;
mod regroup;
mod reply;
mod script_hostile;
mod script_tools;
mod script_wrong;
mod scripts;
mod sent;
mod smtp_in;
mod states;
mod sync;
