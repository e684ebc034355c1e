//! The pages where a mailbox is tested, its log is switched, and its mails are found.

use axum::http::{StatusCode, header};

use super::desk::{Desk, text_of};

const INVOICE: &str = "From: Anna <anna@customer.example>\nTo: support@desk.example\nSubject: Invoice <b>7</b>\nMessage-ID: <inv@customer.example>\n\nHello.\n";

fn place(response: &axum::response::Response) -> &str {
    let place = response.headers().get(header::LOCATION);
    place.map_or("", |place| place.to_str().expect("text"))
}

#[tokio::test]
async fn a_mailbox_is_tested_and_watched_from_its_page() {
    let desk = Desk::open().await;
    let session = desk.managers_session().await;
    let page = format!("/mailboxes/{}", desk.mailbox.id);
    for (language, words) in [("en", "Send a test mail"), ("zh", "发送测试邮件")] {
        let cookie = format!("{session}; postern_language={language}");
        let (status, shown) = desk.page(&cookie, &page).await;
        assert_eq!(status, StatusCode::OK);
        assert!(shown.contains(words), "{shown}");
        for group in ["test.", "canary.", "log.", "checks."] {
            let unsaid = shown.split(['>', '"']).find(|one| one.starts_with(group));
            assert_eq!(unsaid, None, "in {language}");
        }
    }

    let canary = format!("{page}/canary");
    let set = desk.submit(&session, &page, &canary, "minutes=45").await;
    assert_eq!(set.status(), StatusCode::SEE_OTHER);
    assert_eq!(place(&set), format!("{page}#canary"));
    let (_, shown) = desk.page(&session, &page).await;
    assert!(shown.contains("name=\"off\""), "{shown}");
    assert!(shown.contains("value=\"45\""), "{shown}");
    for wrong in ["minutes=0", "minutes=often", "minutes=99999999"] {
        let refused = desk.submit(&session, &page, &canary, wrong).await;
        assert_eq!(
            refused.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}"
        );
        let shown = text_of(refused).await;
        assert!(shown.contains("from 1 to 10080"), "{shown}");
    }
    let ended = desk
        .submit(&session, &page, &canary, "minutes=45&off=true")
        .await;
    assert_eq!(ended.status(), StatusCode::SEE_OTHER);
    let (_, shown) = desk.page(&session, &page).await;
    assert!(!shown.contains("name=\"off\""), "{shown}");

    let log = format!("{page}/log");
    let switched = desk.submit(&session, &page, &log, "on=true").await;
    assert_eq!(place(&switched), format!("{page}#log"));
    let (_, shown) = desk.page(&session, &page).await;
    assert!(shown.contains("name=\"on\" value=\"false\""), "{shown}");
    let (status, _) = desk.page(&session, &format!("{page}/log.txt")).await;
    assert_eq!(status, StatusCode::OK);

    let test = desk
        .submit(&session, &page, &format!("{page}/test"), "")
        .await;
    assert_eq!(place(&test), format!("{page}#test"));
    let (_, shown) = desk.page(&session, &page).await;
    assert!(shown.contains("class=\"steps\""), "{shown}");

    // Whoever only answers mail sees how it went, and begins nothing.
    let operator = desk.session().await;
    let (status, shown) = desk.page(&operator, &page).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        !shown.contains("/test\"") && !shown.contains("id=\"log\""),
        "{shown}"
    );
    let (status, _) = desk.page(&operator, &format!("{page}/log.txt")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn mails_are_found_where_they_went() {
    let desk = Desk::open().await;
    let (message, conversation) = desk.receive(INVOICE).await;
    let session = desk.managers_session().await;
    let page = format!("/mailboxes/{}/ledger", desk.mailbox.id);
    let link = format!("href=\"/conversations/{conversation}#message-{message}\"");
    for (query, found) in [
        ("", true),
        ("?search=anna", true),
        ("?search=inv%40customer", true),
        ("?since=2026-01-01", true),
        ("?search=nobody", false),
        ("?since=2999-01-01", false),
    ] {
        let (status, shown) = desk.page(&session, &format!("{page}{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}");
        assert_eq!(shown.contains(&link), found, "{query}:\n{shown}");
        assert!(!shown.contains("<b>7</b>"), "{query}:\n{shown}");
        let unsaid = shown.split(['>', '"']).find(|one| {
            ["fate.", "ledger.", "count.", "collect."]
                .iter()
                .any(|group| one.starts_with(group))
        });
        assert_eq!(unsaid, None, "{query}");
    }
    let (status, shown) = desk.page(&session, &format!("{page}?since=soon")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown.contains("2026-01-31"), "{shown}");

    let collect = format!("/mailboxes/{}/collect", desk.mailbox.id);
    let refused = desk.submit(&session, &page, &collect, "since=May").await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    // Nobody is at home there; that is said on the page, and what was asked stays.
    let asked = "since=2026-01-31&only_look=true";
    let refused = desk.submit(&session, &page, &collect, asked).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let shown = text_of(refused).await;
    assert!(shown.contains("mail.desk.example"), "{shown}");
    assert!(shown.contains("value=\"2026-01-31\""), "{shown}");

    let operator = desk.session().await;
    let (_, shown) = desk.page(&operator, &page).await;
    assert!(
        shown.contains(&link) && !shown.contains("/count\""),
        "{shown}"
    );
}
