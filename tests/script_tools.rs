//! script_tools: what an administrator does with scripts beside editing them: check, try, test, rehearse, write.

use std::fs;

use serde_json::Value;

use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;

const MAIL: &str = "From: Wang Wei <wei@example.cn>\nTo: shop@example.com\nSubject: Invoice 7\n\
                    \nPlease send it again.\n";

const ROUTING: &str = "fn route(mail, ctx) {\n    if ctx.now.hour < 9 { return inbox().tag(\"night\"); }\n    \
                       if mail.subject.contains(\"Invoice\") { return team(\"billing\").tag(\"invoice\"); }\n    \
                       inbox()\n}\n";

/// A folder with a configuration and scripts; nothing runs and no store is made.
fn prepared() -> Gateway {
    let gateway = Gateway::prepare(&[]);
    gateway.write_script("routing.rhai", ROUTING);
    fs::write(gateway.folder().join("invoice.eml"), MAIL).unwrap();
    gateway
}

fn json(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn the_shipped_scripts_pass_the_tests_beside_them() {
    let gateway = Gateway::prepare(&[]);
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");
    let out = gateway.run(&["script", "test", shipped]).good().out;
    assert!(out.contains(" passed, 0 failed"), "{out}");
    assert!(!out.starts_with("0 passed"), "{out}");
}

#[test]
fn a_mail_in_a_file_is_tried_without_gateway_and_store() {
    let gateway = prepared();
    let now = ["--now", "2026-11-28T10:00:00Z"];
    let run = |more: &[&str]| {
        let all = [&["script", "run", "--mail", "invoice.eml"], more].concat();
        gateway.run(&all)
    };
    let out = run(&now).good().out;
    assert!(
        out.contains("route     team billing; tags invoice"),
        "{out}"
    );
    assert!(out.contains("routing.rhai:3:13"), "{out}");
    assert!(out.contains("mail.subject = \"Invoice 7\""), "{out}");
    let why = "by        routing.rhai:3, because mail.subject contains \"Invoice\"";
    assert!(out.contains(why), "{out}");
    assert!(out.contains("took"), "{out}");
    // The time is read as it is written; scripts see it in their own zone.
    let out = run(&["--now", "2026-11-28T10:00:00+08:00"]).good().out;
    assert!(out.contains("tags night"), "{out}");

    let body = json(&run(&["--json", now[0], now[1]]).good().out);
    assert_eq!(body["route"]["team"], "billing");
    assert_eq!(body["route"]["outcome"], "decided");
    assert_eq!(
        body["decided_by"]["because"],
        "mail.subject contains \"Invoice\""
    );
    assert!(body["took_us"].is_u64(), "{body}");
    assert!(!gateway.data().exists(), "no store was made");

    // A file of another name is tried in the place of the routing.
    let draft = "fn route(mail, ctx) { inbox().tag(ctx.mailbox.address) }\n";
    fs::write(gateway.folder().join("draft.rhai"), draft).unwrap();
    let mailbox = ["draft.rhai", "--mailbox", "eu@example.com"];
    let out = run(&mailbox).good().out;
    assert!(out.contains("tags eu@example.com"), "{out}");

    fs::write(
        gateway.folder().join("draft.rhai"),
        "fn route(mail, ctx) { mail.subjct }\n",
    )
    .unwrap();
    run(&["draft.rhai"]).refused(&["routing.rhai:1:28", "did you mean `subject`?"]);
    run(&["--now", "noon"]).refused(&["\"noon\" is no time"]);
    fs::write(
        gateway.folder().join("draft.rhai"),
        "fn route(mail, ctx) { throw \"no\" }\n",
    )
    .unwrap();
    run(&["draft.rhai"]).refused(&["routing.rhai:1:23: no"]);
}

#[test]
fn the_scripts_of_a_mailbox_are_tried_checked_and_tested() {
    let gateway = prepared();
    let root = "fn route(mail, ctx) { team(name()) }\nfn name() { \"all\" }\n";
    gateway.write_script("routing.rhai", root);
    let own = "mailboxes/support/routing.rhai";
    gateway.write_script(own, "fn name() { \"support\" }\n");
    let run = |more: &[&str]| {
        let all = [&["script", "run", "--mail", "invoice.eml"], more].concat();
        gateway.run(&all).good().out
    };
    assert!(run(&[]).contains("route     team all"));
    assert!(run(&["--mailbox", "support"]).contains("route     team support"));
    assert!(run(&[&format!("scripts/{own}")]).contains("route     team support"));

    let test = "[[test]]\nname = \"support\"\nmailbox = \"support\"\nmail = { subject = \"x\" }\n\
                expect = { team = \"support\" }\n[[test]]\nname = \"all\"\nmail = { subject = \"x\" }\n\
                expect = { team = \"all\" }\n";
    save_test(&gateway, "routing.toml", test);
    let out = gateway.run(&["script", "test"]).good().out;
    assert!(out.contains("2 passed, 0 failed"), "{out}");
    save_test(
        &gateway,
        "routing.toml",
        &test.replace("\"support\"\nmail ", "\"No Slug\"\nmail "),
    );
    let refused = gateway.run(&["script", "test"]);
    assert!(
        refused
            .err
            .contains("routing.toml:3:11: this is no slug of a mailbox"),
        "{refused:?}"
    );

    gateway.write_script(own, "fn name() { nme() }\n");
    let said = gateway.run(&["script", "check"]);
    said.refused(&["mailboxes/support/routing.rhai:1:13: there is no function `nme`"]);
}

#[test]
fn a_check_says_the_same_to_people_and_programs() {
    let gateway = prepared();
    let out = gateway.run(&["script", "check"]).good().out;
    assert!(out.contains("2 files are right"), "{out}");
    let wrong = ROUTING.replace("mail.subject", "mail.subjct");
    gateway.write_script("routing.rhai", &wrong);
    let said = gateway.run(&["script", "check"]);
    said.refused(&["routing.rhai:3:13: mail has no property `subjct`"]);
    let told = gateway.run(&["--json", "script", "check"]);
    assert_eq!(told.code, Some(1));
    let body = json(&told.out);
    let problem = &body["problems"][0];
    assert_eq!(problem["line"], 3);
    assert_eq!(problem["text"].as_str().unwrap(), said.err.trim_end());
}

const TESTS: &str = "[[test]]\nname = \"an invoice\"\nmail = \"invoice.eml\"\nexpect = { team = \"billing\" }\n\
                     [[test]]\nname = \"at night\"\nmail = { subject = \"发票\" }\n\
                     context = { now = \"2026-11-28T03:00\" }\nexpect = { tags = [\"night\"] }\n";

/// Saves a file below `scripts/tests`.
fn save_test(gateway: &Gateway, name: &str, text: &str) {
    let folder = gateway.folder().join("scripts/tests");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

#[test]
fn tests_pass_fail_and_are_refused_with_their_places() {
    let gateway = prepared();
    let test = |more: &[&str]| gateway.run(&[&["script", "test"], more].concat());
    let none = test(&[]);
    assert_eq!(none.code, Some(2), "{none:?}");
    save_test(&gateway, "invoice.eml", MAIL);
    save_test(&gateway, "routing.toml", TESTS);
    let out = test(&[]).good().out;
    assert!(out.contains("2 passed, 0 failed"), "{out}");

    save_test(&gateway, "routing.toml", &TESTS.replace("billing", "sales"));
    let failed = test(&["--junit", "report.xml"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    for words in [
        "FAIL  an invoice  (tests/routing.toml:2)",
        "team is \"billing\", expected is \"sales\"",
        "mail.subject = \"Invoice 7\"",
        "1 passed, 1 failed",
    ] {
        assert!(failed.out.contains(words), "{words}: {}", failed.out);
    }
    let xml = fs::read_to_string(gateway.folder().join("report.xml")).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    let out = test(&["--filter", "night", "--json"]).good().out;
    assert_eq!(json(&out)["name"], "at night");

    save_test(&gateway, "routing.toml", &TESTS.replace("team =", "tem ="));
    let wrong = test(&[]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(
        wrong
            .err
            .starts_with("tests/routing.toml:4:12: unknown field `tem`"),
        "{wrong:?}"
    );
    assert!(wrong.err.contains("did you mean `team`?"), "{wrong:?}");
}

#[test]
fn scripts_whose_tests_are_demanded_and_fail_do_not_go_live() {
    let mut gateway = prepared();
    gateway.configure("", "");
    let config = fs::read_to_string(gateway.config()).unwrap();
    let demanding = config.replace("[scripts]\n", "[scripts]\nrequire_tests = true\n");
    fs::write(gateway.config(), demanding).unwrap();
    save_test(&gateway, "invoice.eml", MAIL);
    save_test(&gateway, "routing.toml", TESTS);
    gateway.launch();
    let mut feed = gateway.api().feed_from_now();
    let mut looked_at = || {
        feed.until("the scripts were looked at", |event| {
            (event["type"] == "scripts.changed").then_some(())
        });
        gateway.api().get("/scripts")
    };
    let first = gateway.api().get("/scripts");
    assert!(first["version"].is_string(), "{first}");
    gateway.write_script("routing.rhai", &ROUTING.replace("billing", "sales"));
    let refused = looked_at();
    assert_eq!(refused["version"], first["version"]);
    let problem = &refused["problems"][0];
    assert_eq!(
        (&problem["file"], &problem["line"]),
        (&"tests/routing.toml".into(), &2.into())
    );
    let message = problem["message"].as_str().unwrap();
    assert!(
        message.contains("team is \"sales\", expected is \"billing\""),
        "{message}"
    );
    // The test is changed as well: now both go together.
    save_test(&gateway, "routing.toml", &TESTS.replace("billing", "sales"));
    let live = looked_at();
    assert_ne!(live["version"], first["version"]);
    assert_eq!(live["problems"], serde_json::json!([]));
}

#[test]
fn a_rehearsal_lists_what_other_scripts_would_decide_and_does_nothing() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    let mut feed = gateway.api().feed();
    for (number, subject) in ["Invoice 1", "Hello", "Invoice 2"].iter().enumerate() {
        let mail = format!(
            "From: c{number}@example.net\r\nTo: {USER}\r\nSubject: {subject}\r\n\
             Message-ID: <{number}@example.net>\r\n\r\nHello.\r\n"
        );
        dovecot.deliver(USER, mail.as_bytes());
    }
    feed.until_routed(3);
    let before = gateway.api().conversations();
    let folder = gateway.folder().join("candidate");
    fs::create_dir_all(&folder).unwrap();
    let candidate = "fn route(mail, ctx) {\n    if mail.subject.contains(\"Invoice\") { return team(\"billing\").tag(\"invoice\"); }\n    inbox()\n}\n";
    fs::write(folder.join("routing.rhai"), candidate).unwrap();

    let rehearse = |gateway: &Gateway, more: &[&str]| {
        gateway.run(&[&["script", "rehearse", "--scripts", "candidate"], more].concat())
    };
    let out = rehearse(&gateway, &[]).good().out;
    for words in [
        "\"Invoice 2\"",
        "  now   inbox\n  then  team billing; tags invoice",
        "routing.rhai:2:13",
        "3 mails looked at",
        "2 would be decided otherwise",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(!out.contains("\"Hello\"\n  now"), "{out}");
    let lines = rehearse(&gateway, &["--last", "1", "--mailbox", USER, "--json"])
        .good()
        .out;
    let rows: Vec<Value> = lines.lines().map(json).collect();
    assert_eq!(rows[0]["item"]["new"]["team"], "billing");
    assert_eq!(rows[1]["item"]["mails"], 1);

    // The API takes the files that differ.
    let asked =
        serde_json::json!({ "files": { "routing.rhai": candidate }, "since": "2020-01-01" });
    let answer = gateway.api().post("/scripts/rehearsals", &[], &asked);
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(
        (&body["mails"], &body["changed"]),
        (&3.into(), &2.into()),
        "{body}"
    );
    assert_eq!(body["items"][0]["subject"], "Invoice 2");
    assert!(
        body["items"][0]["new"]["trace"][0]["line"].is_u64(),
        "{body}"
    );
    let wrong =
        serde_json::json!({ "files": { "routing.rhai": "fn route(mail, ctx) { mail.subjct }" } });
    let refused = gateway.api().post("/scripts/rehearsals", &[], &wrong);
    assert_eq!(refused.status, 422);
    let detail = refused.json()["detail"].to_string();
    assert!(detail.contains("routing.rhai:1:28"), "{detail}");

    assert_eq!(gateway.api().conversations(), before, "nothing was done");
    // The same by a command that holds the store itself.
    assert!(gateway.stop().success());
    let out = rehearse(&gateway, &[]).good().out;
    assert!(out.contains("2 would be decided otherwise"), "{out}");
    rehearse(&gateway, &["--mailbox", "none@example.com"]).refused(&["mailbox"]);
}

#[test]
fn a_file_is_written_by_the_api_when_it_is_right_and_nobody_was_faster() {
    let mut gateway = prepared();
    gateway.launch();
    let api = gateway.api();
    let mut feed = api.feed_from_now();
    let put = |path: &str, seen: &str, text: &str| {
        let body = serde_json::json!({ "text": text }).to_string();
        api.ask(
            "PUT",
            &format!("/scripts/{path}"),
            &[("If-Match", seen)],
            &body,
        )
    };
    let first = api.get("/scripts")["version"].as_str().unwrap().to_owned();
    assert_eq!(api.get("/scripts/routing.rhai")["text"], ROUTING);
    let changed = ROUTING.replace("billing", "sales");
    let answer = put("routing.rhai", &format!("\"{first}\""), &changed);
    assert_eq!(answer.status, 200, "{answer:?}");
    let second = answer.json()["version"].as_str().unwrap().to_owned();
    feed.until("it is live", |event| {
        (event["type"] == "scripts.changed").then_some(())
    });
    assert_eq!(api.get("/scripts")["version"], second.as_str());
    let file = gateway.folder().join("scripts/routing.rhai");
    assert_eq!(fs::read_to_string(&file).unwrap(), changed);

    let refusals = [
        (put("routing.rhai", &first, ROUTING), 412, "changed since"),
        (
            put(
                "routing.rhai",
                &second,
                "fn route(mail, ctx) { mail.subjct }",
            ),
            422,
            "routing.rhai:1:28",
        ),
        (
            put("lib/../../x.rhai", &second, "fn x() { 1 }"),
            422,
            "cannot be the name",
        ),
        (
            put("tests/a.toml", &second, "[[test]]\nnme = 1\n"),
            422,
            "did you mean `name`?",
        ),
    ];
    for (answer, status, words) in refusals {
        assert_eq!(answer.status, status, "{answer:?}");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(words), "{detail}");
    }
    let without = api.ask("PUT", "/scripts/routing.rhai", &[], "{\"text\": \"\"}");
    assert_eq!(without.status, 400, "{without:?}");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        changed,
        "nothing was written"
    );
    assert_eq!(
        put("lib/words.rhai", "*", "fn urgent() { [\"asap\"] }").status,
        200
    );
    assert!(gateway.folder().join("scripts/lib/words.rhai").is_file());

    // Somebody who may not, and an installation that forbids it.
    assert!(gateway.stop().success());
    let config = fs::read_to_string(gateway.config()).unwrap();
    let closed = config.replace("[scripts]\n", "[scripts]\nedit_on_page = false\n");
    fs::write(gateway.config(), closed).unwrap();
    gateway.launch();
    let body = serde_json::json!({ "text": ROUTING }).to_string();
    let answer = gateway
        .api()
        .ask("PUT", "/scripts/routing.rhai", &[("If-Match", "*")], &body);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.json()["detail"].to_string().contains("edit_on_page"));
}

#[test]
fn definitions_and_reference_tell_what_scripts_can_use() {
    let gateway = prepared();
    gateway
        .run(&["script", "definitions", "--to", "defined"])
        .good();
    let ours = fs::read_to_string(gateway.folder().join("defined/postern.d.rhai")).unwrap();
    assert!(ours.starts_with("module static;"), "{ours}");
    assert!(
        ours.contains("fn get subject(self: mail) -> String;"),
        "{ours}"
    );
    let reference = gateway.run(&["script", "reference"]).good().out;
    assert!(reference.contains("| `subject` | text |"), "{reference}");
    fs::write(
        gateway.folder().join("page.md"),
        "above\n<!-- reference: begin -->\nold\n<!-- reference: end -->\nbelow\n",
    )
    .unwrap();
    gateway
        .run(&["script", "reference", "--into", "page.md"])
        .good();
    let page = fs::read_to_string(gateway.folder().join("page.md")).unwrap();
    assert!(
        page.contains(&reference) && page.ends_with("below\n"),
        "{page}"
    );
    gateway
        .run(&["script", "reference", "--into", "invoice.eml"])
        .refused(&["no markers"]);
}
