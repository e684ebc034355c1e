//! Submission against scripted peers on loopback, one fault at a time.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod line;
mod peer;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use self::peer::{Heard, play};
use super::*;
use crate::domain::address::Address;
use crate::domain::mailbox::{Credentials, Login, Security, Server};
use crate::domain::secret::Secret;
use crate::net::dial::{DialOptions, Target};
use crate::net::testing::{Authority, acceptor, host, serve, serve_tls};

const MAIL: &[u8] = b"Subject: hello\r\n\r\nGood day\r\n";

fn dialer() -> Dialer {
    Dialer::new(DialOptions::default()).expect("roots")
}

fn options(target: &Target, security: Security) -> SubmissionOptions {
    let server = Server {
        host: target.host.clone(),
        port: target.port,
        security,
    };
    let login = Login {
        user: "desk@example.com".into(),
        credentials: Credentials::Password(Secret::new("s3cret")),
    };
    SubmissionOptions::new(server, Some(login))
}

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

fn envelope(recipients: &[&str]) -> Envelope {
    Envelope {
        reverse_path: Some(address("desk@example.com")),
        forward_paths: recipients.iter().map(|text| address(text)).collect(),
    }
}

async fn peer(script: &[u8]) -> (SubmissionOptions, JoinHandle<Heard>) {
    let script = script.to_vec();
    let (target, served) = serve(move |stream: TcpStream| play(stream, script)).await;
    (options(&target, Security::None), served)
}

/// Submits to a scripted peer for `anna@` and `ben@example.net`.
async fn try_script(script: &[u8]) -> (Result<Submitted, SubmissionError>, Heard) {
    let (options, served) = peer(script).await;
    let envelope = envelope(&["anna@example.net", "ben@example.net"]);
    let result = submit(&dialer(), &options, &envelope, MAIL).await;
    (result, served.await.expect("the script holds"))
}

const SIGN_IN: &str = "S: 220 mx ESMTP
    C: EHLO [127.0.0.1]
    S: 250-mx.example.com
    S: 250-SIZE 1000
    S: 250 AUTH PLAIN
    C: AUTH PLAIN AGRlc2tAZXhhbXBsZS5jb20AczNjcmV0
    S: 235 2.7.0 welcome\n";

fn signed_in_then(script: &str) -> Vec<u8> {
    [SIGN_IN.as_bytes(), script.as_bytes()].concat()
}

#[tokio::test]
async fn a_mail_is_handed_over_and_each_recipient_accounted_for() {
    let script = signed_in_then(
        "C: MAIL FROM:<desk@example.com> SIZE=28
        S: 250 ok
        C: RCPT TO:<anna@example.net>
        S: 250 ok
        C: RCPT TO:<ben@example.net>
        S: 550-5.1.1 nobody of
        S: 550 5.1.1 that name
        C: DATA
        S: 354 go
        D:
        S: 250 2.0.0 queued as 42",
    );
    let (result, heard) = try_script(&script).await;
    let submitted = result.expect("submitted");
    assert_eq!(submitted.reply.text(), "queued as 42");
    let [anna, ben] = submitted.recipients.as_slice() else {
        panic!("two recipients: {submitted:?}");
    };
    assert_eq!(anna.refusal, None);
    let refusal = ben.refusal.as_ref().expect("refused");
    assert_eq!(refusal.to_string(), "550 5.1.1 nobody of that name");
    assert_eq!(refusal.enhanced, Some([5, 1, 1]));
    assert!(refusal.is_permanent());
    let content = [MAIL, b".\r\n"].concat();
    assert_eq!(heard[heard.len() - 2..], [content, b"QUIT".to_vec()]);
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    NotSent(Phase),
    NoRecipient,
    Uncertain,
}

fn outcome(error: &SubmissionError) -> Outcome {
    match error {
        SubmissionError::NotSent { phase, .. } => Outcome::NotSent(*phase),
        SubmissionError::NoRecipient { .. } => Outcome::NoRecipient,
        SubmissionError::Uncertain { .. } => Outcome::Uncertain,
    }
}

#[tokio::test]
async fn every_fault_is_judged_by_its_phase() {
    const TO_DATA: &str = "C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\n";
    let after_data = |rest: &str| format!("{TO_DATA}{rest}");
    // Script after signing in, outcome, whether it may go out again by itself, words.
    let cases = [
        (
            "X:".to_owned(),
            Outcome::NotSent(Phase::Sender),
            true,
            "lost",
        ),
        (
            "C: MAIL\nS: 451 4.7.1 slow down".to_owned(),
            Outcome::NotSent(Phase::Sender),
            true,
            "451 4.7.1 slow down",
        ),
        (
            "C: MAIL\nS: 553 5.1.8 not your address".to_owned(),
            Outcome::NotSent(Phase::Sender),
            false,
            "not your address",
        ),
        (
            "C: MAIL\nS: 250 ok\nC: RCPT\nS: 421 leaving\nX:".to_owned(),
            Outcome::NotSent(Phase::Recipients),
            true,
            "421 leaving",
        ),
        (
            "C: MAIL\nS: 250 ok\nC: RCPT\nS: 550 no\nC: RCPT\nS: 551 no\nC: RSET\nS: 250 ok"
                .to_owned(),
            Outcome::NoRecipient,
            false,
            "every recipient; it said: 550 no",
        ),
        (
            "C: MAIL\nS: 250 ok\nC: RCPT\nS: 550 no\nC: RCPT\nS: 450 grey\nC: RSET\nS: 250 ok"
                .to_owned(),
            Outcome::NoRecipient,
            true,
            "every recipient",
        ),
        (
            after_data("X:"),
            Outcome::NotSent(Phase::Content),
            true,
            "lost",
        ),
        (
            after_data("S: 554 5.6.0 no mail today"),
            Outcome::NotSent(Phase::Content),
            false,
            "no mail today",
        ),
        (
            after_data("S: 354 go\nD:\nX:"),
            Outcome::Uncertain,
            false,
            "did not confirm",
        ),
        (
            after_data("S: 354 go\nD:\nS: what now"),
            Outcome::Uncertain,
            false,
            "did not confirm",
        ),
        (
            after_data("S: 354 go\nD:\nS: 452 4.3.1 disk full"),
            Outcome::NotSent(Phase::EndOfData),
            true,
            "disk full",
        ),
        (
            after_data("S: 354 go\nD:\nS: 554 5.7.1 looks like spam"),
            Outcome::NotSent(Phase::EndOfData),
            false,
            "looks like spam",
        ),
    ];
    for (script, expected, transient, words) in cases {
        let (result, _heard) = try_script(&signed_in_then(&script)).await;
        let error = result.expect_err(&script);
        assert_eq!(outcome(&error), expected, "{script}: {error}");
        assert_eq!(error.is_transient(), transient, "{script}: {error}");
        assert!(error.to_string().contains(words), "{script}: {error}");
        assert_eq!(error.authentication_refusal(), None, "{script}");
    }
}

#[tokio::test]
async fn a_chinese_refusal_keeps_its_code_and_its_words() {
    let script = signed_in_then("C: MAIL\nS: 550 ");
    let gbk = b"\xD3\xCA\xBC\xFE\xB5\xD8\xD6\xB7\xB2\xBB\xB4\xE6\xD4\xDA";
    let (result, _heard) = try_script(&[&script[..], gbk].concat()).await;
    let error = result.expect_err("refused");
    assert!(!error.is_transient());
    assert!(error.to_string().contains("550 邮件地址不存在"), "{error}");
}

/// Runs a script against `probe` with the given login.
async fn try_login(script: &str, credentials: Credentials) -> Result<Probed, SubmissionError> {
    let (mut options, served) = peer(script.as_bytes()).await;
    options.login = Some(Login {
        user: "desk@example.com".into(),
        credentials,
    });
    let result = probe(&dialer(), &options).await;
    served.await.expect("the script holds");
    result
}

#[tokio::test]
async fn refused_credentials_are_told_apart_from_trouble() {
    let hello = "S: 220 mx\nC: EHLO\nS: 250-mx\n";
    let password = || Credentials::Password(Secret::new("s3cret"));
    let token = || Credentials::AccessToken(Secret::new("t0ken"));
    // Offered mechanisms, the rest of the dialogue, the login, refused?, words.
    let cases = [
        (
            "PLAIN",
            "C: AUTH PLAIN\nS: 535 5.7.8 wrong",
            password(),
            true,
            "wrong",
        ),
        (
            "PLAIN",
            "C: AUTH PLAIN\nS: 454 4.7.0 later",
            password(),
            false,
            "later",
        ),
        ("PLAIN", "C: AUTH PLAIN\nX:", password(), false, "lost"),
        (
            "LOGIN",
            "C: AUTH LOGIN\nS: 334 Pw==\nC: ZGVza0BleGFtcGxlLmNvbQ==\nS: 334 Pw==
             C: czNjcmV0\nS: 535 code expired",
            password(),
            true,
            "code expired",
        ),
        (
            "PLAIN XOAUTH2",
            "C: AUTH XOAUTH2 dXNlcj1kZXNrQGV4YW1wbGUuY29tAWF1dGg9QmVhcmVyIHQwa2VuAQE=
             S: 334 eyJzdGF0dXMiOiI0MDAifQ==\nC: \nS: 535 5.7.8 token expired",
            token(),
            true,
            "token expired",
        ),
        (
            "OAUTHBEARER",
            "C: AUTH OAUTHBEARER bixhPWRlc2tAZXhhbXBsZS5jb20s\nS: 334 e30=\nC: AQ==\nS: 535 no",
            token(),
            true,
            "535 no",
        ),
        ("PLAIN LOGIN", "", token(), false, "it offers: PLAIN LOGIN"),
    ];
    for (offered, rest, credentials, is_refusal, words) in cases {
        let script = format!("{hello}S: 250 AUTH={offered}\n{rest}");
        let error = try_login(&script, credentials).await.expect_err(rest);
        let refusal = error.authentication_refusal();
        assert_eq!(refusal.is_some(), is_refusal, "{rest}: {error}");
        assert!(error.to_string().contains(words), "{rest}: {error}");
        let told = format!("{error:?}");
        assert!(
            !told.contains("s3cret") && !told.contains("t0ken"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_probe_signs_in_and_leaves() {
    let (options, served) = peer(SIGN_IN.as_bytes()).await;
    let probed = probe(&dialer(), &options).await.expect("signed in");
    assert_eq!(probed.size_max, Some(1000));
    assert_eq!(probed.mechanisms, ["PLAIN"]);
    let heard = served.await.expect("the script holds");
    assert_eq!(heard.last().map(Vec::as_slice), Some(&b"QUIT"[..]));
}

#[tokio::test]
async fn a_mail_too_large_or_in_8_bit_is_not_begun() {
    for (mail, words) in [
        (
            vec![b'x'; 999],
            "has 1001 bytes and the server takes at most 1000",
        ),
        ("Grüße".as_bytes().to_vec(), "8BITMIME"),
    ] {
        let (options, served) = peer(SIGN_IN.as_bytes()).await;
        let envelope = envelope(&["anna@example.net"]);
        let result = submit(&dialer(), &options, &envelope, &mail).await;
        let error = result.expect_err("refused here");
        assert_eq!(outcome(&error), Outcome::NotSent(Phase::Check));
        assert!(error.to_string().contains(words), "{error}");
        let heard = served.await.expect("the script holds");
        assert!(!heard.iter().any(|line| line.starts_with(b"MAIL")));
    }
}

#[tokio::test]
async fn no_line_of_a_mail_ends_it_early() {
    let script =
        signed_in_then("C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD:\nS: 250 ok");
    let (options, served) = peer(&script).await;
    let mail = b"a\r\n.\r\nb\n.\nc\r.\rMAIL FROM:<x@y>\n";
    let envelope = envelope(&["anna@example.net"]);
    let submitted = submit(&dialer(), &options, &envelope, mail).await;
    submitted.expect("submitted");
    let heard = served.await.expect("the script holds");
    let expected = b"a\r\n..\r\nb\r\n..\r\nc\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n";
    assert_eq!(heard[heard.len() - 2], expected);
}

#[tokio::test]
async fn silence_is_waited_for_as_long_as_the_stage_allows() {
    let to_data = "C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\n";
    let cases = [
        (b"H:".to_vec(), Outcome::NotSent(Phase::Greeting), 60),
        (
            b"S: 220 mx\nH:".to_vec(),
            Outcome::NotSent(Phase::Hello),
            120,
        ),
        (
            signed_in_then("C: MAIL\nH:"),
            Outcome::NotSent(Phase::Sender),
            120,
        ),
        (
            signed_in_then(&format!("{to_data}S: 354 go\nD:\nH:")),
            Outcome::Uncertain,
            600,
        ),
    ];
    for (script, expected, seconds) in cases {
        let (options, _served) = peer(&script).await;
        let start = tokio::time::Instant::now();
        let envelope = envelope(&["anna@example.net", "ben@example.net"]);
        let error = submit(&dialer(), &options, &envelope, MAIL)
            .await
            .expect_err("silence");
        assert_eq!(outcome(&error), expected, "{error}");
        let words = format!("within {seconds} s");
        assert!(error.to_string().contains(&words), "{error}");
        assert!(start.elapsed().as_secs() >= seconds, "{error}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn implicit_tls_carries_a_whole_submission() {
    let authority = Authority::new("Test CA");
    let identity = authority.issue(&host(&["localhost"]));
    let script =
        signed_in_then("C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nD:\nS: 250 ok");
    let (target, _served) = serve_tls(&identity, move |stream| play(stream, script)).await;
    let options = options(&target, Security::Tls);
    let envelope = envelope(&["anna@example.net"]);
    let submitted = submit(&authority.dialer(), &options, &envelope, MAIL).await;
    assert_eq!(submitted.expect("submitted").reply.code, 250);
}

/// A peer that upgrades: `clear` before, `secure` after the handshake.
async fn upgrading(
    authority: &Authority,
    clear: &str,
    secure: &str,
) -> (SubmissionOptions, JoinHandle<Heard>) {
    let acceptor = acceptor(&authority.issue(&host(&["localhost"])));
    let (clear, secure) = (clear.to_owned(), secure.as_bytes().to_vec());
    let (target, served) = serve(move |mut stream: TcpStream| async move {
        for step in clear.lines() {
            if let Some(said) = step.strip_prefix("S: ") {
                let said = format!("{said}\r\n").replace("\\n", "\r\n");
                stream.write_all(said.as_bytes()).await.expect("written");
            } else {
                while stream.read_u8().await.is_ok_and(|byte| byte != b'\n') {}
            }
        }
        match acceptor.accept(stream).await {
            Ok(stream) => play(stream, secure).await,
            Err(_) => Heard::new(),
        }
    })
    .await;
    (options(&target, Security::StartTls), served)
}

#[tokio::test]
async fn starttls_forgets_what_was_said_before_it() {
    let authority = Authority::new("Test CA");
    // In the clear only XOAUTH2 is offered: believing it would end the login.
    let clear = "S: 220 mx\nC:\nS: 250-mx\\n250-STARTTLS\\n250 AUTH XOAUTH2\nC:\nS: 220 go";
    let secure = "C: EHLO\nS: 250-mx\nS: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 235 welcome";
    let (options, served) = upgrading(&authority, clear, secure).await;
    let probed = probe(&authority.dialer(), &options)
        .await
        .expect("signed in");
    assert_eq!(probed.mechanisms, ["PLAIN"]);
    assert_eq!(served.await.expect("the script holds").len(), 3);
}

#[tokio::test]
async fn starttls_injected_or_stripped_ends_before_any_credential() {
    let authority = Authority::new("Test CA");
    let cases = [
        (
            "S: 220 mx\nC:\nS: 250-mx\\n250 STARTTLS\nC:\nS: 220 go\\n250 AUTH PLAIN",
            "somebody on the way",
        ),
        (
            "S: 220 mx\nC:\nS: 250-mx\\n250 AUTH PLAIN",
            "does not offer STARTTLS",
        ),
        ("S: * OK IMAP4rev1 ready", "not SMTP; check the port"),
        ("S: \x15\x03\x03\x00\x02", "choose TLS"),
    ];
    for (clear, words) in cases {
        let (options, served) = upgrading(&authority, clear, "").await;
        let error = probe(&authority.dialer(), &options).await.expect_err(clear);
        assert!(error.to_string().contains(words), "{clear}: {error}");
        assert!(!error.is_transient(), "{error}");
        assert_eq!(served.await.expect("the script holds"), Heard::new());
    }
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_the_content_is_heard() {
    let script = "S: 220 mx\nC: EHLO\nS: 250 mx\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA
        S: 354 go\nC: xxx\nS: 552 5.3.4 too large\nX:";
    let (mut options, _served) = peer(script.as_bytes()).await;
    options.login = None;
    // Far more than the socket buffers hold, so that the end cannot have been written.
    let mail = b"xxx\r\n".repeat(4_000_000);
    let envelope = envelope(&["anna@example.net"]);
    let result = submit(&dialer(), &options, &envelope, &mail).await;
    let error = result.expect_err("refused");
    assert_eq!(outcome(&error), Outcome::NotSent(Phase::Content), "{error}");
    assert!(error.to_string().contains("too large"), "{error}");
    assert!(!error.is_transient());
}
