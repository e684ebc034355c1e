//! imap: what arrives over IMAP, judged by Dovecot over TLS under its own authority.

use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::talk::{Talk, connect, connect_tls};

use tokio::io::{AsyncRead, AsyncWrite};

const MAIL: &[u8] = b"From: Customer <customer@example.net>\r\nTo: support@example.com\r\n\
    Subject: Where is my order?\r\nMessage-ID: <1@example.net>\r\n\r\nIt has not come.\r\n.\r\n";

async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(talk: &mut Talk<S>) {
    let login = format!("LOGIN {USER} \"{PASSWORD}\"");
    talk.command(&login).await;
}

#[tokio::test]
async fn dovecot_greets_in_the_clear_and_upgrades() {
    let dovecot = Dovecot::start();
    let (mut talk, greeting) = connect(dovecot.ports.imap).await;
    assert!(greeting.starts_with("* OK "), "{greeting}");
    assert!(greeting.contains("STARTTLS"), "{greeting}");
    let refused = talk.try_command(&format!("LOGIN {USER} wrong")).await;
    assert!(
        refused[0].contains("NO [AUTHENTICATIONFAILED]"),
        "{refused:?}"
    );

    let mut talk = talk.start_tls(&dovecot.authority_pem()).await;
    log_in(&mut talk).await;
    let list = talk.command("LIST (SPECIAL-USE) \"\" *").await;
    assert!(
        list.iter()
            .any(|line| line.contains("\\Sent") && line.ends_with(" Sent")),
        "{list:?}"
    );
}

#[tokio::test]
async fn a_delivered_mail_is_announced_in_idle_and_fetched_byte_for_byte() {
    let dovecot = Dovecot::start();
    let (mut talk, _) = connect_tls(dovecot.ports.imaps, &dovecot.authority_pem()).await;
    log_in(&mut talk).await;
    talk.command("SELECT INBOX").await;
    talk.send("idle IDLE").await;
    assert!(talk.line().await.starts_with('+'));

    dovecot.deliver(USER, MAIL);

    assert_eq!(talk.line().await, "* 1 EXISTS");
    talk.send("DONE").await;
    while !talk.line().await.starts_with("idle OK") {}
    let fetched = talk.command("UID FETCH 1:* (BODY.PEEK[])").await;
    let mail = String::from_utf8(MAIL.to_vec()).unwrap();
    // LMTP puts trace fields in front (RFC 5321 section 4.4); what was written is unchanged.
    assert!(fetched[0].contains(&mail), "{fetched:?}");
    assert_eq!(dovecot.count(USER, "INBOX"), 1);
    assert!(dovecot.mails(USER, "INBOX")[0].ends_with(MAIL));
}

#[tokio::test]
async fn a_recreated_folder_has_another_uid_validity_and_the_same_mails() {
    let dovecot = Dovecot::start();
    for _ in 0..3 {
        dovecot.deliver(USER, MAIL);
    }
    dovecot.expunge(USER, "INBOX", 1);
    assert_eq!(dovecot.count(USER, "INBOX"), 2);
    let before = dovecot.uid_validity(USER, "INBOX");

    dovecot.recreate_folder(USER, "INBOX");

    assert_ne!(dovecot.uid_validity(USER, "INBOX"), before);
    let (mut talk, _) = connect_tls(dovecot.ports.imaps, &dovecot.authority_pem()).await;
    log_in(&mut talk).await;
    talk.command("SELECT INBOX").await;
    let found = talk.command("UID SEARCH ALL").await;
    assert_eq!(found[0], "* SEARCH 1 2", "UIDs begin anew");
}

#[tokio::test]
async fn the_provider_goes_away_and_comes_back_on_the_same_ports() {
    let mut dovecot = Dovecot::start();
    dovecot.save(USER, "Sent", MAIL);
    dovecot.stop();
    assert!(std::net::TcpStream::connect(("127.0.0.1", dovecot.ports.imaps)).is_err());

    dovecot.write_users([(USER, "changed")]);
    dovecot.resume();

    let (mut talk, _) = connect_tls(dovecot.ports.imaps, &dovecot.authority_pem()).await;
    let old = talk
        .try_command(&format!("LOGIN {USER} \"{PASSWORD}\""))
        .await;
    assert!(old[0].contains(" NO "), "{old:?}");
    talk.command(&format!("LOGIN {USER} changed")).await;
    assert_eq!(dovecot.sent(USER), [MAIL]);
}
