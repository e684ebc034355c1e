//! When a mail joins an older conversation, as fields of the form of its mailbox.

use crate::domain::threading::{REOPEN_DAYS, SAME_SUBJECT_DAYS, ThreadingChange, ThreadingRules};

/// The fields as they are set, or as they were typed.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct ThreadingView {
    /// `thread_only`, `recent` or `one_per_contact`.
    pub(in crate::http::ui) reopen: String,
    pub(in crate::http::ui) reopen_days: String,
    pub(in crate::http::ui) same_subject_days: String,
    /// Least and most of `reopen_days`.
    pub(in crate::http::ui) reopen_range: (u16, u16),
    /// Least and most of `same_subject_days`.
    pub(in crate::http::ui) same_subject_range: (u16, u16),
}

impl ThreadingView {
    pub(in crate::http::ui) fn new(rules: &ThreadingRules) -> Self {
        Self {
            reopen: rules.reopen.word().to_owned(),
            reopen_days: rules.reopen_days().to_string(),
            same_subject_days: rules.same_subject_days().to_string(),
            reopen_range: (*REOPEN_DAYS.start(), *REOPEN_DAYS.end()),
            same_subject_range: (*SAME_SUBJECT_DAYS.start(), *SAME_SUBJECT_DAYS.end()),
        }
    }

    /// What was typed stays in the form when it was refused.
    pub(in crate::http::ui) fn take_typed(&mut self, typed: ThreadingChange) {
        let fields = [
            (&mut self.reopen, typed.reopen),
            (&mut self.reopen_days, typed.reopen_days),
            (&mut self.same_subject_days, typed.same_subject_days),
        ];
        for (field, typed) in fields {
            if let Some(typed) = typed {
                *field = typed;
            }
        }
    }
}
