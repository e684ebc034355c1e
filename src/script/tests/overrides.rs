//! Scripts of one mailbox over those of all: what is replaced, what is inherited, and that
//! every place is told of in the right file.

use std::fs;
use std::sync::Arc;

use super::*;
use crate::domain::decision::{Gate, Outcome, TraceStep};
use crate::domain::slug::Slug;

const ROOT: &str = "import \"lib/words\" as words;\n\
    const QUEUE = \"sales\";\n\
    \n\
    fn route(mail, ctx) {\n\
    \x20   if words::is_invoice(mail) {\n\
    \x20       return team(billing_team()).tag(\"invoice\");\n\
    \x20   }\n\
    \x20   team(usual_team(mail))\n\
    }\n\
    \n\
    fn billing_team() { \"billing\" }\n\
    fn usual_team(mail) { global::QUEUE }\n";
const WORDS: &str = "fn is_invoice(mail) { mail.subject.contains(\"Invoice\") }";

/// The files above, and these.
fn with(more: &[(&str, &str)]) -> Result<Snapshot, Vec<Diagnostic>> {
    let mut files = vec![("routing.rhai", ROOT), ("lib/words.rhai", WORDS)];
    files.extend(more);
    load(&files)
}

fn context_of(slug: &str) -> ContextView {
    let mut context = context();
    context.workspace = WORKSPACE.to_owned();
    context.mailbox.slug = slug.to_owned();
    context
}

fn routed_for(snapshot: &Snapshot, slug: &str) -> Routed {
    snapshot.route(mail(Arc::default()), context_of(slug), || false)
}

fn team_for(snapshot: &Snapshot, slug: &str) -> String {
    let routed = routed_for(snapshot, slug);
    assert_eq!(routed.outcome, Outcome::Decided, "{routed:?}");
    routed.routing.team.unwrap_or_default()
}

fn headlines(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(Diagnostic::headline).collect()
}

fn places(trace: &[TraceStep]) -> Vec<String> {
    let place = |step: &TraceStep| format!("{}:{}:{}", step.file, step.line, step.column);
    trace.iter().map(place).collect()
}

#[test]
fn a_helper_of_the_mailbox_takes_the_place_of_the_one_that_all_have() {
    let mine = "fn billing_team() { \"accounts\" }";
    let snapshot = with(&[("mailboxes/support/routing.rhai", mine)]).expect("right scripts");
    assert_eq!(headlines(snapshot.warnings()), Vec::<String>::new());
    assert_eq!(team_for(&snapshot, "support"), "accounts");
    assert_eq!(team_for(&snapshot, "other"), "billing");
    let routed = routed_for(&snapshot, "support");
    let tags: Vec<_> = routed.routing.tags.iter().map(Tag::as_str).collect();
    assert_eq!(tags, ["invoice"], "the inherited function called it");
}

#[test]
fn the_entry_function_of_the_mailbox_calls_helpers_that_it_inherits() {
    let mine = "fn route(mail, ctx) { team(billing_team()).tag(\"mine\") }";
    let snapshot = with(&[("mailboxes/support/routing.rhai", mine)]).expect("right scripts");
    assert_eq!(headlines(snapshot.warnings()), Vec::<String>::new());
    assert_eq!(team_for(&snapshot, "support"), "billing");
    assert_eq!(routed_for(&snapshot, "support").routing.tags.len(), 1);
}

#[test]
fn mailbox_workspace_and_root_are_asked_in_this_order() {
    let snapshot = with(&[
        (
            "workspaces/default/routing.rhai",
            "fn billing_team() { \"of the workspace\" }\nfn more() { \"more\" }",
        ),
        (
            "mailboxes/a/routing.rhai",
            "fn billing_team() { more() + \" of a\" }",
        ),
        ("mailboxes/b/signature.rhai", "fn signature(ctx) { \"b\" }"),
    ])
    .expect("right scripts");
    assert_eq!(headlines(snapshot.warnings()), Vec::<String>::new());
    assert_eq!(team_for(&snapshot, "a"), "more of a");
    assert_eq!(team_for(&snapshot, "b"), "of the workspace");
    assert_eq!(team_for(&snapshot, "c"), "of the workspace");
    let mut elsewhere = context_of("c");
    elsewhere.workspace = "other".to_owned();
    let routed = snapshot.route(mail(Arc::default()), elsewhere, || false);
    assert_eq!(routed.routing.team.as_deref(), Some("billing"));
    let signed = |slug| snapshot.signature(context_of(slug), || false).text;
    assert_eq!(
        (signed("b").as_str(), signed("a").as_str()),
        ("b", "Kind regards")
    );
}

#[test]
fn constants_and_imports_at_the_top_are_inherited_and_may_be_said_anew() {
    let mine = "import \"lib/mine\" as mine;\n\
        const QUEUE = \"accounts\";\n\
        fn billing_team() { mine::name() + \" \" + usual_team(()) }";
    let snapshot = with(&[
        ("lib/mine.rhai", "fn name() { \"my\" }"),
        ("mailboxes/support/routing.rhai", mine),
    ])
    .expect("right scripts");
    assert_eq!(team_for(&snapshot, "support"), "my accounts");
    assert_eq!(team_for(&snapshot, "other"), "billing");
}

#[test]
fn functions_that_are_handed_on_are_those_of_the_nearest_file() {
    let root = "fn route(mail, ctx) { team(apply(Fn(\"name\"))) }\n\
        fn apply(what) { what.call() }\n\
        fn name() { \"root\" }";
    let mine = "fn name() { let found = [\"x\", \"mine\"].filter(|one| one.len() > 1); found[0] }";
    let snapshot = load(&[("routing.rhai", root), ("mailboxes/a/routing.rhai", mine)]);
    let snapshot = snapshot.expect("right scripts");
    assert_eq!(team_for(&snapshot, "a"), "mine");
    assert_eq!(team_for(&snapshot, "b"), "root");
}

#[test]
fn every_step_of_a_trace_names_the_file_it_stands_in() {
    let mine = "\nfn billing_team() {\n    print(\"mine\");\n    \"accounts\"\n}";
    let snapshot = with(&[("mailboxes/support/routing.rhai", mine)]).expect("right scripts");
    let trace = routed_for(&snapshot, "support").trace;
    assert_eq!(
        places(&trace),
        [
            "lib/words.rhai:1:28",
            "lib/words.rhai:1:36",
            "mailboxes/support/routing.rhai:3:5",
            "routing.rhai:6:16",
            "routing.rhai:6:37",
        ],
        "{trace:?}"
    );
}

#[test]
fn a_closure_keeps_its_file_wherever_it_is_called() {
    let root = "fn route(mail, ctx) {\n    let all = [mail];\n    all.map(reader());\n    inbox()\n}\n\
        fn reader() { |one| one.subject }";
    let mine = "\n\nfn reader() {\n    |one| one.subject\n}";
    let snapshot = load(&[("routing.rhai", root), ("mailboxes/a/routing.rhai", mine)]);
    let snapshot = snapshot.expect("right scripts");
    let trace = routed_for(&snapshot, "a").trace;
    assert_eq!(
        places(&trace)[0],
        "mailboxes/a/routing.rhai:4:15",
        "{trace:?}"
    );
    let trace = routed_for(&snapshot, "b").trace;
    assert_eq!(places(&trace)[0], "routing.rhai:6:25", "{trace:?}");
}

#[test]
fn a_failure_names_the_file_it_happened_in() {
    let of = |mine: &str| {
        let snapshot = with(&[("mailboxes/support/routing.rhai", mine)]).expect("right scripts");
        match routed_for(&snapshot, "support").outcome {
            Outcome::Failed(words) => words,
            other => panic!("{other:?}"),
        }
    };
    let mine = "mailboxes/support/routing.rhai";
    assert_eq!(
        of("fn billing_team() {\n    throw \"no idea\";\n}"),
        format!("{mine}:2:5: no idea")
    );
    // What the mailbox's function answers is wrong for the one that it inherits.
    assert_eq!(
        of("fn billing_team() { 7 }"),
        "routing.rhai:6:16: there is no function `team` for (number)"
    );
    // Rhai forgets where a limit was reached: the function that was called is named, and the
    // last step.
    assert_eq!(
        of("fn billing_team() { loop {} }"),
        "routing.rhai:4:4: the script took too many steps and was stopped; \
         the last step of its trace is at lib/words.rhai:1"
    );
    assert_eq!(
        of("\nfn route(mail, ctx) { loop {} }"),
        format!("{mine}:2:4: the script took too many steps and was stopped")
    );
    assert_eq!(
        of("fn route(mail, ctx) { let number = 7; number }"),
        format!(
            "{mine}: `route` must answer with team(...), inbox(), spam() or ignore(...), not \
             with a value of type i64"
        )
    );
}

#[test]
fn an_override_is_judged_with_what_it_inherits() {
    let of = |mine: &str| {
        let found = with(&[("mailboxes/a/routing.rhai", mine)]);
        let found = match &found {
            Ok(snapshot) => snapshot.warnings(),
            Err(found) => found,
        };
        let shown = |one: &Diagnostic| {
            let help = one.help.as_deref().unwrap_or_default();
            format!("{} / {help}", one.headline())
        };
        found.iter().map(shown).collect::<Vec<_>>()
    };
    let mine = "mailboxes/a/routing.rhai";
    assert_eq!(
        of("fn billing_team() { usual_taem(()) }"),
        [format!(
            "{mine}:1:21: there is no function `usual_taem` / did you mean `usual_team`?"
        )]
    );
    assert_eq!(
        of("fn billing_team() { usual_team() }"),
        [format!(
            "{mine}:1:21: `usual_team` takes 1 value, not 0 / it is `fn usual_team(mail)`"
        )]
    );
    assert_eq!(
        of("fn route(mail) { inbox() }"),
        [format!(
            "{mine}:1:4: `route` takes other parameters / write `fn route(mail, ctx)`"
        )]
    );
    assert_eq!(
        of("fn biling_team() { \"accounts\" }"),
        [format!(
            "{mine}:1:4: nothing calls `biling_team` / did you mean `billing_team`?"
        )]
    );
    assert_eq!(
        of("fn billing_team(mail) { \"accounts\" }"),
        [format!(
            "{mine}:1:4: `billing_team` takes 1 value here and no value in routing.rhai, so it \
             does not replace that one / write `fn billing_team()`"
        )]
    );
    // What the inherited function hands over is known.
    assert_eq!(
        of("fn usual_team(mail) {\n    mail.subjct\n}"),
        [format!(
            "{mine}:2:10: mail has no property `subjct` / did you mean `subject`?"
        )]
    );
    assert_eq!(of("// for later\n"), Vec::<String>::new());
}

#[test]
fn a_helper_for_overrides_alone_is_called_by_somebody() {
    let root = "fn route(mail, ctx) { inbox() }\nfn spare() { \"spare\" }";
    let unused = load(&[("routing.rhai", root)]).expect("right scripts");
    assert_eq!(
        headlines(unused.warnings()),
        ["routing.rhai:2:4: nothing calls `spare`"]
    );
    let mine = (
        "mailboxes/a/routing.rhai",
        "fn route(mail, ctx) { team(spare()) }",
    );
    let used = load(&[("routing.rhai", root), mine]).expect("right scripts");
    assert_eq!(headlines(used.warnings()), Vec::<String>::new());
}

#[test]
fn an_override_of_nothing_has_to_be_whole() {
    let of = |mine: &str| load(&[("mailboxes/a/routing.rhai", mine)]);
    let found = of("fn helper() { 1 }").expect_err("no entry function");
    assert_eq!(
        headlines(&found),
        ["mailboxes/a/routing.rhai: this file has no `fn route(mail, ctx)`"]
    );
    let snapshot = of("fn route(mail, ctx) { team(\"a\") }").expect("right scripts");
    assert_eq!(team_for(&snapshot, "a"), "a");
    assert_eq!(routed_for(&snapshot, "b").outcome, Outcome::NoScript);
}

#[test]
fn of_an_override_whose_parent_is_broken_only_the_parent_is_told_of() {
    let found = load(&[
        ("routing.rhai", "fn route(mail, ctx) { inbox( }"),
        ("mailboxes/a/routing.rhai", "fn billing_team() { helper() }"),
    ]);
    let found = headlines(&found.expect_err("broken"));
    assert!(
        found.len() == 1 && found[0].starts_with("routing.rhai:1:"),
        "{found:?}"
    );
}

#[test]
fn an_import_that_fails_is_told_of_once_and_in_its_file() {
    let found = with(&[
        ("mailboxes/a/routing.rhai", "fn billing_team() { \"a\" }"),
        (
            "mailboxes/b/routing.rhai",
            "import \"lib/wrds\" as w;\nfn billing_team() { w::x() }",
        ),
    ]);
    assert_eq!(
        headlines(&found.expect_err("no such library")),
        ["mailboxes/b/routing.rhai:1:8: there is no `lib/wrds.rhai` to import"]
    );
}

#[test]
fn what_nobody_is_asked_for_is_pointed_out() {
    let inbox = "fn route(mail, ctx) { inbox() }";
    let snapshot = with(&[
        ("workspaces/second/routing.rhai", inbox),
        ("mailboxes/Sales Team/routing.rhai", inbox),
        ("mailboxes/a/routng.rhai", inbox),
        ("mailboxes/a/vip.toml", ""),
        ("mailboxes/a/lib/x.rhai", "fn x() { 1 }"),
        ("mailboxes/routing.rhai", inbox),
        ("mailboxes/a/.routing.rhai.swp", "x"),
        ("mailboxes/a/routing.rhai~", "x"),
    ])
    .expect("right scripts");
    let found: Vec<String> = snapshot
        .warnings()
        .iter()
        .map(Diagnostic::to_string)
        .collect();
    let found = found.join("\n");
    for words in [
        "workspaces/second/routing.rhai: there is no workspace `second`",
        "mailboxes/Sales Team/routing.rhai: no mailbox can have the slug `Sales Team`",
        "mailboxes/a/routng.rhai: only entry files belong here, so this one is not read\n \
         help: did you mean `routing.rhai`?",
        "mailboxes/a/vip.toml: only entry files belong here",
        "mailboxes/a/lib: only entry files belong here",
        "mailboxes/routing.rhai: only entry files belong here",
    ] {
        assert!(found.contains(words), "{words}\n{found}");
    }
    assert_eq!(snapshot.warnings().len(), 6, "{found}");
    assert_eq!(
        snapshot.mailboxes().into_iter().collect::<Vec<_>>(),
        ["Sales Team"]
    );
}

#[test]
fn files_of_all_folders_are_counted_together() {
    let limits = Limits {
        files_max: 3,
        ..Limits::default()
    };
    let inbox = "fn route(mail, ctx) { inbox() }";
    let names = [
        "routing.rhai",
        "mailboxes/a/routing.rhai",
        "mailboxes/b/routing.rhai",
    ];
    let mut files: Vec<_> = names.map(|name| (name, inbox)).to_vec();
    Snapshot::load(folder(&files).path(), &limits).expect("right scripts");
    files.push(("mailboxes/c/routing.rhai", inbox));
    let found = Snapshot::load(folder(&files).path(), &limits).expect_err("too many");
    assert_eq!(
        headlines(&found),
        ["mailboxes/c/routing.rhai: more than 3 files"]
    );
}

#[cfg(unix)]
#[test]
fn a_folder_of_a_mailbox_is_ours_and_stays_inside() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let inbox = ("routing.rhai", "fn route(mail, ctx) { inbox() }");
    let elsewhere = folder(&[inbox]);
    let inside = folder(&[inbox, ("mailboxes/a/routing.rhai", inbox.1)]);
    let mailboxes = inside.path().join("mailboxes");
    symlink("a", mailboxes.join("b")).expect("linked");
    let snapshot = Snapshot::load(inside.path(), &Limits::default()).expect("right scripts");
    assert_eq!(snapshot.mailboxes().len(), 2);
    symlink(elsewhere.path(), mailboxes.join("c")).expect("linked");
    let found = Snapshot::load(inside.path(), &Limits::default()).expect_err("a way out");
    assert_eq!(
        headlines(&found),
        ["mailboxes/c: is a link that leads out of the scripts folder"]
    );
    fs::remove_file(mailboxes.join("c")).expect("removed");
    fs::set_permissions(mailboxes.join("a"), fs::Permissions::from_mode(0o777)).expect("set");
    let found = Snapshot::load(inside.path(), &Limits::default()).expect_err("everybody's");
    assert!(
        found
            .iter()
            .all(|one| one.message.starts_with("may be written by everybody")),
        "{found:?}"
    );
}

#[test]
fn gates_and_checks_of_replies_have_overrides_too() {
    let snapshot = load(&[
        (
            "ai_gate.rhai",
            "fn ai_reply(mail, ctx) { off(why()) }\nfn why() { \"all\" }",
        ),
        ("mailboxes/a/ai_gate.rhai", "fn why() { \"a\" }"),
        ("before_send.rhai", "fn before_send(reply, ctx) { allow() }"),
        (
            "mailboxes/a/before_send.rhai",
            "fn before_send(reply, ctx) { hold(\"a\") }",
        ),
        (
            "timers.rhai",
            "fn on_timer(ctx) { team(name()) }\nfn name() { \"all\" }",
        ),
        ("mailboxes/a/timers.rhai", "fn name() { \"a\" }"),
        (
            "states.rhai",
            "fn on_mailbox_state(ctx) { alert(name()) }\nfn name() { \"all\" }",
        ),
        ("mailboxes/a/states.rhai", "fn name() { \"a\" }"),
    ])
    .expect("right scripts");
    let gate = |slug| {
        snapshot
            .ai_reply(mail(Arc::default()), context_of(slug), || false)
            .gate
    };
    let off = |why: &str| Gate::Off {
        why: why.to_owned(),
    };
    assert_eq!((gate("a"), gate("b")), (off("a"), off("all")));
    let vetted = |slug| snapshot.before_send(ReplyView::default(), context_of(slug), || false);
    assert_ne!(vetted("a").verdict, vetted("b").verdict);
    let team = |slug| snapshot.on_timer(context_of(slug), || false).routing.team;
    assert_eq!(
        (team("a").as_deref(), team("b").as_deref()),
        (Some("a"), Some("all"))
    );
    let slug = Slug::parse("b").expect("a slug");
    assert!(snapshot.answers_mailbox_state(WORKSPACE, &slug));
    let without = load(&[("timers.rhai", "fn on_timer(ctx) { inbox() }")]).expect("right");
    assert!(!without.answers_mailbox_state(WORKSPACE, &slug));
    let texts = |slug| snapshot.on_mailbox_state(context_of(slug), || false).texts;
    assert_eq!(
        (texts("a"), texts("b")),
        (vec!["a".to_owned()], vec!["all".to_owned()])
    );
}

#[test]
fn a_mail_shows_its_mailbox_by_its_slug() {
    let snapshot = load(&[(
        "routing.rhai",
        "fn route(mail, ctx) { team(ctx.mailbox.slug) }",
    )]);
    assert_eq!(
        team_for(&snapshot.expect("right scripts"), "support"),
        "support"
    );
}
