//! The outbox on its page and on that of a conversation.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use super::desk::Desk;

const MAIL: &str = "From: Anna Lee <anna@customer.example>\nTo: support@desk.example\nSubject: Invoice 7\nMessage-ID: <1@customer.example>\n\nWhere is it?\n";

/// A conversation with a reply that leaves in so many seconds.
async fn replied(desk: &Desk, seconds: i64) -> (String, String) {
    let (_, conversation) = desk.receive(MAIL).await;
    let path = format!("/api/v1/conversations/{conversation}/replies");
    let (_, first) = desk
        .api(Method::POST, &path, Some(json!({"text": "At once."})))
        .await;
    let now = first["accepted_at"].as_str().expect("a time");
    let now: jiff::Timestamp = now.parse().expect("a time");
    let send_at = now + jiff::SignedDuration::from_secs(seconds);
    let body = json!({"text": "On its <way>.", "send_at": send_at.to_string()});
    let (status, reply) = desk.api(Method::POST, &path, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{reply}");
    let id = reply["id"].as_str().expect("an id").to_owned();
    (conversation.to_string(), id)
}

#[tokio::test]
async fn what_is_undone_comes_back_into_its_field() {
    let desk = Desk::open().await;
    let (conversation, id) = replied(&desk, 50).await;
    let session = desk.session().await;
    let page = format!("/conversations/{conversation}");
    let (_, shown) = desk.page(&session, &page).await;
    assert!(shown.contains("data-undo=\""), "{shown}");
    let action = format!("/outgoing/{id}/cancel");
    let response = desk.submit(&session, &page, &action, "undo=true").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let place = response.headers()[header::LOCATION]
        .to_str()
        .expect("ASCII");
    assert!(place.contains("?undone="), "{place}");
    let (status, shown) = desk
        .page(&session, place.split('#').next().expect("a part"))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        shown.contains("On its &#60;way&#62;.</textarea>"),
        "{shown}"
    );
    assert!(
        shown.contains("Stopped before it was sent."),
        "the history: {shown}"
    );
    let late = desk.submit(&session, &page, &action, "undo=true").await;
    assert_eq!(late.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn the_page_of_the_outbox_shows_what_waits_and_stops_it_there() {
    let desk = Desk::open().await;
    let (_, id) = replied(&desk, 7_200).await;
    let session = desk.session().await;
    let (_, shown) = desk.page(&session, "/outbox").await;
    for part in [
        "fate-scheduled",
        "Will be sent",
        &format!("/outgoing/{id}/retry"),
    ] {
        assert!(shown.contains(part), "no {part}:\n{shown}");
    }
    let chinese = format!("{session}; postern_language=zh");
    let (_, shown) = desk.page(&chinese, "/outbox?state=scheduled").await;
    assert!(shown.contains("将发送"), "{shown}");
    let action = format!("/outgoing/{id}/cancel");
    let response = desk.submit(&session, "/outbox", &action, "at=outbox").await;
    assert_eq!(response.headers()[header::LOCATION], "/outbox");
    let (_, shown) = desk.page(&session, "/outbox?state=scheduled").await;
    assert!(!shown.contains(&id), "{shown}");
    let (_, shown) = desk.page(&session, "/outbox?state=all").await;
    assert!(shown.contains("fate-cancelled"), "{shown}");
}
