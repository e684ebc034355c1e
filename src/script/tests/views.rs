//! What scripts read of a mail's way, of a conversation's times, of a contact and of a
//! mailbox, in a run and in the tables of tests.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::*;
use crate::domain::authentication::Verdict;
use crate::domain::decision::Outcome;
use crate::domain::message::Direction;

/// A mail of which only its way is of interest.
#[derive(Default)]
struct Way {
    headers: Vec<(&'static str, &'static str)>,
    recipient: Option<Address>,
    junk: bool,
    dmarc: Option<Verdict>,
}

impl MailContent for Way {
    fn text(&self) -> String {
        String::new()
    }

    fn whole_text(&self) -> String {
        String::new()
    }

    fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| (*value).to_owned())
    }

    fn topmost(&self, names: &[&str]) -> Option<String> {
        let is_one = |own: &str| names.iter().any(|name| own.eq_ignore_ascii_case(name));
        let found = self.headers.iter().find(|(own, _)| is_one(own));
        found.map(|(_, value)| (*value).to_owned())
    }

    fn handed_over_for(&self) -> Option<Address> {
        self.recipient.clone()
    }

    fn was_junk(&self) -> bool {
        self.junk
    }

    fn dmarc(&self) -> Option<Verdict> {
        self.dmarc
    }
}

/// What an expression comes to, as a text.
fn read(expression: &str, mail: MailView, context: ContextView) -> String {
    let source = format!("fn route(mail, ctx) {{ inbox().note(`=${{{expression}}}`) }}");
    let snapshot = load(&[("routing.rhai", &source)]).expect("right scripts");
    let routed = snapshot.route(mail, context, || false);
    assert_eq!(routed.outcome, Outcome::Decided, "{expression}");
    routed.routing.note.unwrap_or_default()[1..].to_owned()
}

fn of_way(expression: &str, way: Way) -> String {
    let mut view = mail(Arc::default());
    // The header of a mail that came through a server's hands.
    if !way.headers.is_empty() {
        Arc::make_mut(&mut view.head).delivered_to = vec![named(None, "list@example.com")];
    }
    view.content = Arc::new(way);
    read(expression, view, context())
}

#[test]
fn the_recipient_of_the_envelope_is_known_of_forwarded_mail_and_said_of_other() {
    let recipient = |way| of_way("mail.envelope_recipient", way);
    let address = Address::parse("Box-7@in.example.com").expect("an address");
    let both = Way {
        headers: vec![("Delivered-To", "other@example.com")],
        recipient: Some(address),
        ..Way::default()
    };
    assert_eq!(recipient(both), "box-7@in.example.com");
    let said = |name, value| Way {
        headers: vec![(name, value)],
        ..Way::default()
    };
    let delivered = said("Delivered-To", "<Shop@Example.com>");
    assert_eq!(recipient(delivered), "shop@example.com");
    let original = said("x-original-to", "sales@example.com");
    assert_eq!(recipient(original), "sales@example.com");
    let below = Way {
        headers: vec![
            ("Envelope-To", "shop@example.com"),
            ("Delivered-To", "stranger@example.net"),
        ],
        ..Way::default()
    };
    assert_eq!(recipient(below), "shop@example.com");
    assert_eq!(recipient(said("Resent-To", "a@example.com")), "");
    assert_eq!(recipient(Way::default()), "");
    let sender = said("Sender", "\"The desk\" <Desk@example.net>");
    assert_eq!(of_way("mail.sender", sender), "desk@example.net");
    assert_eq!(of_way("mail.sender", Way::default()), "");
}

#[test]
fn what_is_not_known_of_a_mail_is_not_claimed() {
    let dmarc = |verdict| {
        let way = Way {
            dmarc: verdict,
            ..Way::default()
        };
        of_way("mail.dmarc", way)
    };
    for (verdict, word) in [
        (Some(Verdict::Pass), "pass"),
        (Some(Verdict::Fail), "fail"),
        (Some(Verdict::None), "none"),
        (Some(Verdict::TemporaryError), ""),
        (Some(Verdict::PermanentError), ""),
        (None, ""),
    ] {
        assert_eq!(dmarc(verdict), word);
    }
    let spam = |junk, headers| {
        let way = Way {
            junk,
            headers,
            ..Way::default()
        };
        of_way("mail.spam", way)
    };
    assert_eq!(spam(false, vec![]), "false");
    assert_eq!(spam(true, vec![]), "true");
    assert_eq!(spam(false, vec![("X-Spam-Flag", "YES")]), "true");
    assert_eq!(spam(false, vec![("X-Spam-Status", "Yes, score=9")]), "true");
    assert_eq!(spam(false, vec![("X-Spam-Status", "No, score=1")]), "false");
}

#[test]
fn times_and_people_of_a_conversation_can_be_read_and_are_nothing_where_there_are_none() {
    let mut context = context();
    let asked = Arc::new(AtomicUsize::new(0));
    if let Some(one) = &mut context.conversation {
        one.first_at = Some(at("2026-03-05T12:00:00Z"));
        one.last_at = Some(at("2026-03-06T12:30:00Z"));
        one.last_direction = Some(Direction::Outbound);
        let count = Arc::clone(&asked);
        one.waiting_since = Later::Look(Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Some(at("2026-03-06T01:00:00Z"))
        }));
    }
    if let Some(contact) = &mut context.contact {
        contact.addresses = vec!["a@example.cn".to_owned(), "b@example.cn".to_owned()];
        contact.first_seen = Some(at("2025-01-01T00:00:00Z"));
    }
    let check = |expression: &str, expected: &str| {
        let came = read(expression, mail(Arc::default()), context.clone());
        assert_eq!(came, expected, "{expression}");
    };
    check("ctx.conversation.first_at", "2026-03-05 20:00");
    check("ctx.conversation.last_at.day", "6");
    check("ctx.conversation.last_direction", "out");
    check("ctx.contact.addresses.len()", "2");
    check("\"b@example.cn\" in ctx.contact.addresses", "true");
    check("ctx.contact.first_seen.year", "2025");
    assert_eq!(
        asked.load(Ordering::Relaxed),
        0,
        "nobody has asked who waits"
    );
    check("ctx.conversation.waiting_since.hour", "9");
    check("ctx.conversation.waiting_since != ()", "true");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let mut empty = context.clone();
    (empty.conversation, empty.contact) = (None, None);
    for name in [
        "ctx.conversation.first_at",
        "ctx.conversation.last_at",
        "ctx.conversation.waiting_since",
        "ctx.contact.first_seen",
    ] {
        let came = read(
            &format!("{name} == ()"),
            mail(Arc::default()),
            empty.clone(),
        );
        assert_eq!(came, "true", "{name}");
    }
    let came = read(
        "ctx.conversation.last_direction",
        mail(Arc::default()),
        empty,
    );
    assert_eq!(came, "");
}

#[test]
fn what_an_administrator_attaches_to_a_mailbox_is_read_by_name() {
    let mut context = context();
    context.mailbox.settings =
        Arc::new(BTreeMap::from([("vip_team".to_owned(), "gold".to_owned())]));
    "shop".clone_into(&mut context.mailbox.slug);
    "Default".clone_into(&mut context.mailbox.workspace);
    let check = |expression: &str, expected: &str| {
        let came = read(expression, mail(Arc::default()), context.clone());
        assert_eq!(came, expected, "{expression}");
    };
    check("ctx.mailbox.settings.vip_team", "gold");
    check("ctx.mailbox.settings[\"vip_team\"]", "gold");
    check("ctx.mailbox.settings.nothing", "");
    check("ctx.mailbox.slug + ctx.mailbox.workspace", "shopDefault");
    let routed = routed("fn route(mail, ctx) { ctx.mailbox.settings.a }");
    let step = &routed.trace[0];
    assert_eq!(step.what, "settings.a = \"\"");
    let written = "fn route(mail, ctx) { ctx.mailbox.settings.a = 1; inbox() }";
    assert!(load(&[("routing.rhai", written)]).is_err());
}

#[test]
fn the_tables_of_tests_can_say_all_of_it() {
    let script = "fn route(mail, ctx) {
  let c = ctx.conversation;
  let waits = if c.waiting_since == () { \"nobody\" } else { c.waiting_since.to_string() };
  inbox().note([
    mail.envelope_recipient, mail.sender, `${mail.spam}`, mail.dmarc, ctx.mailbox.slug,
    ctx.mailbox.workspace, ctx.mailbox.settings.team, ctx.mailbox.state, c.last_direction,
    c.first_at.to_string(), c.last_at.to_string(), waits, `${ctx.contact.addresses.len()}`,
    ctx.contact.first_seen.to_string(),
  ].reduce(|sum, one| sum + \"|\" + one, \"\"))
}";
    let table = "[[test]]
name = \"said\"
mail = { from = \"a@example.net\", headers = { Sender = \"s@example.net\" } }
[test.context]
now = \"2026-02-03T10:00\"
spam = true
dmarc = \"pass\"
envelope_recipient = \"box@in.example.com\"
mailbox = { slug = \"shop\", workspace = \"w\", state = \"error\", settings = { team = \"gold\" } }
conversation = { first_at = \"2026-02-01T08:00\", last_at = \"2026-02-02T09:00\", last_direction = \"out\", waiting_since = \"\" }
contact = { addresses = [\"a@example.net\", \"b@example.net\"], first_seen = \"2025-01-01T00:00\" }
[test.expect]
note = \"|box@in.example.com|s@example.net|true|pass|shop|w|gold|error|out|2026-02-01 08:00|2026-02-02 09:00|nobody|2|2025-01-01 00:00\"
[[test]]
name = \"usual\"
mail = { from = \"a@example.net\" }
context = { now = \"2026-02-03T10:00\" }
expect = { note = \"|||false|||default||active|in|2026-02-03 10:00|2026-02-03 10:00|2026-02-03 10:00|1|2026-02-03 10:00\" }
";
    let snapshot = load(&[("routing.rhai", script)]).expect("right scripts");
    let files = [("tests/a.toml".to_owned(), table.as_bytes().to_vec())];
    let suite = Suite::of(&files, &TimeZone::UTC).expect("right tests");
    for case in suite.cases() {
        let judged = case.judge(&snapshot, || || false);
        assert_eq!(judged.differences, [], "{}", case.name);
    }
    let wrong = "[[test]]\nname = \"x\"\nmail = { subject = \"x\" }\n\
                 context = { mailbox = { state = \"eror\" } }\nexpect = { team = \"\" }\n";
    let files = [("tests/a.toml".to_owned(), wrong.as_bytes().to_vec())];
    let found = Suite::of(&files, &TimeZone::UTC).expect_err("no such state");
    assert_eq!((found[0].line, found[0].column), (4, 33));
    let help = found[0].help.as_deref().unwrap_or_default();
    assert!(help.contains("error"), "{help}");
}
