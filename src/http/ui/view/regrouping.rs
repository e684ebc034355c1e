//! A merge or split on the page of a conversation that it concerns.

use super::Moment;
use crate::domain::key::PublicId;
use crate::domain::regrouping::RegroupingKind;
use crate::service::conversations::regrouping::Act;

/// An act, seen from one conversation.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct RegroupingView {
    pub(in crate::http::ui) id: String,
    /// `merged`, `taken_out` (of this one) or `taken_from` (this one out of the other).
    pub(in crate::http::ui) what: &'static str,
    /// The other conversation.
    pub(in crate::http::ui) other: String,
    pub(in crate::http::ui) number: u64,
    pub(in crate::http::ui) by: Option<String>,
    pub(in crate::http::ui) at: Moment,
}

impl RegroupingView {
    /// `None` when it was undone, or concerns what was merged away.
    pub(in crate::http::ui) fn new(act: &Act, seen_from: PublicId) -> Option<Self> {
        if act.regrouping.undone_at.is_some() {
            return None;
        }
        let is = |it: &Option<crate::domain::conversation::Conversation>| {
            it.as_ref().is_some_and(|it| it.id == seen_from)
        };
        let (what, other) = match act.regrouping.kind {
            RegroupingKind::Merge if is(&act.into) => ("merged", act.from.as_ref()?),
            RegroupingKind::Merge => return None,
            RegroupingKind::Split if is(&act.into) => ("taken_from", act.from.as_ref()?),
            RegroupingKind::Split => ("taken_out", act.into.as_ref()?),
        };
        Some(Self {
            id: act.regrouping.id.to_string(),
            what,
            other: other.id.to_string(),
            number: other.number,
            by: act.by.as_ref().map(|user| user.name.clone()),
            at: Moment::new(act.regrouping.at),
        })
    }
}
