//! The views as a script reads them: properties without setters, texts read at
//! most once and only when asked for. What is absent reads as an empty text, so
//! that no rule needs to ask first.

use super::found;
use super::shape::Shape;

mod context;
mod mail;
mod moment;
mod reply;
mod values;

pub(super) use context::Context;
pub(super) use mail::{KINDS, Mail};
pub(super) use reply::Reply;

/// Registers all views.
pub(super) fn register(shape: &mut Shape) {
    register_mail(shape);
    context::register(shape);
    reply::register(shape);
}

/// Registers a mail and what hangs on it.
pub(super) fn register_mail(shape: &mut Shape) {
    mail::register(shape);
    found::register(shape);
    moment::register(shape);
}
