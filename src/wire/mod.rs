//! Bodies of events, notices and decisions as programs outside read them.
//!
//! Invariant: the one place that converts a change into JSON; the feed and, later,
//! webhooks send the same bytes.

pub mod decision;
pub mod event;
pub mod notice;
