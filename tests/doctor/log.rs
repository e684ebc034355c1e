//! The log of a mailbox shows what was said, and never what proves who we are.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use crate::peers::api::text;
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;
use crate::peers::until;

/// A password that stands nowhere else.
const CANARY: &str = "canary-5b1c9f-secret";
const PRIVATE: &str = "only for the one who reads this";

/// Every form in which the password could be seen.
fn forms() -> Vec<String> {
    vec![
        CANARY.to_owned(),
        BASE64.encode(CANARY),
        BASE64.encode(format!("\0{USER}\0{CANARY}")),
        BASE64.encode(format!("{USER}\0{CANARY}")),
    ]
}

fn check(what: &str, bytes: &[u8]) {
    for form in forms() {
        let found = bytes
            .windows(form.len())
            .any(|part| part == form.as_bytes());
        assert!(!found, "{what} shows the password as {form}");
    }
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}

#[test]
fn dialogues_are_kept_on_demand_and_no_secret_is_seen_anywhere() {
    let sink = Sink::start();
    let dovecot = Dovecot::start_with(&[USER], Some(sink.port));
    dovecot.write_users([(USER, CANARY)]);
    let mailbox = Mailbox {
        password: CANARY.to_owned(),
        smtp: dovecot.ports.submissions,
        smtp_security: "tls",
        ..Mailbox::of(&dovecot, &sink)
    };
    let mut gateway = Gateway::with(&dovecot, &mailbox);
    let off = gateway.run(&["mailbox", "log", USER]).good();
    assert!(off.out.contains("Nothing is kept"), "{off:?}");
    gateway.run(&["mailbox", "log", USER, "--on"]).good();

    // A connection that is open is noted as well as one that is new.
    let mail = format!(
        "From: ann@example.net\r\nTo: {USER}\r\nSubject: Question\r\n\
         Message-ID: <q@example.net>\r\n\r\n{PRIVATE}\r\n"
    );
    dovecot.deliver(USER, mail.as_bytes());
    let mut feed = gateway.api().feed();
    let conversation = feed.until_routed(1).remove(0);
    gateway.run(&["mailbox", "offline", USER]).good();
    gateway.run(&["mailbox", "online", USER]).good();
    let path = format!("/conversations/{conversation}/replies");
    let sent = gateway
        .api()
        .post(&path, &[], &json!({"text": "An answer."}));
    let id = text(&sent.json(), "id").to_owned();
    feed.until("it is filed", |_| {
        let now = gateway.api().get(&format!("/outgoing/{id}"));
        (now["filing"] == "filed").then_some(())
    });
    let log = until("the new connection idles", || {
        let log = gateway.run(&["mailbox", "log", USER]).good().out;
        let idles = log.lines().filter(|line| line.ends_with(" IDLE")).count();
        (log.contains("LOGIN") && log.contains("C: QUIT") && idles > 0).then_some(log)
    });
    for part in [
        "imap",
        "smtp",
        "-- connected to 127.0.0.1:",
        "BODY[]",
        "C: AUTH PLAIN …",
        "C: (a mail of ",
        "APPEND",
        "bytes)",
        "S: 250 ",
    ] {
        assert!(log.contains(part), "no {part} in\n{log}");
    }
    assert!(!log.contains(PRIVATE), "a body is in the log:\n{log}");
    assert!(!log.contains("An answer."), "a body is in the log:\n{log}");

    // The provider wants another password: the refusal is on record, our word for it is not.
    dovecot.write_users([(USER, "another")]);
    gateway.run(&["mailbox", "offline", USER]).good();
    gateway.run(&["mailbox", "online", USER]).good();
    let attempts = until("the refusal is on record", || {
        let rows = gateway
            .run(&["mailbox", "log", USER, "--attempts"])
            .good()
            .out;
        rows.contains("refused the login").then_some(rows)
    });
    assert!(
        attempts.contains("receiving  ok") && attempts.contains("sending    ok"),
        "{attempts}"
    );

    let list = gateway.api().get("/mailboxes");
    let id = text(&list["items"][0], "id").to_owned();
    for at in ["", "/log", "/log.txt", "/attempts"] {
        let path = format!("/mailboxes/{id}{at}");
        let answer = gateway.api().ask("GET", &path, &[], "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        check(&path, &answer.body);
    }
    let text = gateway
        .api()
        .ask("GET", &format!("/mailboxes/{id}/log.txt"), &[], "");
    assert!(String::from_utf8_lossy(&text.body).contains("LOGIN"));
    let off = gateway.api().ask(
        "PUT",
        &format!("/mailboxes/{id}/log"),
        &[],
        "{\"on\": false}",
    );
    assert_eq!(off.json()["on"], false);

    check("the command line", log.as_bytes());
    check("the list of attempts", attempts.as_bytes());
    gateway.stop();
    check("the gateway's own log", gateway.log().as_bytes());
    for file in files_below(gateway.data()) {
        check(&file.display().to_string(), &fs::read(&file).unwrap());
    }
    // What was tried outlives the process; what was said does not.
    let attempts = gateway.run(&["mailbox", "log", USER, "--attempts"]).good();
    assert!(attempts.out.contains("refused the login"), "{attempts:?}");
}
