//! A session for several mails: when it is kept, and when it is not.

use super::*;
use crate::net::submission::Mail;

const ONE_MAIL: &str = "C: MAIL
    S: 250 ok
    C: RCPT
    S: 250 ok
    C: DATA
    S: 354 go
    D:
    S: 250 2.0.0 queued\n";

/// Two mails to a peer that takes one connection.
async fn two(
    script: &str,
) -> (
    Result<Submitted, SubmissionError>,
    Result<Submitted, SubmissionError>,
    Heard,
) {
    let (options, served) = peer(&signed_in_then(script)).await;
    let (envelope, dialer) = (envelope(&["anna@example.net"]), dialer());
    let mut line = None;
    let first = submit_over(
        &mut line,
        &dialer,
        &options,
        Mail::unasked(&envelope, MAIL),
        || (),
    )
    .await;
    let second = submit_over(
        &mut line,
        &dialer,
        &options,
        Mail::unasked(&envelope, MAIL),
        || (),
    )
    .await;
    if let Some(line) = line {
        line.quit().await;
    }
    (first, second, served.await.expect("the script holds"))
}

#[tokio::test]
async fn two_mails_leave_over_one_session_with_a_reset_between_them() {
    let script = format!("{ONE_MAIL}C: RSET\nS: 250 ok\n{ONE_MAIL}");
    let (first, second, heard) = two(&script).await;
    assert_eq!(first.expect("sent").reply.text(), "queued");
    assert_eq!(second.expect("sent").reply.text(), "queued");
    assert_eq!(heard.last().map(Vec::as_slice), Some(&b"QUIT"[..]));
}

#[tokio::test]
async fn after_any_doubt_the_next_mail_has_a_session_of_its_own() {
    // The peer serves no second connection, so the second mail cannot leave: what matters is
    // that a session that may have lost its step never takes it.
    let cases = [
        // An answer that nobody asked for.
        format!("{}    S: 250 and more\n", ONE_MAIL),
        // Some of the first mail went wrong.
        ONE_MAIL.replace("S: 250 2.0.0 queued", "S: 451 later"),
        // It does not know us any more.
        format!("{ONE_MAIL}C: RSET\nS: 421 idle for too long\nX:"),
        format!("{ONE_MAIL}C: RSET\nX:"),
        // It does, and takes no more mails.
        format!("{ONE_MAIL}C: RSET\nS: 250 ok\nC: MAIL\nS: 450 enough\n"),
        format!("{ONE_MAIL}C: RSET\nS: 250 ok\nC: MAIL\nX:"),
    ];
    for script in cases {
        let (_, second, heard) = two(&script).await;
        let error = second.expect_err(&script);
        assert!(
            matches!(outcome(&error), Outcome::NotSent(_)),
            "{script}: {error}"
        );
        let contents = heard.iter().filter(|one| one.ends_with(b"\r\n.\r\n"));
        assert_eq!(contents.count(), 1, "{script}");
    }
}

#[tokio::test]
async fn another_login_is_another_session() {
    let script = format!("{ONE_MAIL}C: QUIT\nS: 221 bye");
    let (mut options, served) = peer(&signed_in_then(&script)).await;
    let (envelope, dialer) = (envelope(&["anna@example.net"]), dialer());
    let mut line = None;
    let first = submit_over(
        &mut line,
        &dialer,
        &options,
        Mail::unasked(&envelope, MAIL),
        || (),
    )
    .await;
    first.expect("sent");
    if let Some(login) = &mut options.login {
        login.credentials = Credentials::Password(Secret::new("another"));
    }
    let second = submit_over(
        &mut line,
        &dialer,
        &options,
        Mail::unasked(&envelope, MAIL),
        || (),
    )
    .await;
    let error = second.expect_err("nobody serves a second one");
    assert!(matches!(outcome(&error), Outcome::NotSent(_)), "{error}");
    served.await.expect("the script holds");
}
