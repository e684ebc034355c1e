//! Properties whose text is one of a few words, so that a comparison with any other
//! word can never be true.

use crate::script::shape::Sort;
use crate::script::suggest;

/// The words that a property can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    owner: Sort,
    property: &'static str,
    pub(super) all: &'static [&'static str],
    also: Also,
}

/// What else a property can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Also {
    Nothing,
    /// `""`, of what is not there.
    Empty,
    /// The code of a language, or `""`.
    Language,
}

/// Languages by the names that people try, and their codes.
const LANGUAGES: [(&str, &str); 20] = [
    ("arabic", "ar"),
    ("chinese", "zh"),
    ("danish", "da"),
    ("deutsch", "de"),
    ("dutch", "nl"),
    ("english", "en"),
    ("finnish", "fi"),
    ("french", "fr"),
    ("german", "de"),
    ("hebrew", "he"),
    ("italian", "it"),
    ("japanese", "ja"),
    ("korean", "ko"),
    ("norwegian", "no"),
    ("polish", "pl"),
    ("portuguese", "pt"),
    ("russian", "ru"),
    ("spanish", "es"),
    ("swedish", "sv"),
    ("turkish", "tr"),
];

impl Words {
    /// How messages call it.
    pub(super) fn shown(&self) -> String {
        format!("{}.{}", self.owner.shown(), self.property)
    }

    /// Whether it is ever this.
    pub(super) fn can_be(&self, word: &str) -> bool {
        let code = word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
        self.all.contains(&word)
            || match self.also {
                Also::Nothing => false,
                Also::Empty => word.is_empty(),
                Also::Language => word.is_empty() || code,
            }
    }

    /// What to write in place of a word that it never is.
    pub(super) fn instead(&self, word: &str) -> String {
        if self.also == Also::Language {
            let word = word.to_lowercase();
            let code = LANGUAGES.iter().find(|(name, _)| *name == word);
            return match code {
                Some((_, code)) => format!("did you mean `{code}`?"),
                None => "it is a code of two letters such as `en` or `zh`, or `und`".to_owned(),
            };
        }
        suggest::did_you_mean(word, self.all.iter().copied())
            .unwrap_or_else(|| format!("it is one of {}", self.all.join(", ")))
    }
}

const fn words(owner: Sort, property: &'static str, all: &'static [&'static str]) -> Words {
    Words {
        owner,
        property,
        all,
        also: Also::Nothing,
    }
}

const fn or(words: Words, also: Also) -> Words {
    Words { also, ..words }
}

/// The states of a mailbox.
const STATES: [&str; 7] = [
    "connecting",
    "active",
    "interrupted",
    "error",
    "reauthentication_needed",
    "offline",
    "unbound",
];

/// All such properties, with the words that `reading` gives them.
const KNOWN: [Words; 10] = [
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
    or(
        words(Sort::Conversation, "last_direction", &["in", "out"]),
        Also::Empty,
    ),
    or(words(Sort::Mailbox, "state", &STATES), Also::Empty),
    or(words(Sort::Mailbox, "state_before", &STATES), Also::Empty),
    or(
        words(Sort::Mail, "dmarc", &["pass", "fail", "none"]),
        Also::Empty,
    ),
    or(words(Sort::Mail, "language", &["und"]), Also::Language),
    or(
        words(Sort::Conversation, "language", &["und"]),
        Also::Language,
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
