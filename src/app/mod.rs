//! Puts the house together: the only place that holds every handle, while wiring.
//!
//! The one wall clock is made here, signals end here, and nothing else happens here.

pub mod demo;
pub mod files;
pub mod gateway;
pub mod log;
pub mod reload;
mod watching;

use jiff::Timestamp;

use crate::service::clock::Clock;

/// The wall clock.
#[must_use]
pub fn clock() -> Clock {
    Clock::new(Timestamp::now)
}
