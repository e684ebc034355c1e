//! Mails and what is read of them.

use proptest::prelude::*;

use super::*;

/// `text` with CRLF, as it comes from a server.
fn read_text(text: &str) -> ReadMail {
    read_bytes(text.replace('\n', "\r\n").as_bytes())
}

const ORDER: &str = "\
Return-Path: <anna@example.com>
Delivered-To: support@shop.example
Authentication-Results: mx.shop.example; dkim=pass
From: =?gb2312?B?1cXI/Q==?= <anna@example.com>
Reply-To: Anna <other@example.com>
To: Support <support@shop.example>
Cc: \"Doe, John\" <john@example.com>
Subject: =?utf-8?B?5Zue5aSN77ya?= =?utf-8?B?6K6i5Y2V?=
Date: Mon, 2 Mar 2026 10:00:00 +0800
Message-ID: <3@example.com>
In-Reply-To: <2@shop.example>
References: <1@example.com>
\t<2@shop.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=\"m\"

--m
Content-Type: multipart/alternative; boundary=\"a\"

--a
Content-Type: text/plain; charset=gbk
Content-Transfer-Encoding: base64

xPq6w6Osztq1xLaptaW7ucO709C1vaGjDQoNCtTaIDIwMjbE6jPUwjHI1aOsU3VwcG9ydCDQtLXA
o7oNCj4gwM+708/7z6I=

--a
Content-Type: text/html; charset=utf-8

<p>您好</p>
--a--
--m
Content-Type: application/pdf; name=
\t\"=?utf-8?B?5Y+R56WoLnBkZg==?=\"
Content-Disposition: attachment
Content-Transfer-Encoding: base64
Content-ID: <part1@example.com>

JVBERi0xLjQK
JVBERi0xLjQ=
--m--
";

#[test]
fn a_chinese_order_mail_is_read() {
    let mail = read_text(ORDER);
    let head = &mail.head;
    let from = head.from.as_ref().expect("a From");
    assert_eq!(
        (from.name(), from.address.as_str()),
        (Some("张三"), "anna@example.com")
    );
    assert_eq!(head.reply_to[0].address.as_str(), "other@example.com");
    assert_eq!(head.cc[0].name(), Some("Doe, John"));
    assert_eq!(
        head.delivered_to[0].address.as_str(),
        "support@shop.example"
    );
    assert_eq!(
        (head.subject.as_str(), mail.base_subject.as_str()),
        ("回复：订单", "订单")
    );
    let references: Vec<&str> = head.references.iter().map(MessageId::as_str).collect();
    assert_eq!(references, ["1@example.com", "2@shop.example"]);
    assert_eq!(
        head.date,
        Some("2026-03-02T02:00:00Z".parse().expect("a time"))
    );
    assert!(mail.text.starts_with("您好，"), "{}", mail.text);
    assert!(
        mail.text[mail.quoted_from.expect("history")..]
            .starts_with("在 2026年3月1日，Support 写道")
    );
    assert!(head.preview.starts_with("您好，") && !head.preview.contains("写道"));
    assert_eq!((head.language.as_str(), head.kind), ("zh", Kind::Personal));
    let file = &head.attachments[0];
    assert_eq!((file.name.as_str(), file.size), ("发票.pdf", 18));
    assert_eq!(file.content_id.as_deref(), Some("part1@example.com"));
    assert_eq!(
        (head.attachments.len(), head.defects.as_slice()),
        (1, &[][..])
    );
    assert_eq!(
        mail.header_value("authentication-results"),
        Some(mail.authentication_results[0].clone())
    );
}

#[test]
fn a_stored_text_is_read_again_from_its_range() {
    let raw = ORDER.replace('\n', "\r\n");
    let mail = read_bytes(raw.as_bytes());
    let part = mail.head.text.as_ref().expect("a text part");
    let start = usize::try_from(part.range.start).expect("a small mail");
    let end = usize::try_from(part.range.end).expect("a small mail");
    let again = crate::mime::text::read_text(&raw.as_bytes()[start..end], part);
    assert_eq!(again.text, mail.text);
}

const BOUNCE: &str = "\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@mx.example.com>
Subject: Undelivered Mail Returned to Sender
Date: Mon, 2 Mar 2026 10:00:00 +0000
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

I am sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; ok@example.com
Action: relayed
Status: 2.0.0

Final-Recipient: rfc822; gone@example.com
Action: failed
Status: 5.1.1 (bad)
Diagnostic-Code: smtp; 550 5.1.1 no
 such user

--b
Content-Type: message/rfc822

Message-ID: <sent@shop.example>
Subject: Your order

body with Message-ID: <wrong@x>
--b--
";

#[test]
fn a_bounce_tells_what_it_is_about() {
    let mail = read_text(BOUNCE);
    let report = mail.head.bounce.expect("a report");
    assert_eq!(
        report.about.as_ref().map(MessageId::as_str),
        Some("sent@shop.example")
    );
    assert_eq!(report.recipient.as_deref(), Some("gone@example.com"));
    assert_eq!(report.status.as_deref(), Some("5.1.1"));
    assert_eq!(report.text, "550 5.1.1 no such user");
    assert_eq!(
        (mail.head.kind, mail.text.as_str()),
        (Kind::Bounce, "I am sorry.")
    );
    assert_eq!(mail.head.attachments[0].name, "message.eml");
}

#[test]
fn kinds_are_told_apart() {
    for (header, kind) in [
        ("Subject: Hello", Kind::Personal),
        (
            "Subject: Hello\nX-Auto-Response-Suppress: All",
            Kind::Personal,
        ),
        ("Subject: automatic reply wanted", Kind::Personal),
        ("Subject: Autofill\nAuto-Submitted: no", Kind::Personal),
        (
            "Auto-Submitted: auto-replied (vacation)",
            Kind::AutomaticReply,
        ),
        ("Subject: Automatic reply: Hello", Kind::AutomaticReply),
        (
            "Subject: =?utf-8?B?6Ieq5Yqo5Zue5aSNOiDmgqjlpb0=?=",
            Kind::AutomaticReply,
        ),
        ("Subject: Abwesenheitsnotiz", Kind::AutomaticReply),
        (
            "Subject: I am on vacation\nX-Auto-Response-Suppress: All",
            Kind::AutomaticReply,
        ),
        ("Subject: I am on vacation", Kind::Personal),
        ("X-Autoreply: yes", Kind::AutomaticReply),
        ("Precedence: auto_reply", Kind::AutomaticReply),
        ("Auto-Submitted: auto-generated", Kind::Automatic),
        ("Precedence: bulk", Kind::Automatic),
        ("Return-Path: <>", Kind::Automatic),
        ("From: no-reply@shop.example", Kind::Automatic),
        (
            "From: Do Not Reply <do_not_reply.x@shop.example>",
            Kind::Automatic,
        ),
        ("List-Id: <x.example.com>\nPrecedence: list", Kind::List),
        (
            "Content-Type: text/calendar; method=REQUEST",
            Kind::Invitation,
        ),
        (
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
            Kind::ReadReceipt,
        ),
        ("X-Failed-Recipients: a@b.c", Kind::Bounce),
        (
            "From: MAILER-DAEMON@x.y\nSubject: failure notice",
            Kind::Bounce,
        ),
        (
            "From: postmaster@qq.com\nSubject: =?utf-8?B?6YCA5L+h6YCa55+l?=",
            Kind::Bounce,
        ),
    ] {
        let mail = read_text(&format!("{header}\nX-Last: x\n\nbody\n"));
        assert_eq!(mail.head.kind, kind, "{header}");
    }
}

#[test]
fn careless_mails_are_read_with_their_defects() {
    let mail = read_bytes(b"");
    assert_eq!(mail.head.defects, [Defect::NoSender, Defect::Date]);
    let mail = read_text("Subject: x\nContent-Type: text/html\n\n<p>Hello <b>you</b></p>\n");
    assert_eq!(
        (mail.text.as_str(), mail.head.text.is_none()),
        ("Hello you\n", true)
    );
    let gbk = encoding_rs::GBK
        .encode("Subject: 订单问题\nFrom: 张三 <a@b.c>\n\n您好，订单还没有到")
        .0;
    let mail = read_bytes(&gbk);
    assert_eq!(
        (mail.head.subject.as_str(), mail.text.as_str()),
        ("订单问题", "您好，订单还没有到")
    );
    assert_eq!(
        mail.head
            .from
            .and_then(|from| from.name().map(str::to_owned))
            .as_deref(),
        Some("张三")
    );
    let mail = read_text(
        "From: a@b.c\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n",
    );
    assert_eq!(
        (mail.text.as_str(), mail.head.attachments.len()),
        ("one", 1)
    );
    assert!(mail.head.defects.contains(&Defect::Unclosed));
}

proptest! {
    #[test]
    fn no_bytes_stop_the_reader(raw: Vec<u8>) {
        let mail = read_bytes(&raw);
        prop_assert_eq!(mail.size, raw.len() as u64);
    }

    #[test]
    fn no_mutilated_mail_stops_the_reader(at in 0usize..1_800, length in 0usize..60, byte: u8, bounce: bool) {
        let mut raw = if bounce { BOUNCE } else { ORDER }.as_bytes().to_vec();
        let at = at.min(raw.len());
        let end = (at + length).min(raw.len());
        raw.splice(at..end, [byte]);
        let mail = read_bytes(&raw);
        prop_assert!(mail.quoted_from.is_none_or(|from| mail.text.is_char_boundary(from)));
        prop_assert!(mail.head.preview.chars().count() <= PREVIEW_LENGTH_MAX);
    }
}
