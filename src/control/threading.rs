//! When a mail joins an older conversation of its mailbox, as the commands say it.

use serde::{Deserialize, Serialize};

use crate::domain::threading::{ReopenPolicy, ThreadingChange, ThreadingRules};

/// New settings; what is absent stays, what is empty becomes as usual.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ThreadingForm {
    /// `thread_only`, `recent` or `one_per_contact`.
    pub reopen: Option<String>,
    /// Days within which the contact's last conversation is recent.
    pub reopen_days: Option<String>,
    /// Days within which the same contact and subject join.
    pub same_subject_days: Option<String>,
}

impl From<ThreadingForm> for ThreadingChange {
    fn from(form: ThreadingForm) -> Self {
        Self {
            reopen: form.reopen,
            reopen_days: form.reopen_days,
            same_subject_days: form.same_subject_days,
        }
    }
}

/// In a few words, for `postern mailbox show`.
pub(super) fn words(rules: &ThreadingRules) -> String {
    let reopened = match rules.reopen {
        ReopenPolicy::ThreadOnly => "a new mail begins its own".to_owned(),
        ReopenPolicy::Recent => {
            let days = rules.reopen_days();
            format!("a new mail joins its contact's last one of the last {days} days")
        }
        ReopenPolicy::OnePerContact => "one for each contact, for ever".to_owned(),
    };
    let subject = match rules.same_subject_days() {
        0 => "the same subject alone joins none".to_owned(),
        days => format!("the same subject joins within {days} days"),
    };
    format!("{} ({reopened}); {subject}", rules.reopen.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_tell_the_policy_and_its_days() {
        let usual = ThreadingRules::default();
        assert_eq!(
            words(&usual),
            "recent (a new mail joins its contact's last one of the last 30 days); \
             the same subject joins within 14 days"
        );
        let separate = ThreadingRules {
            reopen: ReopenPolicy::ThreadOnly,
            same_subject_within: ThreadingRules::days(0),
            ..usual
        };
        assert_eq!(
            words(&separate),
            "thread_only (a new mail begins its own); the same subject alone joins none"
        );
    }
}
