//! The rules judged by examples: what each must catch and what it must let pass.

use crate::check;
use crate::source::Source;

/// Files of a small house, one after another: `(name, text)`.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let open = |text: &str| format!("//! Example.\n{text}");
    let sources: Vec<Source> = files
        .iter()
        .map(|(name, text)| Source::new(name, &open(text)))
        .collect();
    check(&sources)
}

/// File, text, and what the rule says about it.
const VIOLATIONS: &[(&str, &str, &str)] = &[
    (
        "src/domain/key.rs",
        "use crate::store::Store;",
        "imports only go down",
    ),
    (
        "src/mime/walk.rs",
        "use crate::protocol::Machine;",
        "neighbours never",
    ),
    (
        "src/net/dial.rs",
        "use crate::{domain::key, store::Store};",
        "neighbours never",
    ),
    (
        "src/http/api.rs",
        "fn f() { crate::store::open(); }",
        "only through `service`",
    ),
    (
        "src/control/mod.rs",
        "use super::search::Index;",
        "only through `service`",
    ),
    (
        "src/wire/mod.rs",
        "use imap_codec::Codec;",
        "`imap_codec` stays in protocol::imap",
    ),
    (
        "src/net/pool.rs",
        "use lettre::Address;",
        "`lettre` stays in net::submission",
    ),
    (
        "src/app/mod.rs",
        "fn f(w: notify::Watcher) {}",
        "`notify` stays in app::reload",
    ),
    ("src/storefront.rs", "", "stands on no storey"),
    (
        "src/script/view.rs",
        "use tokio::sync::mpsc;",
        "knows no runtime",
    ),
    (
        "src/store/writer.rs",
        "use tokio::task;",
        "only tokio::sync",
    ),
    (
        "src/domain/user.rs",
        "#[derive(serde::Serialize)]\nstruct A;",
        "serializable",
    ),
    (
        "src/mime/compose.rs",
        "fn f() { getrandom::fill(); }",
        "random bytes",
    ),
    (
        "src/mime/date.rs",
        "fn f() { jiff::Timestamp::now(); }",
        "one clock of `app`",
    ),
    (
        "src/service/sync.rs",
        "use std::time::SystemTime;\nfn f() { SystemTime::now(); }",
        "one clock of `app`",
    ),
    (
        "src/store/writer.rs",
        "fn f() { Instant::now(); }",
        "no clock below the shell",
    ),
    (
        "src/protocol/imap/idle.rs",
        "fn f(i: I) { i.elapsed(); }",
        "no clock below",
    ),
    (
        "src/net/driver.rs",
        "use std::time::Instant;\nfn f() { Instant::now(); }",
        "monotonic time is tokio's",
    ),
    ("src/cli/mod.rs", "fn f() { unsafe { g() } }", "no unsafe"),
    ("src/net/oauth.rs", "fn f() { todo!() }", "left to do"),
];

#[test]
fn each_violation_is_caught_with_its_place() {
    for (name, text, rule) in VIOLATIONS {
        let found = found(&[(*name, *text)]);
        assert_eq!(found.len(), 1, "{name}: {text}: {found:?}");
        // In each example the last line is the wrong one; a room without a storey is
        // wrong as a whole.
        let line = if text.is_empty() {
            1
        } else {
            text.lines().count() + 1
        };
        let line = if text.starts_with("#[derive") {
            2
        } else {
            line
        };
        assert!(
            found[0].starts_with(&format!("{name}:{line}: ")),
            "{found:?}"
        );
        assert!(found[0].contains(rule), "{found:?} does not say {rule:?}");
    }
}

#[test]
fn what_is_allowed_passes() {
    let cases = [
        (
            "src/service/ingest.rs",
            "use crate::{store, net, script, plugin, search, domain};",
        ),
        (
            "src/store/writer.rs",
            "use tokio::sync::{mpsc, oneshot};\nuse redb::Database;",
        ),
        ("src/net/submission/dialogue.rs", "use lettre::Address;"),
        ("src/app/clock.rs", "fn f() { jiff::Timestamp::now(); }"),
        (
            "src/net/driver.rs",
            "use tokio::time::Instant;\nfn f() { Instant::now().elapsed(); }",
        ),
        (
            "src/main.rs",
            "use postern::cli;\nfn f() -> anyhow::Result<()> {}",
        ),
        (
            "src/wire/mod.rs",
            "// use crate::store::Store;\nconst A: &str = \"use redb::B; \\\" unsafe\";",
        ),
        (
            "src/wire/raw.rs",
            "const A: &str = r#\"todo!() \" unsafe \"#;\nconst B: u8 = b'\"';",
        ),
        (
            "src/wire/life.rs",
            "fn f<'a>(a: &'a str) -> char { '\\'' }\n/* a /* b */ unsafe */",
        ),
        (
            "src/mime/walk.rs",
            "#[cfg(test)]\nmod tests {\n use crate::net::dial;\n fn f() { Instant::now(); }\n}",
        ),
        (
            "src/domain/key.rs",
            "pub(in crate::domain) fn f() {}\npub(crate) use super::job::Job;",
        ),
    ];
    for (name, text) in cases {
        assert_eq!(found(&[(name, text)]), [""; 0], "{name}: {text}");
    }
}

#[test]
fn code_after_unit_tests_is_judged_too() {
    let text = "#[cfg(test)]\nuse crate::net::dial;\n#[cfg(test)]\nmod tests;\nuse crate::cli;";
    let found = found(&[
        ("src/wire/mod.rs", text),
        ("src/wire/tests.rs", "use crate::net::dial;"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("src/wire/mod.rs:6: imports only go down"));
}

#[test]
fn circles_are_found_and_passing_on_is_none() {
    let circle = found(&[
        ("src/store/mod.rs", "mod a;\nmod b;\nmod c;"),
        ("src/store/a.rs", "use super::b::B;"),
        ("src/store/b.rs", "use crate::store::c::{C, D as E};"),
        ("src/store/c.rs", "fn f() { super::a::go(); }"),
    ]);
    assert_eq!(circle.len(), 3, "{circle:?}");
    assert!(
        circle[0].starts_with("src/store/a.rs:2: a circle of imports: `store::a` -> `store::b`")
    );

    let passed_on = found(&[
        (
            "src/store/mod.rs",
            "mod a;\nmod b;\npub use a::A;\npub use self::b::B;",
        ),
        ("src/store/a.rs", "use super::B;"),
        ("src/store/b.rs", ""),
    ]);
    assert_eq!(passed_on, [""; 0]);

    let with_the_parent = found(&[
        ("src/store/mod.rs", "mod a;\nuse a::A;\npub struct Options;"),
        ("src/store/a.rs", "mod deep { use super::super::Options; }"),
    ]);
    assert_eq!(with_the_parent.len(), 2, "{with_the_parent:?}");
}

#[test]
fn long_files_are_found_and_unit_tests_do_not_count() {
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// x\n".repeat(600));
    let long = "// line\n".repeat(500);
    assert_eq!(found(&[("src/wire/mod.rs", &tests)]), [""; 0]);
    let found = found(&[("src/wire/mod.rs", &long)]);
    assert!(
        found[0].contains("501 lines without unit tests"),
        "{found:?}"
    );
}

#[test]
fn a_file_without_an_opening_comment_is_found() {
    let found = check(&[Source::new("src/wire/mod.rs", "use std::fmt;\n")]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("src/wire/mod.rs:1: a file opens with"));
}
