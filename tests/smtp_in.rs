//! smtp_in: forwarded mail by our own listener: hostile and honest clients, and the power fails.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;

use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox as Peer};
use crate::peers::sender::{Dialogue, Queue, free_port, stuffed};
use crate::peers::smtp::Sink;
use crate::peers::tls::{Authority, wrap};
use crate::peers::until;

/// The support address, and the domain of receiving addresses.
pub const ADDRESS: &str = "help@shop.example";
const DOMAIN: &str = "in.example.com";

/// A gateway with its listener on, and one mailbox that is forwarded to.
pub struct Forwarded {
    pub gateway: Gateway,
    pub sink: Sink,
    pub port: u16,
    pub receiving: String,
}

impl Forwarded {
    pub fn start() -> Self {
        Self::start_with("", |_| ())
    }

    /// With further keys of `[smtp_listener]`, and files beside the configuration.
    pub fn start_with(keys: &str, prepare: impl FnOnce(&mut Gateway)) -> Self {
        let (sink, port) = (Sink::start(), free_port());
        let mut gateway = Gateway::prepare(&[]);
        prepare(&mut gateway);
        gateway.configure("", &sections(port, &sink, keys));
        gateway.launch();
        let receiving = add(&gateway, ADDRESS);
        Self {
            gateway,
            sink,
            port,
            receiving,
        }
    }

    pub fn queue(&self) -> Queue {
        Queue::new(self.port, &self.receiving)
    }

    /// A connection that has been greeted.
    fn dialogue(&self) -> Dialogue<std::net::TcpStream> {
        let (mut dialogue, greeting) = Dialogue::open(self.port).unwrap();
        assert!(
            greeting.starts_with("220 in.example.com ESMTP"),
            "{greeting}"
        );
        assert!(
            dialogue
                .command("EHLO client.example")
                .unwrap()
                .starts_with("250")
        );
        dialogue
    }

    /// A connection in the middle of a mail.
    fn in_data(&self) -> Dialogue<std::net::TcpStream> {
        let mut dialogue = self.dialogue();
        let rcpt = format!("RCPT TO:<{}>", self.receiving);
        for (line, code) in [
            ("MAIL FROM:<a@b.example>", "250"),
            (&rcpt, "250"),
            ("DATA", "354"),
        ] {
            let reply = dialogue.command(line).unwrap();
            assert!(reply.starts_with(code), "{line}: {reply}");
        }
        dialogue
    }

    /// The gateway still serves an honest client.
    fn still_takes(&self, number: usize) {
        let mut queue = self.queue();
        queue.waiting.push(mail(number));
        queue.run();
        assert_eq!(
            (queue.waiting.len(), queue.bounced.len()),
            (0, 0),
            "{:?}",
            queue.deferred
        );
    }
}

pub fn sections(port: u16, sink: &Sink, keys: &str) -> String {
    format!(
        "[system_smtp]\nhost = \"localhost\"\nport = {}\nsecurity = \"none\"\n\
         from = \"postern@shop.example\"\n\
         [smtp_listener]\nenabled = true\nmail_listen = \"127.0.0.1:{port}\"\n\
         domain = \"{DOMAIN}\"\n{keys}",
        sink.port
    )
}

/// Connects an address by forwarding; its receiving address.
pub fn add(gateway: &Gateway, address: &str) -> String {
    let added = ["mailbox", "add", address, "--forward", "--system-smtp"];
    gateway.run(&added).good();
    receiving(gateway, address)
}

fn receiving(gateway: &Gateway, address: &str) -> String {
    let mailbox = gateway.api().get(&format!("/mailboxes/{address}"));
    mailbox["receiving_address"].as_str().unwrap().to_owned()
}

/// What became of the mails of a mailbox, the latest first.
pub fn ledger(gateway: &Gateway, address: &str) -> serde_json::Value {
    let mailbox = gateway.api().get(&format!("/mailboxes/{address}"));
    let id = mailbox["id"].as_str().unwrap();
    gateway.api().get(&format!("/mailboxes/{id}/ledger"))
}

pub fn mail(number: usize) -> Vec<u8> {
    format!(
        "Delivered-To: {ADDRESS}\r\nFrom: Customer {number} <customer{number}@example.net>\r\n\
         To: {ADDRESS}\r\nSubject: Question {number}\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{number}@example.net>\r\n\r\nMail number {number}.\r\n"
    )
    .into_bytes()
}

/// These mails are here, each once, and nothing else.
pub fn holds(gateway: &Gateway, numbers: impl IntoIterator<Item = usize>) {
    let expected = ids(numbers);
    let api = gateway.api();
    api.feed().until_routed(expected.len());
    assert_eq!(api.message_ids(), expected);
    let mut feed = api.feed();
    let mut stored = 0;
    loop {
        let events = feed.read(0);
        if events.is_empty() {
            break;
        }
        let came = |event: &&serde_json::Value| event["type"] == "message.received";
        stored += events.iter().filter(came).count();
    }
    assert_eq!(stored, expected.len(), "something else came in");
}

pub fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let mut ids: Vec<_> = numbers
        .into_iter()
        .map(|number| format!("<{number}@example.net>"))
        .collect();
    ids.sort();
    ids
}

#[test]
fn a_mailbox_is_forwarded_to_from_its_trial_to_its_second_address() {
    let mut forwarded = Forwarded::start();
    let old = forwarded.receiving.clone();
    assert!(
        old.starts_with("help-shop-example-") && old.ends_with("@in.example.com"),
        "{old}"
    );
    let shown = forwarded
        .gateway
        .run(&["mailbox", "show", ADDRESS])
        .good()
        .out;
    assert!(
        shown.contains(&old) && shown.contains("waits for the first mail"),
        "{shown}"
    );
    forwarded.still_takes(1);
    let mailbox = forwarded
        .gateway
        .api()
        .get(&format!("/mailboxes/{ADDRESS}"));
    assert_eq!(mailbox["receiving"]["state"], "active");
    let ledger = ledger(&forwarded.gateway, ADDRESS);
    assert_eq!(
        ledger["items"][0]["source"],
        "forwarding from help@shop.example"
    );

    let answer = forwarded
        .gateway
        .run(&["mailbox", "rotate-address", ADDRESS])
        .good()
        .out;
    let new = receiving(&forwarded.gateway, ADDRESS);
    assert!(new != old && answer.contains(&new), "{answer}");
    forwarded.still_takes(2);
    forwarded.receiving = new;
    forwarded.still_takes(3);
    // Whoever rotates again ends the first one.
    let path = format!("/mailboxes/{ADDRESS}/rotate-address");
    let third = forwarded
        .gateway
        .api()
        .post(&path, &[], &serde_json::json!({}))
        .json();
    let third = third["receiving_address"].as_str().unwrap().to_owned();
    let mut dialogue = forwarded.dialogue();
    let reply = dialogue.mail("a@b.example", &old, &mail(4)).unwrap();
    assert!(reply.starts_with("550 5.1.1"), "{reply}");
    forwarded.receiving = third;
    forwarded.still_takes(5);
    holds(&forwarded.gateway, [1, 2, 3, 5]);
    // It is still so after a restart.
    assert!(forwarded.gateway.stop().success());
    forwarded.gateway.launch();
    forwarded.still_takes(6);
    let mailbox = forwarded
        .gateway
        .api()
        .get(&format!("/mailboxes/{ADDRESS}"));
    assert_eq!(mailbox["receiving"]["state"], "active");
}

#[test]
fn without_a_listener_nobody_is_told_to_forward() {
    let mut gateway = Gateway::prepare(&[]);
    gateway.launch();
    let added = gateway.run(&["mailbox", "add", ADDRESS, "--forward", "--system-smtp"]);
    added.refused(&["takes no forwarded mail yet", "[smtp_listener]"]);
}

#[test]
fn the_way_out_is_tried_before_a_forwarded_mailbox_is_saved() {
    let sink = Sink::start();
    let mut gateway = Gateway::prepare(&[]);
    let sections = sections(free_port(), &sink, "");
    let dead = sections.replace(
        &format!("port = {}\n", sink.port),
        &format!("port = {}\n", free_port()),
    );
    gateway.configure("", &dead);
    gateway.launch();
    let added = gateway.run(&["mailbox", "add", ADDRESS, "--forward", "--system-smtp"]);
    added.refused(&[ADDRESS]);
    assert_eq!(
        gateway.api().get("/mailboxes")["items"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
}

#[test]
fn only_crlf_dot_crlf_ends_a_mail_and_nothing_is_smuggled() {
    let forwarded = Forwarded::start();
    let smuggled = format!(
        "MAIL FROM:<admin@shop.example>\r\nRCPT TO:<{}>\r\nDATA\r\n\
         From: admin@shop.example\r\nMessage-ID: <smuggled@example.net>\r\n\r\nhi\r\n.\r\n",
        forwarded.receiving
    );
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r\n.\r",
        "\r.\r\n",
        "\n\r\n.\r\n",
    ] {
        let mut dialogue = forwarded.in_data();
        let text = format!("From: a@b.example\r\n\r\nfirst{end}{smuggled}");
        dialogue.send(text.as_bytes()).unwrap();
        let rest = dialogue.rest();
        assert!(
            rest.starts_with("554 5.5.2") && !rest.contains("250"),
            "{end:?}: {rest}"
        );
    }
    holds(&forwarded.gateway, []);
}

#[test]
fn a_nul_is_refused_in_words_and_the_next_mail_is_taken() {
    let keys = "lmtp_socket = \"lmtp\"\n";
    let forwarded = Forwarded::start_with(keys, |_| ());
    // It ends nothing, not even beside a dot.
    let with_nul =
        b"From: a@b.example\r\nMessage-ID: <1@example.net>\r\n\r\nx\0y\r\n\0.\r\n.\0\r\n.\r\n";
    let mut dialogue = forwarded.in_data();
    dialogue.send(with_nul).unwrap();
    let refused = dialogue.reply().unwrap();
    assert!(refused.starts_with("554 5.6.0"), "{refused}");
    assert!(refused.contains("NUL"), "{refused}");
    let next = dialogue.mail("a@b.example", &forwarded.receiving, &mail(2));
    assert!(next.unwrap().starts_with("250 2.6.0"));

    let socket = forwarded.gateway.folder().join("lmtp");
    let (mut local, _) = Dialogue::open_unix(&socket).unwrap();
    assert!(local.command("LHLO local").unwrap().starts_with("250"));
    let rcpt = format!("RCPT TO:<{}>", forwarded.receiving);
    for line in ["MAIL FROM:<>", &rcpt, "DATA"] {
        assert!(local.command(line).unwrap().starts_with(['2', '3']));
    }
    local.send(with_nul).unwrap();
    assert!(local.reply().unwrap().starts_with("554 5.6.0"));
    let next = local.mail("a@b.example", &forwarded.receiving, &mail(3));
    assert!(next.unwrap().starts_with("250 2.6.0"));
    holds(&forwarded.gateway, [2, 3]);
}

#[test]
fn one_client_in_the_middle_of_many_mails_keeps_nobody_out() {
    const PLACES: usize = 8;
    let keys = format!("connections_max = {PLACES}\n");
    let forwarded = Forwarded::start_with(&keys, |_| ());
    let from = Ipv4Addr::new(127, 0, 9, 9);
    let rcpt = format!("RCPT TO:<{}>", forwarded.receiving);
    let mut slow: Vec<_> = (0..PLACES)
        .map(|number| {
            let (mut dialogue, _) = Dialogue::open_from(from.into(), forwarded.port).unwrap();
            for line in [
                "EHLO slow.example",
                "MAIL FROM:<a@b.example>",
                &rcpt,
                "DATA",
            ] {
                assert!(dialogue.command(line).unwrap().starts_with(['2', '3']));
            }
            let head = format!("From: a@b.example\r\nMessage-ID: <{number}@example.net>\r\n");
            dialogue.send(head.as_bytes()).unwrap();
            dialogue
        })
        .collect();
    let mut first = forwarded.dialogue();
    let taken = first.mail("a@b.example", &forwarded.receiving, &mail(PLACES));
    assert!(taken.unwrap().starts_with("250 2.6.0"));
    // The oldest was told, and only that one; what it had sent is not kept.
    let told = slow.remove(0).rest();
    assert!(told.starts_with("421 4.3.2"), "{told}");
    for dialogue in &mut slow {
        dialogue.send(b"\r\nslow\r\n.\r\n").unwrap();
        assert!(dialogue.reply().unwrap().starts_with("250 2.6.0"));
    }
    holds(&forwarded.gateway, 1..=PLACES);
}

#[test]
fn slow_mails_from_many_addresses_keep_nobody_out() {
    const PLACES: u8 = 8;
    let keys = format!("connections_max = {PLACES}\n");
    let forwarded = Forwarded::start_with(&keys, |_| ());
    let rcpt = format!("RCPT TO:<{}>", forwarded.receiving);
    let _slow: Vec<_> = (0..PLACES)
        .map(|number| {
            let from = Ipv4Addr::new(127, 0, 8, number + 1);
            let (mut dialogue, _) = Dialogue::open_from(from.into(), forwarded.port).unwrap();
            for line in [
                "EHLO slow.example",
                "MAIL FROM:<a@b.example>",
                &rcpt,
                "DATA",
            ] {
                assert!(dialogue.command(line).unwrap().starts_with(['2', '3']));
            }
            dialogue.send(b"From: a@b.example\r\n").unwrap();
            dialogue
        })
        .collect();
    // A mail is judged by its pace only after its first seconds.
    until("a slow mail gives way", || {
        let mut queue = forwarded.queue();
        queue.waiting.push(mail(1));
        queue.run();
        queue.waiting.is_empty().then_some(())
    });
    holds(&forwarded.gateway, [1]);
}

#[test]
fn pipelining_works_and_a_mail_before_354_does_not() {
    let forwarded = Forwarded::start();
    let mut dialogue = forwarded.dialogue();
    let group = |from: &str| {
        let to = &forwarded.receiving;
        format!("MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n")
    };
    dialogue.send(group("a@b.example").as_bytes()).unwrap();
    for code in ["250", "250", "354"] {
        assert!(dialogue.reply().unwrap().starts_with(code));
    }
    let mut next = stuffed(&mail(1));
    next.extend_from_slice(group("c@d.example").as_bytes());
    dialogue.send(&next).unwrap();
    for code in ["250 2.6.0", "250", "250", "354"] {
        assert!(dialogue.reply().unwrap().starts_with(code));
    }
    dialogue.send(&stuffed(&mail(2))).unwrap();
    assert!(dialogue.reply().unwrap().starts_with("250"));
    assert!(dialogue.command("QUIT").unwrap().starts_with("221"));

    let mut dialogue = forwarded.dialogue();
    let mut ahead = group("a@b.example").into_bytes();
    ahead.extend_from_slice(&stuffed(&mail(3)));
    dialogue.send(&ahead).unwrap();
    assert!(dialogue.rest().contains("554 5.5.2"));
    holds(&forwarded.gateway, [1, 2]);
}

#[test]
fn what_was_said_before_tls_is_forgotten() {
    let authority = Authority::new();
    let certificate = authority.issue();
    let keys = "certificate_file = \"mail.pem\"\nkey_file = \"mail.key\"\n";
    let forwarded = Forwarded::start_with(keys, |gateway| {
        let folder = gateway.folder();
        std::fs::write(folder.join("mail.pem"), &certificate.certificate_pem).unwrap();
        std::fs::write(folder.join("mail.key"), &certificate.key_pem).unwrap();
    });
    let mut dialogue = forwarded.dialogue();
    // The injected commands come in the same packet as STARTTLS.
    let injected = format!(
        "STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<{}>\r\n",
        forwarded.receiving
    );
    dialogue.send(injected.as_bytes()).unwrap();
    assert!(dialogue.reply().unwrap().starts_with("220 2.0.0"));
    let stream = wrap(dialogue.into_stream(), &authority.pem());
    let mut dialogue = Dialogue::over(stream);
    // Were they run, a 250 would come before this 503.
    let reply = dialogue.command("DATA").unwrap();
    assert!(reply.starts_with("503"), "{reply}");
    let reply = dialogue.command("MAIL FROM:<a@b.example>").unwrap();
    assert!(reply.starts_with("503"), "it must greet again: {reply}");
    let reply = dialogue.command("EHLO client.example").unwrap();
    assert!(!reply.contains("STARTTLS"), "{reply}");
    let reply = dialogue
        .mail("a@b.example", &forwarded.receiving, &mail(1))
        .unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    holds(&forwarded.gateway, [1]);
}

#[test]
fn a_renewed_certificate_is_used_without_a_restart() {
    let (first, second) = (Authority::new(), Authority::new());
    let keys = "certificate_file = \"mail.pem\"\nkey_file = \"mail.key\"\n";
    let write = |gateway: &Gateway, authority: &Authority| {
        let (certificate, folder) = (authority.issue(), gateway.folder());
        std::fs::write(folder.join("mail.pem"), &certificate.certificate_pem).unwrap();
        std::fs::write(folder.join("mail.key"), &certificate.key_pem).unwrap();
    };
    let forwarded = Forwarded::start_with(keys, |gateway| write(gateway, &first));
    let trusted = |authority: &Authority| {
        let mut dialogue = forwarded.dialogue();
        assert!(dialogue.command("STARTTLS").unwrap().starts_with("220"));
        let stream = wrap(dialogue.into_stream(), &authority.pem());
        let greeted = Dialogue::over(stream).command("EHLO client.example");
        greeted.is_ok_and(|reply| reply.starts_with("250"))
    };
    assert!(trusted(&first) && !trusted(&second));
    // Half of a renewal: the old pair stays in use.
    let folder = forwarded.gateway.folder();
    std::fs::write(folder.join("mail.key"), "nothing").unwrap();
    until("it is told", || {
        let told = forwarded.gateway.log().contains("was not reloaded");
        told.then_some(())
    });
    assert!(trusted(&first));
    write(&forwarded.gateway, &second);
    until("the new certificate is shown", || {
        trusted(&second).then_some(())
    });
    assert!(!trusted(&first));
}

#[test]
fn mail_for_the_postmaster_goes_to_the_mailbox_that_is_named() {
    let keys = format!("postmaster = \"{ADDRESS}\"\n");
    let forwarded = Forwarded::start_with(&keys, |_| ());
    let mut dialogue = forwarded.dialogue();
    let own = format!("PostMaster@{DOMAIN}");
    for (number, to) in [(1, own.as_str()), (2, "postmaster")] {
        let taken = dialogue.mail("a@b.example", to, &mail(number)).unwrap();
        assert!(taken.starts_with("250 2.6.0"), "{to}: {taken}");
    }
    let relayed = dialogue.mail("a@b.example", "postmaster@other.example", &mail(3));
    assert!(relayed.unwrap().starts_with("550 5.7.1"));
    holds(&forwarded.gateway, [1, 2]);

    let forwarded = Forwarded::start();
    let refused = forwarded.dialogue().mail("a@b.example", &own, &mail(1));
    let refused = refused.unwrap();
    assert!(refused.starts_with("550 5.1.1"), "{refused}");
    assert!(refused.contains("postmaster"), "{refused}");
}

#[test]
fn mail_for_the_postmaster_says_nothing_of_a_mailbox_that_is_read_elsewhere() {
    let (mut dovecot, sink, port) = (Dovecot::start(), Sink::start(), free_port());
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    let keys = format!("postmaster = \"{USER}\"\n");
    gateway.configure("", &sections(port, &sink, &keys));
    gateway.launch();
    gateway.add(&Peer::of(&dovecot, &sink)).good();
    let is_active = || {
        let mailboxes = gateway.api().get("/mailboxes");
        mailboxes["items"][0]["receiving"]["state"] == "active"
    };
    until("it is read", || is_active().then_some(()));
    dovecot.stop();
    until("it is interrupted", || (!is_active()).then_some(()));
    let (mut dialogue, _) = Dialogue::open(port).unwrap();
    dialogue.command("EHLO client.example").unwrap();
    let taken = dialogue.mail("a@b.example", &format!("postmaster@{DOMAIN}"), &mail(1));
    assert!(taken.unwrap().starts_with("250"));
    holds(&gateway, [1]);
    assert!(
        !is_active(),
        "a stranger's mail made a dead mailbox look alive"
    );
}

#[test]
fn the_postmaster_is_not_flooded() {
    let keys = format!("postmaster = \"{ADDRESS}\"\n");
    let forwarded = Forwarded::start_with(&keys, |_| ());
    let own = format!("postmaster@{DOMAIN}");
    let rcpt = format!("RCPT TO:<{own}>");
    let open = |last: [u8; 2]| {
        let from = Ipv4Addr::new(127, 0, last[0], last[1]);
        let (mut dialogue, _) = Dialogue::open_from(from.into(), forwarded.port).unwrap();
        assert!(
            dialogue
                .command("EHLO a.example")
                .unwrap()
                .starts_with("250")
        );
        dialogue
    };
    // Announced too large, which is no mail yet; and too large without a word.
    let mut dialogue = open([5, 1]);
    for (mail_from, code) in [
        ("MAIL FROM:<a@b.example> SIZE=1048577", "552 5.3.4"),
        ("MAIL FROM:<a@b.example> SIZE=1048576", "250"),
    ] {
        assert!(dialogue.command(mail_from).unwrap().starts_with("250"));
        let told = dialogue.command(&rcpt).unwrap();
        assert!(told.starts_with(code), "{mail_from}: {told}");
        dialogue.command("RSET").unwrap();
    }
    let mut big = mail(1);
    big.extend(b"0123456789abcde\r\n".repeat(70_000));
    let told = dialogue.mail("a@b.example", &own, &big).unwrap();
    assert!(told.starts_with("552 5.3.4"), "{told}");
    let told = dialogue.mail("a@b.example", &forwarded.receiving, &big);
    assert!(
        told.unwrap().starts_with("250"),
        "others may be sent as much"
    );
    // Two have been counted; a neighbour shares the rest.
    for number in 2..20 {
        let told = dialogue.mail("a@b.example", &own, &mail(number)).unwrap();
        assert!(told.starts_with("250"), "{number}: {told}");
    }
    for from in [[5, 1], [5, 200]] {
        let told = open(from).mail("a@b.example", &own, &mail(30)).unwrap();
        assert!(told.starts_with("452 4.7.1"), "{told}");
    }
    let told = open([6, 1]).mail("a@b.example", &own, &mail(20)).unwrap();
    assert!(told.starts_with("250"), "{told}");
    holds(&forwarded.gateway, 1..=20);
}

#[test]
fn it_relays_for_nobody_and_knows_no_other_recipient() {
    let forwarded = Forwarded::start();
    let mut dialogue = forwarded.dialogue();
    assert!(
        dialogue
            .command("MAIL FROM:<a@b.example>")
            .unwrap()
            .starts_with("250")
    );
    let token = forwarded.receiving.split('@').next().unwrap();
    for (to, code) in [
        ("victim@elsewhere.example".to_owned(), "550 5.7.1"),
        (format!("{token}@elsewhere.example"), "550 5.7.1"),
        (ADDRESS.to_owned(), "550 5.7.1"),
        (format!("victim%elsewhere.example@{DOMAIN}"), "550 5.1.1"),
        (format!("\"victim@elsewhere.example\"@{DOMAIN}"), "550"),
        (format!("postmaster@{DOMAIN}"), "550 5.1.1"),
        (format!("help@{DOMAIN}"), "550 5.1.1"),
        (
            format!("{}x@{DOMAIN}", &token[..token.len() - 1]),
            "550 5.1.1",
        ),
    ] {
        let reply = dialogue.command(&format!("RCPT TO:<{to}>")).unwrap();
        assert!(
            reply.starts_with(code) || reply.starts_with("553"),
            "{to}: {reply}"
        );
    }
    assert!(dialogue.command("DATA").unwrap().starts_with("554"));
    assert!(dialogue.command("VRFY victim").unwrap().starts_with("252"));
    // The address in another case is the same; forwarders do that.
    let rcpt = format!("RCPT TO:<{}>", forwarded.receiving.to_uppercase());
    assert!(dialogue.command(&rcpt).unwrap().starts_with("250"));

    let mut dialogue = forwarded.dialogue();
    assert!(
        dialogue
            .command("MAIL FROM:<a@b.example>")
            .unwrap()
            .starts_with("250")
    );
    let guesses = (0..20).map(|number| format!("RCPT TO:<guess{number}@{DOMAIN}>"));
    let replies: Vec<_> = guesses
        .map_while(|guess| dialogue.command(&guess).ok())
        .collect();
    assert_eq!(replies.len(), 11, "guessing is ended: {replies:?}");
    assert!(replies[10].starts_with("421"));
    assert_eq!(forwarded.sink.kept().len(), 0, "nothing is sent to anybody");
}

#[test]
fn what_is_too_large_is_refused_as_announced_and_as_sent() {
    let forwarded = Forwarded::start_with("forwarded_size_max_mib = 2\n", |_| ());
    let mut dialogue = forwarded.dialogue();
    let reply = dialogue
        .command("MAIL FROM:<a@b.example> SIZE=2097153")
        .unwrap();
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    let mut big = mail(1);
    big.extend(b"0123456789abcde\r\n".repeat(150_000));
    // Announced small and sent big, and not announced at all.
    for size in [" SIZE=1000", ""] {
        let mut dialogue = forwarded.dialogue();
        let reply = dialogue
            .command(&format!("MAIL FROM:<a@b.example>{size}"))
            .unwrap();
        assert!(reply.starts_with("250"), "{reply}");
        let rcpt = format!("RCPT TO:<{}>", forwarded.receiving);
        assert!(dialogue.command(&rcpt).unwrap().starts_with("250"));
        assert!(dialogue.command("DATA").unwrap().starts_with("354"));
        dialogue.send(&stuffed(&big)).unwrap();
        let reply = dialogue.reply().unwrap();
        assert!(reply.starts_with("552 5.3.4"), "{reply}");
        // The session goes on.
        let reply = dialogue
            .mail("a@b.example", &forwarded.receiving, &mail(2))
            .unwrap();
        assert!(reply.starts_with("250"), "{reply}");
    }
    // More than is kept in memory, and below the limit, whatever was announced.
    let mut fits = mail(3);
    fits.extend(b"0123456789abcde\r\n".repeat(100_000));
    let mut dialogue = forwarded.dialogue();
    let reply = dialogue
        .mail("a@b.example", &forwarded.receiving, &fits)
        .unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    let api = forwarded.gateway.api();
    holds(&forwarded.gateway, [2, 3]);
    let messages = api.all_messages();
    let stored = messages
        .iter()
        .find(|one| one["message_id"] == "<3@example.net>");
    let raw = api.raw(stored.unwrap()["id"].as_str().unwrap());
    assert!(raw == fits, "{} of {} bytes", raw.len(), fits.len());
}

/// Silent connections, from so many addresses that no share of one client stops them.
const IDLE: usize = 10_000;

#[test]
fn ten_thousand_silent_connections_keep_nobody_out() {
    let limit = rustix::process::Resource::Nofile;
    let mut now = rustix::process::getrlimit(limit);
    now.current = now.maximum;
    rustix::process::setrlimit(limit, now).unwrap();
    let forwarded = Forwarded::start();
    let before = forwarded.gateway.peak_memory();
    let mut kept = Vec::with_capacity(IDLE);
    for number in 0..IDLE {
        let last = u8::try_from(2 + number % 250).unwrap();
        let third = u8::try_from(1 + number / 250 % 250).unwrap();
        let from = Ipv4Addr::new(127, 0, third, last);
        let opened = Dialogue::open_from(from.into(), forwarded.port);
        let (dialogue, greeting) = opened.unwrap_or_else(|error| panic!("{number}: {error}"));
        assert!(greeting.starts_with("220"), "{number}: {greeting}");
        kept.push(dialogue);
    }
    forwarded.still_takes(1);
    // One address has its share and no more.
    let mut share: Vec<_> = (0..32)
        .map(|_| Dialogue::open(forwarded.port).unwrap())
        .collect();
    let (_, greeting) = Dialogue::open(forwarded.port).unwrap();
    assert!(greeting.starts_with("421 4.7.0"), "{greeting}");
    assert!(
        share
            .iter()
            .all(|(_, greeting)| greeting.starts_with("220"))
    );
    share.clear();
    let grown = forwarded.gateway.peak_memory().saturating_sub(before);
    println!(
        "{IDLE} silent connections: {} MiB more memory",
        grown / 1024 / 1024
    );
    assert!(grown < 100 * 1024 * 1024, "{grown} bytes");
    assert!(
        forwarded.gateway.log().len() < 100_000,
        "the log is flooded"
    );
    until("an honest client is served", || {
        let mut queue = forwarded.queue();
        queue.waiting.push(mail(2));
        queue.run();
        queue.waiting.is_empty().then_some(())
    });
    holds(&forwarded.gateway, [1, 2]);
}

#[test]
fn the_power_fails_after_250_and_the_mail_is_there() {
    let mut forwarded = Forwarded::start();
    let mut expected = Vec::new();
    for round in 0..10 {
        let mut dialogue = forwarded.dialogue();
        for number in round * 10..round * 10 + 10 {
            let reply = dialogue
                .mail("a@b.example", &forwarded.receiving, &mail(number))
                .unwrap();
            assert!(reply.starts_with("250 2.6.0"), "{reply}");
            expected.push(number);
        }
        // One more is on its way, and must not be there in part.
        dialogue.command("MAIL FROM:<a@b.example>").unwrap();
        dialogue
            .command(&format!("RCPT TO:<{}>", forwarded.receiving))
            .unwrap();
        dialogue.command("DATA").unwrap();
        dialogue
            .send(b"From: half@example.net\r\n\r\nhalf of it")
            .unwrap();
        forwarded.gateway.kill();
        forwarded.gateway.launch();
        holds(&forwarded.gateway, expected.clone());
    }
}

#[test]
fn a_stopping_gateway_says_so_and_ends_the_mail_under_way() {
    let mut forwarded = Forwarded::start();
    let mut idle = forwarded.dialogue();
    let mut sending = forwarded.in_data();
    sending
        .send(b"From: a@b.example\r\nMessage-ID: <1@example.net>\r\n\r\n")
        .unwrap();
    let ended = std::thread::scope(|scope| {
        let stopping = scope.spawn(|| forwarded.gateway.stop());
        assert!(idle.reply().unwrap().starts_with("421 4.3.2"));
        sending.send(b"the rest\r\n.\r\n").unwrap();
        assert!(sending.reply().unwrap().starts_with("250 2.6.0"));
        assert!(sending.reply().unwrap().starts_with("421 4.3.2"));
        stopping.join().unwrap()
    });
    assert!(ended.success());
    forwarded.gateway.launch();
    holds(&forwarded.gateway, [1]);
}

#[test]
fn lmtp_answers_once_per_recipient() {
    let keys = "lmtp_socket = \"lmtp\"\n";
    let forwarded = Forwarded::start_with(keys, |_| ());
    let other = add(&forwarded.gateway, "sales@shop.example");
    let socket = forwarded.gateway.folder().join("lmtp");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let (mut dialogue, greeting) = Dialogue::open_unix(&socket).unwrap();
    assert!(greeting.contains("LMTP"), "{greeting}");
    assert!(dialogue.command("EHLO local").unwrap().starts_with("500"));
    assert!(dialogue.command("LHLO local").unwrap().starts_with("250"));
    assert!(dialogue.command("MAIL FROM:<>").unwrap().starts_with("250"));
    for (to, code) in [
        (&forwarded.receiving, "250"),
        (&"x@y.example".to_owned(), "550"),
        (&other, "250"),
    ] {
        let reply = dialogue.command(&format!("RCPT TO:<{to}>")).unwrap();
        assert!(reply.starts_with(code), "{reply}");
    }
    assert!(dialogue.command("DATA").unwrap().starts_with("354"));
    dialogue.send(&stuffed(&mail(1))).unwrap();
    for _ in 0..2 {
        assert!(dialogue.reply().unwrap().starts_with("250 2.6.0"));
    }
    assert!(dialogue.command("QUIT").unwrap().starts_with("221"));
    holds(&forwarded.gateway, [1]);
    let ledger = ledger(&forwarded.gateway, "sales@shop.example");
    assert_eq!(ledger["items"][0]["fate"], "duplicate");
}

#[test]
fn a_mailbox_switched_off_defers_and_one_removed_refuses() {
    let forwarded = Forwarded::start();
    let mut queue = forwarded.queue();
    queue.waiting.push(mail(1));
    forwarded
        .gateway
        .run(&["mailbox", "offline", ADDRESS])
        .good();
    queue.run();
    assert!(
        queue.deferred[0].starts_with("451 4.2.1"),
        "{:?}",
        queue.deferred
    );
    forwarded
        .gateway
        .run(&["mailbox", "online", ADDRESS])
        .good();
    queue.run();
    assert!(queue.waiting.is_empty());
    forwarded
        .gateway
        .run(&["mailbox", "remove", ADDRESS, "--yes"])
        .good();
    queue.waiting.push(mail(2));
    queue.run();
    assert!(
        queue.bounced[0].starts_with("550 5.1.1"),
        "{:?}",
        queue.bounced
    );
    // What a client says before it goes is nobody's trouble.
    let mut dialogue = forwarded.dialogue();
    dialogue.send(b"NOOP").unwrap();
    dialogue.into_stream().flush().unwrap();
}

#[test]
fn gmail_asks_and_its_code_is_shown_and_nothing_is_opened() {
    let forwarded = Forwarded::start();
    let subject = "(#123456789) Gmail Forwarding Confirmation - Receive Mail from shop@gmail.com";
    let link = "https://mail-settings.google.com/mail/vf-%5BANGjdJ8%5D-abc_1";
    let asked = |from: &str, number: usize| {
        format!(
            "From: Gmail Team <{from}>\r\nTo: {}\r\nSubject: {subject}\r\n\
             Message-ID: <{number}@example.net>\r\n\r\nshop@gmail.com has requested to \
             automatically forward mail to your email address.\r\nConfirmation code: 123456789\r\n\r\n\
             {link}\r\n\r\nIf you do not want this: https://mail-settings.google.com/mail/uf-2\r\n",
            forwarded.receiving
        )
        .into_bytes()
    };
    let mut queue = forwarded.queue();
    queue.waiting.push(asked("phisher@evil.example", 1));
    queue.run();
    let shown = || {
        forwarded
            .gateway
            .api()
            .get(&format!("/mailboxes/{ADDRESS}"))
    };
    assert!(shown()["confirmation"].is_null());
    queue
        .waiting
        .push(asked("forwarding-noreply@google.com", 2));
    queue.run();
    let confirmation = &shown()["confirmation"];
    assert_eq!(confirmation["code"], "123456789");
    assert_eq!(confirmation["link"], link);
    assert_eq!(confirmation["account"], "shop@gmail.com");
    let said = forwarded
        .gateway
        .run(&["mailbox", "show", ADDRESS])
        .good()
        .out;
    assert!(
        said.contains("123456789 for shop@gmail.com") && said.contains(link),
        "{said}"
    );
    // It is a mail like any other, too.
    holds(&forwarded.gateway, [1, 2]);
}

#[test]
fn one_mail_by_two_ways_is_one_mail_and_the_ways_are_named() {
    let dovecot = Dovecot::start();
    let (sink, port) = (Sink::start(), free_port());
    let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
    gateway.configure("", &sections(port, &sink, ""));
    gateway.launch();
    gateway.add(&Peer::of(&dovecot, &sink)).good();
    let receiving = add(&gateway, ADDRESS);
    let text = |number: usize, received: &str| {
        format!(
            "{received}From: a@example.net\r\nTo: {USER}\r\nSubject: Question {number}\r\n\
             Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@example.net>\r\n\r\n\
             Mail number {number}.\r\n"
        )
        .into_bytes()
    };
    dovecot.fill(USER, [text(1, "")]);
    gateway.api().feed().until_routed(1);
    let path = format!("/mailboxes/{ADDRESS}");
    let mut queue = Queue::new(port, &receiving);
    // The same mail, as the account's rule sends it on.
    let trace = format!("Delivered-To: {USER}\r\nReceived: from mx.example by {USER}; now\r\n");
    queue.waiting.push(text(1, &trace));
    queue.run();
    assert!(queue.waiting.is_empty() && queue.bounced.is_empty());
    holds_any(&gateway, [1]);
    for address in [ADDRESS, USER] {
        let mailbox = gateway.api().get(&format!("/mailboxes/{address}"));
        let two = &mailbox["two_ways"];
        assert_eq!(
            two["first"],
            format!("by IMAP from INBOX of {USER}"),
            "{mailbox}"
        );
        assert_eq!(
            two["second"],
            format!("forwarded from {USER} to {receiving}")
        );
        assert_eq!(two["count"], 1);
    }
    let said = gateway.run(&["mailbox", "show", ADDRESS]).good().out;
    assert!(
        said.contains("mail arrives twice") && said.contains("switch one of the two off"),
        "{said}"
    );

    // A forwarder that never heard the answer sends a mail again: that is no second way.
    for _ in 0..2 {
        queue.waiting.push(text(2, &trace));
        queue.run();
    }
    assert_eq!(gateway.api().get(&path)["two_ways"]["count"], 1);
    // A second rule, of another account, is one.
    queue
        .waiting
        .push(text(2, "Delivered-To: sales@shop.example\r\n"));
    queue.run();
    let mailbox = gateway.api().get(&path);
    assert_eq!(mailbox["two_ways"]["count"], 2);
    assert_eq!(
        mailbox["two_ways"]["second"],
        format!("forwarded from sales@shop.example to {receiving}")
    );
    holds_any(&gateway, [1, 2]);
    let ledger = ledger(&gateway, ADDRESS);
    assert_eq!(ledger["items"][0]["fate"], "duplicate");
}

/// The same, however they came.
fn holds_any(gateway: &Gateway, numbers: impl IntoIterator<Item = usize>) {
    let expected = ids(numbers);
    gateway.api().feed().until_routed(expected.len());
    assert_eq!(gateway.api().message_ids(), expected);
}

/// A name server that knows these TXT records and nothing else (RFC 1035). Of names that
/// begin with `later.` it cannot say anything at first.
fn name_server(records: &'static [(&'static str, &'static str)]) -> std::net::SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut packet, mut unsaid) = ([0; 1_500], UNSAID);
        while let Ok((count, from)) = socket.recv_from(&mut packet) {
            let mut answer = answer(&packet[..count], records);
            if packet[12..count].starts_with(b"\x05later") && unsaid > 0 {
                unsaid -= 1;
                // SERVFAIL, and no answer.
                answer = [&packet[..2], &[0x81, 0x82], &packet[4..count]].concat();
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
    address
}

fn answer(question: &[u8], records: &[(&str, &str)]) -> Vec<u8> {
    let (mut at, mut labels) = (12, Vec::new());
    while question[at] != 0 {
        let length = usize::from(question[at]);
        let label = &question[at + 1..=at + length];
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += length + 1;
    }
    let asks_for_text = question[at + 1..at + 3] == [0, 16];
    let asked = &question[12..at + 5];
    let name = labels.join(".");
    let found = records
        .iter()
        .find(|(known, _)| asks_for_text && *known == name);
    let mut out = question[..2].to_vec();
    // An answer with authority; NXDOMAIN when nothing is known.
    out.extend([0x84, if found.is_some() { 0 } else { 3 }, 0, 1, 0]);
    out.extend([u8::from(found.is_some()), 0, 0, 0, 0]);
    out.extend(asked);
    if let Some((_, text)) = found {
        // The name again, as a pointer to the question; TXT, IN, a minute.
        out.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
        let length = u16::try_from(text.len() + 1).unwrap();
        out.extend(length.to_be_bytes());
        out.push(u8::try_from(text.len()).unwrap());
        out.extend(text.as_bytes());
    }
    out
}

/// Questions that the name server cannot answer at first; the resolver asks more than once.
const UNSAID: u32 = 4;

#[test]
fn a_name_server_that_cannot_say_is_asked_again_later() {
    let dns = name_server(&[("later.example", "v=spf1 ip4:127.0.0.1 -all")]);
    let keys = format!("[network]\nname_server = \"{dns}\"\n");
    let forwarded = Forwarded::start_with(&keys, |_| ());
    let reply = forwarded
        .dialogue()
        .mail("a@later.example", &forwarded.receiving, &mail(1))
        .unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    holds(&forwarded.gateway, [1]);
    let api = forwarded.gateway.api();
    let message = api.all_messages().remove(0);
    let path = format!("/messages/{}", message["id"].as_str().unwrap());
    let found = until("the mail is checked", || {
        let found = api.get(&path)["authentication"].clone();
        (!found.is_null()).then_some(found)
    });
    assert_eq!(found["spf"], "pass", "{found}");
}

#[test]
fn what_a_mail_proves_of_its_sender_is_shown_and_its_250_does_not_wait_for_it() {
    let dns = name_server(&[
        ("provider.example", "v=spf1 ip4:127.0.0.1 -all"),
        ("elsewhere.example", "v=spf1 ip4:192.0.2.1 -all"),
        ("_dmarc.provider.example", "v=DMARC1; p=reject"),
    ]);
    let keys = format!("[network]\nname_server = \"{dns}\"\n");
    let forwarded = Forwarded::start_with(&keys, |_| ());
    let mut dialogue = forwarded.dialogue();
    let written_by = |domain: &str, number: usize| {
        let text = String::from_utf8(mail(number)).unwrap();
        let from = format!("<customer{number}@{domain}>");
        text.replace(&format!("<customer{number}@example.net>"), &from)
    };
    for (from, number) in [
        ("a@provider.example", 1),
        ("a@elsewhere.example", 2),
        ("a@unknown.example", 3),
    ] {
        let domain = from.split('@').next_back().unwrap();
        let mail = written_by(domain, number);
        let reply = dialogue
            .mail(from, &forwarded.receiving, mail.as_bytes())
            .unwrap();
        assert!(reply.starts_with("250"), "{reply}");
    }
    holds(&forwarded.gateway, [1, 2, 3]);
    let api = forwarded.gateway.api();
    for (id, spf, dmarc) in [
        ("<1@example.net>", "pass", "pass"),
        ("<2@example.net>", "fail", "none"),
        ("<3@example.net>", "none", "none"),
    ] {
        let messages = api.all_messages();
        let message = messages.iter().find(|one| one["message_id"] == id).unwrap();
        let path = format!("/messages/{}", message["id"].as_str().unwrap());
        let found = until("the mail is checked", || {
            let found = api.get(&path)["authentication"].clone();
            (!found.is_null()).then_some(found)
        });
        assert_eq!(
            (&found["spf"], &found["dmarc"]),
            (&spf.into(), &dmarc.into()),
            "{id}: {found}"
        );
        assert_eq!(found["dkim"], "none");
    }
}

/// The example of RFC 8463, appendix A.3: signed with Ed25519 by somebody else's program.
const SIGNED: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
d=football.example.com; i=@football.example.com;\r\n \
q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
subject : date : message-id : from : subject : date;\r\n \
bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
From: Joe SixPack <joe@football.example.com>\r\n\
To: Suzie Q <suzie@shopping.example.net>\r\n\
Subject: Is dinner ready?\r\n\
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

#[test]
fn a_signature_outlives_forwarding_and_a_changed_mail_has_none() {
    let dns = name_server(&[
        (
            "brisbane._domainkey.football.example.com",
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        ),
        ("_dmarc.football.example.com", "v=DMARC1; p=reject"),
        ("forwarder.example", "v=spf1 ip4:127.0.0.1 -all"),
    ]);
    let keys = format!("[network]\nname_server = \"{dns}\"\n");
    let forwarded = Forwarded::start_with(&keys, |_| ());
    let mut dialogue = forwarded.dialogue();
    let changed = SIGNED
        .replace("5F8J@", "changed@")
        .replace("hungry", "angry");
    for mail in [SIGNED, &changed] {
        let reply = dialogue
            .mail("a@forwarder.example", &forwarded.receiving, mail.as_bytes())
            .unwrap();
        assert!(reply.starts_with("250"), "{reply}");
    }
    let api = forwarded.gateway.api();
    for (id, dkim, dmarc) in [
        (
            "<20030712040037.46341.5F8J@football.example.com>",
            "pass",
            "pass",
        ),
        (
            "<20030712040037.46341.changed@football.example.com>",
            "fail",
            "fail",
        ),
    ] {
        let found = until("the mail is checked", || {
            let messages = api.all_messages();
            let message = messages.iter().find(|one| one["message_id"] == id)?;
            let path = format!("/messages/{}", message["id"].as_str().unwrap());
            let found = api.get(&path)["authentication"].clone();
            (!found.is_null()).then_some(found)
        });
        assert_eq!(
            (&found["spf"], &found["dkim"], &found["dmarc"]),
            (&"pass".into(), &dkim.into(), &dmarc.into()),
            "{id}: {found}"
        );
    }
}
