//! Pages: what strangers write is text, changes carry the form's token, files
//! stay files, and both languages say everything.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};

use super::desk::{Desk, ask, text_of};
use crate::domain::extraction::{Extraction, MailSort};
use crate::domain::key::PublicId;

const HOSTILE: &str = "From: \"<img src=x onerror=alert(1)>\" <anna@customer.example>\nTo: support@desk.example\nSubject: <script>alert(2)</script>\" onload=\"x\nMessage-ID: <x@customer.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=utf-8\n\n<p>Hello <b>there</b></p><script>alert(3)</script><img src=\"https://track.example/p.gif\">\n--b\nContent-Type: image/svg+xml\nContent-Disposition: attachment; filename=\"a&lt;b.svg\"\n\n<svg onload=\"alert(4)\"/>\n--b--\n";

#[tokio::test]
async fn what_strangers_write_is_text() {
    let desk = Desk::open().await;
    let (message, conversation) = desk.receive(HOSTILE).await;
    let session = desk.session().await;
    for path in [
        "/conversations".to_owned(),
        format!("/conversations/{conversation}"),
    ] {
        let (status, page) = desk.page(&session, &path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        for bad in [
            "<script>alert",
            "<img src=x",
            "onerror=alert(1)>",
            "\" onload=\"x",
            "<svg onload",
        ] {
            assert!(!page.contains(bad), "{path} holds {bad}:\n{page}");
        }
    }
    let (_, frame) = desk
        .page(&session, &format!("/messages/{message}/frame"))
        .await;
    assert!(
        frame.contains("<b>there</b>")
            && !frame.contains("alert(3)")
            && !frame.contains("track.example"),
        "{frame}"
    );
}

#[tokio::test]
async fn a_frame_and_a_file_have_policies_of_their_own() {
    let desk = Desk::open().await;
    let (message, _) = desk.receive(HOSTILE).await;
    let session = desk.session().await;
    let cases = [
        (
            "frame",
            "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'",
            None,
        ),
        (
            "attachments/0",
            "sandbox; default-src 'none'",
            Some("attachment; filename=\""),
        ),
        (
            "raw",
            "sandbox; default-src 'none'",
            Some("attachment; filename=\""),
        ),
    ];
    for (part, policy, disposition) in cases {
        let request = ask(Method::GET, &format!("/messages/{message}/{part}"))
            .header(header::COOKIE, &session);
        let response = desk
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(response.status(), StatusCode::OK, "{part}");
        assert_eq!(
            response.headers()[header::CONTENT_SECURITY_POLICY],
            policy,
            "{part}"
        );
        assert_eq!(
            response.headers()[header::X_CONTENT_TYPE_OPTIONS],
            "nosniff",
            "{part}"
        );
        let found = response
            .headers()
            .get(header::CONTENT_DISPOSITION)
            .map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(found.is_some(), disposition.is_some(), "{part}");
        assert!(
            found
                .unwrap_or_default()
                .starts_with(disposition.unwrap_or_default()),
            "{part}"
        );
        if part == "raw" {
            assert_eq!(text_of(response).await, HOSTILE.replace('\n', "\r\n"));
        }
    }
}

#[tokio::test]
async fn a_change_needs_the_forms_token_and_our_own_page() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(HOSTILE).await;
    let session = desk.session().await;
    let (_, page) = desk
        .page(&session, &format!("/conversations/{conversation}"))
        .await;
    let token = page
        .split("name=\"form_token\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a token")
        .to_owned();
    let cases = [
        ("cross-site", token.as_str(), StatusCode::FORBIDDEN),
        ("same-origin", "wrong", StatusCode::FORBIDDEN),
        ("same-origin", token.as_str(), StatusCode::SEE_OTHER),
    ];
    for (site, token, status) in cases {
        let request = ask(Method::POST, &format!("/conversations/{conversation}/edit"))
            .header(header::COOKIE, &session)
            .header("sec-fetch-site", site)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(format!("form_token={token}&status=closed")))
            .expect("a request");
        assert_eq!(desk.send(request).await.status(), status, "{site} {token}");
    }
    let (_, found) = desk
        .get(&format!("/api/v1/conversations/{conversation}"))
        .await;
    assert_eq!(found["status"], "closed");
}

#[tokio::test]
async fn pages_speak_both_languages_and_leave_no_key_unsaid() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(HOSTILE).await;
    let session = desk.session().await;
    for (language, word) in [("en", "Conversations"), ("zh", "会话")] {
        let cookie = format!("{session}; postern_language={language}");
        for path in [
            "/conversations",
            "/conversations?status=spam",
            "/mailboxes",
            &format!("/conversations/{conversation}"),
        ] {
            let (status, page) = desk.page(&cookie, path).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert!(page.contains(word), "{path} in {language}");
            for group in [
                "page.",
                "list.",
                "status.",
                "message.",
                "why.",
                "side.",
                "reply.",
                "note.",
                "mailbox.",
                "edit.",
                "remove.",
                "security.",
                "lacks.",
                "condition.",
                "keys.",
                "empty.",
                "kind.",
                "priority.",
                "outgoing.",
                "scripts.",
            ] {
                let unsaid = page
                    .split(['>', '"'])
                    .find(|piece| piece.starts_with(group));
                assert_eq!(unsaid, None, "{path} in {language}");
            }
        }
    }
}

#[tokio::test]
async fn errors_are_pages_for_those_who_read_pages() {
    let desk = Desk::open().await;
    let session = desk.session().await;
    let (status, page) = desk
        .page(
            &session,
            "/conversations/019a0000-0000-7000-8000-000000000000",
        )
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        page.starts_with("<!doctype html>") && page.contains("There is nothing here"),
        "{page}"
    );
}

#[tokio::test]
async fn a_reply_sent_from_the_page_shows_where_it_stands() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(HOSTILE).await;
    let session = desk.session().await;
    let path = format!("/conversations/{conversation}");
    let (_, page) = desk.page(&session, &path).await;
    let value = |name: &str| {
        page.split(&format!("name=\"{name}\" value=\""))
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .expect("a value")
            .to_owned()
    };
    let form = format!(
        "form_token={}&key={}&text=On+its+way%0D%0AAda",
        value("form_token"),
        value("key")
    );
    for _ in 0..2 {
        let request = ask(Method::POST, &format!("{path}/reply"))
            .header(header::COOKIE, &session)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.clone()))
            .expect("a request");
        assert_eq!(desk.send(request).await.status(), StatusCode::SEE_OTHER);
    }
    let (_, page) = desk.page(&session, &path).await;
    assert_eq!(page.matches("fate-queued").count(), 1, "{page}");
    assert!(
        page.contains("On its way\nAda") && page.contains("Ada Lovelace"),
        "{page}"
    );
}

#[tokio::test]
async fn a_notice_is_marked_and_waits_for_nobody() {
    let desk = Desk::open().await;
    let mail = |id: &str| {
        format!(
            "From: Shop <{id}@market.example>\nTo: support@desk.example\nSubject: About {id}\n\
             Message-ID: <{id}@market.example>\n\nHello.\n"
        )
    };
    let found = |sort: MailSort| Extraction {
        plugin: "amazon-seller".to_owned(),
        sort: Some(sort),
        fields: vec![
            ("order_id".to_owned(), "102-1234567-7654321".to_owned()),
            ("buyer_name".to_owned(), "<script>alert(5)".to_owned()),
        ],
        failure: None,
    };
    let claim = found(MailSort::Notice("a_to_z_claim".to_owned()));
    let (_, notice) = desk.receive_read(&mail("claim"), claim).await;
    let (_, buyer) = desk
        .receive_read(&mail("buyer"), found(MailSort::BuyerMessage))
        .await;
    let session = desk.session().await;
    let (_, list) = desk.page(&session, "/conversations").await;
    let row = |id: PublicId| {
        let begin = list.find(&format!("id=\"row-{id}\"")).expect("a row");
        let end = begin + list[begin..].find("</li>").expect("its end");
        &list[begin..end]
    };
    assert!(row(buyer).contains("class=\"waits\""), "{}", row(buyer));
    assert!(!row(notice).contains("class=\"waits\""), "{}", row(notice));
    assert!(!row(buyer).contains("label notice"), "{}", row(buyer));
    // Its plugin is not that of the mailbox here, so the general word stands.
    assert!(row(notice).contains(">Notice</span>"), "{}", row(notice));
    let (_, page) = desk
        .page(&session, &format!("/conversations/{notice}"))
        .await;
    for expected in [
        ">A-to-z claim</span>",
        "<dt>Order</dt><dd>102-1234567-7654321</dd>",
        ">Automatic</span>",
    ] {
        assert!(page.contains(expected), "no {expected}:\n{page}");
    }
    assert!(!page.contains("<script>alert(5)"), "{page}");

    // A notice behind a buyer who waits hides nobody.
    let reply = mail("buyer")
        .replace("Message-ID: <buyer@", "Message-ID: <status@")
        .replace(
            "\n\nHello",
            "\nIn-Reply-To: <buyer@market.example>\n\nHello",
        );
    let (_, same) = desk
        .receive_read(&reply, found(MailSort::Notice("order".to_owned())))
        .await;
    assert_eq!(same, buyer);
    let (_, list) = desk.page(&session, "/conversations").await;
    let row = list.split(&format!("id=\"row-{buyer}\"")).nth(1);
    assert!(
        row.is_some_and(|row| row.starts_with(" class=\"waits\"")),
        "{list}"
    );

    let failed = Extraction {
        plugin: "amazon-seller".to_owned(),
        failure: Some("hooks.rhai:3:1: no idea".to_owned()),
        ..Extraction::default()
    };
    let (_, unread) = desk.receive_read(&mail("odd"), failed).await;
    let (_, page) = desk
        .page(&session, &format!("/conversations/{unread}"))
        .await;
    assert!(page.contains("hooks.rhai:3:1: no idea"), "{page}");
}
