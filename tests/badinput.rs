//! badinput: what people get wrong is said in a sentence, and nothing is half-done.

use std::fs;

use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::{Fault, Sink, Stage};
use crate::peers::tls::Authority;
use crate::peers::until;

/// The mailbox is refused in a sentence with these words and its address; nothing is saved.
fn check(gateway: &Gateway, mailbox: &Mailbox, words: &[&str]) {
    let ended = gateway.add(mailbox);
    ended.refused(&[USER]);
    ended.refused(words);
    println!("{}", ended.err.trim_end());
    let list = gateway.run(&["mailbox", "list"]).good();
    assert!(list.out.contains("No mailbox is connected"), "{}", list.out);
}

#[test]
fn a_mailbox_that_does_not_work_is_not_saved() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    let right = Mailbox::of(&dovecot, &sink);
    let with = |change: fn(&mut Mailbox, &Dovecot)| {
        let mut mailbox = right.clone();
        change(&mut mailbox, &dovecot);
        mailbox
    };
    let cases: [(Mailbox, &[&str]); 6] = [
        (
            with(|m, _| m.password = "wrong".into()),
            &["localhost", "login"],
        ),
        (with(|m, _| m.host = "mail.invalid"), &["mail.invalid"]),
        (with(|m, d| m.imap = d.ports.imap), &["TLS"]),
        // Both sides wait for the other to begin, until the greeting is overdue.
        (with(|m, _| m.imap_security = "starttls"), &["TLS"]),
        (
            with(|m, d| {
                m.imap = d.ports.pop3;
                m.imap_security = "none";
            }),
            &["POP3"],
        ),
        (
            with(|m, _| m.more = vec!["--folder".into(), "Nowhere".into()]),
            &["Nowhere"],
        ),
    ];
    for (mailbox, words) in &cases {
        check(&gateway, mailbox, words);
    }
    // None of these left anything behind that stands in the way of doing it right.
    gateway.add(&right).good();
}

#[test]
fn a_user_name_that_nobody_typed_is_tried_in_its_other_form_once() {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let (local, _) = USER.split_once('@').unwrap();
    dovecot.write_users([(local, PASSWORD)]);
    let gateway = Gateway::start(&[dovecot.authority_pem()]);
    let right = Mailbox::of(&dovecot, &sink);
    let refused = |user: &str| {
        let (log, user) = (dovecot.log(), format!("user=<{user}>"));
        let refused = log.lines().filter(|line| line.contains("auth failed"));
        refused.filter(|line| line.contains(&user)).count()
    };
    let wrong = Mailbox {
        password: "wrong".into(),
        ..right.clone()
    };
    // The address is unknown there, the part before its @ is known and refused.
    gateway.add(&wrong).refused(&["refused the login"]);
    until("both names are in the log", || {
        ((refused(USER), refused(local)) == (1, 1)).then_some(())
    });
    let typed = Mailbox {
        more: vec!["--user".into(), USER.into()],
        ..right.clone()
    };
    gateway.add(&typed).refused(&["refused the login"]);
    until("the typed name is in the log", || {
        ((refused(USER), refused(local)) == (2, 1)).then_some(())
    });
    let added = gateway.add(&right).good();
    let words = format!("signed in at localhost as {local}");
    assert!(added.out.contains(&words), "{added:?}");
    // What let us in is what is kept.
    dovecot.deliver(local, &mail_of("a"));
    until("the mail is here", || {
        (gateway.api().message_ids() == ["<a@example.net>"]).then_some(())
    });
}

fn mail_of(id: &str) -> Vec<u8> {
    format!(
        "From: <{id}@example.net>\r\nTo: {USER}\r\nSubject: {id}\r\n\
         Message-ID: <{id}@example.net>\r\n\r\nHello.\r\n"
    )
    .into_bytes()
}

#[test]
fn a_certificate_that_proves_nothing_is_refused_in_words() {
    type Pick = fn(&Authority) -> crate::peers::tls::Certificate;
    let (mut dovecot, sink) = (Dovecot::start(), Sink::start());
    let mailbox = Mailbox::of(&dovecot, &sink);
    let stranger = Gateway::prepare(&[]);
    check(
        &stranger,
        &mailbox,
        &[
            "localhost",
            "certificate",
            "Authority of the tests",
            "ca_files",
        ],
    );

    let gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    let cases: [(Pick, &[&str]); 2] = [
        (
            Authority::issue_expired,
            &["localhost", "certificate", "2020"],
        ),
        (
            |authority| authority.issue_for("mail.example.org"),
            &["localhost", "mail.example.org"],
        ),
    ];
    for (pick, words) in cases {
        dovecot.use_certificate(pick);
        dovecot.stop();
        dovecot.resume();
        check(&gateway, &mailbox, words);
    }
}

#[test]
fn an_outgoing_server_that_refuses_is_not_saved() {
    let dovecot = Dovecot::start();
    let gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    let no = "535 5.7.8 not with this password";
    // A user name that nobody typed is tried in its other form as well.
    let plan = vec![(Stage::Auth, Fault::Reply(no))];
    let sink = Sink::start_with(None, [plan.clone(), plan]);
    let right = Mailbox::of(&dovecot, &sink);
    check(&gateway, &right, &["not with this password"]);
    let imap = Mailbox {
        smtp: dovecot.ports.imap,
        ..right.clone()
    };
    check(&gateway, &imap, &["is not SMTP"]);
    let tls = Mailbox {
        smtp_security: "tls",
        ..right
    };
    check(&gateway, &tls, &["TLS"]);
}

#[test]
fn a_configuration_with_a_mistake_is_refused_with_its_place() {
    let gateway = Gateway::prepare(&[]);
    let right = fs::read_to_string(gateway.config()).unwrap();
    let place = |line: usize, column: usize| format!("postern.toml:{line}:{column}");
    let line = right.lines().count() + 1;
    for (mistake, place, word) in [
        ("colour = \"blue\"", place(line, 1), "colour"),
        ("format = 7", place(line, 10), "format"),
        ("format = ", place(line, 10), "format"),
    ] {
        fs::write(gateway.config(), format!("{right}{mistake}\n")).unwrap();
        for command in [&["config", "check"][..], &["serve"], &["mailbox", "list"]] {
            let ended = gateway.run(command);
            println!("{}", ended.err.trim_end());
            ended.refused(&[&place]);
            assert!(
                ended.err.contains(word) || mistake.ends_with("= "),
                "{ended:?}"
            );
        }
    }
    assert!(!gateway.data().exists(), "nothing was begun");
    fs::write(gateway.config(), right).unwrap();
    gateway.run(&["config", "check"]).good();
}

#[test]
fn a_broken_script_is_shown_with_its_place() {
    let gateway = Gateway::prepare(&[]);
    gateway.run(&["script", "check"]).good();
    for (script, place) in [
        (
            "fn route(mail, ctx) {\n    team(\"x\".tag(\"y\")\n}\n",
            "routing.rhai:3:",
        ),
        (
            "fn route(mail, ctx) {\n    inbox().tagg(\"y\")\n}\n",
            "routing.rhai:2:13",
        ),
        ("fn rout(mail, ctx) { inbox() }\n", "routing.rhai"),
    ] {
        gateway.write_script("routing.rhai", script);
        let ended = gateway.run(&["script", "check"]);
        println!("{}", ended.err.trim_end());
        ended.refused(&[place]);
    }
}

#[test]
fn a_second_gateway_on_the_folder_is_refused_and_the_first_goes_on() {
    let mut gateway = Gateway::start(&[]);
    let second = gateway.run(&["serve"]);
    println!("{}", second.err.trim_end());
    second.refused(&[&gateway.data().display().to_string()]);
    assert!(gateway.is_running());
    gateway.run(&["mailbox", "list"]).good();
    assert!(gateway.stop().success(), "{}", gateway.log());
}

#[test]
fn wrong_usage_is_told_apart_from_failing() {
    let gateway = Gateway::prepare(&[]);
    gateway.run(&["--help"]).good();
    for wrong in [&["sirve"][..], &["mailbox"], &["mailbox", "add"]] {
        let ended = gateway.run(wrong);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("Usage"), "{ended:?}");
    }
    // Something is missing, but it was understood.
    gateway
        .run(&["mailbox", "add", USER])
        .refused(&[USER, "password"]);
    gateway.run(&["mailbox", "remove", USER]).refused(&[USER]);
    let nobody = ["user", "login-link", "nobody@example.com"];
    gateway.run(&nobody).refused(&["nobody@example.com"]);
}
