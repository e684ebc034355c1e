//! (being built)

pub mod reload;
