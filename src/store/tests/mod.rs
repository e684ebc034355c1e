//! The store as its callers see it, on folders of its own.

mod delivery;
mod fixture;
mod lists;
mod outbox;
mod people;
mod raw;
mod triage;
mod writer;
