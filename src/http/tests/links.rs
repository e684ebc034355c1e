//! Links that give a mailbox a new login: what opens, what does not, and what is told.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use super::desk::{Desk, ask, text_of};
use crate::domain::mailbox::{Credentials, Login, MailboxLogins};
use crate::domain::reauthentication::ReauthenticationLink;
use crate::domain::secret::Secret;
use crate::store::{GoesOn, NewLogins};

const TOKEN: &str = "t0ken-t0ken-t0ken-t0ken-t0ken-t0ken-t0ken00";

async fn link(desk: &Desk, hours: i64, tries: u32) {
    let now = Timestamp::now();
    let link = ReauthenticationLink {
        mailbox: desk.mailbox.key,
        made_at: now,
        expires_at: now + SignedDuration::from_hours(hours),
        tries,
    };
    let hash = *blake3::hash(TOKEN.as_bytes()).as_bytes();
    let added = desk.store.add_reauthentication_link(hash, link);
    added.await.expect("a link");
}

async fn open(desk: &Desk, path: &str) -> (StatusCode, String) {
    desk.page("", path).await
}

#[tokio::test]
async fn whatever_is_wrong_with_a_link_the_page_is_the_same() {
    let desk = Desk::open().await;
    let (status, unknown) = open(&desk, "/reauthenticate/nothing").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(unknown.contains("postern mailbox reauthenticate-link"));
    let path = format!("/reauthenticate/{TOKEN}");
    for (hours, tries) in [(-1, 0), (72, 10)] {
        link(&desk, hours, tries).await;
        let (status, page) = open(&desk, &path).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(page, unknown);
    }
    let long = format!("/reauthenticate/{}", "x".repeat(5_000));
    assert_eq!(open(&desk, &long).await.1, unknown);
    link(&desk, 72, 9).await;
    let (status, page) = open(&desk, &path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("support@desk.example"), "{page}");
    // Somebody guesses.
    let mut last = StatusCode::OK;
    for _ in 0..12 {
        last = open(&desk, "/reauthenticate/nothing").await.0;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(open(&desk, &path).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_page_speaks_both_languages_and_only_our_own_page_may_send_its_form() {
    let desk = Desk::open().await;
    link(&desk, 72, 0).await;
    let path = format!("/reauthenticate/{TOKEN}");
    for (language, word) in [("en", "Try and save it"), ("zh", "验证并保存")] {
        let cookie = format!("postern_language={language}");
        let (_, page) = desk.page(&cookie, &path).await;
        assert!(page.contains(word), "{page}");
        assert!(
            !page.contains("link.") && !page.contains("sign_in."),
            "{page}"
        );
    }
    for origin in ["http://evil.example", "null"] {
        let request = ask(Method::POST, &path)
            .header(header::ORIGIN, origin)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(Body::from("password=x")).expect("a request");
        let response = desk.send(request).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let hash = *blake3::hash(TOKEN.as_bytes()).as_bytes();
    let link = desk.store.reauthentication_link(&hash).expect("readable");
    assert_eq!(link.expect("a link").tries, 0);
}

#[tokio::test]
async fn only_who_manages_a_mailbox_makes_a_link() {
    let desk = Desk::open().await;
    let path = format!("/api/v1/mailboxes/{}/reauthenticate-link", desk.mailbox.id);
    for (token, expected) in [
        (&desk.token, StatusCode::FORBIDDEN),
        (&desk.foreign_token, StatusCode::NOT_FOUND),
    ] {
        let bearer = format!("Bearer {}", token.expose());
        let request = ask(Method::POST, &path).header(header::AUTHORIZATION, bearer);
        let request = request.body(Body::empty()).expect("a request");
        let response = desk.send(request).await;
        assert_eq!(response.status(), expected);
        assert!(!text_of(response).await.contains("http"));
    }
}

#[tokio::test]
async fn a_link_takes_no_password_for_a_mailbox_that_signs_in_at_its_provider() {
    let desk = Desk::open().await;
    let login = Login {
        user: "support@desk.example".to_owned(),
        credentials: Credentials::AccessToken(Secret::new("a token")),
    };
    let logins = MailboxLogins {
        incoming: Some(login.clone()),
        outgoing: Some(login),
    };
    let signed_in = NewLogins::Are(Box::new(logins.clone()));
    let (key, goes_on, now) = (desk.mailbox.key, GoesOn::WhereItStopped, Timestamp::now());
    let altered = desk
        .store
        .alter_mailbox(key, |_| (), signed_in, goes_on, now);
    altered.await.expect("altered");
    link(&desk, 72, 0).await;
    let path = format!("/reauthenticate/{TOKEN}");
    let request = ask(Method::POST, &path)
        .header(header::ORIGIN, "http://localhost:8460")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let request = request
        .body(Body::from("password=stolen"))
        .expect("a request");
    let response = desk.send(request).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text_of(response).await;
    assert!(page.contains("takes no password"), "{page}");
    // Nothing was tried and nothing has changed.
    let hash = *blake3::hash(TOKEN.as_bytes()).as_bytes();
    let link = desk.store.reauthentication_link(&hash).expect("readable");
    assert_eq!(link.expect("a link").tries, 0);
    let stored = desk.store.logins(desk.mailbox.key).expect("readable");
    let kept = stored.incoming.expect("a login").credentials;
    assert!(matches!(kept, Credentials::AccessToken(_)));
}
