//! loops: which mails a machine answers: a row for each kind, and two machines that write to each other.

use serde_json::Value;

use crate::peers::api::text;
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;

const RECEIVED: &str =
    "{subject} [#{number}]\n\nDear {contact.name},\nwe have it.\n{mailbox.name}\n";
const ACKNOWLEDGES: &str = "fn route(mail, ctx) { inbox().acknowledge(\"received\") }\n";
/// Another mailbox of the same gateway.
const SISTER: &str = "sister@example.com";
/// Senders have a domain each, so that no cap hides a rule.
const PERSON: &str = "";

fn warnings(decision: &Value) -> String {
    decision["warnings"].to_string()
}

/// A kind of mail, and whether a machine may answer it.
struct Row {
    what: &'static str,
    /// `From`; a person of the row's own when empty.
    from: &'static str,
    /// The envelope's sender is empty.
    null_path: bool,
    subject: &'static str,
    /// Further header fields, each with its line end.
    fields: &'static str,
    answered: bool,
}

const fn row(what: &'static str, subject: &'static str, fields: &'static str) -> Row {
    Row {
        what,
        from: PERSON,
        null_path: false,
        subject,
        fields,
        answered: false,
    }
}

const fn from(what: &'static str, from: &'static str) -> Row {
    Row {
        from,
        ..row(what, "Hello", "")
    }
}

const fn good(what: &'static str, subject: &'static str, fields: &'static str) -> Row {
    Row {
        answered: true,
        ..row(what, subject, fields)
    }
}

const ROWS: &[Row] = &[
    good("a person", "Where is my order?", ""),
    good(
        "a person who says Auto-Submitted: no",
        "Hello",
        "Auto-Submitted: no\r\n",
    ),
    good(
        "a person whose program suppresses answers",
        "Hello",
        "X-Auto-Response-Suppress: All\r\n",
    ),
    good(
        "a person who writes about a holiday",
        "I am on vacation, where is it?",
        "",
    ),
    good(
        "a person with a good signature",
        "Hello",
        "Authentication-Results: mx.example.com; dkim=pass; dmarc=pass\r\n",
    ),
    good(
        "a stranger's word below that of the server",
        "Hello",
        "Authentication-Results: mx.example.com; dmarc=pass\r\nAuthentication-Results: evil.example; dmarc=fail\r\n",
    ),
    row(
        "vacation, marked",
        "Re: Hello",
        "Auto-Submitted: auto-replied\r\n",
    ),
    row(
        "vacation, marked with a comment",
        "Re: Hello",
        "Auto-Submitted: auto-replied (vacation)\r\n",
    ),
    row("vacation, English", "Automatic reply: Hello", ""),
    row(
        "vacation, English, out of office",
        "Out of office: Hello",
        "",
    ),
    row("vacation, German", "Automatische Antwort: Hallo", ""),
    row(
        "vacation, German, without a prefix",
        "Abwesenheitsnotiz",
        "",
    ),
    row("vacation, French", "Réponse automatique : Bonjour", ""),
    row("vacation, Spanish", "Respuesta automática: Hola", ""),
    row("vacation, Portuguese", "Resposta automática: Olá", ""),
    row("vacation, Italian", "Risposta automatica: Ciao", ""),
    row("vacation, Dutch", "Automatisch antwoord: Hallo", ""),
    row("vacation, Polish", "Odpowiedź automatyczna: Cześć", ""),
    row("vacation, Russian", "Автоматический ответ: Привет", ""),
    row("vacation, Chinese", "自动回复：您好", ""),
    row("vacation, Japanese", "自動返信：こんにちは", ""),
    row("vacation, Korean", "자동 회신: 안녕하세요", ""),
    row(
        "vacation of Exchange in words of its own",
        "I am out of office",
        "X-Auto-Response-Suppress: All\r\n",
    ),
    row("an old responder", "Hello", "X-Autoreply: yes\r\n"),
    row(
        "an old responder, from where",
        "Hello",
        "X-AutoReply-From: ann@example.net\r\n",
    ),
    row(
        "an old responder, by its addressee",
        "Hello",
        "Delivered-To: autoresponder\r\n",
    ),
    row(
        "Precedence: auto_reply",
        "Hello",
        "Precedence: auto_reply\r\n",
    ),
    row(
        "a help desk of another maker",
        "[Ticket 7] We have your mail",
        "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n",
    ),
    row(
        "another gateway",
        "Re: Hello [#7]",
        "Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n",
    ),
    row(
        "auto-notified",
        "Hello",
        "Auto-Submitted: auto-notified; owner-email=a@b.example\r\n",
    ),
    Row {
        null_path: true,
        ..row("an empty return path", "Hello", "")
    },
    Row {
        from: "mailer-daemon@example.net",
        null_path: true,
        ..row("a bounce", "Undelivered Mail Returned to Sender", "")
    },
    Row {
        from: "postmaster@qq.com",
        ..row("a bounce, Chinese", "来自qq.com的退信", "")
    },
    Row {
        from: "mailer-daemon@example.net",
        ..row("a warning", "Warning: message 1abc delayed 24 hours", "")
    },
    row(
        "a report",
        "Report",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
    ),
    row(
        "a read receipt",
        "Read: Hello",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n",
    ),
    row(
        "an invitation",
        "Meeting",
        "Content-Type: text/calendar; method=REQUEST\r\n",
    ),
    row("a list", "[talk] Hello", "List-Id: <talk.example.net>\r\n"),
    row(
        "a newsletter",
        "News",
        "List-Unsubscribe: <https://example.net/u>\r\n",
    ),
    row("an old list", "[talk] Hello", "Precedence: list\r\n"),
    row(
        "an old list, by its name",
        "[talk] Hello",
        "X-Mailing-List: talk@example.net\r\n",
    ),
    row("bulk", "Offer", "Precedence: bulk\r\n"),
    row(
        "bulk, under another name",
        "Offer",
        "X-Precedence: bulk\r\n",
    ),
    row(
        "bulk of a large sender",
        "Offer",
        "Feedback-ID: 1:2:3:x\r\n",
    ),
    from("noreply", "noreply@shop.example.net"),
    from("do-not-reply", "do-not-reply@shop.example.net"),
    from("the runner of a list", "owner-talk@example.net"),
    from("requests of a list", "talk-request@example.net"),
    from(
        "an address for bounces",
        "bounces+7-ann=example.org@mail.example.net",
    ),
    from("the mailbox itself", USER),
    from("the mailbox itself, in capitals", "SUPPORT@EXAMPLE.COM"),
    from("another mailbox of ours", SISTER),
    row(
        "disowned by its domain",
        "Hello",
        "Authentication-Results: mx.example.com; spf=pass; dmarc=fail header.from=row.example\r\n",
    ),
    row(
        "disowned, as Exchange says it",
        "Hello",
        "Authentication-Results: spf=fail; dmarc=fail action=none\r\n",
    ),
];

#[test]
fn every_kind_of_mail_is_answered_or_not_as_the_table_says() {
    let sink = Sink::start();
    let dovecot = Dovecot::start_with(&[USER, SISTER], None);
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    gateway.write_script("templates/received.txt", RECEIVED);
    gateway.write_script("routing.rhai", ACKNOWLEDGES);
    gateway.launch();
    gateway.add(&Mailbox::of(&dovecot, &sink)).good();
    let sister = Mailbox {
        address: SISTER.to_owned(),
        ..Mailbox::of(&dovecot, &sink)
    };
    gateway.add(&sister).good();
    let mut feed = gateway.api().feed();
    let (mut wrong, mut answers) = (Vec::new(), 0);
    println!("{:<48} {:<9} why not", "a mail", "answered");
    for (number, row) in ROWS.iter().enumerate() {
        let own = format!("person@row{number}.example");
        let from = if row.from == PERSON { &own } else { row.from };
        let mail = format!(
            "From: {from}\r\nTo: {USER}\r\nSubject: {}\r\nMessage-ID: <{number}@row.example>\r\n{}\r\nHello {number}.\r\n",
            row.subject, row.fields
        );
        let sender = if row.null_path { "" } else { from };
        dovecot.deliver_from(sender, USER, mail.as_bytes());
        let message = feed.until("it is routed", |event| {
            (event["type"] == "conversation.routed").then(|| text(event, "message_id").to_owned())
        });
        let decisions = gateway.api().get(&format!("/messages/{message}/decisions"));
        let told = warnings(&decisions["items"][0]);
        let answered = !told.contains("no automatic mail left");
        if answered {
            answers += 1;
            sink.wait_for(answers);
        }
        println!(
            "{:<48} {:<9} {told}",
            row.what,
            if answered { "yes" } else { "no" }
        );
        // What a cap stops a rule should have stopped before.
        if answered != row.answered || told.contains("within") {
            wrong.push((row.what, told));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let kept = sink.kept();
    assert_eq!(kept.len(), answers, "nothing else left");
}

/// Two gateways whose mailboxes acknowledge everything, and a wire between them.
fn two_that_answer(strip: bool) -> usize {
    const OTHER: &str = "service@example.org";
    let sink = Sink::start();
    let dovecot = Dovecot::start_with(&[USER, OTHER], None);
    let open = |address: &str| {
        let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
        gateway.write_script("templates/received.txt", RECEIVED);
        gateway.write_script("routing.rhai", ACKNOWLEDGES);
        gateway.launch();
        let mailbox = Mailbox {
            address: address.to_owned(),
            ..Mailbox::of(&dovecot, &sink)
        };
        gateway.add(&mailbox).good();
        gateway
    };
    let gateways = [open(USER), open(OTHER)];
    let mut feeds = gateways.each_ref().map(|gateway| gateway.api().feed());
    let question = format!(
        "From: Ann <{OTHER}>\r\nTo: {USER}\r\nSubject: Hello\r\nMessage-ID: <a@example.org>\r\n\r\nHi.\r\n"
    );
    dovecot.deliver_from(OTHER, USER, question.as_bytes());
    let mut carried = 0;
    let mut at = 0;
    loop {
        // Whoever has the mail decides; whether an answer leaves stands in the decision.
        let message = feeds[at].until("it is routed", |event| {
            (event["type"] == "conversation.routed").then(|| text(event, "message_id").to_owned())
        });
        let api = gateways[at].api();
        let decision = &api.get(&format!("/messages/{message}/decisions"))["items"][0];
        if warnings(decision).contains("no automatic mail left") {
            assert_eq!(sink.kept().len(), carried, "nothing is on its way");
            return carried;
        }
        let kept = sink.wait_for(carried + 1);
        let mail = String::from_utf8_lossy(&kept[carried].mail).into_owned();
        carried += 1;
        assert!(carried < 10, "they write to each other for ever");
        let to = kept[carried - 1].to[0].clone();
        let is_mark =
            |line: &&str| line.starts_with("Auto-Submitted") || line.starts_with("X-Auto");
        let mail: Vec<&str> = mail
            .split("\r\n")
            .filter(|line| !strip || !is_mark(line))
            .collect();
        at = usize::from(to == OTHER);
        let sender = &kept[carried - 1].from;
        dovecot.deliver_from(sender, &to, mail.join("\r\n").as_bytes());
    }
}

#[test]
fn two_mailboxes_that_answer_each_other_stop_at_once() {
    assert_eq!(two_that_answer(false), 1);
}

#[test]
fn they_stop_soon_where_a_server_between_takes_the_marks_away() {
    // Each has answered once; the cap of the conversation ends it.
    assert_eq!(two_that_answer(true), 2);
}
