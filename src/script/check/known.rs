//! Properties whose text is one of a few words, so that a comparison with any other
//! word can never be true.

use crate::script::shape::Sort;

/// The words that a property can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    owner: Sort,
    property: &'static str,
    pub(super) all: &'static [&'static str],
}

impl Words {
    /// How messages call it.
    pub(super) fn shown(&self) -> String {
        format!("{}.{}", self.owner.shown(), self.property)
    }
}

const fn words(owner: Sort, property: &'static str, all: &'static [&'static str]) -> Words {
    Words {
        owner,
        property,
        all,
    }
}

/// All such properties, with the words that `reading` gives them.
const KNOWN: [Words; 4] = [
    words(
        Sort::Mail,
        "kind",
        &[
            "personal",
            "automatic_reply",
            "automatic",
            "bounce",
            "list",
            "read_receipt",
            "invitation",
        ],
    ),
    words(
        Sort::Conversation,
        "status",
        &["open", "pending", "snoozed", "closed"],
    ),
    words(
        Sort::Conversation,
        "priority",
        &["low", "normal", "high", "urgent"],
    ),
    words(
        Sort::Moment,
        "weekday",
        &[
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ],
    ),
];

/// The words of a property, when it has any.
pub(super) fn of(owner: Sort, property: &str) -> Option<Words> {
    let found = KNOWN
        .iter()
        .find(|known| known.owner == owner && known.property == property);
    found.copied()
}
