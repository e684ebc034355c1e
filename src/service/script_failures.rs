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

/// Files whose failures are counted at a time; far more than fail together.
const FILES_MAX: usize = 200;

/// A handle; clones share what it knows.
#[derive(Clone, Debug, Default)]
pub struct ScriptFailures(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sick: Mutex<BTreeMap<Which, Sick>>,
    news: Notify,
}

/// What fails: each mailbox may have a file of its own, and its failures are its own.
type Which = (&'static str, String);

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
    /// The file that it fails in.
    pub file: String,
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
        let which = (function, file_of(&failure.words).to_owned());
        if let Some(one) = sick.get_mut(&which).filter(|one| one.version == version) {
            one.last = failure;
            if one.run.failed(at) {
                one.untold = true;
                self.0.news.notify_one();
            }
            return;
        }
        if sick.len() >= FILES_MAX {
            sick.retain(|_, one| one.run.counts(at));
        }
        if sick.len() < FILES_MAX {
            let one = Sick {
                version,
                run: FailureRun::begun(at),
                last: failure,
                untold: false,
            };
            sick.insert(which, one);
        }
    }

    /// Those of this version that go on.
    #[must_use]
    pub fn going_on(&self, live: ScriptVersion, now: Timestamp) -> Vec<Failing> {
        self.pick(|one| one.version == live && one.run.goes_on(now))
    }

    /// What people are still to be told; waits until there is something.
    pub async fn news(&self) -> Vec<Failing> {
        loop {
            let news = self.pick(|one| one.untold);
            if !news.is_empty() {
                return news;
            }
            self.0.news.notified().await;
        }
    }

    /// People are told of it, or need not be.
    pub fn told(&self, of: &Failing) {
        if let Some(one) = self.sick().get_mut(&(of.function, of.file.clone())) {
            one.untold = false;
        }
    }

    /// Begins anew.
    pub fn forget(&self) {
        self.sick().clear();
    }

    fn pick(&self, wanted: impl Fn(&Sick) -> bool) -> Vec<Failing> {
        let sick = self.sick();
        let sick = sick.iter().filter(|(_, one)| wanted(one));
        sick.map(|((function, file), one)| Failing {
            function,
            file: file.clone(),
            last: one.last.clone(),
            count: one.run.count(),
            since: one.run.since(),
        })
        .collect()
    }

    fn sick(&self) -> MutexGuard<'_, BTreeMap<Which, Sick>> {
        // Nothing in here panics halfway through a change.
        self.0.sick.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `routing.rhai:2:5: no` is of `routing.rhai`.
fn file_of(words: &str) -> &str {
    words.split(':').next().unwrap_or_default()
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
        fail_in(failures, function, "routing.rhai", version, second);
    }

    fn fail_in(
        failures: &ScriptFailures,
        function: &'static str,
        file: &str,
        version: ScriptVersion,
        second: i64,
    ) {
        let failure = Failure {
            mailbox: MailboxKey(7),
            words: format!("{file}:{second}:1: no"),
        };
        failures.failed(function, version, failure, at(second));
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn untold(failures: &ScriptFailures) -> Vec<Failing> {
        failures.pick(|one| one.untold)
    }

    #[tokio::test]
    async fn the_fifth_is_news_until_it_is_told_and_goes_on_while_that_version_is_live() {
        let failures = ScriptFailures::default();
        for second in 0..4 {
            fail(&failures, "route", NEW, second);
            fail(&failures, "ai_reply", NEW, second);
        }
        assert_eq!(untold(&failures), []);
        fail(&failures, "route", NEW, 4);
        let news = failures.news().await;
        assert_eq!(news.len(), 1);
        assert_eq!((news[0].function, news[0].count), ("route", 5));
        assert_eq!(news[0].last.words, "routing.rhai:4:1: no");
        // What could not be told is still news.
        assert_eq!(failures.news().await, news);
        failures.told(&news[0]);
        assert_eq!(untold(&failures), []);
        assert_eq!(failures.going_on(NEW, at(60)).len(), 1);
        assert_eq!(failures.going_on(OLD, at(60)), []);
        assert_eq!(failures.going_on(NEW, at(4_000)), []);
        failures.forget();
        assert_eq!(failures.going_on(NEW, at(60)), []);
    }

    #[test]
    fn another_version_and_another_file_begin_anew() {
        let failures = ScriptFailures::default();
        for second in 0..4 {
            fail(&failures, "route", OLD, second);
        }
        for second in 4..8 {
            fail(&failures, "route", NEW, second);
            fail_in(&failures, "route", "mailboxes/a/routing.rhai", NEW, second);
        }
        assert_eq!(untold(&failures), []);
        fail_in(&failures, "route", "mailboxes/a/routing.rhai", NEW, 8);
        let news = untold(&failures);
        assert_eq!((news.len(), news[0].count), (1, 5));
        assert_eq!(news[0].file, "mailboxes/a/routing.rhai");
    }

    #[test]
    fn however_many_files_fail_what_is_kept_has_a_bound() {
        let failures = ScriptFailures::default();
        for file in 0..FILES_MAX + 50 {
            fail_in(&failures, "route", &format!("{file}.rhai"), NEW, 0);
        }
        assert_eq!(failures.sick().len(), FILES_MAX);
        fail_in(&failures, "route", "late.rhai", NEW, 9_000);
        assert_eq!(failures.sick().len(), 1);
    }
}
