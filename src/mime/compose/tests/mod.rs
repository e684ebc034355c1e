//! Mails are built and read again.

mod hostile;

use jiff::Timestamp;
use proptest::prelude::*;

use super::wire::references;
use super::*;
use crate::domain::address::Address;
use crate::domain::message::Kind;
use crate::mime::{ReadMail, read_bytes};

fn named(name: &str, address: &str) -> NamedAddress {
    NamedAddress::new(Some(name), Address::parse(address).expect("an address"))
}

fn id(text: &str) -> MessageId {
    MessageId::parse(text).expect("an id")
}

fn at() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("a time")
}

fn build(change: impl Fn(&mut Composition<'_>)) -> Result<(Composed, ReadMail), ComposeError> {
    let (from, to) = (
        named("支持", "support@shop.example"),
        [named("Doe, John", "john@example.com")],
    );
    let (own, parent, older) = (
        id("own@shop.example"),
        id("parent@example.com"),
        [id("root@example.com")],
    );
    let mut composition = Composition {
        from: &from,
        reply_to: None,
        to: &to,
        cc: &[],
        bcc: &[],
        subject: "Re: 订单 12",
        date: at(),
        message_id: &own,
        answered: Some(Answered {
            message_id: &parent,
            references: &older,
        }),
        text: "您好，\n\nthank you.\n.\nFrom us",
        quotation: None,
        below: None,
        with_html: false,
        automatic: None,
        files: &[],
    };
    change(&mut composition);
    let composed = compose(&composition)?;
    let mail = read_bytes(&composed.bytes);
    Ok((composed, mail))
}

#[test]
fn an_answer_reads_as_it_was_written() {
    let (composed, mail) = build(|_| {}).expect("a mail");
    assert_eq!(mail.text, "您好，\n\nthank you.\n.\nFrom us\n");
    let references: Vec<&str> = mail.head.references.iter().map(MessageId::as_str).collect();
    assert_eq!(references, ["root@example.com", "parent@example.com"]);
    assert_eq!(mail.in_reply_to, [id("parent@example.com")]);
    assert_eq!(
        (mail.head.kind, mail.head.defects.len()),
        (Kind::Personal, 0)
    );
    assert_eq!(composed.envelope.forward_paths.len(), 1);
    assert!(!mail.header.has("auto-submitted"));
}

#[test]
fn blind_copies_stand_in_the_envelope_alone() {
    let bcc = [
        named("Boss", "boss@example.com"),
        named("", "john@example.com"),
    ];
    let bcc = bcc.as_slice();
    let (from, to) = (named("", "a@b.c"), [named("John", "john@example.com")]);
    let composition = Composition {
        bcc,
        from: &from,
        reply_to: None,
        to: &to,
        cc: &[],
        subject: "x",
        date: at(),
        message_id: &id("x@y"),
        answered: None,
        text: "",
        quotation: None,
        below: None,
        with_html: false,
        automatic: None,
        files: &[],
    };
    let composed = compose(&composition).expect("a mail");
    assert!(!String::from_utf8_lossy(&composed.bytes).contains("boss"));
    let paths: Vec<&str> = composed
        .envelope
        .forward_paths
        .iter()
        .map(Address::as_str)
        .collect();
    assert_eq!(paths, ["john@example.com", "boss@example.com"]);
}

#[test]
fn history_files_and_html_go_along() {
    let bytes: Vec<u8> = (0..=255).collect();
    let files = [
        File {
            name: "../发票 2026.pdf",
            content_type: "application/pdf",
            bytes: &bytes,
            content_id: None,
        },
        File {
            name: "x.eml",
            content_type: "message/rfc822",
            bytes: b"Subject: x\n\n\xFF",
            content_id: None,
        },
        File {
            name: "",
            content_type: "evil\r\nX: y",
            bytes: b"",
            content_id: None,
        },
    ];
    let at = "2026-03-02T17:00+08:00[Asia/Shanghai]"
        .parse()
        .expect("a time");
    let quotation = Quotation {
        author: "张三\r\nX: y",
        at,
        text: "您好\n> older",
        language: "zh",
    };
    let files: &[File<'_>] = &files;
    let (from, to) = (named("S", "s@b.c"), [named("J", "j@b.c")]);
    let own = id("x@y");
    let composition = Composition {
        from: &from,
        reply_to: None,
        to: &to,
        cc: &[],
        bcc: &[],
        subject: "x",
        date: Timestamp::UNIX_EPOCH,
        message_id: &own,
        answered: None,
        text: "a < b",
        quotation: Some(quotation),
        below: None,
        with_html: true,
        automatic: Some(Automatic::Replied),
        files,
    };
    let mail = read_bytes(&compose(&composition).expect("a mail").bytes);
    assert_eq!(
        mail.text,
        "a < b\n\n在 2026年3月2日 17:00，张三 X: y 写道：\n> 您好\n>> older\n"
    );
    assert_eq!(mail.quoted_from, Some(7));
    assert!(mail.head.html.is_some());
    let names: Vec<&str> = mail
        .head
        .attachments
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["发票 2026.pdf", "x.eml", "attachment"]);
    assert_eq!(mail.head.kind, Kind::AutomaticReply);
    assert_eq!(
        mail.header_value("x-auto-response-suppress").as_deref(),
        Some("All")
    );
}

#[test]
fn what_cannot_be_sent_is_refused() {
    assert_eq!(build(|c| c.to = &[]).err(), Some(ComposeError::NoRecipient));
    let many: Vec<_> = (0..101).map(|n| named("", &format!("a{n}@b.c"))).collect();
    let refused = |to: &[NamedAddress]| {
        let (from, own) = (named("", "a@b.c"), id("x@y"));
        compose(&Composition {
            from: &from,
            reply_to: None,
            to,
            cc: &[],
            bcc: &[],
            subject: "",
            date: at(),
            message_id: &own,
            answered: None,
            text: "",
            quotation: None,
            below: None,
            with_html: false,
            automatic: None,
            files: &[],
        })
        .map(|composed| composed.envelope.forward_paths[0].to_string())
    };
    assert_eq!(refused(&many), Err(ComposeError::TooManyRecipients(101)));
    let nowhere = named("", &format!("用户@例{}.中国", "子".repeat(70)));
    assert_eq!(
        refused(std::slice::from_ref(&nowhere)),
        Err(ComposeError::Domain(nowhere.address))
    );
    assert_eq!(
        refused(&[named("", "用户@例子.中国")]).as_deref(),
        Ok("用户@xn--fsqu00a.xn--fiqs8s")
    );
    assert_eq!(
        refused(&[named("", "u@例子.中国")]).as_deref(),
        Ok("u@xn--fsqu00a.xn--fiqs8s")
    );
}

#[test]
fn long_threads_keep_their_root_and_their_end() {
    let older: Vec<MessageId> = (0..100).map(|n| id(&format!("{n}@example.com"))).collect();
    let parent = id("parent@example.com");
    let all = references(Answered {
        message_id: &parent,
        references: &older,
    });
    assert_eq!(all.len(), REFERENCES_MAX);
    assert_eq!(
        (all[0].as_str(), all[1].as_str()),
        ("0@example.com", "72@example.com")
    );
    assert_eq!(all.last(), Some(&parent));
}

fn as_asked(composition: &Composition<'_>) -> Body {
    Body::new(composition, &Wire::new(composition).expect("fine"))
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_again(
        name in "\\PC{0,40}",
        subject in "(\\PC|[\r\n\t =?_\"<>:,]){0,120}",
        text in "(\\PC|[\r\n\t =.]){0,300}",
        file in "\\PC{0,60}",
        with_html: bool,
    ) {
        let from = named(&name, "support@shop.example");
        let to = [named(&name, "a@b.c"), named(&subject, "d@e.f")];
        let own = id("own@shop.example");
        let files = [File { name: &file, content_type: "image/png", bytes: b"png", content_id: None }];
        let composition = Composition {
            from: &from, reply_to: None, to: &to, cc: &[], bcc: &[], subject: &subject, date: at(), message_id: &own,
            answered: None, text: &text, quotation: None, below: None, with_html, automatic: None, files: &files,
        };
        let composed = compose(&composition);
        let composed = composed.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mail = read_bytes(&composed.bytes);
        let lines = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n").trim_end().to_owned();
        prop_assert_eq!(lines(&mail.text), lines(&as_asked(&composition).text));
    }
}
