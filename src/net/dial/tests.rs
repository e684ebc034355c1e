//! Dialling real listeners on loopback, and the race with paused time.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

use futures_util::future::join_all;
use rcgen::{CertificateParams, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::domain::ceiling::Ceiling;
use crate::net::certificate::CertificateDefect;
use crate::net::testing::{Authority, Identity, host, self_signed, serve, serve_tls};

async fn refused(dialer: &Dialer, identity: &Identity) -> (CertificateDefect, String) {
    let (target, _served) = serve_tls(identity, |_stream| async {}).await;
    let error = dialer.dial_tls(&target).await.expect_err("refused");
    assert!(!error.is_transient(), "{error}");
    let words = error.to_string();
    match error {
        DialError::Tls {
            source: TlsError::Certificate(refused),
            ..
        } => {
            let expected = CertificateFingerprint::of(&identity.certificate);
            assert_eq!(refused.fingerprint, expected);
            (refused.defect, words)
        }
        other => panic!("not about the certificate: {other}"),
    }
}

#[tokio::test]
async fn bytes_pass_through_tls_under_an_authority_of_the_settings() {
    let authority = Authority::new("Test CA");
    let identity = authority.issue(&host(&["localhost"]));
    let (target, served) = serve_tls(&identity, |mut stream| async move {
        let mut line = [0; 4];
        stream.read_exact(&mut line).await.expect("a line");
        stream.write_all(b"pong").await.expect("written");
        let (_, session) = stream.get_ref();
        (line, session.server_name().map(ToOwned::to_owned))
    })
    .await;
    let mut stream = authority.dialer().dial_tls(&target).await.expect("TLS");
    assert!(stream.is_encrypted());
    stream.write_all(b"ping").await.expect("written");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"pong");
    let (line, sni) = served.await.expect("served").expect("a handshake");
    assert_eq!((&line, sni.as_deref()), (b"ping", Some("localhost")));
    assert_eq!(stream.peer_address().expect("a peer").port(), target.port);
}

#[tokio::test]
async fn each_bad_certificate_is_refused_in_its_own_words() {
    let authority = Authority::new("Test CA");
    let dialer = authority.dialer();
    let dated = |from: i32, until: i32| {
        let mut params: CertificateParams = host(&["localhost"]);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params
    };

    let (defect, words) = refused(&dialer, &authority.issue(&dated(2020, 2024))).await;
    assert!(
        matches!(defect, CertificateDefect::Expired { .. }),
        "{defect:?}"
    );
    assert!(words.contains("expired on 2024-01-01"), "{words}");

    let (defect, words) = refused(&dialer, &authority.issue(&dated(2090, 2100))).await;
    assert!(
        matches!(defect, CertificateDefect::NotYetValid { .. }),
        "{defect:?}"
    );
    assert!(words.contains("not valid before 2090-01-01"), "{words}");

    let other = authority.issue(&host(&["mail.example.com", "10.0.0.7"]));
    let (_, words) = refused(&dialer, &other).await;
    assert!(
        words.contains("is for mail.example.com, 10.0.0.7, not for localhost"),
        "{words}"
    );

    let (defect, _) = refused(&dialer, &self_signed(&host(&["localhost"]))).await;
    assert_eq!(defect, CertificateDefect::SelfSigned);

    let unknown = Authority::new("Stranger's CA").issue(&host(&["localhost"]));
    let (_, words) = refused(&dialer, &unknown).await;
    assert!(words.contains("Stranger's CA"), "{words}");
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted_and_no_other() {
    let dialer = Dialer::new(DialOptions::default()).expect("roots");
    let identity = self_signed(&host(&["elsewhere.example"]));
    let fingerprint = CertificateFingerprint::of(&identity.certificate);
    let written: CertificateFingerprint = fingerprint.to_string().parse().expect("reads back");
    let (mut target, _served) = serve_tls(&identity, |_stream| async {}).await;
    target.pinned = Some(written);
    let stream = dialer.dial_tls(&target).await.expect("the pinned one");
    assert_eq!(stream.certificate_fingerprint(), Some(fingerprint));

    let changed = self_signed(&host(&["localhost"]));
    let (mut target, _served) = serve_tls(&changed, |_stream| async {}).await;
    target.pinned = Some(fingerprint);
    let error = dialer.dial_tls(&target).await.expect_err("another one");
    assert!(error.to_string().contains("not the pinned one"), "{error}");
}

#[tokio::test]
async fn a_plain_greeting_on_a_tls_port_is_recognised() {
    let dialer = Dialer::new(DialOptions::default()).expect("roots");
    for greeting in [
        &b"* OK IMAP4rev1 ready\r\n"[..],
        b"220 mx ESMTP\r\n",
        b"+OK POP3\r\n",
    ] {
        let (target, _served) = serve(move |mut stream| async move {
            stream.write_all(greeting).await.expect("written");
            let mut rest = Vec::new();
            // Until the client gives up; how it does is its business.
            let _ = stream.read_to_end(&mut rest).await;
        })
        .await;
        let error = dialer.dial_tls(&target).await.expect_err("no TLS there");
        assert!(
            matches!(
                &error,
                DialError::Tls {
                    source: TlsError::NotTls,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("choose STARTTLS"), "{error}");
    }
}

#[tokio::test]
async fn a_handshake_cut_off_or_never_answered_is_transient() {
    let options = DialOptions {
        tls_deadline: Duration::from_millis(50),
        ..DialOptions::default()
    };
    let dialer = Dialer::new(options).expect("roots");
    let (target, _served) = serve(|stream| async move { drop(stream) }).await;
    let closed = dialer.dial_tls(&target).await.expect_err("closed");
    let (target, _served) = serve(|mut stream| async move {
        let mut hello = Vec::new();
        let _ = stream.read_to_end(&mut hello).await;
    })
    .await;
    let silent = dialer.dial_tls(&target).await.expect_err("silent");
    assert!(closed.is_transient(), "{closed}");
    assert!(silent.is_transient(), "{silent}");
    assert!(
        silent.to_string().contains("did not end within"),
        "{silent}"
    );
}

#[tokio::test]
async fn a_closed_port_a_wrong_name_and_a_guarded_address_are_told_apart() {
    let dialer = Dialer::new(DialOptions::default()).expect("roots");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let target = Target::mail_server("127.0.0.1", port);
    let error = dialer.dial_plain(&target).await.expect_err("closed");
    assert!(matches!(error, DialError::Refused { .. }), "{error}");

    let target = Target::mail_server("no-such-host.invalid", 993);
    let error = dialer.dial_plain(&target).await.expect_err("unknown");
    assert!(matches!(error, DialError::Resolve(_)), "{error}");
    assert!(error.is_transient());

    for spelling in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"] {
        let target = Target {
            guard: Guard::Public,
            ..Target::mail_server(spelling, port)
        };
        let error = dialer.dial_plain(&target).await.expect_err(spelling);
        assert!(
            matches!(
                error,
                DialError::Guarded {
                    reach: Reach::Loopback,
                    ..
                }
            ),
            "{spelling}: {error}"
        );
        assert!(!error.is_transient());
    }
}

#[test]
fn a_ca_file_that_is_none_is_named() {
    let options = |path: &std::path::Path| DialOptions {
        ca_files: vec![path.to_owned()],
        ..DialOptions::default()
    };
    let empty = tempfile::NamedTempFile::new().expect("a file");
    for path in [empty.path(), std::path::Path::new("/nowhere/ca.pem")] {
        let error = Dialer::new(options(path)).expect_err("no certificate");
        let words = error.to_string();
        assert!(words.contains(&path.display().to_string()), "{words}");
    }
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect()
}

#[test]
fn families_take_turns() {
    let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
    let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
    assert_eq!(interleave(given), expected);
    assert_eq!(interleave(Vec::new()), Vec::new());
}

#[tokio::test(start_paused = true)]
async fn the_next_address_starts_beside_a_slow_one_and_at_once_after_a_failed_one() {
    let start = Instant::now();
    let begun = Mutex::new(Vec::new());
    let order = addresses(&["1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1", "4.4.4.4:1"]);
    let winner = race(order, |address| {
        let number = address.ip().to_string().as_bytes()[0] - b'0';
        begun
            .lock()
            .expect("no panic before")
            .push((number, start.elapsed().as_millis()));
        async move {
            match number {
                // A black hole; a refusal; one that takes its time.
                1 => std::future::pending().await,
                2 => Err(io::ErrorKind::ConnectionRefused.into()),
                _ => {
                    sleep(Duration::from_millis(400)).await;
                    Ok(number)
                }
            }
        }
    })
    .await
    .expect("a winner");
    assert_eq!(winner, 3);
    let begun = begun.into_inner().expect("no panic before");
    assert_eq!(begun, [(1, 0), (2, 250), (3, 250), (4, 500)]);
    assert_eq!(start.elapsed().as_millis(), 650);
}

#[tokio::test(start_paused = true)]
async fn when_all_fail_the_preferred_address_says_why() {
    let order = addresses(&["1.1.1.1:1", "2.2.2.2:1"]);
    let error = race(order, |address| async move {
        let kind = match address.ip().to_string().as_str() {
            "1.1.1.1" => io::ErrorKind::ConnectionRefused,
            _ => io::ErrorKind::NetworkUnreachable,
        };
        Err::<(), _>(kind.into())
    })
    .await
    .expect_err("both fail");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_silent_peer_is_asked_again_before_its_connection_counts_as_dead() {
    let (target, _served) = serve(|stream| async move { drop(stream) }).await;
    let dialer = Dialer::new(DialOptions::default()).expect("no CA files");
    let Ok(Stream::Plain(stream)) = dialer.dial_plain(&target).await else {
        panic!("not a plain connection");
    };
    let socket = SockRef::from(&stream);
    let silence = socket.tcp_keepalive_time().expect("set");
    let again = socket.tcp_keepalive_interval().expect("set");
    let dead = socket.tcp_user_timeout().expect("set").expect("some");
    // The kernel gives up at the first question that finds the time over and the one
    // before it unanswered (tcp(7), TCP_USER_TIMEOUT).
    assert!(silence + 2 * again < dead, "{silence:?} {again:?} {dead:?}");
}

#[tokio::test]
async fn connections_are_opened_within_the_ceilings_and_who_is_in_haste_goes_first() {
    const RATE: u32 = 4;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let wide = Ceiling {
        per_second: 1_000,
        at_once: 1_000,
    };
    let ceilings = Ceilings {
        host: Ceiling {
            per_second: RATE,
            ..wide
        },
        all: wide,
    };
    let options = DialOptions {
        ceilings: Some(ceilings),
        ..DialOptions::default()
    };
    let dialer = Dialer::new(options).expect("a dialer");
    let (target, went) = (
        Target::mail_server("127.0.0.1", port),
        Mutex::new(Vec::new()),
    );
    let dial = async |who: &'static str, dialer: Dialer| {
        let stream = dialer.dial_plain(&target).await.expect("connected");
        went.lock().expect("whole").push((who, Instant::now()));
        stream
    };
    let usual = join_all((0..5).map(|_| dial("usual", dialer.clone())));
    // Who is in a turn already waits for no other.
    let within = dialer.in_turn("127.0.0.1", async |passed: Dialer| {
        dial("within", passed.clone()).await;
        dial("within", passed).await
    });
    tokio::join!(usual, within, dial("soon", dialer.soon()));
    let mut went = went.into_inner().expect("whole");
    let place = went.iter().position(|(who, _)| *who == "soon");
    assert!(place.is_some_and(|place| place <= 1), "{went:?}");
    let second = went.iter().rposition(|(who, _)| *who == "within");
    went.remove(second.expect("both went"));
    assert_eq!(went.len(), 7);
    for (_, from) in &went {
        let within = |at: &Instant| at >= from && at.duration_since(*from) < Duration::from_secs(1);
        let count = went.iter().filter(|(_, at)| within(at)).count();
        assert!(count <= RATE as usize, "{went:?}");
    }
}
