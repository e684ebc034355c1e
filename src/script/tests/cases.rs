//! Scripts with what is expected of them, from `tests/scripts/`; and of runs what
//! cannot be written as such a script.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::*;
use crate::domain::conversation::Tag;
use crate::domain::decision::{Assign, Outcome, Routing};
use crate::domain::message::{Head, Kind};

/// The scripts of one folder of `tests/scripts`, by name.
fn cases(kind: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/scripts")
        .join(kind);
    let entries = fs::read_dir(folder).expect("the cases");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut cases: Vec<_> = paths
        .map(|path| (path.clone(), fs::read_to_string(&path).expect("a script")))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {kind}");
    cases
}

/// The comment lines `// key: value` at the top.
fn expectations(source: &str) -> BTreeMap<&str, &str> {
    let lines = source.lines().map_while(|line| line.strip_prefix("// "));
    lines.filter_map(|line| line.split_once(": ")).collect()
}

#[test]
fn what_can_be_known_to_be_wrong_is_refused() {
    let mut wrong = String::new();
    for (path, source) in cases("refused") {
        let expected = expectations(&source);
        let expected = [expected["says"], expected.get("help").unwrap_or(&"")].join(" / ");
        let problems = load(&[("routing.rhai", &source)]).err().unwrap_or_default();
        let found = problems.iter().map(|one| {
            let help = one.help.as_deref().unwrap_or_default();
            [one.headline().as_str(), help].join(" / ")
        });
        let found: Vec<String> = found.collect();
        if found != [expected.as_str()] {
            wrong += &format!("{}:\n  {expected}\n  {found:?}\n", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_fails_in_a_run_says_where_and_takes_the_default_route() {
    let mut wrong = String::new();
    for (path, source) in cases("failing") {
        let expected = Outcome::Failed(expectations(&source)["says"].to_owned());
        let routed = routed(&source);
        if (&routed.outcome, &routed.routing) != (&expected, &Routing::default()) {
            wrong += &format!("{}:\n  {expected:?}\n  {routed:?}\n", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn answers_are_what_was_asked_for() {
    for (path, source) in cases("answers") {
        let routed = routed(&source);
        assert_eq!(routed.outcome, Outcome::Decided, "{}", path.display());
        let expected = expectations(&source)["answers"];
        assert_eq!(written(&routed), expected, "{}", path.display());
    }
}

fn written(routed: &Routed) -> String {
    let routing = &routed.routing;
    let tags: Vec<&str> = routing.tags.iter().map(Tag::as_str).collect();
    let assigned = routing.assign != Assign::Unchanged;
    let words = [
        routing.team.as_ref().map(|team| format!("team={team}")),
        (!tags.is_empty()).then(|| format!("tags={}", tags.join(","))),
        routing.priority.map(|word| format!("priority={word:?}")),
        routing.status.map(|word| format!("status={word:?}")),
        assigned.then(|| format!("assign={:?}", routing.assign)),
        routing.note.as_ref().map(|note| format!("note={note}")),
        routing.spam.then(|| "spam".to_owned()),
        routing.ignore.as_ref().map(|why| format!("ignore={why}")),
        routing
            .acknowledge
            .as_ref()
            .map(|name| format!("acknowledge={name}")),
        routing
            .wake_in
            .map(|after| format!("wake={}s", after.as_secs())),
        routed
            .warnings
            .first()
            .map(|text| format!("warning={text}")),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    words.join(" ")
}

#[test]
fn the_trace_tells_what_was_read_and_built() {
    let routed = routed(
        "fn route(mail, ctx) {\n    print(\"hello\");\n    if mail.subject.contains(\"发票\") {\n        return team(\"billing\").tag(ctx.mailbox.name);\n    }\n    inbox()\n}",
    );
    let steps = routed.trace.iter();
    let steps: Vec<String> = steps
        .map(|s| format!("{}:{}:{} {}", s.file, s.line, s.column, s.what))
        .collect();
    assert_eq!(
        steps,
        [
            "routing.rhai:2:5 print: hello",
            "routing.rhai:3:13 mail.subject = \"Re: Invoice 发票 7\"",
            "routing.rhai:3:21 mail.subject.contains(\"发票\") = true",
            "routing.rhai:4:48 mailbox.name = \"Support\"",
            "routing.rhai:4:16 team(\"billing\")",
            "routing.rhai:4:32 .tag(\"Support\")",
        ]
    );
}

#[test]
fn the_trace_has_an_end() {
    let routed = routed(
        "fn route(mail, ctx) {\n    for i in 0..1000 { print(i); inbox(); }\n    inbox()\n}",
    );
    let printed = routed.trace.iter().filter(|s| s.what.starts_with("print"));
    assert_eq!(printed.count(), Limits::default().prints_max);
    assert_eq!(routed.trace.last().map(|s| s.line), Some(3));
    assert_eq!(routed.trace.len(), crate::domain::decision::TRACE_STEPS_MAX);
}

#[test]
fn a_loop_over_a_thousand_words_leaves_room_for_the_decision() {
    let routed = routed(
        "fn route(mail, ctx) {\n    for i in 0..1000 {\n        \
         if mail.subject.contains(`word ${i}`) { return spam(); }\n    }\n    \
         if mail.late || mail.subject.contains(\"7\") { return team(\"seven\"); }\n    inbox()\n}",
    );
    let steps = routed.trace.iter();
    let steps: Vec<String> = steps.map(|s| format!("{} {}", s.line, s.what)).collect();
    let subject = "mail.subject = \"Re: Invoice 发票 7\"";
    assert_eq!(
        steps,
        [
            format!("3 {subject}"),
            format!("3 {subject}"),
            format!("3 {subject}"),
            "3 mail.subject.contains(\"word 999\") = false".to_owned(),
            "5 mail.late = false".to_owned(),
            format!("5 {subject}"),
            "5 mail.subject.contains(\"7\") = true".to_owned(),
            "5 team(\"seven\")".to_owned(),
        ]
    );
}

#[test]
fn texts_are_read_once_and_only_when_asked_for() {
    let read = |source: &str| {
        let snapshot = load(&[("routing.rhai", source)]).expect("right scripts");
        let content = Arc::new(Content::default());
        let _ = snapshot.route(mail(Arc::clone(&content)), context(), || false);
        content.texts_read.load(Ordering::Relaxed)
    };
    assert_eq!(read("fn route(mail, ctx) { inbox().tag(mail.kind) }"), 0);
    assert_eq!(
        read("fn route(mail, ctx) { let n = mail.text.len() + mail.text.len(); inbox() }"),
        1
    );
}

#[test]
fn time_that_is_over_ends_a_call() {
    let source = "fn route(mail, ctx) { try { loop { } } catch { } inbox() }";
    let snapshot = load(&[("routing.rhai", source)]).expect("right scripts");
    let routed = snapshot.route(mail(Arc::default()), context(), || true);
    let Outcome::Failed(words) = routed.outcome else {
        panic!("{routed:?}");
    };
    assert!(
        words.ends_with("the script took too long and was stopped"),
        "{words}"
    );
}

#[test]
fn a_panic_in_what_the_gateway_hands_over_is_a_failed_script() {
    struct Broken;
    impl MailContent for Broken {
        fn text(&self) -> String {
            panic!("unreadable")
        }
        fn whole_text(&self) -> String {
            String::new()
        }
        fn header(&self, _: &str) -> Option<String> {
            None
        }
        fn topmost(&self, _: &[&str]) -> Option<String> {
            None
        }
    }
    let source = "fn route(mail, ctx) { inbox().note(mail.text) }";
    let snapshot = load(&[("routing.rhai", source)]).expect("right scripts");
    let view = MailView {
        content: Arc::new(Broken),
        ..mail(Arc::default())
    };
    let routed = snapshot.route(view, context(), || false);
    assert!(matches!(routed.outcome, Outcome::Failed(_)), "{routed:?}");
}

#[test]
fn signatures_come_from_the_script_or_else_from_the_mailbox() {
    let sign = |files: &[(&str, &str)]| {
        let snapshot = load(files).expect("right scripts");
        let signed = snapshot.signature(context(), || false);
        (signed.text, signed.outcome)
    };
    assert_eq!(sign(&[]), ("Kind regards".to_owned(), Outcome::NoScript));
    let own = "fn signature(ctx) { `-- \n${ctx.mailbox.name}, ${ctx.now}` }";
    assert_eq!(
        sign(&[("signature.rhai", own)]),
        (
            "-- \nSupport, 2026-03-06 20:30".to_owned(),
            Outcome::Decided
        )
    );
    let (text, outcome) = sign(&[(
        "signature.rhai",
        "fn signature(ctx) { let number = 5; number }",
    )]);
    assert_eq!(text, "Kind regards");
    assert_eq!(
        outcome,
        Outcome::Failed(
            "signature.rhai: `signature` must answer with a text, not with a value of type i64"
                .to_owned()
        )
    );
}

#[test]
fn the_scripts_that_come_with_the_gateway_do_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let snapshot = Snapshot::load(&folder, &Limits::default()).expect("right scripts");
    assert!(snapshot.warnings().is_empty(), "{:?}", snapshot.warnings());
    let check = |subject: &str, language: &str, kind: Kind, expected: &str| {
        let head = Head {
            subject: subject.to_owned(),
            language: language.to_owned(),
            kind,
            ..Head::default()
        };
        let view = MailView {
            head: Arc::new(head),
            ..mail(Arc::default())
        };
        let routed = snapshot.route(view, context(), || false);
        assert_eq!(routed.outcome, Outcome::Decided, "{subject}");
        assert_eq!(written(&routed), expected, "{subject}");
    };
    use Kind::{Automatic, Bounce, Personal};
    // It is Saturday.
    check(
        "Hello",
        "en",
        Personal,
        "team=support tags=after-hours assign=RoundRobin wake=14400s",
    );
    check(
        "Your invoice",
        "en",
        Personal,
        "team=billing tags=invoice,after-hours wake=14400s",
    );
    check(
        "紧急：报价",
        "zh",
        Personal,
        "team=sales tags=zh,after-hours priority=Urgent assign=LeastBusy wake=14400s",
    );
    check(
        "Order 114-1234567-7654321",
        "en",
        Personal,
        "team=support tags=order,after-hours assign=RoundRobin note=Order 114-1234567-7654321 wake=14400s",
    );
    check(
        "Out of office",
        "en",
        Automatic,
        "tags=automatic status=Closed",
    );
    check("Undelivered", "en", Bounce, "tags=automatic,bounce");
    let signed = snapshot.signature(context(), || false);
    assert_eq!(
        (signed.text.as_str(), signed.outcome),
        ("Kind regards", Outcome::Decided)
    );
}

#[test]
fn every_example_of_the_documentation_is_right_where_it_belongs() {
    let text = include_str!("../../../scripts/README.md");
    let blocks: Vec<&str> = text.split("```rust\n").skip(1).collect();
    let mut files = BTreeSet::new();
    for block in &blocks {
        let source = block.split("```").next().expect("a block");
        let file = [
            ("fn route(", "routing.rhai"),
            ("fn ai_reply(", "ai_gate.rhai"),
            ("fn before_send(", "before_send.rhai"),
            ("fn on_timer(", "timers.rhai"),
            ("fn on_mailbox_state(", "states.rhai"),
        ]
        .into_iter()
        .find(|(begin, _)| source.contains(begin));
        let (_, file) = file.expect("a function that is asked");
        files.insert(file);
        let all = [
            (file, source),
            ("data/vip.csv", "address\nceo@big.example\n"),
        ];
        let all = all.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let snapshot = Snapshot::of(all.to_vec(), &Limits::default()).expect(source);
        assert!(snapshot.warnings().is_empty(), "{:?}", snapshot.warnings());
    }
    assert!(files.len() >= 4, "{files:?}");
}
