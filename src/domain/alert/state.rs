//! When a script is asked about the state of a mailbox, and how many notices it may make.
//!
//! Invariant: it is asked once for each change that lasts, about what the state is when the
//! rest is over; never for a retry, and never for what was so before a restart. Between two
//! proven states `connecting` is none: nothing is known then.

use jiff::{SignedDuration, Timestamp};

use crate::domain::state::MailboxState;

/// Notices that a script may make about one mailbox within an hour.
pub const SCRIPT_NOTICES_MAX: usize = 6;
/// The while over which they are counted.
const COUNTED_OVER: SignedDuration = SignedDuration::from_hours(1);

/// What a script was asked about the state of a mailbox, and what it has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The state that it was asked about last, or that was there when the mailbox was first
    /// looked at.
    pub about: Option<MailboxState>,
    /// It has been another since then.
    pub other_since: Option<Timestamp>,
    /// When it has told something, within the last hour.
    pub told_at: Vec<Timestamp>,
    /// What it wanted to tell beyond that, and did not.
    pub left_out: u32,
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is known once the script was asked.
    pub asked: Asked,
    /// It is to be asked, and the state before was this.
    pub before: Option<MailboxState>,
    /// Look again then, also when nothing happens.
    pub look_at: Option<Timestamp>,
}

impl Asked {
    /// Whether the script is to be asked. `proven` is false as long as nothing is known of
    /// the state, and `rest` is how long a change must last.
    #[must_use]
    pub fn judge(
        &self,
        now: Timestamp,
        state: MailboxState,
        proven: bool,
        rest: SignedDuration,
    ) -> Question {
        let mut question = Question {
            asked: self.clone(),
            before: None,
            look_at: None,
        };
        if !proven {
            return question;
        }
        let asked = &mut question.asked;
        let Some(before) = self.about else {
            asked.about = Some(state);
            return question;
        };
        if before == state {
            asked.other_since = None;
            return question;
        }
        // A clock that was set back does not make the rest longer.
        let since = self.other_since.filter(|since| *since <= now);
        let since = *asked.other_since.insert(since.unwrap_or(now));
        let ripe = since.checked_add(rest).unwrap_or(Timestamp::MAX);
        if now < ripe {
            question.look_at = Some(ripe);
            return question;
        }
        asked.about = Some(state);
        asked.other_since = None;
        question.before = Some(before);
        question
    }

    /// No script is asked: when one is again, what is so then is no news.
    pub fn forget(&mut self) {
        self.about = None;
        self.other_since = None;
    }

    /// How many of these may be told now; the others are counted.
    pub fn admit(&mut self, wanted: usize, now: Timestamp) -> usize {
        self.told_at
            .retain(|at| *at <= now && now.duration_since(*at) < COUNTED_OVER);
        let room = SCRIPT_NOTICES_MAX.saturating_sub(self.told_at.len());
        let admitted = wanted.min(room);
        self.told_at.extend(std::iter::repeat_n(now, admitted));
        let over = u32::try_from(wanted - admitted).unwrap_or(u32::MAX);
        self.left_out = self.left_out.saturating_add(over);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REST: SignedDuration = SignedDuration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    /// Looks at these states one after the other; the questions that were asked.
    fn asked(seen: &[(i64, MailboxState)]) -> Vec<(i64, &'static str, &'static str)> {
        let (mut asked, mut questions) = (Asked::default(), Vec::new());
        for (second, state) in seen {
            let proven = *state != MailboxState::Connecting;
            let question = asked.judge(at(*second), *state, proven, REST);
            asked = question.asked;
            if let Some(before) = question.before {
                questions.push((*second, before.word(), state.word()));
            }
        }
        questions
    }

    #[test]
    fn it_is_asked_once_about_a_change_that_lasts() {
        use MailboxState::{Active, Connecting, Error, Interrupted, ReauthenticationNeeded};
        // What was so before is no news, nor is a retry.
        assert_eq!(asked(&[(0, Error), (90, Error), (900, Error)]), []);
        let refused = ReauthenticationNeeded;
        assert_eq!(
            asked(&[
                (0, Active),
                (10, refused),
                (69, refused),
                (70, refused),
                (99, refused)
            ]),
            [(70, "active", "reauthentication_needed")]
        );
        // It came back in time.
        assert_eq!(
            asked(&[(0, Active), (10, Interrupted), (40, Active), (90, Active)]),
            []
        );
        // What it is at the end counts, and the state before is the one that was told.
        assert_eq!(
            asked(&[(0, Active), (10, Interrupted), (40, Error), (75, Error)]),
            [(75, "active", "error")]
        );
        // A restart proves nothing by itself.
        assert_eq!(
            asked(&[
                (0, Active),
                (10, Connecting),
                (300, Connecting),
                (301, Active)
            ]),
            []
        );
        assert_eq!(
            asked(&[
                (0, Active),
                (10, Error),
                (20, Connecting),
                (90, Connecting),
                (91, Error)
            ]),
            [(91, "active", "error")]
        );
    }

    #[test]
    fn a_script_tells_six_things_an_hour_and_what_it_leaves_out_is_counted() {
        let mut asked = Asked::default();
        assert_eq!(asked.admit(4, at(0)), 4);
        assert_eq!(asked.admit(4, at(60)), 2);
        assert_eq!(asked.admit(1, at(3_599)), 0);
        assert_eq!(asked.left_out, 3);
        assert_eq!(asked.admit(10, at(3_600)), 4);
        // Neither does a clock that was set back keep it silent.
        assert_eq!(asked.admit(1, at(-9_000)), 1);
    }

    #[test]
    fn what_changed_while_no_script_was_asked_is_no_news() {
        use MailboxState::{Active, Error};
        let mut asked = Asked {
            about: Some(Active),
            other_since: Some(at(0)),
            told_at: vec![at(0)],
            left_out: 2,
        };
        asked.forget();
        let question = asked.judge(at(90), Error, true, REST);
        assert_eq!((question.before, question.look_at), (None, None));
        assert_eq!(question.asked.about, Some(Error));
        // How much it may tell stays.
        assert_eq!(
            (question.asked.told_at.len(), question.asked.left_out),
            (1, 2)
        );
    }

    proptest! {
        #[test]
        fn however_a_state_flaps_there_is_a_rest_between_two_questions(
            seen in proptest::collection::vec((0_i64..50, 0_usize..7), 0..60),
        ) {
            let mut second = 0;
            let seen: Vec<_> = seen
                .into_iter()
                .map(|(wait, state)| {
                    second += wait;
                    (second, MailboxState::ALL[state])
                })
                .collect();
            let questions = asked(&seen);
            prop_assert!(questions.iter().all(|(_, before, now)| before != now));
            for pair in questions.windows(2) {
                prop_assert!(pair[1].0 - pair[0].0 >= 60);
                prop_assert_eq!(pair[0].2, pair[1].1);
            }
        }
    }
}
