//! What a mailbox has proven by mails to itself.

use std::time::Duration;

use jiff::Timestamp;

use super::super::language::Words;
use super::Moment;
use crate::domain::proof::{Canary, TestRun};

/// The last test mail.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct TestView {
    pub(in crate::http::ui) begun_at: Moment,
    /// The steps that are over: key of the name (`test.step.*`), when, and how long it took.
    pub(in crate::http::ui) passed: Vec<(&'static str, Moment, String)>,
    /// The step that is under way.
    pub(in crate::http::ui) running: Option<&'static str>,
    pub(in crate::http::ui) failure: Option<String>,
}

/// The mail that comes by itself.
#[derive(Clone, Debug)]
pub(in crate::http::ui) struct CanaryView {
    /// Minutes between two; `None` when none flies.
    pub(in crate::http::ui) every: Option<u64>,
    pub(in crate::http::ui) last: Option<(Moment, String)>,
    /// Half of the last ones took no longer.
    pub(in crate::http::ui) median: Option<String>,
    pub(in crate::http::ui) failing: Option<(Option<Moment>, String)>,
}

const STEPS: [&str; 3] = ["test.step.sent", "test.step.received", "test.step.answered"];

impl TestView {
    pub(in crate::http::ui) fn new(test: &TestRun, words: Words) -> Self {
        let times = [test.sent_at, test.received_at, test.reply_left_at];
        let mut before = Some(test.begun_at);
        let mut passed = Vec::new();
        for (step, at) in STEPS.into_iter().zip(times) {
            let Some(at) = at else { break };
            passed.push((step, Moment::new(at), between(before, at)));
            before = Some(at);
        }
        Self {
            begun_at: Moment::new(test.begun_at),
            running: STEPS.get(passed.len()).copied().filter(|_| !test.is_over()),
            passed,
            failure: test.failure.as_ref().map(|why| words.sentence(why)),
        }
    }

    /// It came back and was answered.
    pub(in crate::http::ui) fn is_passed(&self) -> bool {
        self.failure.is_none() && self.running.is_none()
    }
}

impl CanaryView {
    pub(in crate::http::ui) fn new(every: Option<Duration>, canary: &Canary, words: Words) -> Self {
        let last = canary.latencies_ms.last().copied();
        Self {
            every: every.map(|every| every.as_secs().div_ceil(60)),
            last: canary
                .received_at
                .zip(last)
                .map(|(at, took)| (Moment::new(at), seconds(took))),
            median: canary.median_ms().map(seconds),
            failing: canary
                .failure
                .as_ref()
                .filter(|_| every.is_some())
                .map(|why| {
                    let since = canary.failing_since.map(Moment::new);
                    (since, words.sentence(why))
                }),
        }
    }
}

fn shown(milliseconds: i128) -> String {
    const SECOND: i128 = 1_000;
    if milliseconds < SECOND {
        return format!("{} ms", milliseconds.max(0));
    }
    let tenths = milliseconds * 10 / SECOND;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

fn seconds(milliseconds: u32) -> String {
    shown(milliseconds.into())
}

fn between(before: Option<Timestamp>, at: Timestamp) -> String {
    shown(before.map_or(0, |before| at.duration_since(before).as_millis()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::domain::proof::Token;

    #[test]
    fn a_test_shows_what_is_over_and_what_runs() {
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).expect("a time");
        let mut test = TestRun::new(Token::new(at(0), [1; 24]), at(0));
        let view = TestView::new(&test, Words::of(&HeaderMap::new()));
        assert_eq!(
            (view.passed.len(), view.running),
            (0, Some("test.step.sent"))
        );
        test.sent_at = Some(at(2));
        test.failure = Some("it did not come back".into());
        let view = TestView::new(&test, Words::of(&HeaderMap::new()));
        assert_eq!(view.running, None);
        assert!(!view.is_passed());
        assert_eq!(view.passed[0].2, "2.0 s");
        assert_eq!(
            (shown(12), shown(999), shown(61_260)),
            ("12 ms".into(), "999 ms".into(), "61.2 s".into())
        );
        test.failure = None;
        test.received_at = Some(at(3));
        test.reply_left_at = Some(at(4));
        assert!(TestView::new(&test, Words::of(&HeaderMap::new())).is_passed());
    }
}
