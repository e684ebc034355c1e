//! Where a reply of ours stands, what is known of its fate, and what can be said of it.

use super::super::language::Words;
use super::Moment;
use super::scripts::StepView;
use crate::domain::order::Order;
use crate::domain::outbox::{Filing, OutgoingState};
use crate::service::outbox::Shown;

/// A reply on its way.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct OutgoingView {
    pub(in crate::http::ui) id: String,
    pub(in crate::http::ui) state: &'static str,
    pub(in crate::http::ui) reason: Option<String>,
    pub(in crate::http::ui) until: Option<Moment>,
    /// Until when it can be taken back as if it had never been sent.
    pub(in crate::http::ui) undo_until: Option<Moment>,
    /// Why there is no copy of it in Sent.
    pub(in crate::http::ui) unfiled: Option<String>,
    pub(in crate::http::ui) can_cancel: bool,
    pub(in crate::http::ui) can_retry: bool,
    pub(in crate::http::ui) can_arrive: bool,
    pub(in crate::http::ui) can_again: bool,
    /// A script wants a person to look at it.
    pub(in crate::http::ui) is_held: bool,
    /// A script asked for it, and nobody wrote it.
    pub(in crate::http::ui) is_automatic: bool,
    /// What that script read and did, as in a decision.
    pub(in crate::http::ui) steps: Vec<StepView>,
    /// What became known, oldest first.
    pub(in crate::http::ui) history: Vec<KnownView>,
}

/// A step in its fate.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct KnownView {
    pub(in crate::http::ui) at: Moment,
    pub(in crate::http::ui) by: Option<String>,
    pub(in crate::http::ui) what: String,
}

impl OutgoingView {
    pub(in crate::http::ui) fn new(shown: &Shown, words: Words) -> Self {
        let outgoing = &shown.outgoing;
        let waits = outgoing.is_scheduled(shown.now);
        let history = outgoing.history.iter().map(|known| KnownView {
            at: Moment::new(known.at),
            by: shown.person(known.by).map(|user| user.name.clone()),
            what: words.say(&known.what),
        });
        Self {
            id: outgoing.id.to_string(),
            state: outgoing.state_name(shown.now),
            reason: outgoing.state.reason().map(|reason| words.say(reason)),
            until: match &outgoing.state {
                OutgoingState::Deferred { until, .. } => Some(Moment::new(*until)),
                OutgoingState::Queued if waits => Some(Moment::new(outgoing.send_at)),
                _ => None,
            },
            undo_until: outgoing.undo_until(shown.now).map(Moment::new),
            unfiled: match &outgoing.filing {
                Filing::Failed { reason } => Some(words.say(reason)),
                Filing::Waiting | Filing::Filed | Filing::NotNeeded => None,
            },
            can_cancel: Order::Cancel.fits(outgoing),
            // Nobody hurries what is about to leave by itself.
            can_retry: waits || matches!(outgoing.state, OutgoingState::Deferred { .. }),
            can_arrive: Order::Arrived.fits(outgoing),
            can_again: Order::Again.fits(outgoing),
            is_automatic: outgoing.automatic,
            is_held: matches!(outgoing.state, OutgoingState::Held { .. }),
            steps: outgoing
                .hold
                .as_ref()
                .map(|hold| hold.trace.iter().map(StepView::new).collect())
                .unwrap_or_default(),
            history: history.collect(),
        }
    }
}
