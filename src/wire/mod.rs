//! Bodies of events and notices as programs outside read them.
//!
//! Invariant: the one place that converts a change into JSON; the feed and, later,
//! webhooks send the same bytes.

pub mod event;
pub mod notice;
