//! doctor: what was said and tried, where a mail went, and what is wrong with a mailbox.

mod examine;
mod ledger;
mod log;
mod proving;
