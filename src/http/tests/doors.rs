//! Who is let in, and who is not: every route, without a token, with a wrong one,
//! and with one of another workspace.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};

use super::desk::{Desk, ask, text_of};

const MAIL: &str = "From: Anna Lee <anna@customer.example>\nTo: support@desk.example\nSubject: Invoice 7\nMessage-ID: <1@customer.example>\nDate: Sat, 21 Nov 2026 08:00:00 +0000\n\nWhere is it?\n";

/// Method, path (`{m}` a message, `{c}` a conversation, `{b}` a mailbox), body.
const ROUTES: [(Method, &str, &str); 33] = [
    (Method::GET, "/mailboxes/{b}", ""),
    (Method::DELETE, "/mailboxes/{b}", ""),
    (Method::PATCH, "/mailboxes/{b}", "{\"name\":\"x\"}"),
    (Method::POST, "/mailboxes/{b}/unbind", ""),
    (Method::POST, "/mailboxes/{b}/bind", "{\"password\":\"x\"}"),
    (Method::POST, "/mailboxes/{b}/reauthenticate", "{}"),
    (Method::GET, "/mailboxes/{b}/export", ""),
    (Method::POST, "/mailboxes/{b}/refresh", ""),
    (Method::POST, "/mailboxes/{b}/offline", ""),
    (Method::POST, "/mailboxes/{b}/online", ""),
    (Method::GET, "/conversations/{c}", ""),
    (
        Method::PATCH,
        "/conversations/{c}",
        "{\"status\":\"closed\"}",
    ),
    (Method::GET, "/conversations/{c}/messages", ""),
    (Method::POST, "/conversations/{c}/notes", "{\"text\":\"x\"}"),
    (
        Method::POST,
        "/conversations/{c}/replies",
        "{\"text\":\"x\"}",
    ),
    (Method::GET, "/messages/{m}", ""),
    (Method::GET, "/messages/{m}/raw", ""),
    (Method::GET, "/messages/{m}/text", ""),
    (Method::GET, "/messages/{m}/decisions", ""),
    (Method::GET, "/messages/{m}/attachments/0", ""),
    (Method::GET, "/outgoing/{m}", ""),
    (Method::POST, "/outgoing/{m}/cancel", ""),
    (Method::POST, "/outgoing/{m}/retry", ""),
    (Method::POST, "/outgoing/{m}/arrived", ""),
    (Method::POST, "/outgoing/{m}/again", ""),
    (Method::POST, "/outgoing/{m}/release", ""),
    (Method::GET, "/outbox?mailbox={b}", ""),
    (Method::PATCH, "/people/{m}", "{\"available\":false}"),
    (Method::GET, "/conversations?mailbox={b}", ""),
    (Method::GET, "/conversations/{c}/messages?after={m}", ""),
    (Method::GET, "/no-such-thing", ""),
    (Method::GET, "/mailboxes/../../etc", ""),
    (Method::GET, "/conversations/not-an-id", ""),
];

/// Routes that list: another workspace sees its own, which is nothing.
const LISTS: [&str; 7] = [
    "/outbox",
    "/people",
    "/mailboxes",
    "/conversations",
    "/conversations/counts",
    "/events",
    "/decisions?file=routing.rhai&line=1",
];

#[tokio::test]
async fn without_a_token_nothing_answers() {
    let desk = Desk::open().await;
    let (message, conversation) = desk.receive(MAIL).await;
    let fill = |path: &str| {
        path.replace("{m}", &message.to_string())
            .replace("{c}", &conversation.to_string())
            .replace("{b}", &desk.mailbox.id.to_string())
    };
    let listed = LISTS
        .into_iter()
        .chain(["/scripts", "/mailboxes/probe", "/problems/not-found", ""])
        .map(|path| (Method::GET, path, ""));
    for (method, path, body) in ROUTES.into_iter().chain(listed) {
        for token in [
            None,
            Some("Bearer wrong"),
            Some("Basic YTpi"),
            Some("Bearer "),
        ] {
            let mut request = ask(method.clone(), &format!("/api/v1{}", fill(path)))
                .header(header::CONTENT_TYPE, "application/json");
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, token);
            }
            let response = desk
                .send(request.body(Body::from(body)).expect("a request"))
                .await;
            let refused = matches!(
                response.status(),
                StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS
            );
            assert!(
                refused,
                "{method} {path} with {token:?}: {}",
                response.status()
            );
            assert_eq!(
                response.headers()[header::CONTENT_TYPE],
                "application/problem+json",
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn another_workspace_finds_nothing() {
    let desk = Desk::open().await;
    let (message, conversation) = desk.receive(MAIL).await;
    let fill = |path: &str| {
        path.replace("{m}", &message.to_string())
            .replace("{c}", &conversation.to_string())
            .replace("{b}", &desk.mailbox.id.to_string())
    };
    let bearer = format!("Bearer {}", desk.foreign_token.expose());
    for (method, path, body) in ROUTES {
        let request = ask(method.clone(), &format!("/api/v1{}", fill(path)))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, &bearer);
        let response = desk
            .send(request.body(Body::from(body)).expect("a request"))
            .await;
        // A filter that names what is not there is told as such.
        let expected = if path.contains("?mailbox") {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::NOT_FOUND
        };
        assert_eq!(response.status(), expected, "{method} {path}");
    }
    for path in LISTS {
        let request =
            ask(Method::GET, &format!("/api/v1{path}")).header(header::AUTHORIZATION, &bearer);
        let response = desk
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let text = text_of(response).await;
        assert!(
            !text.contains(&conversation.to_string()) && !text.contains("support@desk"),
            "{path}: {text}"
        );
        assert!(!text.contains("\"open\":1"), "{path}: {text}");
    }
}

#[tokio::test]
async fn pages_send_strangers_to_the_login() {
    let desk = Desk::open().await;
    let (message, conversation) = desk.receive(MAIL).await;
    for path in [
        "/".to_owned(),
        "/conversations".to_owned(),
        format!("/conversations/{conversation}"),
        format!("/messages/{message}/frame"),
        format!("/messages/{message}/raw"),
        "/mailboxes".to_owned(),
        "/no-such-page".to_owned(),
    ] {
        for cookie in ["", "postern_session=wrong"] {
            let request = ask(Method::GET, &path)
                .header(header::ACCEPT, "text/html")
                .header(header::COOKIE, cookie);
            let response = desk
                .send(request.body(Body::empty()).expect("a request"))
                .await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
            assert_eq!(response.headers()[header::LOCATION], "/login", "{path}");
        }
    }
    let live = desk
        .send(
            ask(Method::GET, "/live")
                .body(Body::empty())
                .expect("a request"),
        )
        .await;
    assert_eq!(live.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_api_token_opens_no_page_and_a_session_no_api() {
    let desk = Desk::open().await;
    let session = desk.session().await;
    let text = session
        .strip_prefix("postern_session=")
        .expect("the cookie");
    let request = ask(Method::GET, "/api/v1/conversations")
        .header(header::AUTHORIZATION, format!("Bearer {text}"));
    let response = desk
        .send(request.body(Body::empty()).expect("a request"))
        .await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let (status, _) = desk
        .page(
            &format!("postern_session={}", desk.token.expose()),
            "/conversations",
        )
        .await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let desk = Desk::open().await;
    for host in ["evil.example", "localhost.evil.example:8460", ""] {
        let request = axum::http::Request::builder()
            .uri("/login")
            .header(header::HOST, host);
        let response = desk
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(
            response.status(),
            StatusCode::MISDIRECTED_REQUEST,
            "{host:?}"
        );
    }
}

#[tokio::test]
async fn a_login_link_is_used_up_by_its_button_only() {
    let desk = Desk::open().await;
    let link = desk
        .people
        .create_login_link(&crate::domain::user::Actor::Console, desk.operator.key)
        .await
        .expect("a link");
    let path = format!("/login/{}", link.expose());
    for _ in 0..3 {
        let (status, page) = desk.page("", &path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("<form method=\"post\">"), "{page}");
    }
    let press = |origin: &'static str| {
        ask(Method::POST, &path)
            .header(header::ORIGIN, origin)
            .body(Body::empty())
            .expect("a request")
    };
    let forged = desk.send(press("https://evil.example")).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let first = desk.send(press("http://localhost:8460")).await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    let cookie = first.headers()[header::SET_COOKIE].to_str().expect("text");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    let session = cookie.split(';').next().expect("the pair").to_owned();
    assert_eq!(
        desk.page(&session, "/conversations").await.0,
        StatusCode::OK
    );
    let second = desk.send(press("http://localhost:8460")).await;
    assert_eq!(second.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let desk = Desk::open().await;
    for path in [
        "/login",
        "/assets/desk.css",
        "/healthz",
        "/api/v1/conversations",
        "/no-such-page",
    ] {
        let response = desk
            .send(
                ask(Method::GET, path)
                    .body(Body::empty())
                    .expect("a request"),
            )
            .await;
        let headers = response.headers();
        let policy = headers[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .expect("text");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_right_token_still_passes() {
    let desk = Desk::open().await;
    let mut last = StatusCode::OK;
    for _ in 0..11 {
        let request =
            ask(Method::GET, "/api/v1/conversations").header(header::AUTHORIZATION, "Bearer guess");
        let response = desk
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        last = response.status();
        assert_eq!(
            response.headers().contains_key(header::RETRY_AFTER),
            last == StatusCode::TOO_MANY_REQUESTS
        );
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(desk.get("/api/v1/conversations").await.0, StatusCode::OK);
}
