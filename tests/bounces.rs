//! bounces: what mail systems say of replies: matched, marked, counted; and what a stranger cannot do with it.

use serde_json::{Value, json};

use crate::peers::api::{Feed, text};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::{Fault, Plan, Sink, Stage};

/// What the writer of a bounce knows.
struct Sent<'a> {
    /// With brackets.
    id: &'a str,
    to: &'a str,
}

/// A gateway with one mailbox.
struct Desk {
    dovecot: Dovecot,
    sink: Sink,
    gateway: Gateway,
    feed: Feed,
    questions: usize,
}

/// A reply, and the conversation it stands in.
struct Reply {
    id: String,
    message_id: String,
    conversation: String,
    to: String,
}

impl Desk {
    fn open(plans: impl IntoIterator<Item = Plan>) -> Self {
        let dovecot = Dovecot::start();
        let sink = Sink::start_with(None, plans);
        let gateway = Gateway::start(&[dovecot.authority_pem()]);
        gateway.add(&Mailbox::of(&dovecot, &sink)).good();
        let feed = gateway.api().feed();
        Self {
            dovecot,
            sink,
            gateway,
            feed,
            questions: 0,
        }
    }

    fn deliver(&mut self, sender: &str, mail: &str) -> String {
        self.dovecot.deliver_from(sender, USER, mail.as_bytes());
        self.feed.until_routed(1).remove(0)
    }

    /// Somebody asks, and is answered.
    fn reply(&mut self, state: &str) -> Reply {
        self.questions += 1;
        let number = self.questions;
        let to = format!("c{number}@example.net");
        let conversation = self.deliver(
            &to,
            &format!(
                "From: {to}\r\nTo: {USER}\r\nSubject: Question {number}\r\nMessage-ID: <q{number}@example.net>\r\n\r\nWhy?\r\n"
            ),
        );
        let path = format!("/conversations/{conversation}/replies");
        let body = json!({"text": "Because."});
        let accepted = self.gateway.api().post(&path, &[], &body).json();
        let id = text(&accepted, "id").to_owned();
        self.until(&id, state);
        Reply {
            message_id: text(&accepted, "message_id").to_owned(),
            id,
            conversation,
            to,
        }
    }

    fn until(&mut self, id: &str, state: &str) -> Value {
        let gateway = &self.gateway;
        self.feed.until(state, |event| {
            (event["outgoing_id"] == id)
                .then(|| gateway.api().get(&format!("/outgoing/{id}")))
                .filter(|one| one["state"] == state)
        })
    }

    fn outgoing(&self, reply: &Reply) -> Value {
        self.gateway.api().get(&format!("/outgoing/{}", reply.id))
    }

    fn conversation(&self, reply: &Reply) -> Value {
        let path = format!("/conversations/{}", reply.conversation);
        self.gateway.api().get(&path)
    }
}

/// A report as RFC 3464 wants it.
fn report(sent: &Sent<'_>, action: &str, status: &str, said: &str) -> String {
    let Sent { id, to } = sent;
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@mx.example.com>\r\nTo: {USER}\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\nMessage-ID: <report.{action}.{}@mx.example.com>\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"B/1\"\r\n\r\n\
         --B/1\r\nContent-Type: text/plain\r\n\r\nThis is the mail system at host mx.example.com.\r\n\r\n\
         --B/1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; {said}\r\n\r\n\
         --B/1\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: {USER}\r\nTo: {to}\r\n\
         References: <q0@example.net>\r\nMessage-ID: {id}\r\nSubject: Re: Question\r\n\r\n--B/1--\r\n",
        id.trim_matches(['<', '>'])
    )
}

fn plain(from: &str, subject: &str, kind: &str, body: &str) -> String {
    format!(
        "From: {from}\r\nTo: {USER}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n"
    )
}

type Writer = fn(&Sent<'_>) -> String;

/// Bounces in the shapes mail systems give them, written after what is known of these.
const BOUNCES: &[(&str, &str, Writer)] = &[
    ("Postfix", "5.1.1", |sent| {
        report(sent, "failed", "5.1.1", "550 5.1.1 no such user")
    }),
    ("Gmail", "5.1.1", |sent| {
        report(
            sent,
            "failed",
            "5.1.1",
            "550-5.1.1 The email account does not exist. NoSuchUser",
        )
        .replace(
            "MAILER-DAEMON@mx.example.com",
            "mailer-daemon@googlemail.com",
        )
        .replace(
            "Undelivered Mail Returned to Sender",
            "Delivery Status Notification (Failure)",
        )
    }),
    ("Exchange Online", "5.1.10", |sent| {
        report(
            sent,
            "failed",
            "5.1.10",
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found",
        )
        .replace(
            "MAILER-DAEMON@mx.example.com",
            "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com",
        )
        .replace(
            "Undelivered Mail Returned to Sender",
            "Undeliverable: Re: Question",
        )
    }),
    ("Exchange, older, without a report", "5.1.1", |sent| {
        let Sent { id, to } = sent;
        format!(
            "From: Microsoft Outlook <postmaster@example.net>\r\nTo: {USER}\r\nSubject: Undeliverable: Re: Question\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
             --x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Delivery has failed to these recipients:</p>\
             <p><a href=\"mailto:{to}\">{to}</a></p><p>#550 5.1.1 RESOLVER.ADR.RecipNotFound ##</p>\r\n\
             --x\r\nContent-Type: message/rfc822\r\n\r\nFrom: {USER}\r\nTo: {to}\r\nSubject: Re: Question\r\n\
             Message-ID: {id}\r\n\r\nBecause.\r\n--x--\r\n"
        )
    }),
    ("Exim", "5.1.1", |sent| {
        let Sent { id, to } = sent;
        let body = format!(
            "This message was created automatically by mail delivery software.\r\n\r\n\
             A message that you sent could not be delivered to one or more of its recipients.\r\n\r\n  {to}\r\n    \
             host mx.example.net [192.0.2.1]\r\n    SMTP error from remote mail server after RCPT TO:<{to}>:\r\n    550 5.1.1 User unknown\r\n\r\n\
             ------ This is a copy of the message, including all the headers. ------\r\n\r\n\
             From: {USER}\r\nTo: {to}\r\nReferences: <q0@example.net>\r\n\t<other@shop.example>\r\nMessage-ID: {id}\r\n\r\nBecause."
        );
        let mail = plain(
            "Mail Delivery System <Mailer-Daemon@mx.example.com>",
            "Mail delivery failed: returning message to sender",
            "text/plain",
            &body,
        );
        format!("X-Failed-Recipients: {to}\r\nAuto-Submitted: auto-replied\r\n{mail}")
    }),
    ("qmail", "5.1.1", |sent| {
        let Sent { id, to } = sent;
        let body = format!(
            "Hi. This is the qmail-send program at mx.example.com.\r\nI'm afraid I wasn't able to deliver your message.\r\n\r\n\
             <{to}>:\r\n192.0.2.1 does not like recipient.\r\nRemote host said: 550 5.1.1 no mailbox here by that name\r\n\r\n\
             --- Below this line is a copy of the message.\r\n\r\nReturn-Path: <{USER}>\r\nMessage-ID: {id}\r\nTo: {to}\r\n\r\nBecause."
        );
        plain(
            "MAILER-DAEMON@mx.example.com",
            "failure notice",
            "text/plain",
            &body,
        )
    }),
    ("QQ", "", |sent| {
        let Sent { id, to } = sent;
        let body = format!(
            "<div>抱歉，您的邮件被退回来了……</div><table><tr><td>原邮件信息：</td><td>主题 Re: Question</td></tr>\
             <tr><td>收件人：</td><td>{to}</td></tr><tr><td>退信原因：</td><td>收件人（{to}）不存在，邮件无法送达。\
             host mx.example.net[192.0.2.1] said: 550 Mailbox not found</td></tr></table><div>Message-ID: {}</div>",
            id.replace('<', "&lt;").replace('>', "&gt;")
        );
        plain(
            "=?utf-8?B?UG9zdE1hc3Rlcg==?= <PostMaster@qq.com>",
            "=?utf-8?B?5p2l6IeqcXEuY29t55qE6YCA5L+h?=",
            "text/html",
            &body,
        )
    }),
    ("NetEase", "5.1.1", |sent| {
        let Sent { id, to } = sent;
        format!(
            "From: Postmaster@163.com\r\nTo: {USER}\r\nSubject: =?utf-8?B?57O757uf6YCA5L+h?=\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=n\r\n\r\n--n\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
             您好，您发给 {to} 的邮件被退回。原因：550 5.1.1 用户不存在\r\n\
             --n\r\nContent-Type: message/rfc822\r\n\r\nFrom: {USER}\r\nTo: {to}\r\nMessage-ID: {id}\r\nSubject: Re: Question\r\n\r\nBecause.\r\n--n--\r\n"
        )
    }),
    (
        "a machine that only quotes the id, in capitals",
        "",
        |sent| {
            let Sent { id, to } = sent;
            let body = format!(
                "Could not be delivered to {to}.\r\nReference {}\r\n",
                id.to_uppercase()
            );
            plain(
                "postmaster@example.net",
                "Returned mail",
                "text/plain",
                &body,
            )
        },
    ),
];

#[test]
fn every_shape_of_bounce_is_shown_at_the_reply_that_came_back() {
    let mut desk = Desk::open([]);
    for (what, status, write) in BOUNCES {
        let reply = desk.reply("sent");
        assert_eq!(desk.conversation(&reply)["status"], "pending", "{what}");
        let sent = Sent {
            id: &reply.message_id,
            to: &reply.to,
        };
        let place = desk.deliver("", &write(&sent));
        assert_eq!(place, reply.conversation, "{what}");
        let outgoing = desk.outgoing(&reply);
        assert_eq!(outgoing["state"], "bounced", "{what}: {outgoing}");
        let recipient = &outgoing["recipients"][0];
        assert_eq!(recipient["state"], "bounced", "{what}: {outgoing}");
        let conversation = desk.conversation(&reply);
        assert_eq!(conversation["status"], "open", "{what}");
        let bounces = &conversation["contact"]["bounces"][0];
        assert_eq!(bounces["hard"], 1, "{what}: {conversation}");
        assert_eq!(
            bounces["status"].as_str().unwrap_or_default(),
            *status,
            "{what}"
        );
        println!("{what:<48} {}", text(recipient, "text"));
    }
    assert_eq!(
        desk.sink.kept().len(),
        BOUNCES.len(),
        "no bounce was answered"
    );
}

#[test]
fn what_is_still_under_way_or_arrived_is_no_bounce() {
    let mut desk = Desk::open([]);
    let reply = desk.reply("sent");
    let sent = Sent {
        id: &reply.message_id,
        to: &reply.to,
    };
    for (action, status) in [
        ("delayed", "4.4.1"),
        ("relayed", "2.0.0"),
        ("delivered", "2.0.0"),
    ] {
        let mail = report(&sent, action, status, "450 4.4.1 later");
        assert_eq!(desk.deliver("", &mail), reply.conversation, "{action}");
        assert_eq!(desk.outgoing(&reply)["state"], "sent", "{action}");
        assert_eq!(desk.conversation(&reply)["status"], "pending", "{action}");
    }
    let contact = &desk.conversation(&reply)["contact"];
    assert!(contact["bounces"].is_null(), "{contact}");
    // A full mailbox is counted apart.
    let full = report(&sent, "failed", "5.2.2", "552 5.2.2 mailbox full");
    desk.deliver("", &full);
    assert_eq!(desk.outgoing(&reply)["state"], "bounced");
    let bounces = desk.conversation(&reply)["contact"]["bounces"][0].clone();
    assert_eq!((&bounces["hard"], &bounces["soft"]), (&json!(0), &json!(1)));
}

#[test]
fn one_of_two_recipients_came_back() {
    let mut desk = Desk::open([]);
    let first = desk.reply("sent");
    let path = format!("/conversations/{}/replies", first.conversation);
    let to = json!([{"address": first.to}, {"address": "gone@example.net"}]);
    let body = json!({"text": "To both.", "to": to});
    let accepted = desk.gateway.api().post(&path, &[], &body).json();
    let id = text(&accepted, "id").to_owned();
    desk.until(&id, "sent");
    let sent = Sent {
        id: text(&accepted, "message_id"),
        to: "gone@example.net",
    };
    desk.deliver("", &report(&sent, "failed", "5.1.1", "550 5.1.1 gone"));
    let outgoing = desk.gateway.api().get(&format!("/outgoing/{id}"));
    let states = [0, 1].map(|place| text(&outgoing["recipients"][place], "state").to_owned());
    assert_eq!(states, ["accepted", "bounced"], "{outgoing}");
    assert_eq!(outgoing["state"], "bounced");
    let own = desk.conversation(&first);
    assert!(own["contact"]["bounces"].is_null(), "{own}");
}

#[test]
fn a_bounce_that_knows_no_id_of_ours_only_shows_itself() {
    let mut desk = Desk::open([]);
    let reply = desk.reply("sent");
    let forged_id = format!(
        "<{}",
        reply
            .message_id
            .trim_start_matches('<')
            .replacen(['a', 'b', 'c'], "d", 1)
    );
    for id in ["<made.up@example.com>", "<q1@example.net>", &forged_id] {
        let sent = Sent { id, to: &reply.to };
        let mail = report(&sent, "failed", "5.1.1", "550 5.1.1 no")
            .replace("<q0@example.net>", "<x@example.net>");
        desk.deliver("", &mail);
        assert_eq!(desk.outgoing(&reply)["state"], "sent", "{id}");
        assert_eq!(desk.conversation(&reply)["status"], "pending", "{id}");
        assert!(desk.conversation(&reply)["contact"]["bounces"].is_null());
    }
}

#[test]
fn a_vacation_notice_stops_and_reopens_nothing() {
    let mut desk = Desk::open([]);
    let reply = desk.reply("sent");
    let notice = format!(
        "From: {}\r\nTo: {USER}\r\nSubject: Automatic reply: Re: Question\r\nAuto-Submitted: auto-replied\r\n\
         Message-ID: <ooo@example.net>\r\nIn-Reply-To: {}\r\n\r\nI am away.\r\n",
        reply.to, reply.message_id
    );
    let receipt = format!(
        "From: {}\r\nTo: {USER}\r\nSubject: Read: Re: Question\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=disposition-notification; boundary=r\r\n\r\n\
         --r\r\nContent-Type: text/plain\r\n\r\nIt was shown.\r\n--r\r\nContent-Type: message/disposition-notification\r\n\r\n\
         Original-Message-ID: {}\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--r--\r\n",
        reply.to, reply.message_id
    );
    for (kind, mail) in [("automatic_reply", notice), ("read_receipt", receipt)] {
        assert_eq!(desk.deliver("", &mail), reply.conversation, "{kind}");
        assert_eq!(desk.conversation(&reply)["status"], "pending", "{kind}");
        assert_eq!(desk.outgoing(&reply)["state"], "sent", "{kind}");
        let messages = desk.gateway.api().messages(&reply.conversation);
        assert!(messages.iter().any(|one| one["kind"] == kind), "{kind}");
    }
    assert_eq!(desk.sink.kept().len(), 1, "nothing was answered");
}

/// What tells that an uncertain reply arrived, and what does not.
fn uncertain_after(sender: &str, mail: impl Fn(&Reply) -> String) -> Value {
    let cut = vec![(Stage::EndOfData, Fault::Cut)];
    let mut desk = Desk::open([Plan::new(), cut]);
    let reply = desk.reply("uncertain");
    let sender = if sender == "them" {
        reply.to.clone()
    } else {
        sender.to_owned()
    };
    let mail = mail(&reply).replace("{sender}", &sender);
    assert_eq!(desk.deliver(&sender, &mail), reply.conversation);
    desk.outgoing(&reply)
}

fn answer(reply: &Reply) -> String {
    format!(
        "From: {{sender}}\r\nTo: {USER}\r\nSubject: Re: Question\r\nMessage-ID: <thanks@example.net>\r\n\
         In-Reply-To: {}\r\n\r\nThank you!\r\n",
        reply.message_id
    )
}

#[test]
fn an_answer_settles_what_was_uncertain_and_a_strangers_does_not() {
    let settled = uncertain_after("them", answer);
    assert_eq!(settled["state"], "sent", "{settled}");
    assert_eq!(settled["recipients"][0]["state"], "accepted");
    let open = uncertain_after("stranger@example.org", answer);
    assert_eq!(open["state"], "uncertain", "{open}");
}

#[test]
fn a_report_settles_what_was_uncertain_either_way() {
    let of = |action: &'static str, status: &'static str| {
        move |reply: &Reply| {
            let sent = Sent {
                id: &reply.message_id,
                to: &reply.to,
            };
            report(&sent, action, status, "550 5.1.1 so it is")
        }
    };
    let relayed = uncertain_after("", of("relayed", "2.0.0"));
    assert_eq!(relayed["state"], "sent", "{relayed}");
    let failed = uncertain_after("", of("failed", "5.1.1"));
    assert_eq!(failed["state"], "bounced", "{failed}");
}

#[test]
fn a_bounce_that_only_knows_the_providers_id_is_matched() {
    let renamed =
        Fault::Reply("250 2.0.0 OK <AM0PR1@am0pr1.eurprd04.prod.outlook.com> [Hostname=AM0PR1]");
    let mut desk = Desk::open([Plan::new(), vec![(Stage::EndOfData, renamed)]]);
    let reply = desk.reply("sent");
    let sent = Sent {
        id: "<AM0PR1@am0pr1.eurprd04.prod.outlook.com>",
        to: &reply.to,
    };
    let place = desk.deliver(
        "",
        &report(&sent, "failed", "5.1.1", "550 5.1.1 no such user"),
    );
    assert_eq!(place, reply.conversation);
    assert_eq!(desk.outgoing(&reply)["state"], "bounced");
}
