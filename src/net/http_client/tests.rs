//! The client against real servers on loopback.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::testing::{Authority, host, serve_tls};

fn client(authority: &Authority, guard: Guard) -> HttpClient {
    let options = HttpOptions {
        guard,
        connect_deadline: Duration::from_secs(2),
        head_deadline: Duration::from_millis(300),
        body_deadline: Duration::from_millis(300),
        body_bytes_max: 100,
    };
    HttpClient::new(authority.dialer(), options)
}

/// Serves one request with these bytes, then keeps the connection open.
async fn answering(
    authority: &Authority,
    answer: String,
) -> (HttpsUrl, tokio::task::JoinHandle<Option<String>>) {
    let identity = authority.issue(&host(&["localhost"]));
    let (target, served) = serve_tls(&identity, move |mut stream| async move {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut request).await.expect("a request") == 0 {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).await.expect("written");
        stream.flush().await.expect("written");
        // Until the client has gone.
        let _ = stream.read(&mut [0; 1]).await;
        String::from_utf8_lossy(&request).into_owned()
    })
    .await;
    let url = HttpsUrl::parse(&format!("https://localhost:{}/a?b=c", target.port));
    (url.expect("an address"), served)
}

#[tokio::test]
async fn a_question_is_asked_and_its_answer_read() {
    let authority = Authority::new("a");
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_owned();
    let (url, served) = answering(&authority, answer).await;
    let token = Secret::new("t0ken");
    let got = client(&authority, Guard::Any)
        .get(&url, "text/xml", Some(&token))
        .await
        .expect("an answer");
    assert_eq!((got.status, got.body.as_slice()), (200, &b"hi"[..]));
    let request = served.await.expect("served").expect("by TLS");
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer t0ken"), "{request}");
    assert!(
        request.contains(&format!("host: localhost:{}", url.port())),
        "{request}"
    );
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_no_http_is_an_error_of_its_kind() {
    let authority = Authority::new("a");
    let body = "x".repeat(101);
    let cases = [
        (format!("HTTP/1.1 200 OK\r\n\r\n{body}"), "larger than 100"),
        (
            format!("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n{body}"),
            "larger than 100",
        ),
        (String::new(), "(waiting for the answer)"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi".to_owned(),
            "(reading the answer)",
        ),
        ("* OK IMAP ready\r\n".to_owned(), "localhost: "),
        (
            format!(
                "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n",
                "y".repeat(4 * HEAD_BYTES_MAX)
            ),
            "localhost: ",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\n\r\n".to_owned(),
            "another place",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://localhost/\r\n\r\n".to_owned(),
            "another place",
        ),
    ];
    for (answer, words) in cases {
        let (url, _served) = answering(&authority, answer.clone()).await;
        let error = client(&authority, Guard::Any)
            .get(&url, "*/*", None)
            .await
            .expect_err(words);
        assert!(
            error.to_string().contains(words),
            "{error} for {answer:.60}"
        );
    }
}

#[tokio::test]
async fn a_form_is_never_sent_on() {
    let authority = Authority::new("a");
    let answer = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /b\r\n\r\n".to_owned();
    let (url, _served) = answering(&authority, answer).await;
    let form = Secret::new("code=secret");
    let error = client(&authority, Guard::Any)
        .post_form(&url, &form)
        .await
        .expect_err("refused");
    assert!(matches!(error, HttpError::Redirected { .. }), "{error}");
}

#[tokio::test]
async fn the_guard_stands_before_every_request() {
    let authority = Authority::new("a");
    let client = client(&authority, Guard::Public);
    for address in [
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
    ] {
        let url = HttpsUrl::parse(address).expect("an address");
        let error = client.get(&url, "*/*", None).await.expect_err("refused");
        assert!(
            matches!(error, HttpError::Dial(DialError::Guarded { .. })),
            "{error}"
        );
        assert!(!error.is_transient());
    }
}
