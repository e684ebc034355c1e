//! Scripts with what is expected of them, from `tests/scripts/`, through the room's
//! public face; and what cannot be written as such a script.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;

use super::*;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::conversation::Tag;
use crate::domain::decision::{Assign, Outcome, Routing};
use crate::domain::message::{Attachment, Head, Kind, Part, TransferEncoding};

#[derive(Default)]
struct Content {
    texts_read: AtomicUsize,
}

impl MailContent for Content {
    fn text(&self) -> String {
        self.texts_read.fetch_add(1, Ordering::Relaxed);
        "new words".to_owned()
    }

    fn whole_text(&self) -> String {
        "new words\n> old words".to_owned()
    }

    fn header(&self, name: &str) -> Option<String> {
        name.eq_ignore_ascii_case("X-Spam-Flag")
            .then(|| "YES".to_owned())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

fn named(name: Option<&str>, address: &str) -> NamedAddress {
    NamedAddress::new(name, Address::parse(address).expect("an address"))
}

fn mail(content: Arc<Content>) -> MailView {
    let part = Part {
        range: 100..1100,
        content_type: "application/pdf".to_owned(),
        charset: None,
        encoding: TransferEncoding::Base64,
        flowed: false,
    };
    let head = Head {
        from: Some(named(Some("王伟"), "Wang.Wei@example.cn")),
        to: vec![named(None, "support@example.com")],
        subject: "Re: Invoice 发票 7".to_owned(),
        date: Some(at("2026-03-06T12:00:00Z")),
        language: "zh".to_owned(),
        attachments: vec![Attachment {
            name: "发票.pdf".to_owned(),
            part,
            size: 1000,
            content_id: None,
            inline: false,
        }],
        ..Head::default()
    };
    MailView {
        head: Arc::new(head),
        base_subject: "Invoice 发票 7".to_owned(),
        size: 4096,
        arrived_at: at("2026-03-06T12:30:00Z"),
        late: false,
        imported: false,
        new_participant: false,
        content,
    }
}

fn context() -> ContextView {
    ContextView {
        conversation: Some(ConversationView {
            number: 12,
            message_count: 1,
            tags: Tag::new("vip").into_iter().collect(),
            ..ConversationView::default()
        }),
        contact: Some(ContactView {
            name: "王伟".to_owned(),
            address: "wang.wei@example.cn".to_owned(),
            conversation_count: 3,
        }),
        mailbox: MailboxView {
            name: "Support".to_owned(),
            preset: "practice".to_owned(),
            signature: "Kind regards".to_owned(),
            ..MailboxView::default()
        },
        operator: None,
        now: at("2026-03-06T12:30:00Z")
            .in_tz("Asia/Shanghai")
            .expect("a time zone"),
        workspace: "Default".to_owned(),
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("written");
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Result<Snapshot, Vec<Diagnostic>> {
    Snapshot::load(folder(files).path(), &Limits::default())
}

fn routed(source: &str) -> Routed {
    let snapshot = load(&[("routing.rhai", source)]).expect("right scripts");
    snapshot.route(mail(Arc::default()), context(), || false)
}

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
            "routing.rhai:4:48 mailbox.name = \"Support\"",
            "routing.rhai:4:16 team(\"billing\")",
            "routing.rhai:4:32 .tag(\"Support\")",
        ]
    );
}

#[test]
fn the_trace_has_an_end() {
    let routed =
        routed("fn route(mail, ctx) { for i in 0..1000 { print(i); let x = mail.size; } inbox() }");
    let printed = routed.trace.iter().filter(|s| s.what.starts_with("print"));
    assert_eq!(printed.count(), Limits::default().prints_max);
    assert_eq!(routed.trace.len(), crate::domain::decision::TRACE_STEPS_MAX);
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
    let (text, outcome) = sign(&[("signature.rhai", "fn signature(ctx) { 5 }")]);
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
fn libraries_are_imported_from_memory_in_any_order() {
    let files = [
        (
            "lib/a.rhai",
            "import \"lib/b\" as b; fn team_of(mail) { b::name() }",
        ),
        ("lib/b.rhai", "fn name() { \"sales\" }"),
        (
            "routing.rhai",
            "import \"lib/a\" as a; fn route(mail, ctx) { team(a::team_of(mail)) }",
        ),
    ];
    let snapshot = load(&files).expect("right scripts");
    let routed = snapshot.route(mail(Arc::default()), context(), || false);
    assert_eq!(routed.routing.team.as_deref(), Some("sales"), "{routed:?}");
    assert_eq!(snapshot.files().len(), 3);
}

#[test]
fn libraries_that_import_each_other_are_refused() {
    let files = [
        ("lib/a.rhai", "import \"lib/b\" as b; fn x() { 1 }"),
        ("lib/b.rhai", "import \"lib/a\" as a; fn x() { 1 }"),
    ];
    let problems = load(&files).expect_err("a circle");
    assert_eq!(
        problems[0].headline(),
        "lib/a.rhai:1:8: `lib/b` and this file import each other"
    );
}

#[test]
fn a_slip_in_an_import_gets_a_suggestion() {
    let files = [
        ("lib/shop.rhai", "fn x() { 1 }"),
        (
            "routing.rhai",
            "import \"lib/shp\" as shop; fn route(mail, ctx) { inbox() }",
        ),
    ];
    let problems = load(&files).expect_err("no such library");
    assert_eq!(
        problems[0].help.as_deref(),
        Some("did you mean `lib/shop`?")
    );
}

#[test]
fn versions_differ_by_name_and_content_only() {
    let version = |files: &[(&str, &str)]| load(files).expect("right scripts").version();
    let route = "fn route(mail, ctx) { inbox() }";
    let one = version(&[("routing.rhai", route)]);
    assert_eq!(one, version(&[("routing.rhai", route)]));
    assert_ne!(one, version(&[("routing.rhai", &format!("{route}\n"))]));
    assert_ne!(one, version(&[]));
}

#[test]
fn a_file_of_another_name_is_pointed_out() {
    let snapshot = load(&[("routng.rhai", "fn route(mail, ctx) { inbox() }")]).expect("no error");
    assert_eq!(
        snapshot.warnings()[0].to_string(),
        "routng.rhai: no file of this name is ever run\n help: did you mean `routing.rhai`?"
    );
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let problems =
        Snapshot::load(Path::new("/no/such"), &Limits::default()).expect_err("no folder");
    assert_eq!(
        problems[0].to_string(),
        "/no/such: this folder does not exist"
    );
}

#[test]
fn large_files_and_other_charsets_are_refused() {
    let big = format!("// {}\n", "x".repeat(300 * 1024));
    let problems = load(&[("routing.rhai", &big)]).expect_err("too large");
    assert_eq!(
        problems[0].to_string(),
        "routing.rhai: is larger than 256 KiB"
    );
    let folder = folder(&[]);
    fs::write(folder.path().join("routing.rhai"), b"// \xB7\xA2").expect("written");
    let problems = Snapshot::load(folder.path(), &Limits::default()).expect_err("no UTF-8");
    assert_eq!(
        problems[0].headline(),
        "routing.rhai: is not UTF-8 (at byte 3)"
    );
}

#[cfg(unix)]
#[test]
fn links_may_stay_inside_and_not_lead_out() {
    use std::os::unix::fs::symlink;
    let elsewhere = folder(&[("routing.rhai", "fn route(mail, ctx) { inbox() }")]);
    let outside = folder(&[]);
    symlink(
        elsewhere.path().join("routing.rhai"),
        outside.path().join("routing.rhai"),
    )
    .expect("linked");
    let problems = Snapshot::load(outside.path(), &Limits::default()).expect_err("a way out");
    assert_eq!(
        problems[0].headline(),
        "routing.rhai: is a link that leads out of the scripts folder"
    );
    // As Kubernetes mounts them.
    let inside = folder(&[("..2026/routing.rhai", "fn route(mail, ctx) { inbox() }")]);
    symlink("..2026", inside.path().join("..data")).expect("linked");
    symlink("..data/routing.rhai", inside.path().join("routing.rhai")).expect("linked");
    let snapshot = Snapshot::load(inside.path(), &Limits::default()).expect("right scripts");
    assert_eq!(snapshot.files().len(), 1);
}

#[cfg(unix)]
#[test]
fn what_everybody_may_write_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("routing.rhai", "fn route(mail, ctx) { inbox() }")]);
    let file = folder.path().join("routing.rhai");
    let check = |mode: u32, accepted: bool| {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("mode set");
        let loaded = Snapshot::load(folder.path(), &Limits::default());
        assert_eq!(loaded.is_ok(), accepted, "{mode:o}: {loaded:?}");
    };
    check(0o644, true);
    check(0o664, true);
    check(0o646, false);
}

#[test]
fn a_refused_reload_keeps_what_is_live() {
    let folder = folder(&[("routing.rhai", "fn route(mail, ctx) { inbox() }")]);
    let scripts = Scripts::open(folder.path(), Limits::default());
    let before = scripts.current().expect("live").version();
    assert_eq!(scripts.reload(), Reloaded::Unchanged);
    fs::write(folder.path().join("routing.rhai"), "fn route(mail").expect("written");
    assert!(matches!(scripts.reload(), Reloaded::Refused(_)));
    assert!(scripts.is_refused());
    assert_eq!(scripts.current().expect("live").version(), before);
    fs::remove_file(folder.path().join("routing.rhai")).expect("removed");
    assert!(matches!(scripts.reload(), Reloaded::Live(_)));
    assert!(scripts.problems().is_empty());
}

/// `cargo test --release -- --ignored --nocapture how_long` prints the figure.
#[test]
#[ignore = "a measurement; run it in a release build"]
fn how_long_a_call_takes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let snapshot = Snapshot::load(&folder, &Limits::default()).expect("right scripts");
    let (view, context) = (mail(Arc::default()), context());
    let rounds = 20_000;
    let start = std::time::Instant::now();
    let mut steps = 0;
    for _ in 0..rounds {
        steps += snapshot
            .route(view.clone(), context.clone(), || false)
            .trace
            .len();
    }
    let each = start.elapsed() / rounds;
    println!("{each:?} per call, {} steps", steps / rounds as usize);
    assert!(steps > 0);
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
    check("Hello", "en", Personal, "team=support assign=RoundRobin");
    check("Your invoice", "en", Personal, "team=billing tags=invoice");
    check(
        "紧急：报价",
        "zh",
        Personal,
        "team=sales tags=zh priority=Urgent assign=LeastBusy",
    );
    check(
        "Order 114-1234567-7654321",
        "en",
        Personal,
        "team=support tags=order assign=RoundRobin note=Order 114-1234567-7654321",
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
