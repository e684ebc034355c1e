//! Scripts that fail again and again: which, how often, and whether people were told.
//!
//! Kept in memory: what fails goes on failing after a restart, and is told then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::domain::decision::ScriptVersion;
use crate::domain::failing::FailureRun;
use crate::domain::key::MailboxKey;

/// A handle; clones share what it knows.
#[derive(Clone, Debug, Default)]
pub struct ScriptFailures(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By the function that is asked; as many as the gateway asks.
    sick: Mutex<BTreeMap<&'static str, Sick>>,
    news: Notify,
}

#[derive(Debug)]
struct Sick {
    version: ScriptVersion,
    run: FailureRun,
    last: Failure,
    untold: bool,
}

/// What a call failed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The mailbox whose mail it was.
    pub mailbox: MailboxKey,
    /// File, line and what happened.
    pub words: String,
}

/// A script that goes on failing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The function that is asked, such as `route`.
    pub function: &'static str,
    /// The last failure.
    pub last: Failure,
    /// How many there were.
    pub count: u64,
    /// When it began.
    pub since: Timestamp,
}

impl ScriptFailures {
    /// Notes that a function of these scripts failed. Another version begins anew.
    pub fn failed(
        &self,
        function: &'static str,
        version: ScriptVersion,
        failure: Failure,
        at: Timestamp,
    ) {
        let mut sick = self.sick();
        let fresh = || Sick {
            version,
            run: FailureRun::default(),
            last: failure.clone(),
            untold: false,
        };
        let one = sick.entry(function).or_insert_with(fresh);
        if one.version != version {
            *one = fresh();
        }
        one.last = failure;
        if one.run.failed(at) {
            one.untold = true;
            self.0.news.notify_one();
        }
    }

    /// Those that go on.
    #[must_use]
    pub fn going_on(&self, now: Timestamp) -> Vec<Failing> {
        let sick = self.sick();
        let sick = sick.iter();
        sick.filter(|(_, one)| one.run.goes_on(now))
            .filter_map(|(function, one)| failing(function, one))
            .collect()
    }

    fn take_news(&self) -> Vec<Failing> {
        let mut sick = self.sick();
        let untold = sick.iter_mut().filter(|(_, one)| one.untold);
        untold
            .filter_map(|(function, one)| {
                one.untold = false;
                failing(function, one)
            })
            .collect()
    }

    /// What people are to be told, once; waits until there is something.
    pub async fn news(&self) -> Vec<Failing> {
        loop {
            let news = self.take_news();
            if !news.is_empty() {
                return news;
            }
            self.0.news.notified().await;
        }
    }

    /// Begins anew.
    pub fn forget(&self) {
        self.sick().clear();
    }

    fn sick(&self) -> MutexGuard<'_, BTreeMap<&'static str, Sick>> {
        // Nothing in here panics halfway through a change.
        self.0.sick.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failing(function: &'static str, one: &Sick) -> Option<Failing> {
    let (count, since) = one.run.extent()?;
    Some(Failing {
        function,
        last: one.last.clone(),
        count,
        since,
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const OLD: ScriptVersion = ScriptVersion([1; 16]);
    const NEW: ScriptVersion = ScriptVersion([2; 16]);

    fn fail(
        failures: &ScriptFailures,
        function: &'static str,
        version: ScriptVersion,
        second: i64,
    ) {
        let failure = Failure {
            mailbox: MailboxKey(7),
            words: format!("routing.rhai:{second}:1: no"),
        };
        failures.failed(function, version, failure, at(second));
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    #[test]
    fn the_fifth_is_news_once_and_goes_on_while_that_version_is_live() {
        let failures = ScriptFailures::default();
        for second in 0..4 {
            fail(&failures, "route", NEW, second);
            fail(&failures, "ai_reply", NEW, second);
        }
        assert_eq!(failures.take_news(), []);
        fail(&failures, "route", NEW, 4);
        let news = failures.take_news();
        assert_eq!(news.len(), 1);
        assert_eq!((news[0].function, news[0].count), ("route", 5));
        assert_eq!(news[0].last.words, "routing.rhai:4:1: no");
        assert_eq!(failures.take_news(), []);
        assert_eq!(failures.going_on(at(60)).len(), 1);
        assert_eq!(failures.going_on(at(4_000)), []);
        failures.forget();
        assert_eq!(failures.going_on(at(60)), []);
    }

    #[test]
    fn another_version_begins_anew() {
        let failures = ScriptFailures::default();
        for second in 0..4 {
            fail(&failures, "route", OLD, second);
        }
        for second in 4..8 {
            fail(&failures, "route", NEW, second);
        }
        assert_eq!(failures.take_news(), []);
        fail(&failures, "route", NEW, 8);
        assert_eq!(failures.take_news()[0].count, 5);
    }
}
