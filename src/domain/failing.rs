//! When the failures of a script are worth telling: one bad mail is no news, a script that
//! fails again and again is, once.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// So many failures within [`WITHIN`] are worth telling.
pub const FAILURES_TOLD: usize = 5;
/// What goes on is told again after this, so that a failure somebody provokes now and then
/// does not hide another for ever.
pub const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How long a failure counts.
pub const WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// The failures of one script that still count; there is one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRun {
    /// The latest, oldest first; no more than it takes.
    recent: VecDeque<Timestamp>,
    since: Timestamp,
    count: u64,
    told: Option<Timestamp>,
}

impl FailureRun {
    /// The first failure, which is no news.
    #[must_use]
    pub fn begun(at: Timestamp) -> Self {
        Self {
            recent: VecDeque::from([at]),
            since: at,
            count: 1,
            told: None,
        }
    }

    /// Notes a further failure; whether people are to be told now. They are told again when
    /// there was none for [`WITHIN`] before, or after [`AGAIN_AFTER`].
    pub fn failed(&mut self, at: Timestamp) -> bool {
        if !self.counts(at) {
            *self = Self::begun(at);
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.recent.push_back(at);
        if self.recent.len() > FAILURES_TOLD {
            self.recent.pop_front();
        }
        let full = self.recent.len() == FAILURES_TOLD;
        let first = self.recent.front().filter(|_| full);
        let many = first.is_some_and(|first| at.duration_since(*first) <= WITHIN);
        let silent = |told: &Timestamp| at.duration_since(*told) < AGAIN_AFTER;
        let news = many && !self.told.as_ref().is_some_and(silent);
        if news {
            self.told = Some(at);
        }
        news
    }

    /// It goes on: people were told, and the last failure still counts.
    #[must_use]
    pub fn goes_on(&self, now: Timestamp) -> bool {
        self.told.is_some() && self.counts(now)
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// When it began.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// The last one was not so long ago that it is forgotten.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        let last = self.recent.back();
        last.is_some_and(|last| now.duration_since(*last) <= WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn told(minutes: &[i64]) -> Vec<i64> {
        let [first, rest @ ..] = minutes else {
            return Vec::new();
        };
        let mut run = FailureRun::begun(at(*first));
        let news = rest.iter().filter(|minute| run.failed(at(**minute)));
        news.copied().collect()
    }

    #[test]
    fn the_fifth_within_an_hour_is_told_once_until_there_was_an_hour_of_peace() {
        assert!(told(&[0, 1, 2, 3]).is_empty());
        assert_eq!(told(&[0, 1, 2, 3, 4, 5, 6]), [4]);
        // Every half hour one: never five within one hour.
        assert!(told(&[0, 30, 60, 90, 120, 150, 180, 210]).is_empty());
        // It went on for long, then rested, then began again.
        let long: Vec<i64> = (0..300).step_by(10).chain(400..420).collect();
        assert_eq!(told(&long), [40, 404]);
    }

    #[test]
    fn what_goes_on_for_days_is_told_every_day() {
        let days: Vec<i64> = (0..3 * 24 * 60).step_by(10).collect();
        assert_eq!(told(&days), [40, 40 + 1_440, 40 + 2 * 1_440]);
        // One now and then keeps it going, and is not enough to be told again.
        let seldom: Vec<i64> = (0..5).chain((60..4_000).step_by(59)).collect();
        assert_eq!(told(&seldom), [4]);
        let mut real = seldom.clone();
        real.extend(4_010..4_015);
        assert_eq!(told(&real).len(), 2);
    }

    #[test]
    fn what_goes_on_ends_with_the_last_failure_that_counts() {
        let mut run = FailureRun::begun(at(0));
        for minute in 1..8 {
            run.failed(at(minute));
        }
        assert!(run.goes_on(at(67)));
        assert!(!run.goes_on(at(68)));
        assert_eq!((run.count(), run.since()), (8, at(0)));
    }

    proptest! {
        #[test]
        fn no_two_tellings_without_peace_between_and_none_without_five(
            gaps in prop::collection::vec(0_i64..90, 1..60)
        ) {
            let mut minute = 0;
            let minutes: Vec<i64> = gaps.iter().map(|gap| { minute += gap; minute }).collect();
            let told = told(&minutes);
            for news in &told {
                let near = minutes.iter().filter(|one| **one <= *news && news - **one <= 60);
                prop_assert!(near.count() >= FAILURES_TOLD);
            }
            for pair in told.windows(2) {
                let between: Vec<_> = minutes.iter().filter(|one| **one >= pair[0] && **one <= pair[1]).collect();
                let peace = between.windows(2).any(|two| two[1] - two[0] > 60);
                prop_assert!(peace || pair[1] - pair[0] >= 24 * 60);
            }
        }
    }
}
