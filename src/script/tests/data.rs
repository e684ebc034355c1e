//! `data(...)` and business hours.

use std::sync::Arc;

use super::*;
use crate::domain::decision::Outcome;

const VIP: &str = "\u{feff}address,name,\"level, now\"\r\nanna@example.com,Anna,\"gold \"\"A\"\"\"\r\n\r\nWang.Wei@example.cn,王伟,silver\nlast@example.com\n";
const HOURS: &str = "timezone = \"Asia/Shanghai\"\nfriday = [\"09:00-12:00\", \"20:00-21:00\"]\nholidays = [2026-10-01]\n[limits]\ndays = 3\n";

fn tagged(body: &str) -> Routed {
    let source = format!("fn route(mail, ctx) {{ {body} }}");
    let files = [
        ("routing.rhai", source.as_str()),
        ("data/vip.csv", VIP),
        ("data/hours.toml", HOURS),
    ];
    let snapshot = load(&files).expect("right files");
    assert_eq!(snapshot.files().len(), 3);
    snapshot.route(mail(Arc::default()), context(), || false)
}

#[test]
fn rows_and_tables_are_read() {
    let check = |condition: &str| {
        let found = tagged(&format!(
            "if {condition} {{ inbox().tag(\"yes\") }} else {{ inbox() }}"
        ));
        assert_eq!(found.outcome, Outcome::Decided, "{condition}");
        assert_eq!(found.routing.tags.len(), 1, "{condition}");
    };
    check("mail.from in data(\"vip\")");
    check("!(\"nobody@example.com\" in data(\"vip\"))");
    check("data(\"vip\").len() == 3 && data(\"vip\").rows[0].name == \"Anna\"");
    check("data(\"vip\").find(\"address\", mail.from).name == \"王伟\"");
    check(
        "data(\"vip\").find(\"address\", \"ANNA@example.com\")[\"level, now\"] == \"gold \\\"A\\\"\"",
    );
    check("data(\"vip\").find(\"address\", \"nobody\").name == \"\"");
    check("data(\"vip\").rows[2].name == \"\"");
    check("data(\"hours\").limits.days == 3 && data(\"hours\").absent == \"\"");
    check("\"friday\" in data(\"hours\").keys && \"timezone\" in data(\"hours\")");
}

#[test]
fn business_hours_are_told() {
    let check = |condition: &str, expected: bool| {
        let found = tagged(&format!(
            "if {condition} {{ inbox().tag(\"yes\") }} else {{ inbox() }}"
        ));
        assert_eq!(found.outcome, Outcome::Decided, "{condition}");
        assert_eq!(!found.routing.tags.is_empty(), expected, "{condition}");
    };
    // Friday 2026-03-06, 20:30 in Shanghai.
    check("ctx.now.is_workday()", true);
    check("ctx.now.is_between(\"20:30\", \"21:00\")", true);
    check("ctx.now.is_between(\"09:00\", \"20:30\")", false);
    check("ctx.now.is_between(\"20:00\", \"06:00\")", true);
    check("ctx.now.in_zone(\"Europe/Berlin\").hour == 13", true);
    check("ctx.now.is_open(data(\"hours\"))", true);
    check("ctx.now.is_open(data(\"vip\"))", false);
}

#[test]
fn what_is_wrong_with_it_says_where() {
    let check = |body: &str, words: &str| {
        let found = tagged(body);
        assert_eq!(found.outcome, Outcome::Failed(words.to_owned()));
    };
    check(
        "let n = \"vpi\"; data(n); inbox()",
        "routing.rhai:1:38: there is no file data/vpi.toml or data/vpi.csv; did you mean `vip`?",
    );
    check(
        "let n = \"9\"; if ctx.now.is_between(n, \"18:00\") { } inbox()",
        "routing.rhai:1:47: \"9\" is no time of day; write one such as \"09:00\"",
    );
    let refused = |name: &str, text: &str| {
        let problems = load(&[(name, text)]).expect_err("wrong data");
        problems[0].headline()
    };
    assert_eq!(
        refused("data/a.csv", "a,b\n1,2,3\n"),
        "data/a.csv:2: 3 cells for 2 columns"
    );
    assert_eq!(
        refused("data/a.csv", "a,b\n1,\"2\n"),
        "data/a.csv:2: a quote that is not closed"
    );
    assert_eq!(
        refused("data/a.csv", "a,a\n"),
        "data/a.csv:1: each column has a name of its own in the first line"
    );
    let place = refused("data/a.toml", "a = 1\nb = \n");
    assert!(place.starts_with("data/a.toml:2:"), "{place}");
}
