//! Connecting a mailbox, page by page: before you begin and which provider, the form
//! with the provider's guide, and the live steps of the trial that ends in the list.
//!
//! Deliberately absent: reading what was typed (`service::connect::wish`).

mod form;
mod guide;
mod provider;
mod start;
mod steps;
mod typed;

pub(super) use self::form::{again, ask, begin, sign_in};
pub(super) use self::guide::{SectionView, sections as guide_of};
pub(super) use self::start::start;
pub(super) use self::steps::{follow, show};
