//! What a script says of the state of a mailbox reaches people as any other notice.

use super::*;

const STATES: &str = "fn on_mailbox_state(ctx) {
  let mailbox = ctx.mailbox;
  if mailbox.state == \"reauthentication_needed\" {
    alert(`${mailbox.address} is out (${mailbox.reason}).` + \"\\nCall the front office.\");
  }
  if mailbox.state == \"active\" { alert(`back from ${mailbox.state_before}`); }
}
";

/// The mails that a script had sent, decoded.
fn of_script(told: &[Received]) -> Vec<String> {
    let texts = told.iter().map(|one| read(one).1.replace("\r\n", "\n"));
    texts.filter(|text| text.contains("states.rhai")).collect()
}

#[test]
fn what_a_script_says_of_a_change_of_state_is_told_once_beside_the_notice() {
    let mut desk = Desk::open(true, PUBLIC);
    desk.gateway.stop();
    desk.gateway.write_script("states.rhai", STATES);
    desk.gateway.launch();
    desk.connect(&[]);
    desk.change_password("another");
    let told = desk.notices.wait_for(2);
    let people = |mail: &Received| mail.to.iter().cloned().collect::<HashSet<_>>();
    assert_eq!(people(&told[0]), people(&told[1]));
    let said = of_script(&told);
    let [text] = said.as_slice() else {
        panic!("{said:?}");
    };
    for words in [
        &format!("“{USER} is out ("),
        ").\nCall the front office.”",
        "in its own words",
        "脚本原话如下",
        "The state of the mailbox is reauthentication_needed",
    ] {
        assert!(text.contains(words), "no {words} in {text}");
    }
    assert!(!text.contains("/reauthenticate/"), "a link: {text}");
    // The same state again, and a restart, are no change.
    desk.gateway.look(USER);
    desk.until_state("reauthentication_needed");
    desk.told_no_more(2);
    let listed = desk.gateway.run(&["mailbox", "notices"]).good().out;
    assert!(listed.contains("states.rhai says “"), "{listed}");
    desk.gateway
        .give_password("reauthenticate", USER, "another")
        .good();
    let said = of_script(&desk.notices.wait_for(4));
    assert!(
        said[1].contains("“back from reauthentication_needed”"),
        "{said:?}"
    );
    desk.told_no_more(4);
}

#[test]
fn a_script_that_fails_or_says_too_much_leaves_the_notice_as_it_is() {
    let hook = Hook::start([]);
    let dovecot = Dovecot::start();
    let (road, sink) = (Proxy::to(dovecot.ports.imaps), Sink::start());
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem(), hook.authority_pem()]);
    gateway.configure(
        "",
        &format!(
            "[alerts]\nstate_rest_seconds = 0\nwebhook_url = \"https://localhost:{}/hook\"\n\
             [network]\nlookups_may_reach = [\"127.0.0.0/8\", \"::1/128\"]\n",
            hook.port
        ),
    );
    let script = "fn on_mailbox_state(ctx) {\n  \
                  if ctx.mailbox.state == \"reauthentication_needed\" {\n    \
                  for n in 0..8 { alert(`number ${n}`); }\n    throw \"no idea\";\n  }\n}\n";
    gateway.write_script("states.rhai", script);
    gateway.launch();
    let mailbox = Mailbox {
        imap: road.port,
        ..Mailbox::of(&dovecot, &sink)
    };
    gateway.add(&mailbox).good();
    until("it is active", || {
        let mailbox = gateway.api().get(&format!("/mailboxes/{USER}"));
        (mailbox["receiving"]["state"] == "active").then_some(())
    });
    dovecot.write_users([(USER, "another")]);
    road.cut();
    let told = until("seven things are told", || {
        let kept = hook.kept();
        (kept.len() >= 7).then_some(kept)
    });
    assert_eq!(told[0]["type"], "mailbox.reauthentication_needed");
    for (n, said) in told[1..].iter().enumerate() {
        assert_eq!(said["type"], "mailbox.script");
        assert_eq!(said["state"], "reauthentication_needed");
        assert_eq!(said["words"], format!("number {n}"));
        let text = said["text"].as_str().unwrap();
        assert_eq!(text, format!("{USER}: states.rhai says “number {n}”"));
    }
    let log = gateway.log();
    assert!(log.contains("states.rhai:4:5: "), "{log}");
    assert_eq!(log.matches("the rest is left out").count(), 1, "{log}");
    gateway.stop();
    gateway.launch();
    gateway.stop();
    assert_eq!(hook.kept().len(), 7);
}

#[test]
fn a_script_that_goes_on_failing_is_told_of_once_and_by_the_mailbox_itself_where_nothing_else_sends()
 {
    // No way out but the mailbox: it works, so it may bring this.
    let mut desk = Desk::open(false, PUBLIC);
    desk.gateway.stop();
    let failing =
        "fn route(mail, ctx) {\n    throw `see https://evil.example: ${mail.subject}`;\n}\n";
    desk.gateway.write_script("routing.rhai", failing);
    desk.gateway.launch();
    desk.connect(&["--rescue-address", "boss@private.example"]);
    let mail = |number: usize| {
        format!(
            "From: c{number}@example.net\r\nTo: {USER}\r\nSubject: number {number}\r\n\
             Message-ID: <{number}@example.net>\r\n\r\nHello.\r\n"
        )
    };
    for number in 1..=4 {
        desk.dovecot.deliver(USER, mail(number).as_bytes());
    }
    let failing = |count: u64| {
        let failing = desk.gateway.api().get("/scripts")["failing"].clone();
        (failing[0]["count"] == count).then_some(())
    };
    until("four are decided on", || {
        (desk.gateway.log().matches("took the default route").count() == 4).then_some(())
    });
    assert!(desk.sink.kept().is_empty());
    desk.dovecot.deliver(USER, mail(5).as_bytes());
    let told = desk.sink.wait_for(1);
    for number in 6..=7 {
        desk.dovecot.deliver(USER, mail(number).as_bytes());
    }
    until("seven have failed", || failing(7));
    let (_, text) = read(&told[0]);
    for words in [
        "has failed 5 times since",
        "“routing.rhai:2:5: see https[:]//evil[.]example: number 5”",
        "已出错 5 次",
        "/scripts",
    ] {
        assert!(text.contains(words), "no {words} in {text}");
    }
    let people: HashSet<_> = told[0].to.iter().map(String::as_str).collect();
    assert!(
        people.contains(BOSS) && people.contains(ON_CALL),
        "{people:?}"
    );
    assert!(!people.contains("boss@private.example"), "{people:?}");
    let listed = desk.gateway.run(&["mailbox", "list"]).good().err;
    assert!(
        listed.contains("`route` of the scripts has failed 7 times"),
        "{listed}"
    );
    desk.gateway.stop();
    assert_eq!(desk.sink.kept().len(), 1);
}
