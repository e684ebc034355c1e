//! script_tools: what an administrator does with scripts beside editing them: check, try, test, rehearse, write.

use std::fs;

use serde_json::Value;

use crate::peers::gateway::Gateway;

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
    assert!(out.contains("took"), "{out}");
    // The time is read as it is written; scripts see it in their own zone.
    let out = run(&["--now", "2026-11-28T10:00:00+08:00"]).good().out;
    assert!(out.contains("tags night"), "{out}");

    let body = json(&run(&["--json", now[0], now[1]]).good().out);
    assert_eq!(body["route"]["team"], "billing");
    assert_eq!(body["route"]["outcome"], "decided");
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
