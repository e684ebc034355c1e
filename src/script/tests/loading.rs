//! Reading the folder: libraries, versions, links, permissions, reloads.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::*;

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
        "routing.rhai: is not UTF-8 (in line 1, at byte 3)"
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

#[cfg(unix)]
#[test]
fn a_pipe_is_no_script_and_holds_nothing_up() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = folder(&[("signature.rhai", "fn signature(ctx) { \"\" }")]);
    let mode = Mode::RUSR | Mode::WUSR;
    let path = folder.path().join("routing.rhai");
    mknodat(CWD, &path, FileType::Fifo, mode, 0).expect("a pipe");
    let problems = Snapshot::load(folder.path(), &Limits::default()).expect_err("a pipe");
    assert_eq!(problems[0].file, "routing.rhai");
    assert!(problems[0].message.contains("plain file"), "{problems:?}");
}
