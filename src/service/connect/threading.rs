//! When a mail joins an older conversation of its mailbox, as a person sets it: what cannot
//! be used is refused with the name of its field.

use std::ops::RangeInclusive;

use super::wrong::{WrongField, wrong};
use crate::domain::saying::{Saying, saying};
use crate::domain::threading::{
    REOPEN_DAYS, ReopenPolicy, SAME_SUBJECT_DAYS, ThreadingChange, ThreadingRules,
};

/// The rules with the new values.
pub(in crate::service) fn threading(
    change: &ThreadingChange,
    before: ThreadingRules,
) -> Result<ThreadingRules, WrongField> {
    let usual = ThreadingRules::default();
    let mut after = before;
    if let Some(word) = change.reopen.as_deref().map(str::trim) {
        after.reopen = match word {
            "" => usual.reopen,
            word => ReopenPolicy::named(word).ok_or_else(|| {
                let typed = Saying::quoted(word);
                wrong("reopen", saying!("wish.reopen", typed))
            })?,
        };
    }
    if let Some(text) = &change.reopen_days {
        let days = days(text, REOPEN_DAYS).map_err(|NotDays { typed, least, most }| {
            let words = saying!("wish.reopen_days", typed, least, most);
            wrong("reopen_days", words)
        })?;
        after.reopen_within = days.map_or(usual.reopen_within, ThreadingRules::days);
    }
    if let Some(text) = &change.same_subject_days {
        let days = days(text, SAME_SUBJECT_DAYS).map_err(|NotDays { typed, least, most }| {
            let words = saying!("wish.same_subject_days", typed, least, most);
            wrong("same_subject_days", words)
        })?;
        after.same_subject_within = days.map_or(usual.same_subject_within, ThreadingRules::days);
    }
    Ok(after)
}

/// What was typed, and what could have been.
struct NotDays {
    typed: Saying,
    least: u16,
    most: u16,
}

/// A number of days, or none.
fn days(text: &str, range: RangeInclusive<u16>) -> Result<Option<u16>, NotDays> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read = text.parse().ok().filter(|days| range.contains(days));
    read.map(Some).ok_or_else(|| NotDays {
        typed: Saying::quoted(text),
        least: *range.start(),
        most: *range.end(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(reopen: &str, reopen_days: &str, same_subject_days: &str) -> ThreadingChange {
        ThreadingChange {
            reopen: Some(reopen.to_owned()),
            reopen_days: Some(reopen_days.to_owned()),
            same_subject_days: Some(same_subject_days.to_owned()),
        }
    }

    #[test]
    fn what_is_absent_stays_and_what_is_empty_is_as_usual() {
        let usual = ThreadingRules::default();
        let set = threading(&change(" one_per_contact", "3650", " 0 "), usual).expect("fine");
        assert_eq!(set.reopen, ReopenPolicy::OnePerContact);
        assert_eq!((set.reopen_days(), set.same_subject_days()), (3_650, 0));
        assert_eq!(threading(&ThreadingChange::default(), set), Ok(set));
        assert_eq!(threading(&change("", "", " "), set), Ok(usual));
        let least = threading(&change("thread_only", "1", "365"), set).expect("fine");
        assert_eq!((least.reopen_days(), least.same_subject_days()), (1, 365));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_field_and_its_bounds() {
        let wrong = [
            (change("always", "", ""), "reopen", "thread_only"),
            (change("", "0", ""), "reopen_days", "from 1 to 3650"),
            (change("", "3651", ""), "reopen_days", "from 1 to 3650"),
            (change("", "70000", ""), "reopen_days", "from 1 to 3650"),
            (change("", "a month", ""), "reopen_days", "from 1 to 3650"),
            (change("", "", "-1"), "same_subject_days", "from 0 to 365"),
            (change("", "", "366"), "same_subject_days", "from 0 to 365"),
        ];
        for (change, field, words) in wrong {
            let refused = threading(&change, ThreadingRules::default()).expect_err(field);
            assert_eq!(refused.field, field);
            let said = refused.to_string();
            assert!(said.contains(words), "no {words:?} in {said}");
        }
    }
}
