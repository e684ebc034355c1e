//! The words of Postern: values that are right once they exist.
//!
//! Invariant: no I/O, no clock, no randomness (time and random bytes are
//! arguments), no serde. Each door converts these types by hand in its own
//! place; neither a file format nor an API leaks in here.

pub mod address;
pub mod address_tag;
pub mod alert;
pub mod alias;
pub mod answered;
pub mod attempt;
pub mod authentication;
pub mod automatic;
pub mod back_off;
pub mod ceiling;
pub mod change;
pub mod condition;
pub mod contact;
pub mod conversation;
pub mod decision;
pub mod envelope;
pub mod expiry;
pub mod extraction;
pub mod failing;
pub mod fetching;
pub mod fingerprint;
pub mod folder;
pub mod forwarded;
pub mod forwarding;
pub mod harmless;
pub mod job;
pub mod key;
pub mod ledger;
pub mod line;
pub mod mailbox;
pub mod maildrop;
pub mod message;
pub mod message_id;
pub mod notice;
pub mod oauth;
pub mod order;
pub mod outbox;
pub mod postmaster;
pub mod preset;
pub mod proof;
pub mod reason;
pub mod reauthentication;
pub mod recipients;
pub mod refusal;
pub mod regrouping;
pub mod replying;
pub mod saying;
pub mod secret;
pub mod similar;
pub mod slug;
pub mod state;
pub mod subject;
pub mod threading;
pub mod turns;
pub mod undelivered;
pub mod upload;
pub mod user;
