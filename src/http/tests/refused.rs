//! What a person wrote and was refused stays on the page, with the reason above it.

use axum::http::StatusCode;

use super::desk::{Desk, text_of};

const BUYER: &str = "From: Buyer <x1y2@marketplace.amazon.com>\nTo: support@desk.example\nSubject: Where is it?\nMessage-ID: <b@marketplace.amazon.com>\n\nHello.\n";

#[tokio::test]
async fn an_answer_that_a_marketplace_would_not_take_is_kept_in_its_field() {
    let desk = Desk::open().await;
    desk.sell_on("amazon-seller", "seller@shop.example").await;
    let (_, conversation) = desk.receive(BUYER).await;
    let page = format!("/conversations/{conversation}");
    let session = desk.session().await;
    for (language, said) in [("en", "registered address"), ("zh", "登记")] {
        let cookie = format!("{session}; postern_language={language}");
        let form = "key=one&text=It+left+%3Cyesterday%3E.%0D%0AAda&then=closed";
        let response = desk
            .submit(&cookie, &page, &format!("{page}/reply"), form)
            .await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let shown = text_of(response).await;
        assert!(
            shown.contains("It left &#60;yesterday&#62;.\nAda</textarea>"),
            "{shown}"
        );
        for part in ["id=\"refused\"", said, "seller@shop.example"] {
            assert!(shown.contains(part), "no {part}:\n{shown}");
        }
        assert!(shown.contains(&format!("data-place=\"{page}\"")), "{shown}");
    }
    let (_, found) = desk
        .get(&format!("/api/v1/conversations/{conversation}"))
        .await;
    assert_eq!(found["status"], "open", "and it is not closed");

    // The card says what lies over the provider, and that answers would be refused.
    let manager = desk.managers_session().await;
    let (_, list) = desk.page(&manager, "/mailboxes").await;
    for part in [
        "Amazon seller messages",
        "seller@shop.example",
        "does not send from",
    ] {
        assert!(list.contains(part), "no {part}:\n{list}");
    }
    // And the form takes it away again.
    let edit = format!("/mailboxes/{}/edit", desk.mailbox.id);
    let form = "overlay=&registered_address=seller%40shop.example";
    let response = desk.submit(&manager, &edit, &edit, form).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let (_, list) = desk.page(&manager, "/mailboxes").await;
    assert!(!list.contains("Amazon"), "{list}");
}

#[tokio::test]
async fn an_empty_note_opens_its_box_again() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(BUYER).await;
    let page = format!("/conversations/{conversation}");
    let session = desk.session().await;
    let action = format!("{page}/note");
    let response = desk.submit(&session, &page, &action, "text=++").await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let shown = text_of(response).await;
    assert!(shown.contains("id=\"note-box\" open"), "{shown}");
    assert!(shown.contains("The note is empty."), "{shown}");
}
