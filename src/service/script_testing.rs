//! Runs the tests that administrators write for their scripts, as many at once as there are
//! processors, and says what came of them.
//!
//! Deliberately absent: printing, and knowing when a reload demands them (`app/gateway`).

pub mod junit;

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::Instant;

use crate::script::{Case, Demand, Diagnostic, Judged, Snapshot, Suite};

/// Failing tests that are told of where scripts are refused; the report has them all.
const TOLD_MAX: usize = 20;

/// What came of one test.
#[derive(Clone, Debug)]
pub struct Tested<'s> {
    /// The test.
    pub case: &'s Case,
    /// What came.
    pub judged: Judged,
    /// How long its scripts took.
    pub took: Duration,
}

impl Tested<'_> {
    /// Everything was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.judged.differences.is_empty()
    }
}

/// What came of all of them, in the order of files and lines.
#[derive(Clone, Debug)]
pub struct Report<'s> {
    /// One row each.
    pub tests: Vec<Tested<'s>>,
    /// From the first to the last.
    pub took: Duration,
}

impl Report<'_> {
    /// How many were not as expected.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.tests.iter().filter(|test| !test.passed()).count()
    }
}

/// Runs the tests whose name or file contains `filter`. A script has `time_max` for each.
#[must_use]
pub fn run<'s>(
    snapshot: &Snapshot,
    suite: &'s Suite,
    filter: &str,
    time_max: Duration,
) -> Report<'s> {
    let begun = Instant::now();
    let chosen: Vec<&Case> = suite
        .cases()
        .iter()
        .filter(|case| case.name.contains(filter) || case.file.contains(filter))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(case) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(judge(snapshot, case, time_max));
        }
        done
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let others = processors.min(chosen.len()).saturating_sub(1);
    let mut tests = thread::scope(|scope| {
        let helpers: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        let mut tests = work();
        for helper in helpers {
            match helper.join() {
                Ok(more) => tests.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        tests
    });
    tests.sort_by(|a, b| (&a.case.file, a.case.line).cmp(&(&b.case.file, b.case.line)));
    Report {
        tests,
        took: begun.elapsed(),
    }
}

fn judge<'s>(snapshot: &Snapshot, case: &'s Case, time_max: Duration) -> Tested<'s> {
    let begun = Instant::now();
    let judged = case.judge(snapshot, || {
        let begun = Instant::now();
        move || begun.elapsed() > time_max
    });
    Tested {
        case,
        judged,
        took: begun.elapsed(),
    }
}

/// What keeps scripts from going live: their tests cannot be read, or fail.
#[must_use]
pub fn objections(
    snapshot: &Snapshot,
    suite: Result<Suite, Vec<Diagnostic>>,
    time_max: Duration,
) -> Vec<Diagnostic> {
    let suite = match suite {
        Ok(suite) => suite,
        Err(wrong) => return wrong,
    };
    let report = run(snapshot, &suite, "", time_max);
    let failed = report.tests.iter().filter(|test| !test.passed());
    failed
        .take(TOLD_MAX)
        .map(|test| test.case.failed(&test.judged))
        .collect()
}

/// For `[scripts] require_tests`: nothing goes live whose tests fail.
#[must_use]
pub fn demand(zone: TimeZone, time_max: Duration) -> Demand {
    Demand::new(move |snapshot: &Snapshot, folder: &Path| {
        objections(snapshot, Suite::read(folder, &zone), time_max)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Limits;

    fn report_of(table: &str, check: impl FnOnce(&Report<'_>)) {
        let routing = "fn route(mail, ctx) {\n  if mail.subject.contains(\"发票\") { return \
                       team(\"billing\").tag(\"invoice\").note(\"seen\"); }\n  \
                       if mail.is_automatic { return ignore(\"out of office\"); }\n  inbox()\n}";
        let files = vec![("routing.rhai".to_owned(), routing.to_owned())];
        let snapshot = Snapshot::of(files, &Limits::default()).expect("right");
        let files = [("tests/a.toml".to_owned(), table.as_bytes().to_vec())];
        let suite = Suite::of(&files, &TimeZone::UTC).expect("right tests");
        check(&run(&snapshot, &suite, "", Duration::from_secs(10)));
    }

    #[test]
    fn what_is_expected_passes_and_what_is_not_says_what_came() {
        let table = "[[test]]\nname = \"invoice\"\nmail = { subject = \"发票 7\" }\n\
                     expect = { team = \"billing\", tags = [\"invoice\"], note = \"see\", spam = false, ignore = false, no_warnings = true }\n\
                     [[test]]\nname = \"automatic\"\nmail = { kind = \"automatic_reply\" }\n\
                     expect = { ignore = \"office\", team = \"\" }\n\
                     [[test]]\nname = \"wrong\"\nmail = { subject = \"发票 8\" }\n\
                     expect = { team = \"sales\", has_tags = [\"vip\"] }\n";
        report_of(table, |report| {
            assert_eq!(report.failed(), 1, "{report:?}");
            let wrong = &report.tests[2];
            let words: Vec<_> = wrong
                .judged
                .differences
                .iter()
                .map(|one| one.in_words())
                .collect();
            assert_eq!(
                words,
                [
                    "team is \"billing\", expected is \"sales\"",
                    "tags is invoice, expected is with vip"
                ]
            );
            assert_eq!(
                wrong.case.failed(&wrong.judged).to_string().lines().next(),
                Some(
                    "tests/a.toml:10:1: the test \"wrong\" fails: team is \"billing\", expected \
                     is \"sales\"; tags is invoice, expected is with vip"
                )
            );
            assert!(!wrong.judged.trace.is_empty());
            let xml = junit::xml(report);
            assert!(xml.contains("tests=\"3\" failures=\"1\""), "{xml}");
            assert!(xml.contains("team is &quot;billing&quot;"), "{xml}");
        });
    }

    #[test]
    fn every_function_can_be_tested() {
        let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let files = vec![
            file(
                "ai_gate.rhai",
                "fn ai_reply(mail, ctx) { draft(\"orders\").because(\"an order\") }",
            ),
            file(
                "before_send.rhai",
                "fn before_send(reply, ctx) { if reply.text.contains(\"refund\") { hold(\"money\") } \
                 else { allow() } }",
            ),
            file(
                "states.rhai",
                "fn on_mailbox_state(ctx) { alert(\"look\") }",
            ),
            file("timers.rhai", "fn on_timer(ctx) { inbox().tag(\"late\") }"),
        ];
        let snapshot = Snapshot::of(files, &Limits::default()).expect("right");
        let table = "[[test]]\nname = \"gate\"\nmail = { subject = \"x\" }\n\
                     expect = { ai = \"draft\", guidance = \"orders\", because = \"order\" }\n\
                     [[test]]\nname = \"held\"\nreply = { text = \"a refund\" }\nexpect = { hold = \"money\" }\n\
                     [[test]]\nname = \"leaves\"\nreply = { text = \"hello\" }\nexpect = { hold = false }\n\
                     [[test]]\nname = \"state\"\nexpect = { alert = \"look\" }\n\
                     [[test]]\nname = \"timer\"\nby_timer = true\nexpect = { tags = [\"late\"] }\n\
                     [[test]]\nname = \"no gate\"\nmail = { subject = \"x\" }\nexpect = { ai = \"send\" }\n";
        let files = [("tests/a.toml".to_owned(), table.as_bytes().to_vec())];
        let suite = Suite::of(&files, &TimeZone::UTC).expect("right tests");
        let report = run(&snapshot, &suite, "", Duration::from_secs(10));
        let failed: Vec<_> = report.tests.iter().filter(|test| !test.passed()).collect();
        let [wrong] = failed.as_slice() else {
            panic!("{failed:?}");
        };
        assert_eq!(
            wrong.judged.differences[0].in_words(),
            "ai is \"draft\", expected is \"send\""
        );
    }
}
