//! The feed: from a cursor as JSON, waiting, and as a stream.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use http_body_util::BodyExt;

use super::desk::{Desk, ask};

const MAIL: &str =
    "From: anna@customer.example\nSubject: Hello\nMessage-ID: <h@customer.example>\n\nHello\n";

#[tokio::test]
async fn events_are_read_from_a_cursor() {
    let desk = Desk::open().await;
    let (message, conversation) = desk.receive(MAIL).await;
    let (status, all) = desk.get("/api/v1/events").await;
    assert_eq!(status, StatusCode::OK);
    let names: Vec<&str> = all["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(
        names,
        ["mailbox.changed", "message.received", "conversation.routed"]
    );
    assert_eq!(all["events"][1]["message_id"], message.to_string());
    assert_eq!(
        all["events"][1]["conversation_id"],
        conversation.to_string()
    );
    let (_, first) = desk.get("/api/v1/events?limit=1").await;
    let (_, rest) = desk
        .get(&format!("/api/v1/events?after={}", first["next"]))
        .await;
    assert_eq!(rest["events"].as_array().map(Vec::len), Some(2));
    let (_, none) = desk
        .get(&format!("/api/v1/events?after={}", rest["next"]))
        .await;
    assert_eq!(
        (none["events"].as_array().map(Vec::len), &none["next"]),
        (Some(0), &rest["next"])
    );
}

#[tokio::test]
async fn a_long_poll_returns_when_something_happens() {
    let desk = Desk::open().await;
    let (_, now) = desk.get("/api/v1/events").await;
    let path = format!("/api/v1/events?wait=20&after={}", now["next"]);
    let (answer, _) = tokio::join!(desk.get(&path), desk.receive(MAIL));
    assert_eq!(answer.1["events"][0]["type"], "message.received");
}

/// Reads a stream until `wanted` stands in it.
async fn read_until(body: &mut Body, wanted: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(wanted) {
            let frame = body
                .frame()
                .await
                .expect("the stream goes on")
                .expect("a frame");
            text.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data")));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .expect("in time");
    text
}

#[tokio::test]
async fn a_stream_goes_on_where_the_client_had_got_to() {
    let desk = Desk::open().await;
    desk.receive(MAIL).await;
    let (_, first) = desk.get("/api/v1/events?limit=2").await;
    let request = ask(Method::GET, "/api/v1/events")
        .header(
            header::AUTHORIZATION,
            format!("Bearer {}", desk.token.expose()),
        )
        .header(header::ACCEPT, "text/event-stream")
        .header("last-event-id", first["next"].to_string());
    let response = desk
        .send(request.body(Body::empty()).expect("a request"))
        .await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut body = response.into_body();
    let past = read_until(&mut body, "conversation.routed").await;
    assert!(
        past.contains("event: hello") && !past.contains("message.received"),
        "{past}"
    );
    let second = MAIL.replace("<h@", "<i@").replace("Hello", "Again");
    let (text, _) = tokio::join!(
        read_until(&mut body, "conversation.routed"),
        desk.receive(&second)
    );
    assert!(text.contains("event: message.received"), "{text}");
    desk.shutdown.cancel();
    let end = tokio::time::timeout(Duration::from_secs(10), body.frame())
        .await
        .expect("in time");
    assert!(end.is_none(), "the stream ends with the gateway");
}
