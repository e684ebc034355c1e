//! The running provider, by raw sockets: what any client would see.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::*;
use crate::domain::secret::Secret;

/// Long enough for a loaded machine; only a failure waits for it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

async fn provider(files_sent: bool) -> Provider {
    let account = |text| Account {
        address: address(text),
        password: Secret::new("lamp"),
    };
    let options = Options {
        accounts: vec![
            account("support@shop.example"),
            account("sales@shop.example"),
        ],
        clock: Arc::new(|| Timestamp::UNIX_EPOCH),
        files_sent,
    };
    Provider::start(options).await.expect("loopback has ports")
}

struct Wire(BufReader<TcpStream>);

impl Wire {
    async fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("it listens");
        let mut wire = Self(BufReader::new(stream));
        wire.line().await;
        wire
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line));
        read.await
            .expect("an answer in time")
            .expect("a readable socket");
        line.trim_end().to_owned()
    }

    async fn send(&mut self, text: &str) {
        let sent = self.0.get_mut().write_all(text.as_bytes()).await;
        sent.expect("a writable socket");
    }

    /// Sends a line; everything up to the line that begins with `until`.
    async fn ask(&mut self, line: &str, until: &str) -> Vec<String> {
        self.send(&format!("{line}\r\n")).await;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            assert!(
                !line.is_empty() || !lines.ends_with(&[String::new()]),
                "closed: {lines:?}"
            );
            let last = line.starts_with(until);
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    /// Everything until the other side hangs up.
    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest));
        read.await
            .expect("an end in time")
            .expect("a readable socket");
        String::from_utf8(rest).expect("text")
    }

    /// The same, where the end may also be a reset.
    async fn hung_up(mut self) -> bool {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest));
        read.await.is_ok() && rest.is_empty()
    }
}

async fn imap(provider: &Provider) -> Wire {
    let mut wire = Wire::open(provider.imap_addr).await;
    wire.ask("l LOGIN support@shop.example lamp", "l OK").await;
    wire.ask("s SELECT INBOX", "s OK").await;
    wire
}

async fn smtp(provider: &Provider) -> Wire {
    let mut wire = Wire::open(provider.smtp_addr).await;
    wire.ask("EHLO client.example", "250 ").await;
    // "\0sales@shop.example\0lamp"
    wire.ask("AUTH PLAIN AHNhbGVzQHNob3AuZXhhbXBsZQBsYW1w", "235")
        .await;
    wire
}

async fn envelope(wire: &mut Wire, recipients: &[&str]) {
    wire.ask("MAIL FROM:<sales@shop.example>", "250").await;
    for recipient in recipients {
        wire.ask(&format!("RCPT TO:<{recipient}>"), "250").await;
    }
    wire.ask("DATA", "354").await;
}

const MAIL: &str = "Subject: Hi\r\n\r\nHello\r\n";

fn inbox(provider: &Provider) -> Vec<(Uid, Bytes)> {
    provider.mails(&address("support@shop.example"), &FolderName::inbox())
}

#[tokio::test]
async fn a_submitted_mail_reaches_idling_clients_and_customers() {
    let provider = provider(true).await;
    let mut outside = provider.watch_outside();
    let mut reader = imap(&provider).await;
    reader.ask("i IDLE", "+").await;

    let mut sender = smtp(&provider).await;
    envelope(
        &mut sender,
        &["support@shop.example", "Jane@elsewhere.example"],
    )
    .await;
    sender.ask(&format!("{MAIL}."), "250").await;

    assert_eq!(reader.line().await, "* 1 EXISTS");
    reader.ask("DONE", "i OK").await;
    let fetched = reader
        .ask("f UID FETCH 1 (FLAGS BODY.PEEK[])", "f OK")
        .await;
    assert_eq!(
        fetched[..3],
        ["* 1 FETCH (UID 1 FLAGS () BODY[] {22}", "Subject: Hi", ""]
    );

    let received = outside.recv().await.expect("it went outside");
    assert_eq!(received.raw, MAIL);
    let customer = address("jane@elsewhere.example");
    assert_eq!(provider.outside(&customer).len(), 1);
    let sent = FolderName::new("Sent").expect("a name");
    assert_eq!(
        provider.mails(&address("sales@shop.example"), &sent).len(),
        1
    );
    provider.stop().await;
}

#[tokio::test]
async fn nobody_sends_or_reads_without_the_password() {
    let provider = provider(false).await;
    let mut wire = Wire::open(provider.imap_addr).await;
    let said = wire.ask("l LOGIN support@shop.example wrong", "l NO").await;
    assert!(said[0].contains("[AUTHENTICATIONFAILED]"));
    let mut wire = Wire::open(provider.smtp_addr).await;
    wire.ask("EHLO client.example", "250 ").await;
    wire.ask("MAIL FROM:<a@b.example>", "530").await;
    wire.ask("AUTH PLAIN AGEAYg==", "535").await;
}

#[tokio::test]
async fn faults_of_reading() {
    let provider = provider(false).await;
    let support = address("support@shop.example");
    provider.deliver(&support, &FolderName::inbox(), MAIL, None);
    let set = |imap| {
        provider.set_faults(Faults {
            imap,
            ..Faults::default()
        });
    };

    let mut wire = imap(&provider).await;
    set(ImapFaults {
        cut_body_after_bytes: Some(5),
        ..ImapFaults::default()
    });
    wire.send("f UID FETCH 1 BODY.PEEK[]\r\n").await;
    assert_eq!(wire.rest().await, "* 1 FETCH (UID 1 BODY[] {22}\r\nSubje");

    set(ImapFaults::default());
    let mut wire = imap(&provider).await;
    set(ImapFaults {
        nil_bodies: true,
        ..ImapFaults::default()
    });
    let said = wire.ask("f UID FETCH 1 BODY.PEEK[]", "f OK").await;
    assert_eq!(said[0], "* 1 FETCH (UID 1 BODY[] NIL)");
    set(ImapFaults {
        bye: Some("Maintenance".to_owned()),
        ..ImapFaults::default()
    });
    wire.send("g UID FETCH 1 FLAGS\r\n").await;
    assert_eq!(wire.rest().await, "* BYE Maintenance\r\n");

    set(ImapFaults {
        refuse_login: Some("[UNAVAILABLE] Later".to_owned()),
        no_idle: true,
        ..ImapFaults::default()
    });
    let mut wire = Wire::open(provider.imap_addr).await;
    let said = wire.ask("l LOGIN support@shop.example lamp", "l").await;
    assert_eq!(said, ["l NO [UNAVAILABLE] Later"]);
    let said = wire.ask("c CAPABILITY", "c OK").await;
    assert!(!said[0].contains("IDLE"));
}

#[tokio::test]
async fn a_silent_idle_announces_nothing() {
    for (silent_idle, said) in [
        (false, "* 1 EXISTS\r\n* BYE End\r\n"),
        (true, "* BYE End\r\n"),
    ] {
        let provider = provider(false).await;
        let mut wire = imap(&provider).await;
        provider.set_faults(Faults {
            imap: ImapFaults {
                silent_idle,
                ..ImapFaults::default()
            },
            ..Faults::default()
        });
        wire.ask("i IDLE", "+").await;
        let support = address("support@shop.example");
        provider.deliver(&support, &FolderName::inbox(), MAIL, None);
        // Sessions learn both in this order, so nothing needs to be waited for.
        provider.bye("End");
        assert_eq!(wire.rest().await, said);
    }
}

#[tokio::test]
async fn a_rebuilt_folder_has_a_new_validity_and_new_uids() {
    let provider = provider(false).await;
    let support = address("support@shop.example");
    let folder = FolderName::inbox();
    let first = provider.deliver(&support, &folder, "A: 1\r\n\r\n", None);
    provider.deliver(&support, &folder, MAIL, None);
    assert!(provider.remove(&support, &folder, first.expect("delivered")));
    assert_eq!(inbox(&provider)[0].0.get(), 2);
    let wire = imap(&provider).await;

    assert!(provider.renew_validity(&support, &folder));
    assert_eq!(wire.rest().await, "* BYE The folder was rebuilt\r\n");
    assert_eq!(inbox(&provider)[0].0.get(), 1);
    let mut wire = imap(&provider).await;
    let said = wire
        .ask("s STATUS INBOX (UIDVALIDITY UIDNEXT)", "s OK")
        .await;
    assert_eq!(said[0], "* STATUS \"INBOX\" (UIDVALIDITY 2 UIDNEXT 2)");
}

#[tokio::test]
async fn faults_of_sending() {
    let provider = provider(false).await;
    let set = |smtp| {
        provider.set_faults(Faults {
            smtp,
            ..Faults::default()
        });
    };
    for (drop_at, delivered) in [
        (DropPoint::BeforeEndOfData, 0),
        (DropPoint::AfterEndOfData, 1),
    ] {
        set(SmtpFaults {
            drop_at: Some(drop_at),
            ..SmtpFaults::default()
        });
        let mut wire = smtp(&provider).await;
        envelope(&mut wire, &["support@shop.example"]).await;
        wire.send(&format!("{MAIL}.\r\n")).await;
        assert!(wire.hung_up().await);
        assert_eq!(inbox(&provider).len(), delivered);
    }

    let unknown = (550, "5.1.1 Unknown".to_owned());
    set(SmtpFaults {
        recipients: BTreeMap::from([(address("gone@elsewhere.example"), unknown)]),
        refuse_mail: Some((452, "4.3.1 Full".to_owned())),
        ..SmtpFaults::default()
    });
    let mut wire = smtp(&provider).await;
    wire.ask("MAIL FROM:<sales@shop.example>", "250").await;
    wire.ask("RCPT TO:<gone@elsewhere.example>", "550 5.1.1")
        .await;
    wire.ask("RCPT TO:<jane@elsewhere.example>", "250").await;
    wire.ask("DATA", "354").await;
    wire.ask(&format!("{MAIL}."), "452 4.3.1 Full").await;
    assert_eq!(
        provider.outside(&address("jane@elsewhere.example")).len(),
        0
    );
}

#[tokio::test]
async fn it_is_reachable_on_loopback_only() {
    let provider = provider(false).await;
    assert!(provider.imap_addr.ip().is_loopback());
    assert!(provider.smtp_addr.ip().is_loopback());
}
