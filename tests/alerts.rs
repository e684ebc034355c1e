//! alerts: a code that ends is foreseen, and people hear of a sick mailbox by another way.

mod asked;
mod links;

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::peers::browser::Browser;
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::hook::Hook;
use crate::peers::proxy::Proxy;
use crate::peers::smtp::{Fault, Received, Sink, Stage};
use crate::peers::until;

/// The address of the desk as people know it.
const PUBLIC: &str = "https://desk.example.com";
const OTHER: &str = "sales@example.com";
const BOSS: &str = "boss@example.org";
const MANAGER: &str = "manager@example.org";
const ON_CALL: &str = "oncall@example.net";

/// A gateway whose mailbox comes in over a road that can be cut, and who is told.
struct Desk {
    dovecot: Dovecot,
    /// Takes what the mailbox sends.
    sink: Sink,
    /// Takes what the gateway sends itself.
    notices: Sink,
    road: Proxy,
    gateway: Gateway,
}

impl Desk {
    fn open(system_smtp: bool, public_url: &str) -> Self {
        Self::with(system_smtp.then(Sink::start), public_url)
    }

    /// With the gateway's own way out, when there is one.
    fn with(system_smtp: Option<Sink>, public_url: &str) -> Self {
        let dovecot = Dovecot::start_with(&[USER, OTHER], None);
        let road = Proxy::to(dovecot.ports.imaps);
        let sink = Sink::start();
        let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
        let mut sections = format!(
            "[alerts]\nerror_after_minutes = 0\nstate_rest_seconds = 0\nalso_to = [\"{ON_CALL}\"]\n"
        );
        if let Some(notices) = &system_smtp {
            sections += &format!(
                "[system_smtp]\nhost = \"localhost\"\nport = {}\nsecurity = \"none\"\n\
                 from = \"postern@example.org\"\n",
                notices.port
            );
        }
        gateway.configure(public_url, &sections);
        gateway.write_plugin("codes", &plugin());
        gateway.launch();
        for (address, role) in [(BOSS, "administrator"), (MANAGER, "manager")] {
            let add = ["user", "add", address, "--name", "B", "--role", role];
            gateway.run(&add).good();
        }
        Self {
            dovecot,
            sink,
            notices: system_smtp.unwrap_or_else(Sink::start),
            road,
            gateway,
        }
    }

    /// Connects the mailbox, with these further options.
    fn connect(&self, more: &[&str]) {
        let mailbox = Mailbox {
            imap: self.road.port,
            more: more.iter().map(|one| (*one).to_owned()).collect(),
            ..Mailbox::of(&self.dovecot, &self.sink)
        };
        self.gateway.add(&mailbox).good();
        self.until_state("active");
    }

    fn connect_other(&self) {
        let other = Mailbox {
            address: OTHER.to_owned(),
            ..Mailbox::of(&self.dovecot, &self.sink)
        };
        self.gateway.add(&other).good();
    }

    fn until_state(&self, wanted: &str) {
        until(&format!("it is {wanted}"), || {
            let mailbox = self.gateway.api().get(&format!("/mailboxes/{USER}"));
            (mailbox["receiving"]["state"] == wanted).then_some(())
        });
    }

    /// The provider has another password, and the connection ends.
    fn change_password(&self, password: &str) {
        self.dovecot
            .write_users([(USER, password), (OTHER, PASSWORD)]);
        self.road.cut();
    }

    /// Nothing more is told: the gateway has stopped in peace and come back, has looked at
    /// every mailbox, and has sent exactly these.
    fn told_no_more(&mut self, count: usize) {
        self.gateway.stop();
        assert_eq!(self.notices.kept().len(), count);
        self.gateway.launch();
        // What is found out after the start is sent before the stop.
        let path = format!("/mailboxes/{USER}");
        until("it has looked again", || {
            let state = self.gateway.api().get(&path)["receiving"]["state"].clone();
            (state != "connecting").then_some(())
        });
        self.gateway.stop();
        assert_eq!(self.notices.kept().len(), count);
        self.gateway.launch();
    }
}

/// Codes of this provider end.
fn plugin() -> String {
    "format = 1\nid = \"codes\"\nname = { en = \"Codes\", zh = \"授权码邮箱\" }\n\
     settings_url = \"https://codes.example/settings\"\nverified = true\nsource = [\"a test\"]\n\
     [imap]\nhost = \"localhost\"\nport = 993\nsecurity = \"tls\"\nuser_name = \"address\"\n\
     [smtp]\nhost = \"localhost\"\nport = 465\nsecurity = \"tls\"\nuser_name = \"address\"\n\
     [sign_in]\nmethods = [\"authorization_code\"]\ncode_valid_days = 180\n"
        .to_owned()
}

/// The header fields of a mail and its text, decoded (RFC 2045 section 6).
pub fn read(mail: &Received) -> (String, String) {
    let mail = std::str::from_utf8(&mail.mail).unwrap();
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n\t", " ").replace("\r\n ", " ");
    let bytes = if head.contains("base64") {
        let joined: String = body.split_whitespace().collect();
        STANDARD.decode(joined).unwrap()
    } else if head.contains("quoted-printable") {
        quoted_printable(body)
    } else {
        body.as_bytes().to_vec()
    };
    (head, String::from_utf8(bytes).unwrap())
}

fn quoted_printable(body: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let joined = body.replace("=\r\n", "");
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'=' {
            let hex = std::str::from_utf8(&after[..2]).unwrap();
            out.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &after[2..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

fn message_id(head: &str) -> String {
    let line = head.lines().find(|line| line.starts_with("Message-ID:"));
    line.unwrap().to_owned()
}

fn days_ago(days: i64) -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let day = today.date().saturating_sub(jiff::Span::new().days(days));
    day.to_string()
}

#[test]
fn a_refused_login_is_told_once_and_that_it_works_again_once() {
    let mut desk = Desk::open(true, "");
    desk.connect(&[]);
    desk.change_password("another");
    let told = desk.notices.wait_for(1);
    let (head, text) = read(&told[0]);
    let people: HashSet<&str> = told[0].to.iter().map(String::as_str).collect();
    assert_eq!(people, HashSet::from([BOSS, MANAGER, ON_CALL]));
    assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
    for words in [
        USER,
        "refuses the login",
        "postern mailbox reauthenticate",
        "重新授权",
    ] {
        assert!(
            text.contains(words) || head.contains(words),
            "no {words} in {text}"
        );
    }
    assert!(
        !text.contains("http://"),
        "a link that leads nowhere: {text}"
    );
    assert!(!text.contains(PASSWORD) && !head.contains(PASSWORD));
    desk.told_no_more(1);
    let listed = desk.gateway.run(&["mailbox", "notices"]).good().out;
    assert!(listed.contains("needs a new login: sent at"), "{listed}");
    desk.gateway
        .give_password("reauthenticate", USER, "another")
        .good();
    let told = desk.notices.wait_for(2);
    assert!(read(&told[1]).1.contains("works again"));
    desk.told_no_more(2);
    assert!(desk.sink.kept().is_empty());
}

#[test]
fn a_code_that_ends_is_told_at_fourteen_seven_and_one_day_and_not_again() {
    let mut desk = Desk::open(true, "");
    desk.connect(&["--preset", "codes"]);
    let mailbox = desk.gateway.api().get(&format!("/mailboxes/{USER}"));
    // Nobody said when it was made: today.
    assert_eq!(mailbox["code_created_on"], days_ago(0));
    assert_eq!(mailbox["days_left"], 180);
    let mut told = 0;
    for (made, left, stage) in [
        (165, 15, false),
        (167, 13, true),
        (173, 7, true),
        (179, 1, true),
    ] {
        let day = days_ago(made);
        let edit = ["mailbox", "edit", USER, "--code-created-on", &day];
        desk.gateway.run(&edit).good();
        if stage {
            told += 1;
            let notices = desk.notices.wait_for(told);
            let (_, text) = read(&notices[told - 1]);
            assert!(text.contains(&format!("{left} days from now")), "{text}");
            assert!(text.contains(&format!("{left} 天")), "{text}");
            assert!(text.contains("https://codes.example/settings"), "{text}");
        }
        let mailbox = desk.gateway.api().get(&format!("/mailboxes/{USER}"));
        assert_eq!(mailbox["days_left"], left);
        desk.told_no_more(told);
    }
    let shown = desk.gateway.run(&["mailbox", "show", USER]).good().out;
    assert!(shown.contains("(1 days left)"), "{shown}");
    let page = Browser::sign_in(&desk.gateway).get("/mailboxes");
    assert!(page.body.contains("Login ends on"), "{page:?}");
    // A new code starts anew, by itself.
    desk.gateway
        .run(&["mailbox", "edit", USER, "--code-created-on", &days_ago(400)])
        .good();
    let ids: HashSet<String> = desk
        .notices
        .wait_for(4)
        .iter()
        .map(|one| message_id(&read(one).0))
        .collect();
    assert_eq!(ids.len(), 4);
    desk.change_password("new code");
    desk.notices.wait_for(5);
    desk.gateway
        .give_password("reauthenticate", USER, "new code")
        .good();
    let mailbox = desk.gateway.api().get(&format!("/mailboxes/{USER}"));
    assert_eq!(mailbox["days_left"], 180);
}

#[test]
fn trouble_on_the_way_is_an_error_that_lasts_and_asks_for_nothing() {
    let mut desk = Desk::open(true, "");
    desk.connect(&[]);
    desk.gateway
        .run(&["mailbox", "edit", USER, "--attempts-max", "2"])
        .good();
    desk.road.refuse();
    desk.until_state("error");
    let told = desk.notices.wait_for(1);
    let (head, text) = read(&told[0]);
    assert!(
        text.contains("nobody has to enter anything"),
        "{head}\n{text}"
    );
    for _ in 0..3 {
        desk.gateway.look(USER);
        desk.until_state("error");
    }
    desk.told_no_more(1);
    desk.road.restore();
    desk.gateway.look(USER);
    let told = desk.notices.wait_for(2);
    assert!(read(&told[1]).1.contains("works again"));
    desk.told_no_more(2);
}

#[test]
fn a_notice_leaves_by_another_mailbox_and_waits_for_one_when_there_is_none() {
    let mut desk = Desk::open(false, "");
    let browser = Browser::sign_in(&desk.gateway);
    let form = browser.get(&format!("/mailboxes/connect/form?address={USER}"));
    assert!(form.body.contains("no other way out"), "{form:?}");
    desk.connect(&[]);
    let listed = desk.gateway.run(&["mailbox", "list"]).good();
    assert!(listed.err.contains("no other way out"), "{listed:?}");
    let page = browser.get("/mailboxes");
    assert!(page.body.contains("no other way out"), "{page:?}");
    let form = browser.get(&format!("/mailboxes/connect/form?address={OTHER}"));
    assert!(!form.body.contains("no other way out"), "{form:?}");
    desk.change_password("another");
    desk.until_state("reauthentication_needed");
    until("it is seen that nobody could be told", || {
        let page = browser.get("/mailboxes");
        page.body.contains("could not be sent yet").then_some(())
    });
    desk.gateway.kill();
    desk.gateway.launch();
    assert!(desk.sink.kept().is_empty());
    desk.connect_other();
    let told = desk.sink.wait_for(1);
    assert_eq!(told[0].from, OTHER);
    assert!(read(&told[0]).1.contains(USER));
    let page = Browser::sign_in(&desk.gateway).get("/mailboxes");
    assert!(!page.body.contains("could not be sent yet"), "{page:?}");
    assert_eq!(desk.sink.kept().len(), 1);
}

#[test]
fn a_notice_that_may_have_arrived_is_told_again_with_the_same_id() {
    // The first server has the mail and says nothing; the gateway dies before it tries again.
    let plan = vec![(Stage::EndOfData, Fault::Cut)];
    let notices = Sink::start_with(None, [plan]);
    let mut desk = Desk::with(Some(notices), PUBLIC);
    desk.connect(&[]);
    desk.change_password("another");
    let first = desk.notices.wait_for(1).remove(0);
    desk.gateway.kill();
    desk.gateway.launch();
    let told = desk.notices.wait_for(2);
    let (one, other) = (read(&first), read(&told[1]));
    assert_eq!(message_id(&one.0), message_id(&other.0));
    // Whichever the reader opens is good.
    let (one, other) = (links::link_in(&one.1), links::link_in(&other.1));
    assert_ne!(one, other);
    let phone = Browser::stranger(&desk.gateway);
    for link in [&one, &other] {
        assert_eq!(phone.get(link).status, 200);
    }
    desk.told_no_more(2);
}

#[test]
fn a_refusal_that_can_mean_more_than_one_thing_asks_for_nothing() {
    let failure = "[[failure]]\nprotocol = \"imap\"\ntext = \"Authentication failed\"\n\
                  class = \"bad_credentials\"\nmay_be = [\"temporary\"]\n";
    let mut desk = Desk::open(true, PUBLIC);
    desk.gateway.stop();
    desk.gateway.write_plugin("codes", &(plugin() + failure));
    desk.gateway.launch();
    desk.connect(&["--preset", "codes"]);
    desk.change_password("another");
    desk.until_state("interrupted");
    let refused = || {
        let mailbox = desk.gateway.api().get(&format!("/mailboxes/{USER}"));
        let reason = mailbox["receiving"]["reason"].as_str().unwrap_or_default();
        reason.contains("Authentication failed").then_some(())
    };
    until("it is refused", refused);
    // A person looks again and again: still no proof within a quarter of an hour.
    for _ in 0..4 {
        desk.gateway.look(USER);
        until("it is refused again", refused);
    }
    assert_ne!(
        desk.gateway.api().get(&format!("/mailboxes/{USER}"))["receiving"]["state"],
        "reauthentication_needed"
    );
    desk.gateway.stop();
    assert!(desk.notices.kept().is_empty());
}

#[test]
fn a_webhook_is_told_once_each_and_tried_again_and_is_a_way_out_of_its_own() {
    let hook = Hook::start([500]);
    let dovecot = Dovecot::start();
    let (road, sink) = (Proxy::to(dovecot.ports.imaps), Sink::start());
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem(), hook.authority_pem()]);
    let sections = |reach: &str| {
        format!(
            "[alerts]\nerror_after_minutes = 0\n\
             webhook_url = \"https://localhost:{}/hooks/s3cret\"\n\
             [network]\nlookups_may_reach = [{reach}]\n",
            hook.port
        )
    };
    gateway.configure("", &sections("\"127.0.0.0/8\", \"::1/128\""));
    gateway.launch();
    let mailbox = Mailbox {
        imap: road.port,
        ..Mailbox::of(&dovecot, &sink)
    };
    gateway.add(&mailbox).good();
    let listed = gateway.run(&["mailbox", "list"]).good();
    assert!(!listed.err.contains("no other way out"), "{listed:?}");
    let shown = gateway.run(&["config", "check"]).good();
    assert!(!shown.out.contains("s3cret"), "{shown:?}");
    dovecot.write_users([(USER, "another")]);
    road.cut();
    let told = until("it is told again after a failure", || {
        let kept = hook.kept();
        (kept.len() >= 2).then_some(kept)
    });
    assert_eq!(told[0], told[1]);
    assert_eq!(told[1]["type"], "mailbox.reauthentication_needed");
    assert_eq!(told[1]["address"], USER);
    gateway
        .give_password("reauthenticate", USER, "another")
        .good();
    let told = until("that it works again is told", || {
        let kept = hook.kept();
        (kept.len() >= 3).then_some(kept)
    });
    assert_eq!(told[2]["type"], "mailbox.recovered");
    gateway.stop();
    gateway.launch();
    gateway.stop();
    assert_eq!(hook.kept().len(), 3);
    assert!(!gateway.log().contains("s3cret"));
    // What may not be reached is not reached.
    gateway.configure("", &sections(""));
    gateway.launch();
    dovecot.write_users([(USER, "third")]);
    road.cut();
    let refused = until("it is seen that the webhook may not be reached", || {
        let listed = gateway.run(&["mailbox", "list"]).good();
        listed
            .err
            .contains("could not be sent yet")
            .then_some(listed)
    });
    assert!(refused.err.contains("webhook"), "{refused:?}");
    assert_eq!(hook.kept().len(), 3);
}
